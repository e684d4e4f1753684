"""The files of the log, `HOME/log`: tiles, the published checkpoint, what each witness cosigned, and disputed notes.

Invariant: a tile is written before the checkpoint that needs it, and never gets another content. Everything can be
made again from the ledger and the witnesses, so nothing of it is in a backup.

Source: C2SP tlog-tiles.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from fl.files import write_atomic, write_once
from fl.proofs.log_view import LogView
from fl.protocol.errors import ProofMalformed, SettingInvalid
from fl.protocol.names import Address
from fl.protocol.records import Entry
from fl.protocol.tlog.checkpoint import parse_checkpoint
from fl.protocol.tlog.notes import NOTE_CAP, Note, SignatureLine, parse_note
from fl.protocol.tlog.tiles import WIDTH, Tile, bundle, entries_between, hashes_of, parse_tile, tiles_between
from fl.storage.cosigned_notes import CosignedNotes
from fl.storage.lock import waiting_lock

LOG_FOLDER = "log"
"""Its name in a run's folder."""
CHECKPOINT, COSIGNED, DISPUTED = "checkpoint", "cosigned", "disputed"
MOST_DISPUTED = 64


class LogFolder:
    """Implements Shelf (fl/roles/keeper/agent.py) over a folder."""

    def __init__(self, folder: Path, event: Callable[[Entry], bytes] | None = None) -> None:
        """Use the folder HOME/log; `event` returns the bytes of an entry of the log: then tiles of entries are written.

        Tiles of entries show names and times of members.
        """
        self._folder = folder
        self._event = event
        self._written = 0
        """The size up to which this process has written the tiles."""

    def checkpoint(self) -> Note | None:
        """Return the published checkpoint; None if there is none that can be read."""
        try:
            with (self._folder / CHECKPOINT).open("rb") as file:
                note = parse_note(file.read(NOTE_CAP + 1))
            parse_checkpoint(note.text)
        except (OSError, ProofMalformed):
            return None
        return note

    def cosigned(self, text: bytes) -> Sequence[SignatureLine]:
        return [each.line for each in CosignedNotes(self._folder / COSIGNED).all().values() if each.note.text == text]

    def keep(self, account: Address, note: Note) -> None:
        CosignedNotes(self._folder / COSIGNED).put(account, note)

    def publish(self, view: LogView, note: Note) -> None:
        size = parse_checkpoint(note.text).size
        for tile in tiles_between(self._written, size):
            self._write(tile, hashes_of(view.tree, tile))
        if self._event is not None:
            for tile in entries_between(self._written, size):
                self._write_entries(tile, view, self._event)
        write_atomic(self._folder / CHECKPOINT, note.encoded())
        self._written = size

    def tile(self, path: str) -> bytes | None:
        """Return the content of a tile by its path; None if there is none, or if entries are not published now.

        Raises:
            ProofMalformed: no tile has such a name.
        """
        if parse_tile(path).level is None and self._event is None:
            return None
        try:
            return (self._folder / path).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def dispute(self, note: Note) -> None:
        """Keep a checkpoint that the log signed and that this member's replay contradicts; at most MOST_DISPUTED."""
        checkpoint = parse_checkpoint(note.text)
        folder = self._folder / DISPUTED
        with waiting_lock(folder / ".lock"):
            if len(list(folder.glob("*.note"))) < MOST_DISPUTED:
                write_once(folder / f"{checkpoint.size}-{checkpoint.root.hex()[:16]}.note", note.encoded())

    def _write_entries(self, tile: Tile, view: LogView, event: Callable[[Entry], bytes]) -> None:
        path = self._folder / tile.path
        if not path.exists():
            first = tile.index * WIDTH
            self._write(tile, bundle([event(each) for each in view.entries[first : first + tile.width]]))

    def _write(self, tile: Tile, data: bytes) -> None:
        path = self._folder / tile.path
        write_once(path, data)
        if path.read_bytes() != data:
            why = f"{path} has another content than this ledger gives; move the folder {self._folder} away"
            raise SettingInvalid("log", why)
        if tile.width == WIDTH:
            shutil.rmtree(self._folder / f"{tile.folder}.p", ignore_errors=True)
