"""What a participant does in a ceremony: deal, check, store its share, confirm; and close finished phases.

Invariant: a dealing is drawn once and stored before its digest leaves. A share is at rest before it is confirmed. The
old share is erased only after the ceremony is done.

Source: PROTOCOL.md 9, Ceremonies.
"""

from __future__ import annotations

from contextlib import suppress

from fl.crypto import dkg as dealing
from fl.crypto import share_encryption as sealing
from fl.crypto.dkg import BUNDLE_CAP, Setting
from fl.crypto.group import encode_point
from fl.crypto.schnorr_proof import KNOWLEDGE_BYTES
from fl.events import Event
from fl.protocol.errors import (
    DeadlineNotPassed,
    DeadlinePassed,
    DuplicateStep,
    KeystoreUnreadable,
    MalformedError,
    RevokedSender,
    TamperedError,
    VaultMissing,
    WrongCeremony,
    WrongPhase,
)
from fl.protocol.federation import Federation
from fl.protocol.keys.ceremony import Ceremony, CeremonyPhase, dealing_digest
from fl.protocol.keys.threshold import ThresholdKeys
from fl.protocol.names import Address, CeremonyKind, Digest, KeyUse
from fl.protocol.records import (
    CeremonyAborted,
    CeremonyChecked,
    CeremonyCommitted,
    CeremonyConfirmed,
    CeremonyDealt,
    CeremonyPhaseClosed,
)
from fl.replay.committees import (
    committee_of,
    dealers_to_name,
    everybody_acted,
    outcome_digest,
    parcel_of,
    qualified_dealers,
    setting_of,
    vector_of,
)
from fl.replay.ledger_view import Ports
from fl.replay.vault_files import Presence
from fl.roles.trustee.shares import ShareKeeper
from fl.roles.trustee.stores import TrusteeStores

PATIENCE_S = 60
"""From a deadline to an abort: by then everybody has read what the ledger accepted in time."""


