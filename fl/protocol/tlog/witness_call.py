"""What a log sends to a witness, and the addresses of C2SP's protocol between them.

Invariant: what is parsed has one form only: writing a parsed request again gives the same bytes.

Source: C2SP tlog-witness 1.0.0 (`add-checkpoint`).
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from fl.protocol.errors import ProofMalformed
from fl.protocol.names import DIGEST_BYTES, Digest
from fl.protocol.tlog.notes import Note, decode64, encode64, number, parse_note
from fl.protocol.tlog.tree import MOST_NODES

REQUEST_CAP = 256 * 1024
"""The most bytes of a request."""
ADD = "/add-checkpoint"
SIZE_TYPE = "text/x.tlog.size"
"""The type of an answer 409: the size that the witness cosigned last, and a newline."""
_WHAT = "request"


@dataclass(frozen=True)
class AddCheckpoint:
    """A checkpoint for a witness, and the proof that it continues what the witness cosigned last."""

    old: int
    """The size that the witness cosigned last; 0: nothing."""
    proof: tuple[Digest, ...]
    note: Note

    def encoded(self) -> bytes:
        """Return the body of the request."""
        lines = [f"old {self.old}", *map(encode64, self.proof), ""]
        return "".join(line + "\n" for line in lines).encode() + self.note.encoded()


def parse_add(data: bytes) -> AddCheckpoint:
    """Return a request, or raise ProofMalformed."""
    if len(data) > REQUEST_CAP:
        raise ProofMalformed(_WHAT, f"it has more than {REQUEST_CAP} bytes")
    head, separator, note = data.partition(b"\n\n")
    try:
        first, *hashes = head.decode("ascii").split("\n")
    except UnicodeDecodeError as error:
        raise ProofMalformed(_WHAT, "it is not ASCII before the checkpoint") from error
    if not separator or not first.startswith("old ") or len(hashes) > MOST_NODES:
        raise ProofMalformed(_WHAT, f"it is not an old size, at most {MOST_NODES} hashes and a checkpoint")
    proof = tuple(Digest(decode64(each, _WHAT)) for each in hashes)
    if any(len(each) != DIGEST_BYTES for each in proof):
        raise ProofMalformed(_WHAT, f"a hash of it does not have {DIGEST_BYTES} bytes")
    return AddCheckpoint(number(first[len("old ") :], _WHAT), proof, parse_note(note))


def monitoring_path(origin: str) -> str:
    """Return where a witness shows the newest checkpoint of a log that it cosigned."""
    return f"/{sha256(origin.encode()).hexdigest()}/checkpoint"
