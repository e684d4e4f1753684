"""Verdicts about acts: two answers, wrong times, files that are gone, members that were left out or misused.

Invariant: as evidence_verdicts.

Source: PROTOCOL.md 8T.8.
"""

from __future__ import annotations

from collections.abc import Mapping

from fl.proofs.evidence import Claim, NoteItem, ProofItem
from fl.proofs.evidence_pieces import (
    CLOCK_S,
    HISTORIES,
    LATE_S,
    PROMISED,
    SLOTS,
    Bench,
    Shown,
    Verdict,
    account_of,
    is_member,
    of,
)
from fl.proofs.words import at, digests_of, named
from fl.protocol.errors import CheckpointBackdated, FileWithheld, InMyName, LeftOut, RecordBackdated, TwoRoots
from fl.protocol.names import Address, Role, show
from fl.protocol.records import (
    CheckpointAnchored,
    KeyRegistered,
    MemberRegistered,
    MemberRevoked,
    RoundFrozen,
    RoundOpened,
    UpdateCommitted,
)


def two_roots(bench: Bench) -> Verdict:
    if len(bench.items) != 2:  # noqa: PLR2004 - one and the other
        raise bench.weak("it does not have two pieces")
    first, second = bench.answer(0), bench.answer(1)
    if (first.kind, first.sender, first.contract) != (second.kind, second.sender, second.contract):
        raise bench.weak("the two answers are of different members, kinds or ledgers")
    if first.kind not in SLOTS or not is_member(bench, first.sender):
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
        HISTORIES if first.included and second.included else f"It does not show that both were included. {HISTORIES}"
    )
    after = " After a deep reorganisation of the chain an honest member may answer again for the same number."
    if first.kind not in PROMISED:
        after += " A keeper who makes up a history could put a call into it that a node refused: look who cosigned."
    return Verdict(TwoRoots(who, int(str(number))), facts, limits + after)


def checkpoint_backdated(bench: Bench) -> Verdict:
    if bench.forms(ProofItem):
        shown = bench.proof(0)
        event, size = shown.proven.event, shown.proven.checkpoint.size
        early = {name: seen for name, seen in sorted(shown.proven.cosigned.items()) if seen + CLOCK_S < event.time}
        if not early:
            raise bench.weak("no witness cosigned before the record was made")
        who = ", ".join(map(bench.witness, early))
        facts = tuple(
            f"{bench.witness(name)} says: it saw {size} records on {at(seen)}. But record {shown.proven.index} of them "
            f"was made on {at(event.time)}, in block {event.block}."
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


def record_backdated(bench: Bench) -> Verdict:
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
        f"{bench.witness(name)} cosigned {signed.checkpoint.size} records on {at(seen)}, as the newest on the ledger. "
        f"But the checkpoint of {record.size} has the time {at(event.time)}, in block {event.block}."
        for name, seen in late.items()
    )
    limits = "It does not show which time is wrong: the block's, or the witness's, whose node may have been behind."
    return Verdict(RecordBackdated(who, event.block), facts, limits)


def file_withheld(bench: Bench) -> Verdict:
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
    facts = [of(bench, shown)]
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


def left_out(bench: Bench) -> Verdict:
    limits = "It does not show why. A file that was missing, late or wrong is a right reason."
    shown = [bench.proof(place) for place in range(len(bench.items))]
    records = [each.proven.record for each in shown]
    facts = tuple(of(bench, each) for each in shown)
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


def in_my_name(bench: Bench) -> Verdict:
    limits = (
        "It shows what the member says, signed by its account, not that it is right. If it is, somebody else has its "
        "key, or decided about it."
    )
    if bench.forms(NoteItem, Claim):
        signed, claim = bench.note(0), bench.claim(1)
        names = [
            name for name in signed.cosigned if account_of(bench.trust.policy.witnesses[name].name) == claim.account
        ]
        if not names or (claim.digest, claim.number) != (signed.checkpoint.root, signed.checkpoint.size):
            raise bench.weak("the member's key did not cosign this checkpoint")
        who = named(bench.trust, claim.account)
        said = f"The key of {who} cosigned {signed.checkpoint.size} records. {who} says that it did not."
        return Verdict(InMyName(who, signed.checkpoint.root), (said,), limits)
    if not bench.forms(ProofItem, Claim):
        raise bench.weak("it does not have a proof and what the member says")
    shown, claim = bench.proof(0), bench.claim(1)
    if (claim.digest, claim.number) != (shown.leaf, shown.proven.index):
        raise bench.weak("the member speaks of another record")
    if claim.account not in _about(shown.proven.step or shown.proven.record):
        raise bench.weak("the record is not in the member's name")
    who = named(bench.trust, claim.account)
    facts = (of(bench, shown), f"{who} says, on {at(claim.time)}: it did not make it, or agree to it.")
    return Verdict(InMyName(who, shown.leaf), facts, limits)


def _about(record: object) -> tuple[Address, ...]:
    """Return in whose name a record is: who made it, and about whom it is."""
    sender = getattr(record, "sender", None)
    subject = record.member if isinstance(record, MemberRegistered | MemberRevoked) else None
    return tuple(each for each in (sender, subject) if each is not None)


def _contracts(shown: list[Shown]) -> int:
    return len({each.proven.event.contract for each in shown})


def _said(values: Mapping[str, object], names: tuple[str, ...]) -> str:
    shown = ((name, values[name]) for name in names)
    return ", ".join(f"{name} {_value(value)}" for name, value in shown)


def _value(value: object) -> str:
    if isinstance(value, bytes):
        return show(value)
    return "(" + ", ".join(map(_value, value)) + ")" if isinstance(value, tuple) else str(value)
