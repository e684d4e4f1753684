"""The trust file of a consortium, from what its members stated on the ledger.

Invariant: a key counts only if an active member stated it as its newest, under the name that is its own.

Source: PROTOCOL.md 8T.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fl.protocol.anchored import KEEPERS
from fl.protocol.codec import sha256
from fl.protocol.errors import ProofMalformed, SettingInvalid
from fl.protocol.federation import Federation
from fl.protocol.names import Address, Role, StatementKind
from fl.protocol.tlog.checkpoint import log_key, witness_key
from fl.protocol.tlog.notes import VerifierKey, parse_key
from fl.protocol.tlog.policy import NONE, Group, Policy
from fl.protocol.tlog.trust import CONSENSUS, Trust, TrustedMember

ALL = "all-witnesses"
"""The name of the group over all witnesses."""
_SHORT = 8
WATCHERS = (Role.HOSPITAL, Role.AUDITOR)
"""The members of whom by default more than half must cosign."""


@dataclass(frozen=True)
class Consensus:
    """How blocks of the chain are sealed."""

    name: str = CONSENSUS[0]
    validators: tuple[Address, ...] = ()


def watching_trust(federation: Federation, made_at: int, quorum: int | None, consensus: Consensus | None) -> Trust:
    """Return the trust with which a monitor looks: as `trust_of`, but without a quorum while it cannot be met."""
    try:
        return trust_of(federation, made_at, quorum, consensus)
    except SettingInvalid:
        return _trust(federation, made_at, consensus or Consensus(), quorum=0)


def trust_of(
    federation: Federation, made_at: int, quorum: int | None = None, consensus: Consensus | None = None
) -> Trust:
    """Return the trust file of a consortium.

    Args:
        federation: The ledger, folded.
        made_at: Seconds since 1970; see `settled_at`.
        quorum: How many witnesses must cosign; None: more than half of the hospitals and auditors.
        consensus: How blocks are sealed; None: no seal can be checked.

    Raises:
        SettingInvalid: no keeper stated the log's key, or there are fewer witnesses than the quorum.
    """
    if not keys_of(federation, StatementKind.LOG)[1]:
        raise SettingInvalid("log", "no member keeps the log yet: the coordinator runs `hemaledger log init`")
    return _trust(federation, made_at, consensus or Consensus(), quorum)


def _trust(federation: Federation, made_at: int, sealed: Consensus, quorum: int | None) -> Trust:
    keepers, logs = keys_of(federation, StatementKind.LOG)
    _, witnesses = keys_of(federation, StatementKind.WITNESS)
    present = [opening.anchor.contract for opening in federation.openings]
    ledgers = present if federation.anchor.contract in present else [*present, federation.anchor.contract]
    return Trust(
        consortium=federation.anchor.consortium,
        chain_id=federation.anchor.chain_id,
        authority=federation.anchor.authority,
        ledgers=tuple(ledgers),
        policy=_policy(federation, logs, witnesses, quorum),
        keepers=tuple(keepers),
        members=tuple(TrustedMember(each.account, each.role, each.name) for each in federation.book.members.values()),
        made_at=made_at,
        consensus=sealed.name,
        validators=sealed.validators,
    )


def settled_at(federation: Federation) -> int:
    """Return when a key of the log or of a witness was last stated, or a ledger opened, in seconds since 1970.

    With it as `made_at`, everybody makes the same trust file from one ledger, and so the same code.
    """
    made = [entry for kind in (StatementKind.LOG, StatementKind.WITNESS) for entry, _ in federation.stated(kind)]
    return max((each.timestamp for each in (*made, *(each.opened for each in federation.openings))), default=0)


def keys_of(federation: Federation, kind: StatementKind) -> tuple[list[Address], list[VerifierKey]]:
    """Return the active members that stated a key of the log (LOG) or of a witness (WITNESS), and the keys."""
    newest = {record.sender: record for _, record in federation.stated(kind)}
    found: dict[bytes, tuple[Address, VerifierKey]] = {}
    for account, record in newest.items():
        member = federation.book.members[account]
        if member.revoked or (kind == StatementKind.LOG and member.role not in KEEPERS):
            continue
        key = _stated(federation.anchor.consortium, account, kind, record.text)
        if key is not None and record.digest == sha256(record.text.encode()):
            found.setdefault(key.key, (account, key))
    return [account for account, _ in found.values()], [key for _, key in found.values()]


def quorum_of(federation: Federation) -> int:
    """Return how many witnesses must cosign by default: more than half of the active hospitals and auditors."""
    return sum(1 for role in WATCHERS for _ in federation.book.having(role)) // 2 + 1


def _stated(consortium: bytes, account: Address, kind: StatementKind, text: str) -> VerifierKey | None:
    """Return the key in a statement's text; None if it is withdrawn, of another name, or no key."""
    try:
        key = parse_key(text)
    except ProofMalformed:
        return None
    own = log_key(consortium, key.key) if kind == StatementKind.LOG else witness_key(consortium, account, key.key)
    return key if key == own else None


def _policy(
    federation: Federation, logs: Sequence[VerifierKey], witnesses: Sequence[VerifierKey], quorum: int | None
) -> Policy:
    named = {f"w-{key.name.rpartition('0x')[2][:_SHORT]}": key for key in witnesses}
    if quorum == 0:
        return Policy(tuple(logs), named, {}, NONE)
    needed = quorum_of(federation) if quorum is None else quorum
    if not 1 <= needed <= len(witnesses):
        why = (
            f"{needed} witnesses must cosign, but {len(witnesses)} stated a key: let more members run "
            "`hemaledger witness init`, or choose --quorum"
        )
        raise SettingInvalid("quorum", why)
    return Policy(tuple(logs), named, {ALL: Group(needed, tuple(named))}, ALL)


def comments_of(trust: Trust) -> dict[str, str]:
    """Return for each witness of a policy a line that says who it is."""
    by_account = {each.account.hex(): each for each in trust.members}
    found = {}
    for name, key in trust.policy.witnesses.items():
        member = by_account[key.name.rpartition("0x")[2]]
        found[name] = f"{member.name}, {member.role.name.lower()}: replayed the ledger from its founding"
    return found
