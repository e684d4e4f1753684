"""A trustee's shares: computed from the dealers' bundles, stored before they are confirmed, erased when replaced.

Invariant: a share is erased only when its replacement is at rest, or when its ceremony was aborted.

Source: PROTOCOL.md 9, Ceremonies and At rest.
"""

from __future__ import annotations

from collections.abc import Callable

from fl.crypto import dkg as dealing
from fl.crypto import share_encryption as sealing
from fl.crypto.encrypted_keystore import HeldShare, Seat
from fl.crypto.sharing import Share
from fl.events import Event
from fl.protocol.errors import KeystoreUnreadable, MalformedError, TamperedError
from fl.protocol.keys.ceremony import Ceremony
from fl.protocol.keys.threshold import ThresholdKeys
from fl.protocol.names import Address, CeremonyKind
from fl.protocol.ports import Vault
from fl.replay.committees import committee_keys, committee_of, parcel_of, setting_of
from fl.roles.trustee.stores import TrusteeStores

Tell = Callable[[Event, Ceremony, str], bool]
"""(what happened, ceremony, reason) -> False, after one report."""


class ShareKeeper:
    """One account's shares of all threshold keys."""

    def __init__(self, safe: TrusteeStores, account: Address, vault: Vault, tell: Tell) -> None:
        self._shares = safe.shares
        self._keys = safe.keys
        self._account = account
        self._vault = vault
        self._tell = tell

    def has(self, ceremony: Ceremony) -> bool:
        return self._shares.has(ceremony.use, ceremony.number)

    def keep(self, keys: ThresholdKeys, ceremony: Ceremony) -> bool:
        """Compute the new share and store it; False when the share that it renews is lost."""
        if self.has(ceremony):
            return True
        old = None
        if ceremony.terms.kind == CeremonyKind.REFRESH:
            old = self.old_share(keys, ceremony)
            if old is None:
                return False
        setting, received = setting_of(keys, ceremony), {}
        for dealer in ceremony.dealers:
            sealed = parcel_of(setting, ceremony, dealer, self._account, self._vault)
            received[dealer] = sealing.unseal(sealed, self.secret(ceremony))[0]
        made = committee_of(keys, ceremony)
        share = dealing.new_share(setting, made, self._account, received, old)
        seat = Seat(self._account, ceremony.use, ceremony.number, share.index)
        self._shares.put(HeldShare(seat, share.value))
        return True

    def old_share(self, keys: ThresholdKeys, ceremony: Ceremony) -> Share | None:
        """Return the current share; compute it now if this trustee missed it. Report and return None if impossible."""
        before = ceremony.previous
        if before is None:
            return None
        try:
            if not self._shares.has(ceremony.use, before.epoch) and self._account in before.members:
                self.keep(keys, keys.ceremonies[ceremony.use][before.epoch - 1])
            stored = self._shares.get(ceremony.use, before.epoch)
        except (KeystoreUnreadable, MalformedError, TamperedError) as error:
            self._tell(Event.SHARE_MISSED, ceremony, str(error))
            return None
        return Share(stored.seat.index, stored.share)

    def secret(self, ceremony: Ceremony) -> int:
        """Return, as a scalar, the member key that this account had when the ceremony started."""
        key = self._keys.of(ceremony.keys[self._account].epoch)
        return key.secret.private_numbers().private_value

    def forget(self, ceremony: Ceremony) -> bool:
        """Erase the share of an aborted ceremony, because it may be a share of the current key."""
        if ceremony.number not in self._shares.epochs(ceremony.use):
            return False
        self._shares.erase(ceremony.use, ceremony.number)
        return True

    def erase_replaced(self, keys: ThresholdKeys, ceremony: Ceremony) -> list[int]:
        """Erase the shares that a finished ceremony of the same key replaced; return their epochs."""
        old = [n for n in self._shares.epochs(ceremony.use) if ceremony.generation <= n < ceremony.number]
        if old:
            committee_keys(keys, ceremony.use, ceremony.number)  # raises unless the dealings give this committee
        for number in old:
            self._shares.erase(ceremony.use, number)
        return old
