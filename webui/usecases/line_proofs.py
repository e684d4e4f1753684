"""The proof of each line of the list of who asked and who opened: that anybody can check it without this site.

An opening has its line in the access log; its proof leads from there to a root of this hospital on the ledger. A request
to the trustees is a record of the ledger itself.

Invariant: a proof is handed out only for a line that its own root covers, and never for a line whose neighbours a proof
would give away (store/access_log.py, salts). While it waits, and where there will be none, this says so and why.

Source: PROTOCOL.md 8T.4, inner 3; EHDS (EU) 2025/327, Art. 9.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from fl.protocol.codec import JsonValue, sha256
from fl.protocol.errors import HemaledgerError, ProofInvalid
from fl.protocol.merkle import inclusion_path, verify_inclusion
from fl.protocol.names import Digest, show
from fl.protocol.tlog.extra import InnerLine, Path
from webui.account_errors import AccessLogChanged
from webui.ports.proofs import ProofService, Reach
from webui.store.access_log import AccessLog, batch_text, digest_of, text_of
from webui.store.account_tables import AccessBatch, AccessEntry
from webui.store.leaves import LeafPlace, LeafStore
from webui.usecases.accesses import Access

LOG = logging.getLogger("hemaledger.site")
MOST_PROOFS = 500
"""Proofs in one file of a list (some 4 MB, and some seconds of work), those of the newest lines."""


class Waits(StrEnum):
    """How far the proof of a line is."""

    THERE = "there"
    ROOT = "root"
    """The root over the line is not on the ledger yet."""
    CHECKPOINT = "checkpoint"
    """No checkpoint that enough witnesses cosigned covers its record yet."""
    OLD = "old"
    """The line is from before there were proofs of lines: it never gets one."""
    NOWHERE = "nowhere"
    """The request did not get to the ledger, or the ledger does not answer now."""
    CHANGED = "changed"
    """The line or its root does not agree with the ledger."""
    LATER = "later"
    """There is one, but not in this file: the file has those of the newest lines."""


WHY: Mapping[Waits, str] = {
    Waits.ROOT: "The line waits for the hospital's next root on the ledger.",
    Waits.CHECKPOINT: "Its record waits for the next checkpoint of the public log.",
    Waits.OLD: "The line is older than proofs of lines.",
    Waits.NOWHERE: "The request is not known to be on the ledger.",
    Waits.CHANGED: "The line does not agree with the ledger; tell the hospital.",
    Waits.LATER: "This file has the proofs of the newest lines only; get this one from the page of the list.",
}
"""For programs, in English."""


@dataclass(frozen=True)
class LineProof:
    """The proof of one line, or why there is none."""

    state: Waits
    place: dict[str, JsonValue] | None = None
    """Where the line is under its root on the ledger, with which anybody who has the ledger can make the proof."""
    text: str | None = field(default=None, repr=False)
    """A `.tlog-proof`."""

    def to_dict(self) -> dict[str, JsonValue]:
        """Return it for programs."""
        state = "there" if self.state in {Waits.THERE, Waits.LATER} else "none" if self.state in NEVER else "waits"
        why = {"why": WHY[self.state]} if self.state in WHY else {}
        proof = {} if self.text is None else {"tlog_proof": self.text}
        return {"state": state, **why, **proof}


NEVER = frozenset({Waits.OLD, Waits.NOWHERE, Waits.CHANGED})


@dataclass(frozen=True)
class LineProofs:
    """Makes proofs of lines."""

    log: AccessLog
    leaves: LeafStore
    proofs: ProofService

    def states(self, lines: Sequence[Access]) -> list[Waits]:
        """Return how far the proof of each line is, without making one."""
        reach, roots = self._reach(), self._roots(lines)
        placed: dict[int, int | None] = {}
        for batch in roots.values():
            if batch.leaf_id not in placed:
                placed[batch.leaf_id] = self.leaves.anchored_in(batch.leaf_id)
        found = []
        for line in lines:
            if line.facts is not None:
                found.append(Waits.THERE if line.facts.number <= reach.request else Waits.CHECKPOINT)
            elif line.how is None:
                found.append(Waits.NOWHERE)
            elif line.entry_id is None:
                found.append(Waits.OLD)
            else:
                root = placed[roots[line.entry_id].leaf_id] if line.entry_id in roots else None
                covered = root is not None and root <= reach.root
                found.append(Waits.THERE if covered else Waits.ROOT if root is None else Waits.CHECKPOINT)
        return found

    def all(self, lines: Sequence[Access], most: int = MOST_PROOFS) -> list[LineProof]:
        """Return the proofs of the first `most` lines, with the places of all."""
        states, known = self.states(lines), _Known(self.log, self.leaves)
        roots = self._roots(lines)
        return [self._one(line, state, roots, known, make=at < most) for at, (line, state) in enumerate(zip(lines, states, strict=True))]

    def one(self, line: Access) -> LineProof:
        """Return the proof of one line."""
        return self.all([line])[0]

    def _one(
        self, line: Access, state: Waits, roots: Mapping[int, AccessBatch], known: _Known, *, make: bool
    ) -> LineProof:
        if line.facts is not None:
            number = line.facts.number
            text = self.proofs.of_request(number) if make and state is Waits.THERE else None
            return _proof(state, {"request": number}, text, make=make)
        if line.entry_id is None or line.entry_id not in roots or state is Waits.ROOT:
            return LineProof(state)
        try:
            batch, inner = known.inner(line.entry_id, roots[line.entry_id])
        except AccessLogChanged as error:
            LOG.critical("a line of a patient's list has no proof: %s", error)
            return LineProof(Waits.CHANGED)
        text = None
        if make and state is Waits.THERE:
            text = self._made(batch, inner)
            state = state if text is not None else Waits.CHECKPOINT
        return _proof(state, _document(batch, inner), text, make=make)

    def _made(self, batch: int, inner: InnerLine) -> str | None:
        try:
            return self.proofs.of_root(batch, inner)
        except HemaledgerError as error:
            LOG.warning("a line has no proof: %s: %s", error.name, error)
            return None

    def _reach(self) -> Reach:
        try:
            return self.proofs.reach()
        except HemaledgerError as error:
            LOG.warning("no line has a proof now: %s: %s", error.name, error)
            return Reach()

    def _roots(self, lines: Sequence[Access]) -> Mapping[int, AccessBatch]:
        return self.log.roots_of({line.entry_id for line in lines if line.entry_id is not None})
