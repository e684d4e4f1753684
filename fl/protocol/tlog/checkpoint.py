"""The text of a checkpoint: which log, how many entries, and the root over them.

Source: C2SP tlog-checkpoint 1.0.0. Lines behind the root are not recommended there, and are refused here.
"""

from __future__ import annotations

from dataclasses import dataclass

from fl.protocol.errors import ProofMalformed
from fl.protocol.names import DIGEST_BYTES, Address, Digest, show
from fl.protocol.tlog.notes import COSIGNATURE, ED25519, VerifierKey, decode64, encode64, is_name, number

_LINES = 3
_SHORT = 16
"""Hexadecimal digits of the consortium in the name of a witness's key."""


@dataclass(frozen=True)
class Checkpoint:
    """A state of a log."""

    origin: str
    size: int
    """How many entries the tree has."""
    root: Digest

    def text(self) -> bytes:
        """Return what the log and its witnesses sign."""
        return f"{self.origin}\n{self.size}\n{encode64(self.root)}\n".encode()


def parse_checkpoint(text: bytes) -> Checkpoint:
    """Return the checkpoint in a note's text, or raise ProofMalformed."""
    try:
        lines = text.decode("utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise ProofMalformed("checkpoint", "it is not UTF-8") from error
    if len(lines) != _LINES + 1 or lines[_LINES] or not is_name(lines[0]):
        raise ProofMalformed("checkpoint", "it is not an origin, a size and a root")
    root = decode64(lines[2], "checkpoint")
    if len(root) != DIGEST_BYTES:
        raise ProofMalformed("checkpoint", f"its root has {len(root)} bytes, not {DIGEST_BYTES}")
    return Checkpoint(lines[0], number(lines[1], "checkpoint"), Digest(root))


def origin_of(consortium: bytes) -> str:
    """Return the name of a consortium's log; another consortium has another log."""
    return f"hemaledger/{consortium.hex()}"


def log_key(consortium: bytes, public_key: bytes) -> VerifierKey:
    """Return the verifier key of a consortium's log (32 bytes, Ed25519)."""
    return VerifierKey(origin_of(consortium), ED25519, public_key)


def witness_key(consortium: bytes, account: Address, public_key: bytes) -> VerifierKey:
    """Return the verifier key under which a member cosigns (32 bytes, Ed25519)."""
    return VerifierKey(f"hemaledger/{consortium.hex()[:_SHORT]}/{show(account)}", COSIGNATURE, public_key)
