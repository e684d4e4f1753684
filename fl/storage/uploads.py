"""The folder through which a hospital's site hands uploaded weights to the hospital's agent.

`NAME.sealed` is an upload, and `NAME.json` its outcome; names are 16 hexadecimal digits, and begin with the time.

Invariant: a file is whole or absent. Only the owner of the folder can read it, and every upload is sealed to the
hospital's own key besides.

Source: fl/roles/hospital/uploads.py (the port, and what is sealed).
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

from fl.files import erase, write_atomic
from fl.protocol import strict_json
from fl.protocol.codec import Fields
from fl.protocol.errors import EncodingError, refused_write
from fl.roles.hospital.uploads import Outcome, UploadState

SEALED, ENDED = ".sealed", ".json"
NAME = re.compile(r"[0-9a-f]{16}")
_OUTCOME_CAP = 16 * 1024
_OWNER_ONLY = 0o700


class FolderUploads:
    """Implements the UploadBox port over a folder that site and agent share."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def waiting(self) -> Sequence[str]:
        """Return the uploads without an outcome, the newest first."""
        names = (path.stem for path in self._folder.glob("*" + SEALED))
        return sorted((name for name in names if NAME.fullmatch(name) and self.outcome(name) is None), reverse=True)

    def get(self, name: str) -> bytes | None:
        try:
            return self._path(name, SEALED).read_bytes()
        except FileNotFoundError:
            return None

    def put(self, name: str, file: bytes) -> None:
        """Store an upload durably, or raise StorageFull."""
        try:
            self._folder.mkdir(mode=_OWNER_ONLY, parents=True, exist_ok=True)
        except OSError as error:
            raise refused_write(str(self._folder), error) from error
        write_atomic(self._path(name, SEALED), file, mode=0o600)

    def outcome(self, name: str) -> Outcome | None:
        """Return the outcome of an upload; a damaged one counts as a refusal, so that nothing is used twice."""
        try:
            with self._path(name, ENDED).open("rb") as file:
                raw = strict_json.loads(file.read(_OUTCOME_CAP + 1), "outcome", _OUTCOME_CAP)
            fields = Fields(raw if isinstance(raw, dict) else {}, "outcome")
            return Outcome(UploadState(fields.text("state")), fields.integer("round"), fields.text("why"))
        except FileNotFoundError:
            return None
        except (OSError, EncodingError, ValueError):
            return Outcome(UploadState.REFUSED, 0, "its outcome on this machine is damaged")

    def end(self, name: str, outcome: Outcome) -> None:
        """Record an outcome durably, then erase the upload if it was refused."""
        document = {"round": outcome.round, "state": outcome.state.value, "why": outcome.why}
        write_atomic(self._path(name, ENDED), json.dumps(document).encode(), mode=0o600)
        if outcome.state is UploadState.REFUSED and self._path(name, SEALED).exists():
            erase(self._path(name, SEALED))

    def tidy(self, kept: str) -> None:
        """Erase the files of all used uploads but `kept`."""
        for path in sorted(self._folder.glob("*" + SEALED)):
            if NAME.fullmatch(path.stem) and path.stem != kept and self.outcome(path.stem) is not None:
                erase(path)

    def _path(self, name: str, ending: str) -> Path:
        if not NAME.fullmatch(name):
            raise EncodingError("name of an upload", "it has other signs than 16 hexadecimal digits")
        return self._folder / f"{name}{ending}"
