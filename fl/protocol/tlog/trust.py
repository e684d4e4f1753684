"""What a verifier must know before it reads a proof: the consortium, and whose signatures count.

Invariant: trust comes from another place than the proof. Two people compare the first digits of its SHA-256, its code.

Source: PROTOCOL.md 8T.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fl.protocol import codec
from fl.protocol.codec import Fields, JsonValue
from fl.protocol.errors import EncodingError, ProofMalformed
from fl.protocol.names import ADDRESS_BYTES, DIGEST_BYTES, Address, Role, parse_hex, show
from fl.protocol.tlog.checkpoint import origin_of
from fl.protocol.tlog.policy import Policy, parse_policy

FORMAT = "hemaledger-trust-1"
TRUST_CAP = 256 * 1024
"""The most bytes of a trust file."""
CODE_DIGITS = 20
CONSENSUS = ("none", "qbft")
"""Who seals blocks: nobody whose seal could be checked, or the validators of a QBFT chain."""
MOST_ACCOUNTS = 4096
_WHAT = "trust file"


@dataclass(frozen=True)
class TrustedMember:
    """A member, so that a verdict can name people and not only accounts."""

    account: Address
    role: Role
    name: str


@dataclass(frozen=True)
class Trust:
    """Whom a verifier trusts, for one consortium."""

    consortium: bytes
    """32 bytes."""
    chain_id: int
    authority: Address
    ledgers: tuple[Address, ...]
    """Every federation ledger of the consortium, the first one first."""
    policy: Policy
    keepers: tuple[Address, ...]
    """The accounts whose CheckpointAnchored counts."""
    members: tuple[TrustedMember, ...]
    made_at: int
    """Seconds since 1970."""
    consensus: str = CONSENSUS[0]
    validators: tuple[Address, ...] = ()

    @property
    def origin(self) -> str:
        return origin_of(self.consortium)

    def name_of(self, account: Address) -> str:
        """Return a member's name, or the account in hexadecimal."""
        return next((each.name for each in self.members if each.account == account), show(account))

    def encoded(self) -> bytes:
        """Return the file's bytes: canonical JSON."""
        members: list[JsonValue] = [
            {"account": show(each.account), "name": each.name, "role": int(each.role)} for each in self.members
        ]
        return codec.write_document(
            {
                "format": FORMAT,
                "consortium": show(self.consortium),
                "chain_id": self.chain_id,
                "authority": show(self.authority),
                "ledgers": _shown(self.ledgers),
                "policy": self.policy.text(),
                "consensus": self.consensus,
                "validators": _shown(self.validators),
                "keepers": _shown(self.keepers),
                "members": members,
                "made_at": self.made_at,
            }
        )

    @property
    def code(self) -> str:
        """Return the digits that two people compare: the first 20 of the file's SHA-256."""
        return codec.sha256(self.encoded()).hex()[:CODE_DIGITS]


def parse_trust(data: bytes) -> Trust:
    """Return the trust in a file, or raise ProofMalformed."""
    if len(data) > TRUST_CAP:
        raise ProofMalformed(_WHAT, f"it has more than {TRUST_CAP} bytes")
    try:
        fields = Fields(codec.parse_document(data, _WHAT), _WHAT)
        trust = _trust(fields)
    except EncodingError as error:
        raise ProofMalformed(_WHAT, error.why) from error
    if trust.encoded() != data:
        raise ProofMalformed(_WHAT, "it is not in canonical form")
    return trust


def _trust(fields: Fields) -> Trust:
    if fields.text("format") != FORMAT:
        raise EncodingError(_WHAT, f"its format is not {FORMAT}")
    consensus = fields.text("consensus")
    if consensus not in CONSENSUS:
        raise EncodingError(_WHAT, "its consensus is unknown")
    return Trust(
        consortium=parse_hex(fields.text("consortium"), DIGEST_BYTES, _WHAT),
        chain_id=fields.integer("chain_id"),
        authority=_account(fields.text("authority")),
        ledgers=_accounts(fields, "ledgers"),
        policy=parse_policy(fields.text("policy")),
        keepers=_accounts(fields, "keepers"),
        members=tuple(map(_member, _list(fields, "members"))),
        made_at=fields.integer("made_at"),
        consensus=consensus,
        validators=_accounts(fields, "validators"),
    )


def _member(value: JsonValue) -> TrustedMember:
    if not isinstance(value, dict):
        raise EncodingError(_WHAT, "a member is not an object")
    fields = Fields(value, _WHAT)
    fields.only("account", "name", "role")
    try:
        role = Role(fields.integer("role"))
    except ValueError as error:
        raise EncodingError(_WHAT, "a member has an unknown role") from error
    return TrustedMember(_account(fields.text("account")), role, fields.text("name"))


def _accounts(fields: Fields, name: str) -> tuple[Address, ...]:
    return tuple(_account(each if isinstance(each, str) else "") for each in _list(fields, name))


def _list(fields: Fields, name: str) -> list[JsonValue]:
    found = fields.value.get(name)
    if not isinstance(found, list) or len(found) > MOST_ACCOUNTS:
        raise EncodingError(_WHAT, f"{name} is not a list of at most {MOST_ACCOUNTS}")
    return found


def _account(text: str) -> Address:
    return Address(parse_hex(text, ADDRESS_BYTES, _WHAT))


def _shown(accounts: Sequence[Address]) -> list[JsonValue]:
    return [show(each) for each in accounts]
