"""The set-up of a masked round for a hospital: it advertises keys, deals shares, and checks those of others.

Invariant: a dealing is durable before it is recorded; a retry after any crash deals the same shares.

Source: PROTOCOL.md 5, phases 0 to 2.
"""

from __future__ import annotations

from fl.crypto.curve import POINT_BYTES
from fl.crypto.round_keys import RoundKeys
from fl.crypto.share_delivery import SEALED_BYTES, Parcel, open_shares, seal_shares
from fl.crypto.share_encryption import bundle_to_bytes, complain
from fl.events import Event
from fl.protocol.errors import MalformedError, NotInSet, TamperedError
from fl.protocol.names import Address
from fl.protocol.records import KeysAdvertised, SharesChecked, SharesDealt
from fl.protocol.rounds.mask_graph import graph_of
from fl.protocol.rounds.round import Round
from fl.replay.ledger_view import Ports
from fl.replay.participants import advertised, parcels, sharing_with, usable, why_not
from fl.roles.hospital.opened_shares import OpenedShares
from fl.roles.hospital.outbox import RoundOutbox


class ShareDealing:
    """One hospital's keys and shares."""

    def __init__(self, ports: Ports, promises: RoundOutbox, opened: OpenedShares) -> None:
        """Keep the shares of others, once opened, in `opened`."""
        self._ports = ports
        self._promises = promises
        self._opened = opened
        self._account = ports.ledger.account

    def advertise(self, current: Round) -> bool:
        advert = self._promises.keys(current).advert()
        self._ports.append(KeysAdvertised(self._account, current.number, advert[:POINT_BYTES], advert[POINT_BYTES:]))
        self._ports.notify(Event.KEYS_ADVERTISED, {"round": current.number})
        return True

    def deal(self, current: Round) -> bool:
        """Share both secrets among the neighbours of those that advertised keys: all others, but in a wide round."""
        wrong = why_not(current)
        for account in current.receivers:
            if account in wrong or account not in current.advertised:
                raise wrong.get(account, NotInSet(account))
        for account in current.across.keys() & wrong.keys():
            raise wrong[account]
        keys = self._promises.keys(current)
        dealing = keys.dealing()
        half = len(dealing) // 2
        bundle = self._promises.promised("bundle", current)
        bundle = bundle or self._promises.promise("bundle", current, self._bundle(current, keys))
        dealt = (dealing[:half], dealing[half:], self._promises.dealt(current, bundle))
        self._ports.append(SharesDealt(self._account, current.number, *dealt))
        self._promises.deliver("bundle", current)
        self._ports.notify(Event.SHARES_DEALT, {"round": current.number})
        return True

    def _bundle(self, current: Round, keys: RoundKeys) -> bytes:
        others = graph_of(current).neighbours(self._account)
        sealed = [seal_shares(keys, self._outgoing(current, account)) for account in others]
        return bundle_to_bytes(sealed, SEALED_BYTES)

    def _outgoing(self, current: Round, receiver: Address) -> Parcel:
        """Return the parcel to fill; nobody has recorded commitments before dealing."""
        return Parcel(current.context, advertised(current, self._account), advertised(current, receiver))

    def check_shares(self, current: Round) -> bool:
        """Open the shares of all remaining dealers, and complain about wrong ones.

        Dealers with invalid points are already excluded.

        Raises:
            VaultMissing: a dealer's file is missing; nothing is recorded until it comes.
        """
        transport, complaints = self._promises.keys(current).transport, b""
        near = sharing_with(current, self._account)
        others = [each for each in near if each != self._account and usable(current, each)]
        received = parcels(current, others, self._account, self._ports.vault)
        for each in received:
            try:
                self._opened.keep(current, each.dealer.account, open_shares(each, transport))
            except (MalformedError, TamperedError) as error:
                complaints += each.dealer.account + complain(each.shares, transport)
                self._ports.notify(Event.COMPLAINED, {"round": current.number, "reason": str(error)})
        self._ports.append(SharesChecked(self._account, current.number, complaints))
        self._ports.notify(Event.SHARES_CHECKED, {"round": current.number})
        return True
