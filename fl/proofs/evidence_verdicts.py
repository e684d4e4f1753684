"""Judges evidence: who did what, in one sentence, and what it does not show.

Invariant: a verdict follows from the file's bytes and the trust file alone, and says no more than they show. Evidence of
another kind, or with pieces that do not fit, is EvidenceWeak.

Source: PROTOCOL.md 8T.8.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fl.proofs.evidence import Claim, HeaderItem, Kind, NoteItem, ProofItem, TransactionItem, parse_evidence
from fl.proofs.evidence_pieces import PROMISED, SLOTS, Bench, Shown, Signed, account_of
from fl.proofs.words import at, digests_of, named, what_of
from fl.protocol.errors import (
    ChainForked,
    CheckpointBackdated,
    CheckpointForked,
    EncodingError,
    EvidenceMalformed,
    FileWithheld,
    HemaledgerError,
    InMyName,
    LedgerReset,
    LedgerRolledBack,
    LeftOut,
    LogGap,
    RecordBackdated,
    TwoRoots,
)
from fl.protocol.names import Address, Role, show
from fl.protocol.ports import ChainFacts
from fl.protocol.records import (
    CheckpointAnchored,
    KeyRegistered,
    MemberRegistered,
    MemberRevoked,
    Record,
    RoundFrozen,
    RoundOpened,
    UpdateCommitted,
)
from fl.protocol.tlog.trust import Trust

CLOCK_S = 300
"""Clocks of honest members may differ by so much; in seconds."""
LATE_S = 600
"""A node of an honest witness may be so far behind the chain; in seconds."""
_CONSORTIUM_BYTES = 32
_HISTORIES = (
    "It does not show who made the other history, or which of the two is the right one: compare both with the ledger."
)
_WORD = "It shows what members say, signed by them, not that they are right: look at the ledger by a node of your own."


@dataclass(frozen=True)
class Verdict:
    """What evidence shows."""

    finding: HemaledgerError
    """Its sentence says who did what."""
    shows: tuple[str, ...]
    """The facts, a sentence each."""
    limits: str
    """What it does not show."""


def judge(data: bytes, trust: Trust, facts: ChainFacts) -> Verdict:
    """Return what a file of evidence shows.

    Args:
        data: The file.
        trust: Whom the reader trusts; it must not come from who sent the evidence.
        facts: Reads the chain's bytes.

    Raises:
        EvidenceMalformed: it has another form.
        EvidenceWeak: its pieces do not show what it says.
        ProofMalformed, ProofChanged, LogSignatureInvalid, CosignatureInvalid, SignatureInvalid: a piece does not hold.
        WitnessesMissing: too few witnesses cosigned, where the quorum is what counts.
    """
    evidence = parse_evidence(data)
    bench = Bench(evidence.kind, evidence.items, trust, facts)
    try:
        return _RULES[evidence.kind](bench)
    except EncodingError as error:
        raise EvidenceMalformed(error.why) from error


def _checkpoint_forked(bench: Bench) -> Verdict:
    if bench.forms(NoteItem, NoteItem):
        return _two_notes(bench)
    if bench.forms(ProofItem, ProofItem):
        return _two_entries(bench)
    signed = bench.note(0)
    size, root = signed.checkpoint.size, signed.checkpoint.root
    said = f"{bench.keeper_of(signed.key)} signed the root {show(root)} for {size} records."
    if bench.forms(NoteItem, TransactionItem):
        answer = bench.answer(1)
        other = answer.values.get("root")
        if answer.kind is not CheckpointAnchored or answer.sender not in bench.trust.keepers:
            raise bench.weak("the transaction does not record a checkpoint of a keeper")
        if answer.values.get("size") != size or other == root or not isinstance(other, bytes):
            raise bench.weak("checkpoint and transaction agree, or are of different sizes")
        keeper = named(bench.trust, answer.sender)
        facts = (said, f"{keeper} signed a transaction that records the root {show(other)} for {size} records.")
        who = _both(bench.keeper_of(signed.key), keeper)
        return Verdict(CheckpointForked(who, size), (*facts, _cosigners(bench, signed)), _HISTORIES)
    if not bench.forms(NoteItem, Claim):
        raise bench.weak(
            "it has other pieces than two checkpoints, two proofs, or one checkpoint and what contradicts it"
        )
    claim = bench.claim(1)
    if claim.number != size or claim.digest == root:
        raise bench.weak("checkpoint and member agree, or speak of different sizes")
    teller = named(bench.trust, claim.account)
    told = f"{teller} says: on {at(claim.time)} its own node gave the root {show(claim.digest)} for {size} records."
    who = _both(bench.keeper_of(signed.key), teller)
    return Verdict(CheckpointForked(who, size), (said, told, _cosigners(bench, signed)), f"{_HISTORIES} {_WORD}")


def _two_notes(bench: Bench) -> Verdict:
    first, second = bench.note(0), bench.note(1)
    size = first.checkpoint.size
    if size != second.checkpoint.size or first.checkpoint.root == second.checkpoint.root:
        raise bench.weak("the two checkpoints agree, or are of different sizes")
    keepers = _both(bench.keeper_of(first.key), bench.keeper_of(second.key))
    twice = [bench.witness(name) for name in sorted(first.cosigned.keys() & second.cosigned.keys())]
    facts = [
        f"{bench.keeper_of(each.key)} signed the root {show(each.checkpoint.root)} for {size} records. "
        f"{_cosigners(bench, each)}"
        for each in (first, second)
    ]
    facts += [f"{name} cosigned both." for name in twice]
    return Verdict(CheckpointForked(keepers, size), tuple(facts), _HISTORIES)


def _two_entries(bench: Bench) -> Verdict:
    first, second = bench.proof(0), bench.proof(1)
    index = first.proven.index
    if index != second.proven.index or first.leaf == second.leaf:
        raise bench.weak("the two proofs show the same record, or records of different places")
    facts = tuple(
        f"{bench.keeper_of(each.key)} signed a log with this entry {index}: {_of(bench, each)}"
        for each in (first, second)
    )
    return Verdict(
        CheckpointForked(_both(*map(bench.keeper_of, (first.key, second.key))), index + 1), facts, _HISTORIES
    )


def _chain_forked(bench: Bench) -> Verdict:
    if bench.forms(HeaderItem, HeaderItem):
        return _two_headers(bench)
    if not bench.forms(TransactionItem, TransactionItem):
        raise bench.weak("it does not have two transactions or two headers")
    first, second = bench.sent(0), bench.sent(1)
    ours = (bench.trust.authority, *bench.trust.ledgers)
    if (first.account, first.nonce) != (second.account, second.nonce) or not _is_member(bench, first.account):
        raise bench.weak("the two transactions are of different accounts or numbers, or of no member")
    if (first.to, first.data) == (second.to, second.data) or first.to not in ours or second.to not in ours:
        raise bench.weak("the two transactions do the same, or one has nothing to do with the ledger")
    facts = tuple(
        f"{named(bench.trust, each.account)} signed the transaction {show(each.hash)}." for each in (first, second)
    )
    limits = (
        "It does not show that both were included in a block, or who made the other history: a program may sign "
        "another transaction with the number of one that a node refused, and after a reorganisation of the chain."
    )
    return Verdict(ChainForked(named(bench.trust, first.account), first.nonce), facts, limits)


def _two_headers(bench: Bench) -> Verdict:
    (number, first, sealed), (other, second, also) = bench.header(0), bench.header(1)
    validators = set(bench.trust.validators)
    both = sorted(sealed & also & validators)
    enough = all(3 * len(each & validators) > 2 * len(validators) for each in (sealed, also))
    if number != other or first == second or not enough or not both:
        raise bench.weak("two thirds of your validators did not seal two different blocks of one number")
    names = ", ".join(named(bench.trust, each) for each in both)
    facts = (
        f"The blocks {show(first)} and {show(second)} have the number {number}; these validators sealed both: {names}.",
    )
    return Verdict(ChainForked(names, number), facts, "It does not show which block the others followed.")


def _ledger_reset(bench: Bench) -> Verdict:
    if not bench.forms(TransactionItem, TransactionItem):
        raise bench.weak("it does not have two transactions")
    first, second = bench.sent(0), bench.sent(1)
    if {first.creates, second.creates} != {bench.trust.authority}:
        raise bench.weak("the two transactions do not create the contract at the address in your trust file")
    mine, other = first.data[-_CONSORTIUM_BYTES:], second.data[-_CONSORTIUM_BYTES:]
    if mine != bench.trust.consortium or other == mine:
        raise bench.weak("the first does not found your consortium, or the second founds the same")
    who = named(bench.trust, first.account)
    facts = (
        f"{who} signed the transaction {show(first.hash)}, which founded your consortium {show(mine)}.",
        f"The same account signed the transaction {show(second.hash)}, which founds {show(other)} at the same address "
        f"{show(bench.trust.authority)}. One chain takes only one of them.",
    )
    limits = (
        "It does not show that the second one is on a chain, or why the account signed it: its holder, or who stole the "
        "key, did."
    )
    return Verdict(LedgerReset(who, other), facts, limits)


def _rolled_back(bench: Bench) -> Verdict:
    if not bench.forms(NoteItem, Claim, Claim):
        raise bench.weak("it does not have a checkpoint and two things that a member says")
    signed, before, now = bench.note(0, quorum=True), bench.claim(1), bench.claim(2)
    size, root = signed.checkpoint.size, signed.checkpoint.root
    if (before.account, before.number, before.digest) != (now.account, size, root):
        raise bench.weak("the member did not see the records of the checkpoint")
    if now.number >= size or now.time < before.time:
        raise bench.weak("the member did not see fewer records later")
    who = named(bench.trust, now.account)
    facts = (
        f"{bench.keeper_of(signed.key)} signed {size} records with the root {show(root)}. {_cosigners(bench, signed)}",
        f"{who} says: its own node showed them on {at(before.time)}, and only {now.number} on {at(now.time)}.",
    )
    return Verdict(LedgerRolledBack(size, now.number), facts, f"It does not show who took the records away. {_WORD}")


def _log_gap(bench: Bench) -> Verdict:
    if not bench.forms(NoteItem, Claim):
        raise bench.weak("it does not have a checkpoint and what a member says")
    signed, claim = bench.note(0, quorum=True), bench.claim(1)
    size, newest = signed.checkpoint.size, max(signed.cosigned.values(), default=0)
    if claim.number >= size or claim.time < newest + LATE_S:
        raise bench.weak("the member saw them all, or looked too early")
    facts = (
        f"{bench.keeper_of(signed.key)} signed {size} records. {_cosigners(bench, signed)}",
        f"{named(bench.trust, claim.account)} says: on {at(claim.time)} its node showed only {claim.number}.",
    )
    return Verdict(
        LogGap(size, claim.number), facts, f"It does not show who hides them; the node may be behind. {_WORD}"
    )


def _two_roots(bench: Bench) -> Verdict:
    if len(bench.items) != 2:  # noqa: PLR2004 - one and the other
        raise bench.weak("it does not have two pieces")
    first, second = bench.answer(0), bench.answer(1)
    if (first.kind, first.sender, first.contract) != (second.kind, second.sender, second.contract):
        raise bench.weak("the two answers are of different members, kinds or ledgers")
    if first.kind not in SLOTS or not _is_member(bench, first.sender):
        raise bench.weak("the ledger takes more than one such record, or the sender is no member")
    if not (first.included and second.included) and first.kind not in PROMISED:
        raise bench.weak("a member may sign two such calls of which a node refused one; two proofs are needed")
    slot = SLOTS[first.kind]
    common = sorted(first.values.keys() & second.values.keys() - set(slot))
    if any(first.values[name] != second.values[name] for name in slot):
        raise bench.weak("the two answers are for different rounds, phases, batches or sizes")
    differ = [name for name in common if first.values[name] != second.values[name]]
    if not differ:
        raise bench.weak("the two answers are the same")
    who, number = named(bench.trust, first.sender), first.values[slot[0]]
    facts = tuple(
        f"{who} signed {first.kind.__name__}: {_said(each.values, (*slot, *differ))}." for each in (first, second)
    )
    limits = (
        _HISTORIES if first.included and second.included else f"It does not show that both were included. {_HISTORIES}"
    )
    after = " After a deep reorganisation of the chain an honest member may answer anew for the same number."
    return Verdict(TwoRoots(who, int(str(number))), facts, limits + after)


def _checkpoint_backdated(bench: Bench) -> Verdict:
    if bench.forms(ProofItem):
        shown = bench.proof(0)
        event, size = shown.proven.event, shown.proven.checkpoint.size
        early = {name: seen for name, seen in sorted(shown.proven.cosigned.items()) if seen + CLOCK_S < event.time}
        if not early:
            raise bench.weak("no witness cosigned before the record was made")
        who = ", ".join(map(bench.witness, early))
        facts = tuple(
            f"{bench.witness(name)} says: it saw {size} records on {at(seen)}. But record {shown.proven.index} of them was "
            f"made on {at(event.time)}, in block {event.block}."
            for name, seen in early.items()
        )
        limits = "It does not show which of the two times is wrong: that of the witness, or that of the block."
        return Verdict(CheckpointBackdated(who, size), facts, limits)
    if not bench.forms(NoteItem, NoteItem):
        raise bench.weak("it does not have one proof, or two checkpoints")
    small, large = bench.note(0), bench.note(1)
    if small.checkpoint.size >= large.checkpoint.size:
        raise bench.weak("the first checkpoint is not the smaller one")
    names = [name for name, seen in sorted(large.cosigned.items()) if small.cosigned.get(name, 0) > seen + CLOCK_S]
    if not names:
        raise bench.weak("no witness cosigned the smaller one later")
    facts = tuple(
        f"{bench.witness(name)} cosigned {large.checkpoint.size} records on {at(large.cosigned[name])}, and only "
        f"{small.checkpoint.size} on {at(small.cosigned[name])}."
        for name in names
    )
    who = ", ".join(map(bench.witness, names))
    return Verdict(CheckpointBackdated(who, small.checkpoint.size), facts, "It does not show which time is wrong.")


def _record_backdated(bench: Bench) -> Verdict:
    if not bench.forms(NoteItem, ProofItem):
        raise bench.weak("it does not have a checkpoint and a proof")
    signed, shown = bench.note(0), bench.proof(1)
    record, event = shown.proven.record, shown.proven.event
    if not isinstance(record, CheckpointAnchored) or record.sender not in bench.trust.keepers:
        raise bench.weak("the record is not a checkpoint of a keeper")
    late = {name: seen for name, seen in sorted(signed.cosigned.items()) if seen > event.time + LATE_S}
    if record.size <= signed.checkpoint.size or not late:
        raise bench.weak("no witness cosigned an older checkpoint after the time of this block")
    who = ", ".join(map(bench.witness, late))
    facts = tuple(
        f"{bench.witness(name)} cosigned {signed.checkpoint.size} records on {at(seen)}, as the newest on the ledger. But "
        f"the checkpoint of {record.size} has the time {at(event.time)}, in block {event.block}."
        for name, seen in late.items()
    )
    limits = "It does not show which time is wrong: the block's, or the witness's, whose node may have been behind."
    return Verdict(RecordBackdated(who, event.block), facts, limits)


def _file_withheld(bench: Bench) -> Verdict:
    if not (bench.items and isinstance(bench.items[0], ProofItem)) or len(bench.items) == 1:
        raise bench.weak("it does not have a proof and what members say")
    shown, claims = bench.proof(0), [bench.claim(place) for place in range(1, len(bench.items))]
    digest, index, made = claims[0].digest, shown.proven.index, shown.proven.event.time
    if digest not in digests_of(shown.proven):
        raise bench.weak("the record does not name the file")
    if any((each.digest, each.number) != (digest, index) or each.time < made for each in claims):
        raise bench.weak("members speak of another file, or of an earlier time")
    if len({each.account for each in claims}) != len(claims):
        raise bench.weak("a member speaks twice")
    facts = [_of(bench, shown)]
    facts += [
        f"{named(bench.trust, each.account)} says: it could not get the file on {at(each.time)}." for each in claims
    ]
    limits = (
        "It does not show that nobody has the file, or who took it away: one copy of it refutes this "
        "(`hemaledger verify --file`)."
    )
    step = shown.proven.step
    sender = shown.proven.record.sender if step is None else step.sender
    return Verdict(FileWithheld(named(bench.trust, sender), digest), tuple(facts), limits)


def _left_out(bench: Bench) -> Verdict:
    limits = "It does not show why. A file that was missing, late or wrong is a right reason."
    shown = [bench.proof(place) for place in range(len(bench.items))]
    records = [each.proven.record for each in shown]
    facts = tuple(_of(bench, each) for each in shown)
    match records:
        case [UpdateCommitted() as update, RoundFrozen() as frozen]:
            same = update.round == frozen.round and _contracts(shown) == 1
            if not same or update.sender in frozen.hospitals:
                raise bench.weak("the set has the hospital, or is of another round")
            return Verdict(LeftOut(named(bench.trust, update.sender), frozen.round), facts, limits)
        case [RoundOpened() as opened, MemberRegistered() as member, KeyRegistered() as key]:
            after = max(each.proven.index for each in shown[1:]) < shown[0].proven.index
            ready = member.role == Role.HOSPITAL and member.member == key.sender and after
            if not ready or key.sender in opened.roster:
                raise bench.weak("the round has the hospital, or it was not ready before")
            more = "It does not show that it was not revoked in between, or asked to be left out."
            return Verdict(LeftOut(named(bench.trust, key.sender), opened.round), facts, more)
    step = shown[0].proven.step if len(shown) == 1 else None
    if not isinstance(step, UpdateCommitted) or shown[0].goes_on:
        raise bench.weak("its proofs do not show a hospital that was ready and left out")
    return Verdict(LeftOut(named(bench.trust, step.sender), step.round), facts, limits)


def _in_my_name(bench: Bench) -> Verdict:
    limits = (
        "It shows what the member says, signed by its account, not that it is right. If so, somebody else has its key, or "
        "decided about it."
    )
    if bench.forms(NoteItem, Claim):
        signed, claim = bench.note(0), bench.claim(1)
        names = [
            name for name in signed.cosigned if account_of(bench.trust.policy.witnesses[name].name) == claim.account
        ]
        if not names or (claim.digest, claim.number) != (signed.checkpoint.root, signed.checkpoint.size):
            raise bench.weak("the member's key did not cosign this checkpoint")
        who = named(bench.trust, claim.account)
        facts = (f"The key of {who} cosigned {signed.checkpoint.size} records. {who} says that it did not.",)
        return Verdict(InMyName(who, signed.checkpoint.root), facts, limits)
    if not bench.forms(ProofItem, Claim):
        raise bench.weak("it does not have a proof and what the member says")
    shown, claim = bench.proof(0), bench.claim(1)
    if (claim.digest, claim.number) != (shown.leaf, shown.proven.index):
        raise bench.weak("the member speaks of another record")
    if claim.account not in _about(shown.proven.step or shown.proven.record):
        raise bench.weak("the record is not in the member's name")
    who = named(bench.trust, claim.account)
    facts = (_of(bench, shown), f"{who} says, on {at(claim.time)}: it did not make it, or agree to it.")
    return Verdict(InMyName(who, shown.leaf), facts, limits)


def _about(record: object) -> tuple[Address, ...]:
    """Return in whose name a record is: who made it, and about whom it is."""
    sender = getattr(record, "sender", None)
    subject = record.member if isinstance(record, MemberRegistered | MemberRevoked) else None
    return tuple(each for each in (sender, subject) if each is not None)


def _contracts(shown: list[Shown]) -> int:
    return len({each.proven.event.contract for each in shown})


def _is_member(bench: Bench, account: Address) -> bool:
    return any(each.account == account for each in bench.trust.members)


def _of(bench: Bench, shown: Shown) -> str:
    proven = shown.proven
    record: Record = proven.step or proven.record
    said = what_of(record, named(bench.trust, record.sender))
    return f"{said} Block {proven.event.block}, {at(proven.event.time)}."


def _cosigners(bench: Bench, signed: Signed) -> str:
    names = [f"{bench.witness(name)} ({at(seen)})" for name, seen in sorted(signed.cosigned.items())]
    return f"Cosigned by {len(names)} of {len(bench.trust.policy.witnesses)} witnesses: {', '.join(names) or 'none'}."


def _both(first: str, second: str) -> str:
    return first if first == second else f"{first} and {second}"


def _said(values: Mapping[str, object], names: tuple[str, ...]) -> str:
    shown = ((name, values[name]) for name in names)
    return ", ".join(f"{name} {_value(value)}" for name, value in shown)


def _value(value: object) -> str:
    if isinstance(value, bytes):
        return show(value)
    return "(" + ", ".join(map(_value, value)) + ")" if isinstance(value, tuple) else str(value)


_RULES: Mapping[Kind, Callable[[Bench], Verdict]] = {
    Kind.CHECKPOINT_FORKED: _checkpoint_forked,
    Kind.CHAIN_FORKED: _chain_forked,
    Kind.LEDGER_RESET: _ledger_reset,
    Kind.LEDGER_ROLLED_BACK: _rolled_back,
    Kind.TWO_ROOTS: _two_roots,
    Kind.CHECKPOINT_BACKDATED: _checkpoint_backdated,
    Kind.RECORD_BACKDATED: _record_backdated,
    Kind.LOG_GAP: _log_gap,
    Kind.FILE_WITHHELD: _file_withheld,
    Kind.LEFT_OUT: _left_out,
    Kind.IN_MY_NAME: _in_my_name,
}
