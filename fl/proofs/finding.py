"""Finds the entry of the log that proves something about a round, a request or a root.

Source: PROTOCOL.md 8T.2 (what is proven by which record).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from fl.protocol.batches import MAX_STEPS, STEP_CAP, Batch
from fl.protocol.errors import RecordMissing, SettingInvalid
from fl.protocol.federation import Federation
from fl.protocol.names import Address
from fl.protocol.ports import Vault
from fl.protocol.records import (
    DecryptionApproved,
    Entry,
    ModelAttested,
    RecordsAnchored,
    RoundFinalised,
    StepsAnchored,
    UpdateCommitted,
    WideFinalised,
)
from fl.protocol.rounds.clusters import terms_of
from fl.protocol.rounds.round import Phase
from fl.protocol.tlog.extra import InnerStep, Path
from fl.replay.vault_files import read_document

R = TypeVar("R")
_HEAD = 64


@dataclass(frozen=True)
class Found:
    """An entry, and what its proof shows inside it."""

    entry: Entry
    inner: InnerStep | None = None


@dataclass(frozen=True)
class Records:
    """The entries of the chain, and for the steps of wide rounds the folded ledger and the vault."""

    entries: Sequence[Entry]
    federation: Federation
    vault: Vault

    def model(self, number: int) -> Found:
        """Return what made a round's model final, or raise RecordMissing or WrongRound."""
        kind: type[RoundFinalised | WideFinalised] = RoundFinalised
        if self.federation.round(number).wide is not None:
            kind = WideFinalised
        return Found(self._newest(kind, lambda each: each.round == number, f"model of round {number}"))

    def update(self, number: int, hospital: Address) -> Found:
        """Return how a hospital recorded its update in a round.

        Raises:
            RecordMissing: it recorded none.
            SettingInvalid: the round has clusters.
            VaultMissing, VaultUnavailable: the file with the steps is not there.
        """
        return self._step(number, hospital, UpdateCommitted, StepsAnchored, Phase.MASK)

    def report(self, number: int, member: Address) -> Found:
        """Return how an auditor, or a hospital, attested a round's model; raises as `update`."""
        return self._step(number, member, ModelAttested, WideFinalised, Phase.PROPOSED)

    def approval(self, request: int, trustee: Address) -> Found:
        """Return how a trustee approved a request, or raise RecordMissing."""
        return Found(
            self._newest(
                DecryptionApproved, lambda each: (each.request, each.sender) == (request, trustee), f"request {request}"
            )
        )

    def root(self, hospital: Address, batch: int) -> Found:
        """Return how a hospital recorded the root of its records, or raise RecordMissing."""
        return Found(
            self._newest(RecordsAnchored, lambda each: (each.batch, each.sender) == (batch, hospital), f"batch {batch}")
        )

    def at(self, block: int, index: int) -> Found:
        """Return the entry at a place of the chain, or raise RecordMissing."""
        for entry in self.entries:
            if (entry.position.block, entry.position.index) == (block, index):
                return Found(entry)
        raise RecordMissing(f"event {index} of block {block}")

    def _step(
        self,
        number: int,
        member: Address,
        alone: type[UpdateCommitted | ModelAttested],
        batched: type[StepsAnchored | WideFinalised],
        phase: Phase,
    ) -> Found:
        what = f"step of this member in round {number}"
        current = self.federation.round(number)
        if current.wide is None:
            return Found(self._newest(alone, lambda each: (each.round, each.sender) == (number, member), what))
        if terms_of(current) is not None and phase != Phase.PROPOSED:
            raise SettingInvalid("round", "in a round with clusters a single step cannot be proven yet")
        entry = self._newest(
            batched,
            lambda each: each.round == number and (not isinstance(each, StepsAnchored) or each.phase == phase),
            what,
        )
        record = entry.record
        if not isinstance(record, StepsAnchored | WideFinalised):
            raise RecordMissing(what)
        data = read_document(self.vault, record.file_digest, _HEAD + min(record.count, MAX_STEPS) * (1 + STEP_CAP))
        batch = Batch.from_bytes(data, current.context, phase)
        step = next((each for each in batch.steps if each.account == member), None)
        if step is None:
            raise RecordMissing(what)
        place, nodes = batch.proof(member)
        path = Path(place, len(batch.steps), nodes)
        return Found(entry, InnerStep(step.to_bytes(), int(member in batch.going), path))

    def _newest(self, kind: type[R], fits: Callable[[R], bool], what: str) -> Entry:
        for entry in reversed(self.entries):
            if isinstance(entry.record, kind) and fits(entry.record):
                return entry
        raise RecordMissing(what)
