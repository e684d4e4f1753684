"""A trustee's newest share: whether the doctor has made the approval kit of it, and what the browser needs to make it.

Invariant: the site sees sealed bytes and public facts only. That a kit was made is what the doctor said, in the access
log; the site never has the kit.

Source: webui/ports/shares.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fl.protocol.codec import JsonValue
from fl.protocol.names import Address
from fl.protocol.records import KeyRegistered
from webui.errors import NotFound
from webui.ports.shares import ShareFacts, ShareService
from webui.store.access_log import AccessLog
from webui.store.trustee_registrations import Registration

KEPT = "trustee_kit.kept"
"""The endpoint whose lines in the access log say that a kit was made."""


@dataclass(frozen=True)
class OwnShare:
    """A doctor's share."""

    facts: ShareFacts
    kept: bool
    """Whether the doctor said that the kit of this ceremony is saved."""


class TrusteeShares:
    """The shares of the doctors of one site."""

    def __init__(self, service: ShareService | None, log: AccessLog) -> None:
        self._service = service
        self._log = log

    def of(self, doctor_id: int, trustee: Address | None) -> OwnShare | None:
        """Return the newest share; None for a doctor without one.

        Raises:
            UnavailableError: the ledger does not answer.
        """
        if self._service is None or trustee is None:
            return None
        facts = self._service.share_of(trustee)
        if facts is None:
            return None
        return OwnShare(facts, self._log.has(doctor_id, KEPT, f"epoch={facts.epoch}"))

    def joining(self, account: Address) -> Mapping[str, JsonValue] | None:
        """Return what a browser needs to put a first key on the ledger; raises as ShareService."""
        return self._service.joining(account) if self._service is not None else None

    def join(self, made: Registration, transaction: bytes) -> None:
        """Put the key of a registration onto the ledger; the signature proves that the account is the doctor's.

        Raises:
            NotFound: this site cannot.
            EncodingError, RefusedError, UnavailableError: as ShareService.
        """
        if self._service is None:
            raise NotFound
        self._service.join(KeyRegistered(made.account, 1, made.public_key, made.proof), transaction)

    def sealed(self, trustee: Address) -> Mapping[str, JsonValue]:
        """Return the sealed share as the browser needs it; raises as ShareService."""
        if self._service is None:
            raise NotFound
        return self._service.sealed(trustee)
