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
class SenderHasCode(RefusedError):
    """The member acts through a contract, or is one; its records could not be checked by its signature."""

    account: bytes
    sentence = "{account} acts through code on the chain; records are taken from accounts that sign them directly."


@dataclass(eq=False)
class WrongRole(RefusedError):
    """The member's role does not allow this."""

    account: bytes
    sentence = "The role of {account} does not allow this."


@dataclass(eq=False)
class MemberExists(RefusedError):
    """The account is or was a member; a revoked account is never registered again."""

    account: bytes
    sentence = "{account} is or was already a member; a revoked account does not come back."


@dataclass(eq=False)
class NameInvalid(RefusedError):
    """A member's name is not 1 to 64 bytes of UTF-8 without control characters."""

    account: bytes
    sentence = "The name for {account} must have 1 to 64 bytes of UTF-8, and no control characters."


@dataclass(eq=False)
class NameTaken(RefusedError):
    """A member has this name, or had it; the operator's is "operator"."""

    account: bytes
    sentence = "Another member has the name that {account} should get, or had it. Give a name that is new."


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
    """A registered key is not 65 bytes of uncompressed P-256, or its proof of possession does not verify."""

    account: bytes
    sentence = "The public key of {account} is malformed or its proof of possession does not verify."


@dataclass(eq=False)
class NotProposed(RefusedError):
    """The account was not proposed for the operator's office."""

    account: bytes
    sentence = "{account} is not the account that was proposed as operator."


@dataclass(eq=False)
class WrongReplacement(RefusedError):
    """A replacement's number is not the one expected."""

    expected: int
    actual: int
    sentence = "There is no replacement {actual} of the operator; the number expected is {expected}."


@dataclass(eq=False)
class ReplacementClosed(RefusedError):
    """The replacement was vetoed, or is older than the operator's term."""

    replacement: int
    sentence = "Replacement {replacement} is over: the operator vetoed it, or another operator took office since."


@dataclass(eq=False)
class NoMajority(RefusedError):
    """Not more than half of those who may vote are for the replacement."""

    votes: int
    electorate: int
    sentence = "{votes} of {electorate} hospitals, auditors and trustees vote for it; more than half must."
