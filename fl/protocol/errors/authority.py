"""Leaves of RefusedError about ceremonies, committees and requests; the contracts raise most of them, too."""

from __future__ import annotations

from dataclasses import dataclass

from fl.protocol.errors.families import RefusedError


@dataclass(eq=False)
class CeremonyInvalid(RefusedError):
    """A ceremony's use, kind, threshold, dealers, receivers or times contradict each other."""

    sentence = "The ceremony contradicts itself or the committee in force (kind, threshold, dealers, receivers, times)."


@dataclass(eq=False)
class CeremonyStillOpen(RefusedError):
    """A ceremony must end before the next one of its use begins."""

    ceremony: int
    sentence = "Ceremony {ceremony} of this key has not ended yet."


@dataclass(eq=False)
class WrongCeremony(RefusedError):
    """The ceremony is not the one that its use is at."""

    expected: int
    actual: int
    sentence = "Ceremony {actual} is out of turn; this key is at ceremony {expected}."


@dataclass(eq=False)
class NoCommittee(RefusedError):
    """No committee holds shares of this key yet."""

    key_use: int
    sentence = "No committee holds the key of use {key_use} yet; the operator must start a ceremony first."


@dataclass(eq=False)
class NotInCommittee(RefusedError):
    """The account does not take part in the ceremony, or may not, or is not of the committee in force."""

    account: bytes
    sentence = "{account} is not an active trustee with a key, takes no part in this ceremony, or holds no share."


@dataclass(eq=False)
class StaleCommittee(RefusedError):
    """The committee asked does not hold its key any more, or never did."""

    asked: int
    current: int
    """The newest committee with the same key; 0 when there is none."""
    sentence = "Committee {asked} was asked, but committee {current} holds that key now (0: none does); ask again."


@dataclass(eq=False)
class KeyExpired(RefusedError):
    """The committee's shares expired; they must be refreshed (seconds since 1970)."""

    key_use: int
    expired_at: int
    sentence = "The shares of the key of use {key_use} expired at {expired_at} (seconds since 1970); refresh them."


@dataclass(eq=False)
class RequestInvalid(RefusedError):
    """Purpose, key or deadline of a request do not fit, or a refusal has no known reason."""

    sentence = "The request's purpose does not fit its key, or its deadline has passed or is over a year away."


@dataclass(eq=False)
class WrongRequest(RefusedError):
    """There is no request of this number."""

    request: int
    sentence = "There is no request {request}."


@dataclass(eq=False)
class RequestClosed(RefusedError):
    """The request was fulfilled, or refused by too many."""

    request: int
    sentence = "Request {request} is closed: it was fulfilled, or too many trustees refused."


@dataclass(eq=False)
class WrongBatch(RefusedError):
    """A hospital's batches of records are numbered without gaps."""

    expected: int
    actual: int
    sentence = "Batch {actual} is out of turn; the next one is {expected}."


@dataclass(eq=False)
class QuorumNotReached(RefusedError):
    """Fewer good approvals than the threshold."""

    actual: int
    required: int
    sentence = "{actual} valid approvals are there; {required} are needed."
