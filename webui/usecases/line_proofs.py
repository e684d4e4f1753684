"""The proof of each line of the list of who asked and who opened: anybody can check it without this site.

An opening has its line in the access log; its proof leads from there to a root of this hospital on the ledger. A
request to the trustees is a record of the ledger itself.

Invariant: a proof is handed out only for a line that leads to its root, and only for lines with salts, so that it tells
nothing about their neighbours (store/access_log.py). While a proof waits, and where there will be none, this says why.

Source: PROTOCOL.md 8T.4, inner 3; EHDS (EU) 2025/327, Art. 9.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from fl.protocol.codec import JsonValue
from fl.protocol.errors import HemaledgerError, ProofInvalid
from fl.protocol.merkle import inclusion_path, root_of, verify_inclusion
from fl.protocol.names import Digest, show
from fl.protocol.tlog.extra import InnerLine, Path
from webui.account_errors import AccessLogChanged
from webui.ports.proofs import ProofService, Reach
from webui.store.access_log import AccessLog, batch_text, digest_of, leaf_of, text_of
from webui.store.account_tables import AccessBatch, AccessEntry
from webui.store.leaves import LeafPlace, LeafStore
from webui.usecases.accesses import COLUMNS, Access, AccessList
from webui.usecases.proof_states import NEVER, WHY, Far, far_reach, state_of

LOG = logging.getLogger("hemaledger.site")
FORMAT = "hemaledger-accesses-2"
MOST_PROOFS = 500
"""Proofs in one file of a list (some 4 MB, and some seconds of work): those of the newest lines."""


@dataclass(frozen=True)
class LineProof:
    """The proof of one line, or why there is none."""

    far: Far
    place: dict[str, JsonValue] | None = None
    """Where it is on the ledger: who reads the ledger can make the proof from it (`hemaledger prove access`)."""
    text: str | None = field(default=None, repr=False)
    """A `.tlog-proof`."""

    def to_dict(self) -> dict[str, JsonValue]:
        """Return it for programs."""
        state = state_of(self.far)
        why = {"why": WHY[self.far]} if self.far in WHY else {}
        proof = {} if self.text is None else {"tlog_proof": self.text}
        return {"state": state, **why, **proof}


@dataclass(frozen=True)
class LineProofs:
    """Makes proofs of lines."""

    log: AccessLog
    leaves: LeafStore
    proofs: ProofService
    hospital: Callable[[], bytes]
    """Returns this hospital's account on the ledger."""

    def states(self, lines: Sequence[Access]) -> list[Far]:
        """Return how far the proof of each line is, without making one."""
        roots = _Roots.of(self.log, self.leaves, lines)
        reach = far_reach(self.proofs)
        return [_far(line, roots, reach) for line in lines]

    def each(self, lines: Sequence[Access], most: int = MOST_PROOFS) -> list[LineProof]:
        """Return the proofs of the first `most` lines, and the places of all."""
        return [proof for proof, _ in self.made(lines, most)]

    def made(self, lines: Sequence[Access], most: int) -> Iterator[tuple[LineProof, Access]]:
        """Yield what `each` returns with its line, one after the other."""
        roots, reach = _Roots.of(self.log, self.leaves, lines), far_reach(self.proofs)
        for number, line in enumerate(lines):
            yield self._one(line, roots, reach, make=number < most), line

    def _one(self, line: Access, roots: _Roots, reach: Reach, *, make: bool) -> LineProof:
        far = _far(line, roots, reach)
        if far in NEVER or far is Far.ROOT:
            return LineProof(far)
        if line.facts is not None:
            number = line.facts.number
            return self._made(far, {"request": number}, lambda: self.proofs.of_request(number), make=make)
        try:
            batch, inner = roots.inner(line.entry_id or 0)
        except AccessLogChanged as error:
            LOG.critical("%s: %s", error.name, error)
            return LineProof(Far.CHANGED)
        place = {"hospital": show(self.hospital()), "batch": batch, **place_document(inner)}
        return self._made(far, place, lambda: self.proofs.of_root(batch, inner), make=make)

    def _made(self, far: Far, place: dict[str, JsonValue], proof: Callable[[], str | None], *, make: bool) -> LineProof:
        if far is not Far.THERE:
            return LineProof(far, place)
        if not make:
            return LineProof(Far.LATER, place)
        try:
            text = proof()
        except HemaledgerError as error:
            LOG.warning("a line has no proof: %s: %s", error.name, error)
            text = None
        return LineProof(Far.CHECKPOINT if text is None else far, place, text)


