"""The newest checkpoint that this home has seen cosigned by each witness: `HOME/log/cosigned/ACCOUNT.note`.

Invariant: of one witness the size never sinks, nor the time at one size. A file is written whole or not at all.

Not here: whether the signatures hold. Who reads checks them against the keys that the members stated now
(fl/proofs/trusting.py).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from fl.files import write_atomic
from fl.protocol.errors import ProofMalformed
from fl.protocol.names import Address, show
from fl.protocol.tlog.checkpoint import Checkpoint, parse_checkpoint
from fl.protocol.tlog.notes import LAST_TIME, NOTE_CAP, SIGNATURE_BYTES, TIME_BYTES, Note, SignatureLine, parse_note
from fl.storage.lock import waiting_lock

FOLDER = Path("log") / "cosigned"
"""Below a home."""
_NAME = re.compile(r"([0-9a-f]{40})\.note")


@dataclass(frozen=True)
class Cosigned:
    """What a witness cosigned last, as this home has seen it."""

    note: Note
    """With the witness's line, and perhaps others."""
    checkpoint: Checkpoint
    time: int
    """When the witness says that it signed, in seconds since 1970."""
    line: SignatureLine
    """The witness's newest line in the note."""


class CosignedNotes:
    """A folder with one note for each witness; several processes may read and write it."""

    def __init__(self, folder: Path) -> None:
        """Use `folder`, which is HOME/log/cosigned; it is made with the first note."""
        self._folder = folder

    def all(self) -> dict[Address, Cosigned]:
        """Return the newest note of each witness. A file that cannot be read counts as none: it is collected again."""
        found = {}
        for path in sorted(self._folder.glob("*.note")):
            name = _NAME.fullmatch(path.name)
            account = Address(bytes.fromhex(name[1])) if name else None
            cosigned = self.get(account) if account else None
            if account and cosigned:
                found[account] = cosigned
        return found

    def get(self, account: Address) -> Cosigned | None:
        """Return the newest note of one witness, or None."""
        try:
            with self._path(account).open("rb") as file:
                return cosigned_by(account, parse_note(file.read(NOTE_CAP + 1)))
        except (OSError, ProofMalformed):
            return None

    def put(self, account: Address, note: Note) -> bool:
        """Store a note with this witness's line, unless a newer one is there; return whether it was stored.

        The caller has checked the line. A note of the same size but another root is not stored: the first one stays.

        Raises:
            ProofMalformed: the note has no line of this witness, or is no checkpoint.
            StorageFull: the disk refuses.
        """
        new = cosigned_by(account, note)
        with waiting_lock(self._folder / ".lock"):
            old = self.get(account)
            if old is not None and not _newer(new, old):
                return False
            write_atomic(self._path(account), note.encoded())
        return True

    def _path(self, account: Address) -> Path:
        return self._folder / f"{account.hex()}.note"


def cosigned_by(account: Address, note: Note) -> Cosigned:
    """Return what a note says of one witness, or raise ProofMalformed. Its signature is not checked."""
    checkpoint = parse_checkpoint(note.text)
    ending = f"/{show(account)}"
    lines = [
        (int.from_bytes(line.payload[:TIME_BYTES], "big"), line)
        for line in note.lines
        if line.name.endswith(ending) and len(line.payload) == TIME_BYTES + SIGNATURE_BYTES
    ]
    lines = [(time, line) for time, line in lines if time <= LAST_TIME]
    if not lines:
        raise ProofMalformed("note", f"it has no cosignature of {show(account)}")
    time, line = max(lines, key=lambda each: each[0])
    return Cosigned(note, checkpoint, time, line)


def _newer(new: Cosigned, old: Cosigned) -> bool:
    if new.checkpoint == old.checkpoint:
        return new.time >= old.time
    return new.checkpoint.size > old.checkpoint.size
