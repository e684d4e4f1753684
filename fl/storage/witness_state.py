"""What a witness cosigned last: `witness-state.note` in the member's folder.

Invariant: a note is durable before anybody gets its signature, and its size never sinks. The file is in no backup: an
old one would allow a second signature of what was signed since. Without the file the witness knows that it forgot.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from fl.files import write_atomic, write_once
from fl.protocol.errors import JournalUnreadable, ProofMalformed, WitnessForgot
from fl.protocol.tlog.checkpoint import parse_checkpoint
from fl.protocol.tlog.notes import NOTE_CAP, Note, parse_note
from fl.storage.lock import waiting_lock

FILE = "witness-state.note"
_NOTHING = b"nothing cosigned so far\n"


class FolderWitnessState:
    """Implements WitnessState over one file; safe to use from several threads and processes."""

    def __init__(self, folder: Path, name: str) -> None:
        """Use the folder of the member `name`."""
        self._path = folder / FILE
        self._name = name

    def begin(self) -> None:
        """Note that nothing was cosigned so far, for a key that was just made; an existing file stays."""
        write_once(self._path, _NOTHING, mode=0o600)

    def newest(self) -> Note | None:
        try:
            with self._path.open("rb") as file:
                data = file.read(NOTE_CAP + 1)
            if data == _NOTHING:
                return None
            note = parse_note(data)
            parse_checkpoint(note.text)
        except FileNotFoundError as error:
            raise WitnessForgot(self._name) from error
        except OSError as error:
            raise JournalUnreadable(str(self._path), error.strerror or "the disk refuses it") from error
        except ProofMalformed as error:
            raise JournalUnreadable(str(self._path), error.why) from error
        return note

    def advance(self, decide: Callable[[Note | None], Note]) -> Note:
        with self._locked():
            note = decide(self.newest())
            write_atomic(self._path, note.encoded(), mode=0o600)
        return note

    def remember(self, shown: Note | None) -> None:
        """Go on from the largest checkpoint that others showed; None: they showed none. Nothing if the file exists."""
        with self._locked():
            write_once(self._path, _NOTHING if shown is None else shown.encoded(), mode=0o600)

    def _locked(self) -> AbstractContextManager[None]:
        return waiting_lock(self._path.with_name(f".{FILE}.lock"))