@dataclass
class _Roots:
    """The roots over some lines; what one root needs is read once."""

    log: AccessLog
    leaves: LeafStore
    of_line: Mapping[int, AccessBatch]
    _anchored: dict[int, int | None] = field(default_factory=dict)
    _known: dict[int, tuple[Sequence[AccessEntry], LeafPlace]] = field(default_factory=dict)

    @classmethod
    def of(cls, log: AccessLog, leaves: LeafStore, lines: Sequence[Access]) -> _Roots:
        return cls(log, leaves, log.roots_of({each.entry_id for each in lines if each.entry_id is not None}))

    def anchored(self, entry_id: int) -> int | None:
        """Return the hospital's root on the ledger that covers a line; None while it waits."""
        batch = self.of_line.get(entry_id)
        if batch is None:
            return None
        if batch.number not in self._anchored:
            self._anchored[batch.number] = self.leaves.anchored_in(batch.leaf_id)
        return self._anchored[batch.number]

    def inner(self, entry_id: int) -> tuple[int, InnerLine]:
        """Return the number of a line's root on the ledger, and the way there; raise AccessLogChanged."""
        batch = self.of_line[entry_id]
        entries, place = self._read(batch)
        digests = [digest_of(each) for each in entries]
        at = next((at for at, each in enumerate(entries) if each.id == entry_id), None)
        if at is None or root_of(digests) != batch.root:
            raise AccessLogChanged(batch.number, "a line is not as it was written")
        above = Path(place.index, place.batch.size, inclusion_path(place.leaves, place.index))
        try:
            verify_inclusion(leaf_of(batch), above.index, above.size, above.nodes, Digest(place.batch.root))
        except ProofInvalid as error:
            raise AccessLogChanged(batch.number, "its leaf does not lead to the root of its day") from error
        path = Path(at, len(entries), inclusion_path(digests, at))
        return place.batch.number, InnerLine(text_of(entries[at]), path, batch_text(batch), above)

    def _read(self, batch: AccessBatch) -> tuple[Sequence[AccessEntry], LeafPlace]:
        if batch.number not in self._known:
            place = self.leaves.place_of(batch.leaf_id)
            if place is None:
                raise AccessLogChanged(batch.number, "its leaf has no place any more")
            self._known[batch.number] = self.log.lines_under(batch), place
        return self._known[batch.number]


def list_document(found: AccessList, proofs: Sequence[LineProof]) -> dict[str, JsonValue]:
    """Return a list for programs, with the proof of each line."""
    return {
        "format": FORMAT,
        "whole": found.whole,
        "ledger_answers": found.ledger_answers,
        "accesses": [
            {**dict(zip(COLUMNS, line.cells(), strict=True)), "proof": proof.to_dict(), "place": proof.place}
            for line, proof in zip(found.lines, proofs, strict=True)
        ],
    }


def csv_row(line: Access, far: Far) -> tuple[str, ...]:
    """Return a line of a list for programs, with the state of its proof."""
    return (*line.cells(), state_of(far))


def _far(line: Access, roots: _Roots, reach: Reach) -> Far:
    if line.facts is not None:
        return Far.THERE if line.facts.number <= reach.request else Far.CHECKPOINT
    if line.how is None:
        return Far.NOWHERE
    if line.entry_id is None:
        return Far.OLD
    root = roots.anchored(line.entry_id)
    if root is None:
        return Far.ROOT
    return Far.THERE if root <= reach.root else Far.CHECKPOINT


def place_document(inner: InnerLine) -> dict[str, JsonValue]:
    """Return the way from a line to its root: `line` and `lines` are the texts whose SHA-256 are the leaves."""
    return {
        "line": inner.line.decode(),
        "path": _path(inner.path),
        "lines": inner.batch.decode(),
        "above": _path(inner.above),
    }


def _path(path: Path) -> dict[str, JsonValue]:
    return {"index": path.index, "size": path.size, "nodes": [show(each) for each in path.nodes]}
