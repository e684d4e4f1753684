"""Leaves of RefusedError about ceremonies, committees and requests; the contracts also raise most of them."""

from __future__ import annotations

from dataclasses import dataclass

from fl.protocol.errors.families import RefusedError


@dataclass(eq=False)
class CeremonyInvalid(RefusedError):
    """A ceremony's use, kind, threshold, dealers, receivers or times contradict each other."""

    sentence = "The ceremony's kind, threshold, dealers, receivers or times do not fit each other or the committee."


@dataclass(eq=False)
class CeremonyStillOpen(RefusedError):
    """A ceremony must end before the next one for the same key use begins."""

    ceremony: int
    sentence = "Ceremony {ceremony} of this key has not ended yet."


@dataclass(eq=False)
class WrongCeremony(RefusedError):
    """The record names a ceremony that is not the key's present one."""

    expected: int
    actual: int
    sentence = "Ceremony {actual} is out of turn; this key is at ceremony {expected}."


@dataclass(eq=False)
class NoCommittee(RefusedError):
    """No committee has shares of this key yet."""

    key_use: int
    sentence = "No committee holds the key of use {key_use} yet; the operator must start a ceremony first."


@dataclass(eq=False)
class NotInCommittee(RefusedError):
    """The account may not take part in this ceremony, or is not in the current committee."""

    account: bytes
    sentence = "{account} is not an active trustee with a key, is not in this ceremony, or has no share of the key."


@dataclass(eq=False)
class StaleCommittee(RefusedError):
    """The committee of a request no longer has the key, or never had it."""

    asked: int
    current: int
    """The newest committee with the same key; 0 when there is none."""
    sentence = (
        "The request names committee {asked}, but committee {current} has that key now (0: no committee does). "
        "Make a new request."
    )


@dataclass(eq=False)
class KeyExpired(RefusedError):
    """The committee's shares expired and must be refreshed (seconds since 1970)."""

    key_use: int
    expired_at: int
    sentence = "The shares of the key of use {key_use} expired at {expired_at} (seconds since 1970); refresh them."


@dataclass(eq=False)
class RequestInvalid(RefusedError):
    """A request has a wrong purpose, key or deadline, or a refusal gives an unknown reason."""

    sentence = "The request's purpose does not fit its key, or its deadline has passed or is over a year away."


@dataclass(eq=False)
class WrongRequest(RefusedError):
    """No request has this number."""

    request: int
    sentence = "There is no request {request}."


@dataclass(eq=False)
class RequestClosed(RefusedError):
    """The request was fulfilled, or too many trustees refused it."""

    request: int
    sentence = "Request {request} is closed: it was fulfilled, or too many trustees refused it."


@dataclass(eq=False)
class WrongBatch(RefusedError):
    """A hospital numbers its batches of records without gaps."""

    expected: int
    actual: int
    sentence = "Batch {actual} is out of turn; the next one is {expected}."


@dataclass(eq=False)
class QuorumNotReached(RefusedError):
    """The request has fewer valid approvals than the threshold."""

    actual: int
    required: int
    sentence = "The request has {actual} valid approvals; it needs {required}."


@dataclass(eq=False)
class HeadUnknown(RefusedError):
    """No encrypted head that an auditor checked has this digest, or its key is another one (PROTOCOL.md 9P)."""

    head: bytes
    sentence = "No auditor checked an encrypted head {head} under the present key. Nothing was computed."


@dataclass(eq=False)
class QuotaUsed(RefusedError):
    """A requester bought fewer private answers, or more were bought than a head may give (PROTOCOL.md 9P)."""

    allowed: int
    asked: int
    sentence = (
        "{allowed} private answers are allowed here, and this would be number {asked}. More answers could reveal the "
        "model's last layer."
    )
