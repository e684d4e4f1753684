"""The members and their keys: the fold of the key authority's records of members.

Invariant: a `KeyBook` has only members and keys that `Members.sol` allows; the checks have the same order there, so
both refuse with the same error.

Source: PROTOCOL.md 3; contracts/authority/Members.sol.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType

from fl.protocol.codec import Writer
from fl.protocol.errors import (
    CoordinatorExists,
    EncodingError,
    KeyEpochMismatch,
    KeyInvalid,
    MemberExists,
    RevokedSender,
    UnknownSender,
    WrongRole,
)
from fl.protocol.growing import ChangingMap, with_item
from fl.protocol.keys.member_names import OPERATOR_NAME, check_bytes
from fl.protocol.names import NO_ADDRESS, Address, Role, shown
from fl.protocol.records import (
    ConsortiumFounded,
    KeyRegistered,
    KeyRotated,
    MemberRecord,
    MemberRegistered,
    MemberRevoked,
)

PUBLIC_KEY_BYTES = 65

VerifyPossession = Callable[[bytes, bytes, bytes], bool]
"""(public key 65 B, message, r ‖ s 64 B) -> whether the low-s ECDSA-P256-SHA256 signature verifies."""


@dataclass(frozen=True)
class MemberKey:
    """One epoch's HPKE public key of a member."""

    epoch: int
    public_key: bytes
    """SEC1 uncompressed P-256 point, 65 bytes."""

    @cached_property
    def key_id(self) -> bytes:
        """Return the first 16 bytes of SHA-256(`keyid` ‖ suite 1 ‖ key) (PROTOCOL.md 3)."""
        return Writer("keyid").u16(1).raw(self.public_key, PUBLIC_KEY_BYTES).digest()[:16]


@dataclass(frozen=True)
class Member:
    """One account's membership."""

    account: Address
    role: Role
    name: str
    """For people: invisible characters are escaped."""
    keys: tuple[MemberKey, ...] = ()
    revoked: bool = False

    @property
    def key(self) -> MemberKey | None:
        return self.keys[-1] if self.keys else None


@dataclass(frozen=True)
class PossessionDomain:
    """The facts to which a proof of possession is bound."""

    chain_id: int
    authority: Address


