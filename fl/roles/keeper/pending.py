"""The checkpoint that waits for cosignatures, for witnesses that cannot be reached and ask themselves.

Invariant: only lines of known witnesses under the present checkpoint are taken, and of each witness one.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence

from fl.protocol.tlog.notes import Note, SignatureLine, VerifierKey
from fl.roles.keeper.asking import good_lines, merged_lines


class Pending:
    """Between the keeper and its HTTP server; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._note: Note | None = None
        self._keys: Collection[VerifierKey] = ()
        self._taken: list[SignatureLine] = []

    def show(self, note: Note, keys: Collection[VerifierKey]) -> None:
        """Show a checkpoint with its lines so far."""
        with self._lock:
            if self._note is None or self._note.text != note.text:
                self._taken = []
            self._note, self._keys = note, tuple(keys)

    def note(self) -> Note | None:
        """Return the checkpoint that waits, or None."""
        with self._lock:
            return self._note

    def offer(self, note: Note) -> bool | None:
        """Take a witness's lines; None: they are of another checkpoint; False: none is of a known witness."""
        with self._lock:
            if self._note is None or self._note.text != note.text:
                return None
            lines = good_lines(self._note, note.lines, self._keys)
            before, self._note = self._note, merged_lines(self._note, lines)
            self._taken += self._note.lines[len(before.lines) :]
            return bool(lines)

    def taken(self) -> Sequence[SignatureLine]:
        """Return the lines that came since the last call."""
        with self._lock:
            taken, self._taken = self._taken, []
            return taken
