"""Asks witnesses for their cosignatures of one checkpoint, as C2SP's protocol says.

Invariant: a line counts only if it verifies under a key that is known to be a witness's. A witness that fails costs
nobody else's line, and is asked again later and later.

Source: C2SP tlog-witness 1.0.0 (the client's part).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

from fl.crypto import note_keys
from fl.events import Event, Notify
from fl.protocol.errors import ProofMalformed, ServerSilent
from fl.protocol.tlog.checkpoint import parse_checkpoint
from fl.protocol.tlog.notes import (
    MAX_SIGNATURES,
    Note,
    SignatureLine,
    VerifierKey,
    cosigned_at,
    number,
    parse_note,
)
from fl.protocol.tlog.tree import GrowingTree
from fl.protocol.tlog.witness_call import AddCheckpoint

OK, CONFLICT, NOT_YET = 200, 409, 503
MOST_AT_ONCE = 8
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0


@dataclass(frozen=True)
class Reply:
    """What a witness answered."""

    status: int
    body: bytes


class AsksWitness(Protocol):
    """The way to one witness."""

    @property
    def name(self) -> str:
        """Return how people call it, such as its URL."""

    def add(self, body: bytes) -> Reply:
        """Send a request `add-checkpoint`, or raise ServerSilent."""


@dataclass
class _Asked:
    """What is known about one witness."""

    witness: AsksWitness
    old: int = 0
    done: bool = False
    next_at: float = 0.0
    pause_s: float = FIRST_PAUSE_S
    trouble: str = ""


@dataclass
class Asking:
    """The witnesses of a log, and which of them cosigned the present checkpoint."""

    witnesses: Sequence[AsksWitness]
    notify: Notify
    steady: Callable[[], float]
    """Seconds that only grow."""
    _asked: list[_Asked] = field(init=False)
    _note: Note | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self._asked = [_Asked(each) for each in self.witnesses]

    def collect(self, note: Note, tree: GrowingTree, keys: Collection[VerifierKey]) -> list[SignatureLine]:
        """Ask every witness whose turn it is; return their good lines.

        Args:
            note: The checkpoint with the log's signature.
            tree: The log's tree.
            keys: The keys of all witnesses.
        """
        if self._note is None or self._note.text != note.text:
            self._note = note
            for each in self._asked:
                each.done, each.next_at, each.pause_s = False, 0.0, FIRST_PAUSE_S
        now = self.steady()
        due = [each for each in self._asked if not each.done and each.next_at <= now]
        if not due:
            return []
        with ThreadPoolExecutor(min(len(due), MOST_AT_ONCE), "witness") as pool:
            found = pool.map(lambda each: self._ask(each, note, tree, keys), due)
            return [line for lines in found for line in lines]

    def _ask(
        self, asked: _Asked, note: Note, tree: GrowingTree, keys: Collection[VerifierKey]
    ) -> Sequence[SignatureLine]:
        size = parse_checkpoint(note.text).size
        try:
            reply = self._sent(asked, note, size, tree)
            if reply.status == CONFLICT:
                cosigned = number(reply.body.decode("ascii", "replace").removesuffix("\n"), "size")
                if cosigned < size and cosigned != asked.old:
                    asked.old = cosigned
                    reply = self._sent(asked, note, size, tree)
            lines = good_lines(note, _lines(note, reply), keys) if reply.status == OK else []
        except (ServerSilent, ProofMalformed) as error:
            self._later(asked, error.why)
            return ()
        if lines:
            asked.done, asked.old, asked.trouble = True, size, ""
        elif reply.status == NOT_YET:
            self._later(asked, "")
        else:
            said = reply.body.decode("utf-8", "replace").strip()[:200]
            why = (
                f"status {reply.status}, {said}" if reply.status != OK else "its answer has no line of a known witness"
            )
            self._later(asked, why, LONGEST_PAUSE_S)
        return lines

    def _sent(self, asked: _Asked, note: Note, size: int, tree: GrowingTree) -> Reply:
        asked.old = min(asked.old, size)
        request = AddCheckpoint(asked.old, tree.consistency(asked.old, size), note)
        return asked.witness.add(request.encoded())

    def _later(self, asked: _Asked, why: str, pause_s: float = 0.0) -> None:
        """Ask this witness again later; say once why it did not cosign."""
        if why and why != asked.trouble:
            self.notify(Event.WITNESS_FAILED, {"witness": asked.witness.name, "reason": why})
        asked.trouble = why
        pause_s = pause_s or asked.pause_s
        asked.next_at = self.steady() + pause_s
        asked.pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


def good_lines(note: Note, lines: Sequence[SignatureLine], keys: Collection[VerifierKey]) -> list[SignatureLine]:
    """Return the lines that are cosignatures of a note by known witnesses."""
    return [line for line in lines for key in keys if cosigned_at(line, key, note.text, note_keys.verify) is not None]


def merged_lines(note: Note, lines: Sequence[SignatureLine]) -> Note:
    """Return a note with more lines; of each key the first one stays."""
    kept: dict[tuple[str, bytes], SignatureLine] = {}
    for line in (*note.lines, *lines):
        kept.setdefault((line.name, line.key_id), line)
    return Note(note.text, tuple(kept.values())[:MAX_SIGNATURES])


def _lines(note: Note, reply: Reply) -> Sequence[SignatureLine]:
    return parse_note(note.text + b"\n" + reply.body).lines
