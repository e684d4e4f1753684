"""The checkpoints that a run's folder has seen: the newest one, and the newest that each witness cosigned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

from fl.proofs.cosigners import LogNow, log_now
from fl.protocol.errors import ProofMalformed, SettingInvalid
from fl.protocol.federation import Federation
from fl.protocol.tlog.notes import Note
from fl.storage.cosigned_notes import FOLDER, CosignedNotes
from scripts.wiring.home import Home
from scripts.wiring.proofs import CHECKPOINT, read_note

FRESH_S = 10
"""A site reads the files and checks the signatures again after so long."""


def notes_seen(home: Home) -> list[Note]:
    """Return every checkpoint in the folder; a file of another form counts as none."""
    notes = [each.note for each in CosignedNotes(home.folder / FOLDER).all().values()]
    try:
        return [*notes, read_note(home.folder / CHECKPOINT)]
    except (ProofMalformed, SettingInvalid, OSError):
        return notes


@dataclass
class FolderLog:
    """Implements LogService over a run's folder."""

    home: Home
    federation: Callable[[], Federation]
    now_s: Callable[[], int]
    _last: LogNow | None = None
    _lock: Lock = field(default_factory=Lock)

    def now(self) -> LogNow:
        with self._lock:
            at = self.now_s()
            if self._last is None or not 0 <= at - self._last.at < FRESH_S:
                self._last = log_now(self.federation(), notes_seen(self.home), at)
            return self._last
