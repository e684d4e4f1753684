"""A hospital signs the frozen set of a masked round, and reveals shares for it.

Invariant: a hospital signs and reveals shares for one set only, ever; what it reveals is durable before it leaves.

Source: PROTOCOL.md 5, phases 4 to 6.
"""

from __future__ import annotations

from fl.crypto.envelope import seal
from fl.crypto.envelope_form import Kind
from fl.crypto.share_delivery import SharePair, open_shares, own_shares
from fl.crypto.unmasking_shares import answer
from fl.events import Event
from fl.protocol.errors import BelowThreshold, EquivocationDetected, HashMismatch
from fl.protocol.federation import Federation
from fl.protocol.names import NO_DIGEST, Address, Blob
from fl.protocol.records import SetEndorsed, SharesRevealed
from fl.protocol.rounds.round import Round
from fl.protocol.rounds.set_statement import set_statement
from fl.replay.expected_files import masked_core
from fl.replay.ledger_view import Ports
from fl.replay.long_keys import masked_readers
from fl.replay.participants import parcels, participant, participants, sharing_with
from fl.replay.round_documents import suite_of
from fl.replay.unmasking import check_agreement
from fl.roles.hospital.checked_rounds import CheckedRounds
from fl.roles.hospital.masked_update import looked_at
from fl.roles.hospital.opened_shares import OpenedShares
from fl.roles.hospital.outbox import RoundOutbox, key_of
from fl.roles.hospital.trusted_peers import TrustedPeers


class UnmaskingAnswer:
    """One hospital's endorsements and answers."""

    def __init__(
        self, ports: Ports, promises: RoundOutbox, trust: TrustedPeers, opened: OpenedShares, checks: CheckedRounds
    ) -> None:
        """Answer with the shares in `opened`, and with what `checks` adds in checked rounds."""
        self._ports = ports
        self._promises = promises
        self._trust = trust
        self._opened = opened
        self._checks = checks
        self._account = ports.ledger.account

    def endorse(self, current: Round) -> bool:
        """Sign the frozen set; once per round, never a second set."""
        self._trust.check(current.hospitals)
        self._check_set(current)
        signature = self._ports.endorser.endorse(set_statement(current))
        self._ports.append(SetEndorsed(self._account, current.number, current.set_digest, signature))
        self._ports.notify(Event.SET_ENDORSED, {"round": current.number})
        return True

    def _check_set(self, current: Round) -> None:
        promised = self._promises.promised("update", current) or NO_DIGEST
        if promised != current.commitments[self._account]:
            raise HashMismatch(current.commitments[self._account], promised)
        first_set = self._ports.journal.once(key_of("set", current), current.set_digest)
        if first_set != current.set_digest:
            raise EquivocationDetected(first_set, current.set_digest)

    def reveal(self, federation: Federation, current: Round) -> bool:
        """Reveal one share per hospital as soon as enough hospitals signed the same set; False before that."""
        self._trust.check(current.hospitals)
        self._check_set(current)
        try:
            check_agreement(current, self._ports.endorser, self._ports.vault, looked_at(current, self._account))
        except BelowThreshold:
            return False
        self._promises.spend(current)
        digest = self._promises.promised("answer", current)
        digest = digest or self._promises.promise("answer", current, self._answer_file(federation, current))
        self._ports.append(SharesRevealed(self._account, current.number, current.set_digest, digest))
        self._promises.deliver("answer", current)
        self._promises.deliver("sketch", current)
        self._ports.notify(Event.SHARES_REVEALED, {"round": current.number})
        return True

    def _answer_file(self, federation: Federation, current: Round) -> Blob:
        keys, me = self._promises.keys(current), self._account
        near = sharing_with(current, me)
        shares: dict[Address, SharePair] = {me: own_shares(keys, participant(current, me).index)}
        opened = {dealer: self._opened.of(current, dealer) for dealer in near if dealer != me}
        shares |= {dealer: pair for dealer, pair in opened.items() if pair is not None}
        closed = [dealer for dealer, pair in opened.items() if pair is None]
        for each in parcels(current, closed, me, self._ports.vault) if closed else []:
            shares[each.dealer.account] = open_shares(each, keys.transport)
        body = answer(shares, participants(current, near), frozenset(current.hospitals) & set(near))
        body += self._checks.tags(federation, current)
        core = masked_core(current, self._account, Kind.UNMASK, suite_of(current, self._ports.vault))
        return seal(core, masked_readers(federation, current, self._ports.vault), body)
