"""A trustee's member keys: a new key after every ceremony, and old keys destroyed, so that no key opens old shares.

Invariant: a key is on this trustee's disk before the ledger names it. It is destroyed only when the ledger names a
later key and no open ceremony or missed share needs it. A ceremony that starts before the new key is recorded uses the
old one; anybody who reads the record of the new key has already read that start.

Source: PROTOCOL.md 9, Member keys.
"""

from __future__ import annotations

from collections.abc import Iterator

from fl.crypto.hpke_keys import key_record
from fl.events import Event
from fl.protocol.errors import KeyEpochMismatch, RevokedSender
from fl.protocol.federation import Federation
from fl.protocol.keys.ceremony import Ceremony, Committee
from fl.protocol.keys.members import Member
from fl.protocol.keys.threshold import ThresholdKeys
from fl.protocol.names import CeremonyKind, KeyUse
from fl.replay.ledger_view import Ports
from fl.roles.trustee.stores import TrusteeStores


class KeyKeeper:
    """One trustee's member keys."""

    def __init__(self, ports: Ports, safe: TrusteeStores) -> None:
        self._ports = ports
        self._safe = safe
        self._account = ports.ledger.account

    def step(self, federation: Federation) -> bool:
        """Replace a used key, or destroy keys that nothing needs; False when there is neither."""
        member = federation.book.members.get(self._account)
        if member is None:
            return False
        return self._replace(federation.threshold, member) or self._destroy(federation.threshold, member)

    def _replace(self, keys: ThresholdKeys, member: Member) -> bool:
        """Record a new key when shares of an ended ceremony were sealed to the current one."""
        if member.revoked or not keys.key_was_used(member):
            return False
        key = self._safe.keys.create(len(member.keys) + 1)
        try:
            self._ports.append(key_record(self._ports.ledger.anchor, self._account, key))
        except (KeyEpochMismatch, RevokedSender):  # rotated by hand, or revoked, a moment ago; the ledger will show it
            return False
        self._ports.notify(Event.MEMBER_KEY_REPLACED, {"epoch": key.epoch})
        return True

    def _destroy(self, keys: ThresholdKeys, member: Member) -> bool:
        """Destroy old keys that nothing needs; if this trustee was revoked, destroy all its keys."""
        waiting = [] if member.revoked else [each for use in keys.ceremonies for each in self._waiting(keys, use)]
        needed = {each.keys[self._account].epoch for each in waiting if self._account in each.keys}
        stored, current = self._safe.keys.epochs(), len(member.keys)
        old = [epoch for epoch in stored if member.revoked or (epoch < current and epoch not in needed)]
        for epoch in old:
            self._safe.keys.destroy(epoch)
            self._ports.notify(Event.MEMBER_KEY_DESTROYED, {"epoch": epoch})
        return bool(old)

    def _waiting(self, keys: ThresholdKeys, use: KeyUse) -> Iterator[Ceremony]:
        """Yield the ceremonies whose sealed shares this trustee must still open: running ones and missed ones."""
        newest = keys.ceremony(use)
        if newest is not None and not newest.ended:
            yield newest
        for holder in keys.holders(use):
            if holder != keys.in_force(use) and self._ports.now() > holder.expires_at:
                continue  # nothing can be opened with it, and it gets no new shares
            committee: Committee | None = holder
            while committee is not None and not self._safe.shares.has(use, committee.epoch):
                made = keys.ceremonies[use][committee.epoch - 1]
                yield made
                committee = made.previous if made.terms.kind == CeremonyKind.REFRESH else None
