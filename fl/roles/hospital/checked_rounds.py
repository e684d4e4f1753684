"""A hospital's part in the check of updates under their masks: sketches, openings, and waiting for the auditors.

Invariant: a round has one file of sketches, made for the map that t hospitals signed, and never a second one. A
hospital opens only a mask of its own whose partner promised another sketch on the ledger.

Source: PROTOCOL.md 5C.
"""

from __future__ import annotations

from fl.crypto.envelope import seal
from fl.crypto.envelope_form import Kind
from fl.crypto.pair_sketches import Tags, body_of, open_pair
from fl.events import Event
from fl.failures import ROUND_ONLY
from fl.protocol.errors import RefusedError, UnavailableError, UpdatesSuspect
from fl.protocol.federation import Federation
from fl.protocol.names import Address, Digest, StatementKind
from fl.protocol.records import StatementMade
from fl.protocol.rounds.config import Check
from fl.protocol.rounds.round import Phase, Round
from fl.replay.check_verdicts import blame, checked, cleared, verdicts
from fl.replay.expected_files import masked_core, sketch_recipients
from fl.replay.file_reader import FileReader
from fl.replay.ledger_view import Ports
from fl.replay.participants import participant, participants
from fl.replay.round_check import disputes
from fl.replay.round_documents import read_config
from fl.replay.round_sketches import own_sketches
from fl.replay.unmasking import partners
from fl.roles.hospital.outbox import RoundOutbox, key_of
from fl.timing import timed


class CheckedRounds:
    """What one hospital does in a checked round beside the other steps; it does nothing in any other round."""

    def __init__(self, ports: Ports, reader: FileReader, promises: RoundOutbox) -> None:
        self._ports, self._reader, self._promises = ports, reader, promises
        self._account = ports.ledger.account
        self._looked: tuple[bytes, Check | None] = b"", None
        """The newest round's context, and how it is checked."""
        self._tags: dict[Address, Tags | None] = {}
        """Of that round: what each answer says about its sketches; None if it cannot be used."""

    def tags(self, federation: Federation, current: Round) -> bytes:
        """Return what the answer says about this hospital's sketches, after their file was promised; empty if nothing.

        The map follows from the block that froze the set, so call this only after t signatures under it verify.
        """
        if self._check(current) is None:
            return b""
        return self._promised_tags(federation, current)

    @timed("sketch")
    def _promised_tags(self, federation: Federation, current: Round) -> bytes:
        keys, me = self._promises.keys(current), self._account
        others = participants(current, partners(current, me))
        config = read_config(current, self._ports.vault)
        pairs = own_sketches(current, config, keys.mask_secret, participant(current, me), others)
        file = self._promises.promised("sketch", current)
        if file is None:
            sealed = seal(
                masked_core(current, me, Kind.SKETCH), sketch_recipients(current, federation.book), body_of(pairs)
            )
            file = self._promises.promise("sketch", current, sealed)
        return Tags({who: pair.tag(me, who) for who, pair in pairs.items()}, file).to_bytes()

    def step(self, federation: Federation, current: Round) -> bool:
        """Open a mask of this hospital whose partner says something else about it; False if there is none."""
        if self._check(current) is None or self._account not in current.revealed:
            return False
        self._read_answers(current)
        known = {who: tags for who, tags in self._tags.items() if tags is not None}
        mine = [pair for pair in disputes(known) if self._account in pair]
        others = [one if other == self._account else other for one, other in mine]
        return any(self._open(federation, current, partner) for partner in others)

    def _read_answers(self, current: Round) -> None:
        """Open the answers that are there and were not opened yet."""
        for who in current.revealed:
            if who in self._tags:
                continue
            try:
                _, self._tags[who] = Tags.split(self._reader.answer(current, who), partners(current, who))
            except ROUND_ONLY:
                self._tags[who] = None
            except UnavailableError:
                continue

    def _open(self, federation: Federation, current: Round, partner: Address) -> bool:
        """Put the opening of one mask into the vault, and its digest on the ledger; False if it is there."""
        what = f"opened {partner.hex()}"
        digest = self._promises.promised(what, current)
        if digest is None:
            secret = self._promises.kept_secret(current)
            if secret is None:
                return False  # the keys of a round that ended long ago are gone
            own, other = participant(current, self._account), participant(current, partner)
            opening = open_pair(secret, own, other, Digest(current.mask_context))
            digest = self._promises.promise(what, current, opening)
        stated = federation.stated(StatementKind.OPENED)
        if any(made.sender == self._account and made.digest == digest for _, made in stated):
            return False
        self._promises.deliver(what, current)
        name = federation.book.name_of(partner)
        try:
            self._ports.append(StatementMade(self._account, current.number, StatementKind.OPENED, digest, name))
        except RefusedError:  # the membership ended, or the ledger was handed over
            return False
        self._ports.notify(Event.MASK_OPENED, {"round": current.number, "partner": name})
        return True

    def may_attest(self, federation: Federation, current: Round) -> bool:
        """Return whether enough auditors found every update of the round in order.

        Raises:
            UpdatesSuspect: one of them found something else.
        """
        check = self._check(current)
        if check is None:
            return True
        found = verdicts(federation, current, self._ports.vault)
        why = blame(found, federation.book)
        if why:
            raise UpdatesSuspect(current.number, why)
        return cleared(check, found)

    def needs_keys(self, ended: Round) -> bool:
        """Return whether an aborted round may still ask for an opening, for which its keys are needed."""
        recent = ended.phase == Phase.ABORTED and self._ports.now() <= ended.step_deadline
        answered = recent and self._ports.journal.get(key_of("answer", ended)) is not None
        return answered and checked(ended, self._ports.vault) is not None

    def _check(self, current: Round) -> Check | None:
        if self._looked[0] != current.context:
            self._looked = current.context, checked(current, self._ports.vault)
            self._tags = {}
        return self._looked[1]
