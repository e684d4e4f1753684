"""The trust file of a consortium, from what its members stated on the ledger.

Invariant: a key counts only if an active member stated it as its newest, under the name that is its own. Of members who
state the same public key, also one as the log's and one as a witness's, only the first counts: who copies a key could
copy its signatures, too.

Source: PROTOCOL.md 8T.5.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from fl.protocol.anchored import KEEPERS
from fl.protocol.codec import sha256
from fl.protocol.errors import ProofMalformed, SettingInvalid
from fl.protocol.federation import Federation
from fl.protocol.names import Address, Role, StatementKind
from fl.protocol.records import StatementMade
from fl.protocol.tlog.checkpoint import log_key, witness_key
from fl.protocol.tlog.notes import VerifierKey, parse_key
from fl.protocol.tlog.policy import NONE, Group, Policy
from fl.protocol.tlog.trust import CONSENSUS, Trust, TrustedMember

ALL = "all-witnesses"
"""The name of the group over all witnesses."""
_SHORT = 8
"""Hexadecimal digits of an account in the name of a witness; all 40 if two begin with the same ones."""
_KINDS = (StatementKind.LOG, StatementKind.WITNESS)
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
    newest = {(made.sender, made.kind): (entry, made) for each in _KINDS for entry, made in federation.stated(each)}
    first: dict[bytes, StatementMade] = {}
    found: dict[Address, VerifierKey] = {}
    for _, made in sorted(newest.values(), key=lambda each: each[0].position):
        key = _counting(federation, made)
        if key is not None and first.setdefault(key.key, made) is made and made.kind == kind:
            found[made.sender] = key
    return list(found), list(found.values())


def quorum_of(federation: Federation) -> int:
    """Return how many witnesses must cosign by default: more than half of the active hospitals and auditors."""
    return sum(1 for role in WATCHERS for _ in federation.book.having(role)) // 2 + 1


def _counting(federation: Federation, made: StatementMade) -> VerifierKey | None:
    """Return the key in a statement; None if it is no key of its own name, or its member may have none."""
    member, consortium = federation.book.members[made.sender], federation.anchor.consortium
    of_log = made.kind == StatementKind.LOG
    if member.revoked or (of_log and member.role not in KEEPERS) or made.digest != sha256(made.text.encode()):
        return None
    try:
        key = parse_key(made.text)
    except ProofMalformed:
        return None
    own = log_key(consortium, key.key) if of_log else witness_key(consortium, made.sender, key.key)
    return key if key == own else None


def _policy(
    federation: Federation, logs: Sequence[VerifierKey], witnesses: Sequence[VerifierKey], quorum: int | None
) -> Policy:
    accounts = [key.name.rpartition("0x")[2] for key in witnesses]
    short = Counter(each[:_SHORT] for each in accounts)
    named = {
        f"w-{account[:_SHORT] if short[account[:_SHORT]] == 1 else account}": key
        for account, key in zip(accounts, witnesses, strict=True)
    }
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