@dataclass(frozen=True)
class KeyBook:
    """Every member by account, in order of registration."""

    consortium: bytes = b""
    members: Mapping[Address, Member] = field(default_factory=lambda: MappingProxyType({}))
    given: Mapping[str, Address] = field(default_factory=lambda: MappingProxyType({OPERATOR_NAME: NO_ADDRESS}))
    """Every name that was ever given, as it is on the ledger, and who got it."""

    def active(self, account: Address, role: Role | None = None) -> Member:
        """Return the member, or raise UnknownSender, RevokedSender or WrongRole, in that order."""
        member = self.members.get(account)
        if member is None:
            raise UnknownSender(account)
        if member.revoked:
            raise RevokedSender(account)
        if role is not None and member.role != role:
            raise WrongRole(account)
        return member

    @property
    def operator(self) -> Address:
        """Return the operator, or NO_ADDRESS before the consortium is founded."""
        return next((member.account for member in self.having(Role.OPERATOR)), NO_ADDRESS)

    def having(self, role: Role) -> Iterator[Member]:
        return (member for member in self.members.values() if member.role == role and not member.revoked)

    def name_of(self, account: Address) -> str:
        """Return a member's registered name, or the account in hexadecimal."""
        member = self.members.get(account)
        return member.name if member else "0x" + account.hex()

    def advance(self, record: MemberRecord, domain: PossessionDomain, verify: VerifyPossession) -> KeyBook:
        """Return the book after `record`, or raise the rule's RefusedError."""
        match record:
            case ConsortiumFounded():
                return self._found(record)
            case MemberRegistered():
                return self._register(record)
            case KeyRegistered() | KeyRotated():
                return self._add_key(record, domain, verify)
            case MemberRevoked():
                return self._revoke(record)

    def appoint(self, account: Address) -> KeyBook:
        """Return the book after `account`, which never was a member, became the operator; the former one is revoked."""
        operators = [member for member in self.members.values() if member.role == Role.OPERATOR]
        appointed = Member(account, Role.OPERATOR, self._name_of_operator(len(operators) + 1))
        return self._with(replace(operators[-1], revoked=True), appointed)

    @property
    def shown_names(self) -> frozenset[str]:
        """Return every name that was given, and the display names of later operators."""
        return frozenset(self.given) | {member.name for member in self.members.values() if member.role == Role.OPERATOR}

    def _name_of_operator(self, number: int) -> str:
        """Return "operator 2" for the second operator, or the next such name that no member has."""
        name = f"{OPERATOR_NAME} {number}"
        return self._name_of_operator(number + 1) if name in self.shown_names else name

    def _found(self, record: ConsortiumFounded) -> KeyBook:
        if self.members:
            raise EncodingError("ledger", "the consortium is founded twice")
        operator = Member(record.sender, Role.OPERATOR, OPERATOR_NAME)
        return KeyBook(record.consortium, MappingProxyType({record.sender: operator}))

    def _register(self, record: MemberRegistered) -> KeyBook:
        self.active(record.sender, Role.OPERATOR)
        if record.role == Role.OPERATOR:
            raise WrongRole(record.member)
        if record.member == NO_ADDRESS or record.member in self.members:
            raise MemberExists(record.member)
        check_bytes(record.member_name, record.member, self.given)
        if record.role == Role.COORDINATOR:
            for coordinator in self.having(Role.COORDINATOR):
                raise CoordinatorExists(coordinator.account)
        member = Member(record.member, record.role, shown(record.member_name))
        return replace(self._with(member), given=with_item(self.given, record.member_name, record.member))

    def _add_key(
        self, record: KeyRegistered | KeyRotated, domain: PossessionDomain, verify: VerifyPossession
    ) -> KeyBook:
        member = self.active(record.sender)
        if member.role == Role.OPERATOR:
            raise WrongRole(record.sender)
        current = len(member.keys)
        expected = 1 if isinstance(record, KeyRegistered) else current + 1
        first = isinstance(record, KeyRegistered)
        if record.epoch != expected or (first and current) or (not first and not current):
            raise KeyEpochMismatch(current + 1, record.epoch)
        if len(record.public_key) != PUBLIC_KEY_BYTES or record.public_key[0] != 0x04:  # noqa: PLR2004 - SEC1 tag
            raise KeyInvalid(record.sender)
        message = possession_message(self.consortium, domain, record)
        if not verify(record.public_key, message, record.proof):
            raise KeyInvalid(record.sender)
        return self._with(replace(member, keys=(*member.keys, MemberKey(record.epoch, record.public_key))))

    def _revoke(self, record: MemberRevoked) -> KeyBook:
        self.active(record.sender, Role.OPERATOR)
        member = self.active(record.member)
        if member.role == Role.OPERATOR:
            raise WrongRole(record.member)
        return self._with(replace(member, revoked=True))

    def _with(self, *members: Member) -> KeyBook:
        known = self.members if isinstance(self.members, ChangingMap) else ChangingMap(self.members)
        for member in members:
            known = known.with_item(member.account, member)
        return replace(self, members=known)


def possession_message(consortium: bytes, domain: PossessionDomain, record: KeyRegistered | KeyRotated) -> bytes:
    """Return the message that a proof of possession signs.

    `BAFL/1/pop` ‖ consortium[32] ‖ chainId u64 ‖ contract[20] ‖ account[20] ‖ epoch u32 ‖ public key[65].
    """
    head = Writer("pop").raw(consortium, 32).u64(domain.chain_id).raw(domain.authority, 20)
    return head.raw(record.sender, 20).u32(record.epoch).raw(record.public_key, PUBLIC_KEY_BYTES).bytes()
