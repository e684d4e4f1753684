"""The port to the public log: proofs that need no ledger, for what this hospital recorded, and for models and requests.

Source: PROTOCOL.md 8T.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from fl.protocol.names import Digest
from fl.protocol.tlog.extra import InnerLeaf, InnerLine


@dataclass(frozen=True)
class Reach:
    """How far the newest checkpoint goes that enough witnesses cosigned."""

    root: int = 0
    """It covers this hospital's roots up to this number."""
    request: int = 0
    """It covers the requests of all members up to this number."""


class ProofService(Protocol):
    """Makes proofs (`.tlog-proof`), all under one checkpoint.

    Each method that makes one returns None if no checkpoint with enough signatures covers the record yet.

    Raises:
        ProofChanged: the checkpoint is of another history than the chain's.
        UnavailableError: the chain does not answer.
    """

    def reach(self) -> Reach:
        """Return how far the newest checkpoint goes."""

    def of_root(self, batch: int, inner: InnerLeaf | InnerLine) -> str | None:
        """Return the proof of something under one of this hospital's roots."""

    def of_request(self, number: int) -> str | None:
        """Return the proof of a request to the trustees, by any member."""

    def of_model(self, number: int, digest: Digest) -> str | None:
        """Return the proof that a round made a model, or that the ledger opened with it."""

    def of_key(self) -> str | None:
        """Return the proof of this hospital's newest key."""

    def trust_file(self) -> bytes | None:
        """Return the trust file with which these proofs hold, as the ledger gives it; None while there is no log."""

    def trust_code(self) -> str:
        """Return the code (20 digits) of that file; empty without one."""


class NoProofs:
    """Of a site without a log: every proof waits."""

    def reach(self) -> Reach:
        return Reach()

    def of_root(self, batch: int, inner: InnerLeaf | InnerLine) -> str | None:  # noqa: ARG002  # the port
        return None

    def of_request(self, number: int) -> str | None:  # noqa: ARG002
        return None

    def of_model(self, number: int, digest: Digest) -> str | None:  # noqa: ARG002
        return None

    def of_key(self) -> str | None:
        return None

    def trust_file(self) -> bytes | None:
        return None

    def trust_code(self) -> str:
        return ""
