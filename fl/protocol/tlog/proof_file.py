"""The file `.tlog-proof`: a record's place in the log, and a checkpoint with the signatures of log and witnesses.

Invariant: one proof has one form; writing a parsed proof again gives the same bytes. The seal, a SHA-256 over
everything else, makes each bit count, also bits of witnesses' names that the quorum could spare.

Source: C2SP tlog-proof v1; PROTOCOL.md 8T.4.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from fl.protocol.errors import EncodingError, ProofChanged, ProofMalformed
from fl.protocol.names import DIGEST_BYTES
from fl.protocol.tlog.checkpoint import Checkpoint, parse_checkpoint
from fl.protocol.tlog.extra import Extra, parse_extra
from fl.protocol.tlog.notes import Note, decode64, encode64, number, parse_note
from fl.protocol.tlog.tree import MOST_NODES

FIRST_LINE = "c2sp.org/tlog-proof@v1"
PROOF_CAP = 64 * 1024
"""The most bytes of a proof; `prove` writes at most SOFT_CAP where it can."""
SOFT_CAP = 10 * 1000
SUFFIX = ".tlog-proof"
_SEAL = 32
_WHAT = "proof"


@dataclass(frozen=True)
class ProofFile:
    """A proof, parsed."""

    extra: Extra
    index: int
    """Of the entry in the log, from 0."""
    path: tuple[bytes, ...]
    """From the entry's neighbour up, 32 bytes each."""
    note: Note
    """The checkpoint with its signatures."""

    @property
    def checkpoint(self) -> Checkpoint:
        """Return the note's checkpoint, or raise ProofMalformed."""
        return parse_checkpoint(self.note.text)

    def encoded(self) -> bytes:
        """Return the file."""
        standard = self.standard()
        raw = self.extra.encoded()
        line = encode64(raw + _seal(raw, standard))
        first, _, rest = standard.partition(b"\n")
        return first + b"\nextra " + line.encode() + b"\n" + rest

    def standard(self) -> bytes:
        """Return the file without its extra line, as any verifier of C2SP's form reads it."""
        head = [FIRST_LINE, f"index {self.index}", *map(encode64, self.path), "", ""]
        return "\n".join(head).encode() + self.note.encoded()


def parse_proof(data: bytes) -> ProofFile:
    """Return the proof in a file; this is step 1 of the verification.

    Raises:
        ProofMalformed: it is too long, or has another form.
        ProofChanged: its seal does not fit.
    """
    if len(data) > PROOF_CAP:
        raise ProofMalformed(_WHAT, f"it has more than {PROOF_CAP} bytes")
    head, gap, rest = data.partition(b"\n\n")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError as error:
        raise ProofMalformed(_WHAT, "its first lines are not ASCII") from error
    if not gap or lines[0] != FIRST_LINE:
        raise ProofMalformed(_WHAT, f"it does not begin with {FIRST_LINE}")
    if len(lines) < 3 or not lines[1].startswith("extra ") or not lines[2].startswith("index "):  # noqa: PLR2004
        raise ProofMalformed(_WHAT, "it has no line `extra` or no line `index`")
    sealed = decode64(lines[1].removeprefix("extra "), _WHAT)
    raw, seal = sealed[:-_SEAL], sealed[-_SEAL:]
    if seal != _seal(raw, _without_extra(data)):
        raise ProofChanged(1, "it was changed since it was made, or was not copied whole")
    try:
        extra = parse_extra(raw)
    except EncodingError as error:
        raise ProofMalformed(_WHAT, error.why) from error
    proof = ProofFile(extra, number(lines[2].removeprefix("index "), _WHAT), _path(lines[3:]), parse_note(rest))
    parse_checkpoint(proof.note.text)
    if proof.encoded() != data:
        raise ProofMalformed(_WHAT, "it is not in canonical form")
    return proof


def _path(lines: list[str]) -> tuple[bytes, ...]:
    if len(lines) > MOST_NODES:
        raise ProofMalformed(_WHAT, f"its path has more than {MOST_NODES} nodes")
    nodes = tuple(decode64(line, _WHAT) for line in lines)
    if any(len(node) != DIGEST_BYTES for node in nodes):
        raise ProofMalformed(_WHAT, f"a node of its path does not have {DIGEST_BYTES} bytes")
    return nodes


def _without_extra(data: bytes) -> bytes:
    first, _, rest = data.partition(b"\n")
    return first + b"\n" + rest.partition(b"\n")[2]


def _seal(raw: bytes, standard: bytes) -> bytes:
    return sha256(raw + standard).digest()
