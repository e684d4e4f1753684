"""The port to the public log: a proof that needs no ledger, for a leaf under one of this hospital's roots.

Source: PROTOCOL.md 8T.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from fl.protocol.names import Digest


@dataclass(frozen=True)
class Place:
    """Where a leaf is under a root."""

    batch: int
    """The number of the root among this hospital's."""
    index: int
    size: int
    """How many leaves the root has."""


class ProofService(Protocol):
    """Makes proofs."""

    def of_leaf(self, place: Place, leaf: Digest, path: Sequence[Digest]) -> str | None:
        """Return a `.tlog-proof` of a leaf; None if no checkpoint with enough signatures covers its root yet.

        Raises:
            ProofChanged: the checkpoint is of another history than the chain's.
            UnavailableError: the chain does not answer.
        """

    def trust_file(self) -> bytes | None:
        """Return the trust file with which proofs of this log hold (PROTOCOL.md 8T.5); None without a log.

        Raises:
            UnavailableError: the chain does not answer.
        """


class NoProofs:
    """Of a site without a log: every proof waits."""

    def of_leaf(self, place: Place, leaf: Digest, path: Sequence[Digest]) -> str | None:  # noqa: ARG002  # the port
        return None

    def trust_file(self) -> bytes | None:
        return None
