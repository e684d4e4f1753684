"""The port to a trustee's share of the key for records, as it lies sealed in the vault.

Invariant: only public facts and sealed bytes cross this port. Who has the trustee's first member key opens them.

Source: PROTOCOL.md 9, Ceremonies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from fl.protocol.codec import JsonValue
from fl.protocol.names import Address
from fl.protocol.records import KeyRegistered


@dataclass(frozen=True)
class ShareFacts:
    """A trustee's share of the committee in force."""

    epoch: int
    """The number of the ceremony that made it."""
    made_at: int
    """Seconds since 1970."""
    expires_at: int
    by_first_key: bool
    """Whether it was sealed to the member key that the browser made; later keys are on the agent's disk alone."""


class ShareService(Protocol):
    """Sealed shares. Every method may raise UnavailableError."""

    def share_of(self, trustee: Address) -> ShareFacts | None:
        """Return the share of a trustee; None if the committee in force does not have this trustee."""

    def joining(self, account: Address) -> Mapping[str, JsonValue] | None:
        """Return what a browser needs to sign the record of a trustee's first key, as JSON (webui/client/join.js).

        None unless the operator has admitted this account as a trustee, and it has no key yet.
        """

    def join(self, record: KeyRegistered, transaction: bytes) -> None:
        """Put a trustee's first key onto the ledger with the transaction that its browser signed.

        Raises:
            EncodingError: the transaction does something else.
            RefusedError: the ledger refuses it.
        """

    def sealed(self, trustee: Address) -> Mapping[str, JsonValue]:
        """Return what the trustee's browser needs to open its share (webui/client/shares.js), as JSON.

        Raises:
            NoCommittee, NotInCommittee: there is no share.
            VaultMissing: a dealer's file is not in the vault.
        """