class CeremonyPart:
    """One account's part in the ceremonies of all threshold keys."""

    def __init__(self, ports: Ports, safe: TrusteeStores | None) -> None:
        """Take part; `safe` is None for the dealer of DEALER ceremonies, who receives no share."""
        self._ports = ports
        self._account = ports.ledger.account
        self._keeper = ShareKeeper(safe, self._account, ports.vault, self._tell_once) if safe else None
        self._presence = Presence(ports.vault)
        self._given_up: set[tuple[KeyUse, int]] = set()
        """Ceremonies to ignore: the share cannot be computed, or the account was revoked. A restart tries again."""

    def step(self, federation: Federation) -> bool:
        """Do the next thing for the newest ceremony of each use, or for one that made a key's newest shares.

        A faulty ceremony is reported; it never ends the agent.
        """
        keys = federation.threshold
        return any(self._act(keys, each) for use in keys.ceremonies for each in _current(keys, use))

    def _act(self, keys: ThresholdKeys, ceremony: Ceremony) -> bool:
        try:
            return self._next(keys, ceremony)
        except (WrongPhase, WrongCeremony, DuplicateStep, DeadlineNotPassed, DeadlinePassed):
            return False  # somebody else was faster, or the chain's clock differs from ours
        except RevokedSender:  # the ceremony goes on without this account
            self._given_up.add((ceremony.use, ceremony.number))
            return False
        except KeystoreUnreadable as error:  # a restored trustee has no key of a ceremony that began before
            self._given_up.add((ceremony.use, ceremony.number))
            return self._tell_once(Event.SHARE_MISSED, ceremony, str(error))
        except VaultMissing as error:  # it may still come
            return self._tell_once(Event.FILE_AWAITED, ceremony, str(error))

    def _next(self, keys: ThresholdKeys, ceremony: Ceremony) -> bool:
        if ceremony.phase == CeremonyPhase.DONE:
            return self._settle(keys, ceremony)
        if ceremony.phase == CeremonyPhase.ABORTED:
            return self._keeper is not None and self._keeper.forget(ceremony)
        if ceremony.ended or not self._takes_part(ceremony):
            return False
        return self._restore(ceremony) or self._duty(keys, ceremony) or self._close(keys, ceremony)

    def _restore(self, ceremony: Ceremony) -> bool:
        """Put the own bundle into the vault again if somebody removed or changed it."""
        dealt = ceremony.dealt.get(self._account)
        if dealt is None or self._presence.holds(dealt.bundle_digest, BUNDLE_CAP):
            return False
        with suppress(VaultMissing):  # the copy in the outbox is gone, too
            self._ports.vault.put(self._ports.outbox.get(dealt.bundle_digest, BUNDLE_CAP))
            return True
        return False

    def _takes_part(self, ceremony: Ceremony) -> bool:
        terms, given_up = ceremony.terms, (ceremony.use, ceremony.number) in self._given_up
        return not given_up and (self._account in terms.dealers or self._account in terms.receivers)

    def _duty(self, keys: ThresholdKeys, ceremony: Ceremony) -> bool:
        """Do what the phase asks of this account, before its deadline."""
        me, late = self._account, self._ports.now() > ceremony.deadline
        deals, receives = me in ceremony.dealers, me in ceremony.terms.receivers
        if late:
            return False
        match ceremony.phase:
            case CeremonyPhase.COMMIT if deals and me not in ceremony.committed:
                return self._commit(keys, ceremony)
            case CeremonyPhase.DEAL if deals and me not in ceremony.dealt:
                return self._deal(ceremony)
            case CeremonyPhase.CHECK if receives and me not in ceremony.checked:
                return self._check(keys, ceremony)
            case CeremonyPhase.CONFIRM if receives and me not in ceremony.confirmed:
                return self._confirm(keys, ceremony)
        return False

    # --- Dealing -----------------------------------------------------------------------------------------------

    def _commit(self, keys: ThresholdKeys, ceremony: Ceremony) -> bool:
        """Draw the dealing once, store it, and record its digest."""
        if self._ports.journal.get(_key("dealing", ceremony)) is None and not self._draw(keys, ceremony):
            return False
        digest = dealing_digest(ceremony.anchor, self._dealt(ceremony))
        self._ports.append(CeremonyCommitted(self._account, ceremony.use, ceremony.number, digest))
        self._notify(Event.DEALING_COMMITTED, ceremony)
        return True

    def _draw(self, keys: ThresholdKeys, ceremony: Ceremony) -> bool:
        setting, old = setting_of(keys, ceremony), None
        if ceremony.terms.kind == CeremonyKind.RESHARE:
            old = self._keeper.old_share(keys, ceremony) if self._keeper else None
            if old is None:
                return False
        made = dealing.deal(setting, self._account, old)
        bundle = self._ports.outbox.put(made.bundle)
        self._ports.journal.once(_key("dealing", ceremony), made.proof + bundle + made.commitments)
        return True

    def _dealt(self, ceremony: Ceremony) -> CeremonyDealt:
        stored = self._ports.journal.get(_key("dealing", ceremony)) or b""
        proof, bundle = stored[:KNOWLEDGE_BYTES], Digest(stored[KNOWLEDGE_BYTES : KNOWLEDGE_BYTES + 32])
        commitments = stored[KNOWLEDGE_BYTES + 32 :]
        return CeremonyDealt(self._account, ceremony.use, ceremony.number, commitments, proof, bundle)

    def _deal(self, ceremony: Ceremony) -> bool:
        if self._ports.journal.get(_key("dealing", ceremony)) is None:
            return False
        dealt = self._dealt(ceremony)
        self._ports.vault.put(self._ports.outbox.get(dealt.bundle_digest, BUNDLE_CAP))
        self._ports.append(dealt)
        self._notify(Event.DEALING_RECORDED, ceremony)
        return True

    # --- Receiving ---------------------------------------------------------------------------------------------

    def _check(self, keys: ThresholdKeys, ceremony: Ceremony) -> bool:
        """Open every share and complain about wrong ones; wait half of the phase for missing bundles."""
        whole = all(self._ports.vault.has(ceremony.dealt[dealer].bundle_digest) for dealer in ceremony.dealers)
        if not whole and self._ports.now() <= ceremony.phase_since + ceremony.terms.step_timeout // 2:
            return False
        setting, complaints = setting_of(keys, ceremony), b""
        for dealer in ceremony.dealers:
            complaints += self._complaint(setting, ceremony, dealer)
        self._ports.append(CeremonyChecked(self._account, ceremony.use, ceremony.number, complaints))
        self._notify(Event.DEALINGS_CHECKED, ceremony)
        return True

    def _complaint(self, setting: Setting, ceremony: Ceremony, dealer: Address) -> bytes:
        """Return the complaint about a dealer's share, dealer[20] ‖ complaint[97], or nothing."""
        secret = self._keeper.secret(ceremony) if self._keeper else 0
        try:
            vector_of(setting, ceremony, dealer)
        except (MalformedError, TamperedError):  # everybody sees that the commitments are wrong
            return b""
        try:
            received = parcel_of(setting, ceremony, dealer, self._account, self._ports.vault)
        except (MalformedError, VaultMissing) as error:  # unreadable or withheld: there is no share to show
            self._tell_once(Event.DEALER_ACCUSED, ceremony, str(error))
            return dealer + bytes(sealing.COMPLAINT_BYTES)
        try:
            sealing.unseal(received, secret)
        except (MalformedError, TamperedError) as error:
            self._tell_once(Event.DEALER_ACCUSED, ceremony, str(error))
            return dealer + sealing.complain(received, secret)
        return b""

    def _confirm(self, keys: ThresholdKeys, ceremony: Ceremony) -> bool:
        """Store the new share, then confirm the public values, if the recorded dealers are the qualified ones."""
        setting = setting_of(keys, ceremony)
        if qualified_dealers(setting, ceremony, self._ports.vault) != ceremony.dealers:
            self._tell_once(Event.DEALERS_REFUSED, ceremony, "the recorded dealers are not the qualified ones")
            return False
        made = committee_of(keys, ceremony)
        if self._keeper is None or not self._keeper.keep(keys, ceremony):
            return False
        digest = outcome_digest(ceremony, made)
        self._ports.append(
            CeremonyConfirmed(self._account, ceremony.use, ceremony.number, encode_point(made.key.point), digest)
        )
        self._notify(Event.COMMITTEE_CONFIRMED, ceremony)
        return True

    # --- Ends --------------------------------------------------------------------------------------------------

    def _close(self, keys: ThresholdKeys, ceremony: Ceremony) -> bool:
        """Close a phase that all finished or whose deadline passed; abort the ceremony if it cannot go on."""
        if not (everybody_acted(ceremony) or self._ports.now() > ceremony.deadline):
            return False
        if ceremony.phase == CeremonyPhase.CONFIRM:
            return self._abort(ceremony, f"BelowThreshold: fewer than {ceremony.terms.threshold} confirmed the same")
        try:
            remaining = dealers_to_name(keys, ceremony, self._ports.vault)
        except VaultMissing:
            return self._abort(ceremony, "VaultMissing: a complaint cannot be judged without the dealer's file")
        if len(remaining) < ceremony.required:
            return self._abort(ceremony, f"BelowThreshold: {len(remaining)} of {ceremony.required} dealers can go on")
        phase = int(ceremony.phase)
        self._ports.append(CeremonyPhaseClosed(self._account, ceremony.use, ceremony.number, phase, remaining))
        return True

    def _abort(self, ceremony: Ceremony, reason: str) -> bool:
        """Abort a ceremony that cannot go on, but not before everybody has read records of the last moment."""
        self._tell_once(Event.CEREMONY_STUCK, ceremony, reason)
        if self._ports.now() <= ceremony.deadline + PATIENCE_S:
            return False
        self._ports.append(CeremonyAborted(self._account, ceremony.use, ceremony.number, reason))
        self._notify(Event.CEREMONY_ABORTED, ceremony, reason=reason)
        return True

    def _settle(self, keys: ThresholdKeys, ceremony: Ceremony) -> bool:
        """After the end: compute a missed share, then erase the shares that it replaces."""
        if self._keeper is None:
            return False
        missing, confirmed = not self._keeper.has(ceremony), self._account in ceremony.confirmed
        may_confirm = not confirmed and ceremony == keys.ceremony(ceremony.use)
        if self._account in ceremony.terms.receivers and (missing or may_confirm):
            return self._late(keys, ceremony, confirm=may_confirm)
        erased = self._keeper.erase_replaced(keys, ceremony)
        for number in erased:
            self._notify(Event.SHARE_ERASED, ceremony, epoch=number)
        return bool(erased)

    def _late(self, keys: ThresholdKeys, ceremony: Ceremony, *, confirm: bool) -> bool:
        """Store the share of a ceremony that ended without this trustee; confirm it if the ledger still allows that."""
        if self._keeper is None or (ceremony.use, ceremony.number) in self._given_up:
            return False
        try:
            done = self._confirm(keys, ceremony) if confirm else self._keeper.keep(keys, ceremony)
        except (TamperedError, MalformedError, KeystoreUnreadable) as error:
            done = self._tell_once(Event.SHARE_MISSED, ceremony, str(error))
        if not done:
            self._given_up.add((ceremony.use, ceremony.number))
        return done

    def _tell_once(self, what: Event, ceremony: Ceremony, reason: str) -> bool:
        """Report a lasting fault once per ceremony; return False, because nothing was done."""
        if self._ports.journal.get(_key(what, ceremony)) is None:
            self._ports.journal.once(_key(what, ceremony), reason.encode())
            self._notify(what, ceremony, reason=reason)
        return False

    def _notify(self, what: Event, ceremony: Ceremony, **facts: object) -> None:
        self._ports.notify(what, {"use": ceremony.use.name.lower(), "ceremony": ceremony.number, **facts})


def _current(keys: ThresholdKeys, use: KeyUse) -> list[Ceremony]:
    """Return the ceremonies that made the newest committee of each key, and the newest ceremony."""
    numbers = {committee.epoch for committee in keys.holders(use)} | {len(keys.ceremonies[use])}
    return [keys.ceremonies[use][number - 1] for number in sorted(numbers)]


def _key(what: str, ceremony: Ceremony) -> str:
    """Return the journal key of a promise in one ceremony."""
    return f"{what}/{ceremony.context.hex()}"
