"""Other members' servers of the log over HTTP or HTTPS: a witness, and the keeper.

Invariant: what comes back is bounded (bounded_http.py) and parsed; whether signatures hold is checked by who asked.

Source: C2SP tlog-witness 1.0.0 and tlog-tiles; PROTOCOL.md 8T.3 (pending, cosignatures).
"""

from __future__ import annotations

from dataclasses import dataclass

from fl.protocol.errors import ProofMalformed, ServerSilent
from fl.protocol.tlog.checkpoint import parse_checkpoint
from fl.protocol.tlog.notes import NOTE_CAP, Note, parse_note
from fl.protocol.tlog.witness_call import ADD, monitoring_path
from fl.roles.keeper.asking import Reply
from fl.transport.bounded_http import exchange

OK, NOT_FOUND = 200, 404
TIMEOUT_S = 10.0


@dataclass(frozen=True)
class HttpWitness:
    """Implements AsksWitness over a witness's URL."""

    url: str
    """The prefix of its addresses, without a slash at the end."""
    timeout_s: float = TIMEOUT_S

    @property
    def name(self) -> str:
        return self.url

    def add(self, body: bytes) -> Reply:
        """Send a request `add-checkpoint`, or raise ServerSilent."""
        return Reply(*exchange(self.url, "POST", self.url + ADD, body, NOTE_CAP, self.timeout_s))

    def newest(self, origin: str) -> Note | None:
        """Return the newest checkpoint of a log that the witness shows; None: it shows none. Raises ServerSilent."""
        return _note(self.url, monitoring_path(origin), self.timeout_s)


@dataclass(frozen=True)
class HttpKeeper:
    """A keeper of the log."""

    url: str
    """The prefix of its addresses, without a slash at the end."""
    timeout_s: float = TIMEOUT_S

    def checkpoint(self) -> Note | None:
        """Return the published checkpoint; None: there is none yet. Raises ServerSilent."""
        return _note(self.url, "/checkpoint", self.timeout_s)

    def pending(self) -> Note | None:
        """Return the checkpoint that waits for cosignatures; None: there is none yet. Raises ServerSilent."""
        return _note(self.url, "/pending", self.timeout_s)

    def send(self, note: Note) -> None:
        """Hand in a witness's line under the pending checkpoint.

        Raises:
            ServerSilent: it did not take it.
        """
        status, _ = exchange(self.url, "POST", f"{self.url}/cosignatures", note.encoded(), NOTE_CAP, self.timeout_s)
        if status != OK:
            raise ServerSilent(self.url, f"it answered with status {status}")


def _note(url: str, path: str, seconds: float) -> Note | None:
    status, body = exchange(url, "GET", url + path, b"", NOTE_CAP, seconds)
    if status == NOT_FOUND:
        return None
    if status != OK:
        raise ServerSilent(url, f"it answered with status {status}")
    try:
        note = parse_note(body)
        parse_checkpoint(note.text)
    except ProofMalformed as error:
        raise ServerSilent(url, "its answer is not a checkpoint") from error
    return note
