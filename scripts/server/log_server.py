"""The keeper's server: the published checkpoint and its tiles, and what waits for cosignatures.

    GET  /checkpoint        the newest checkpoint that enough witnesses cosigned
    GET  /tile/L/N[.p/W]    hashes; /tile/entries/N[.p/W] only if the keeper writes them
    GET  /pending           the checkpoint that waits for cosignatures, for witnesses that cannot be reached
    POST /cosignatures      this checkpoint with the line of such a witness

Source: C2SP tlog-tiles; PROTOCOL.md 8T.3.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from fl.protocol.errors import ProofMalformed
from fl.protocol.tlog.notes import parse_note
from fl.protocol.tlog.tiles import HASH_TYPE
from fl.roles.keeper.pending import Pending
from fl.roles.witness import TEXT, Answer
from fl.storage.log_folder import LogFolder
from scripts.server.log_pages import NOT_FOUND, LogApplication


@dataclass(frozen=True)
class LogPages:
    """Answers the requests to a keeper."""

    folder: LogFolder
    pending: Pending

    def __call__(self, method: str, path: str, body: Callable[[], bytes]) -> Answer:
        """Answer one request."""
        match method, path:
            case "GET", "/checkpoint":
                note = self.folder.checkpoint()
                return NOT_FOUND if note is None else Answer(HTTPStatus.OK, note.encoded(), TEXT)
            case "GET", "/pending":
                note = self.pending.note()
                return NOT_FOUND if note is None else Answer(HTTPStatus.OK, note.encoded(), TEXT)
            case "POST", "/cosignatures":
                return self._take(body())
            case "GET", _ if is_tile(path):
                return self._tile(path.removeprefix("/"))
        return NOT_FOUND

    def _tile(self, path: str) -> Answer:
        try:
            data = self.folder.tile(path)
        except ProofMalformed:
            return NOT_FOUND
        return NOT_FOUND if data is None else Answer(HTTPStatus.OK, data, HASH_TYPE)

    def _take(self, data: bytes) -> Answer:
        try:
            taken = self.pending.offer(parse_note(data))
        except ProofMalformed as error:
            return Answer(HTTPStatus.BAD_REQUEST, f"{error}\n".encode())
        if taken is None:
            return Answer(HTTPStatus.CONFLICT, b"another checkpoint waits for cosignatures now\n")
        if not taken:
            return Answer(HTTPStatus.FORBIDDEN, b"no line is of a known witness\n")
        return Answer(HTTPStatus.OK, b"thank you\n")


def is_tile(path: str) -> bool:
    return path.startswith("/tile/")


def log_application(folder: LogFolder, pending: Pending) -> LogApplication:
    """Return the keeper's WSGI application."""
    return LogApplication(LogPages(folder, pending), is_tile)
