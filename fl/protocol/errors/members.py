"""Leaves of RefusedError about members and their keys; the contracts raise the same, with the same fields."""

from __future__ import annotations

from dataclasses import dataclass

from fl.protocol.errors.families import RefusedError


@dataclass(eq=False)
class UnknownSender(RefusedError):
    """The account is not a member of the consortium."""

    account: bytes
    sentence = "{account} is not a member of this consortium; the operator must register it first."


@dataclass(eq=False)
class RevokedSender(RefusedError):
    """The account's membership was revoked."""

    account: bytes
    sentence = "The membership of {account} was revoked."


@dataclass(eq=False)
class MembershipEnded(RefusedError):
    """The operator revoked this member, so its agent has nothing more to do."""

    member: str
    reason: str
    sentence = (
        "The operator ended the membership of {member}. The reason: {reason}. This agent stops, and nothing more is "
        "sealed to this member. Keep its folder if you want to read old files or audit old rounds."
    )


@dataclass(eq=False)
class SenderHasCode(RefusedError):
    """The member is a contract or acts through one, so no signature of its own proves its records."""

    account: bytes
    sentence = "{account} acts through code on the chain; only an account that signs directly may record something."


@dataclass(eq=False)
class WrongRole(RefusedError):
    """The member's role does not allow this."""

    account: bytes
    sentence = "The role of {account} does not allow this."


@dataclass(eq=False)
class MemberExists(RefusedError):
    """The account is or was a member; a revoked account is never registered again."""

    account: bytes
    sentence = "{account} is or was already a member; a revoked account can never be a member again."


@dataclass(eq=False)
class NameInvalid(RefusedError):
    """A member's name is not 1 to 64 bytes of UTF-8 without control characters."""

    account: bytes
    sentence = "The name for {account} must have 1 to 64 bytes of UTF-8, and no control characters."


@dataclass(eq=False)
class NameTaken(RefusedError):
    """A member has or had this name; the operator's name is "operator"."""

    account: bytes
    sentence = "Another member has or had the name that was given for {account}. Choose a new name."


@dataclass(eq=False)
class CoordinatorExists(RefusedError):
    """A consortium has one coordinator at a time."""

    account: bytes
    sentence = "{account} is already the coordinator; revoke it before registering another."


@dataclass(eq=False)
class KeyEpochMismatch(RefusedError):
    """A key's epoch is not the one expected."""

    expected: int
    actual: int
    sentence = "The key epoch is {actual}, but {expected} was expected."


@dataclass(eq=False)
class KeyInvalid(RefusedError):
    """A key is not 65 bytes of uncompressed P-256, or its proof of possession does not verify."""

    account: bytes
    sentence = "The public key of {account} is malformed or its proof of possession does not verify."


@dataclass(eq=False)
class NotProposed(RefusedError):
    """Nobody proposed this account as operator."""

    account: bytes
    sentence = "{account} is not the account that was proposed as operator."


@dataclass(eq=False)
class WrongReplacement(RefusedError):
    """A replacement's number is not the one expected."""

    expected: int
    actual: int
    sentence = "The operator's replacement has the number {actual}, but {expected} was expected."


@dataclass(eq=False)
class ReplacementClosed(RefusedError):
    """The operator vetoed the replacement, or it is older than the operator's term."""

    replacement: int
    sentence = "Replacement {replacement} is closed: the operator vetoed it, or a new operator took office since."


@dataclass(eq=False)
class NoMajority(RefusedError):
    """At most half of the members who may vote are for the replacement."""

    votes: int
    electorate: int
    sentence = "{votes} of {electorate} hospitals, auditors and trustees voted for it; more than half are needed."
