"""Verdicts about histories: who vouched for two of them, who took one back, and who hides a part.

Invariant: as evidence_verdicts.

Source: PROTOCOL.md 8T.8.
"""

from __future__ import annotations

from fl.proofs.evidence import Claim, HeaderItem, NoteItem, ProofItem, TransactionItem
from fl.proofs.evidence_pieces import HISTORIES, LATE_S, WORD, Bench, Verdict, both, is_member, of, seen_by
from fl.proofs.words import at, named
from fl.protocol.errors import ChainForked, CheckpointDisputed, CheckpointForked, LedgerReset, LedgerRolledBack, LogGap
from fl.protocol.names import show
from fl.protocol.records import CheckpointAnchored

_CONSORTIUM_BYTES = 32


def checkpoint_forked(bench: Bench) -> Verdict:
    if bench.forms(NoteItem, NoteItem):
        return _two_notes(bench)
    if bench.forms(ProofItem, ProofItem):
        return _two_entries(bench)
    if not bench.forms(NoteItem, TransactionItem):
        raise bench.weak("it does not have two checkpoints, two proofs, or a checkpoint and a transaction")
    signed, answer = bench.note(0), bench.answer(1)
    size, root, other = signed.checkpoint.size, signed.checkpoint.root, answer.values.get("root")
    if answer.kind is not CheckpointAnchored or answer.sender not in bench.trust.keepers:
        raise bench.weak("the transaction does not record a checkpoint of a keeper")
    if answer.values.get("size") != size or other == root or not isinstance(other, bytes):
        raise bench.weak("checkpoint and transaction agree, or are of different sizes")
    keepers = bench.keeper_of(signed.key), named(bench.trust, answer.sender)
    facts = (
        f"{keepers[0]} signed the root {show(root)} for {size} records. {seen_by(bench, signed)}",
        f"{keepers[1]} signed a transaction that records the root {show(other)} for {size} records.",
    )
    return Verdict(CheckpointForked(both(*keepers), size), facts, HISTORIES)


def checkpoint_disputed(bench: Bench) -> Verdict:
    if not bench.forms(NoteItem, Claim):
        raise bench.weak("it does not have a checkpoint and what a member says")
    signed, claim = bench.note(0), bench.claim(1)
    size, root = signed.checkpoint.size, signed.checkpoint.root
    if claim.number != size or claim.digest == root:
        raise bench.weak("checkpoint and member agree, or speak of different sizes")
    who = named(bench.trust, claim.account)
    facts = (
        f"{bench.keeper_of(signed.key)} signed the root {show(root)} for {size} records. {seen_by(bench, signed)}",
        f"{who} says: on {at(claim.time)} its own node gave the root {show(claim.digest)} for them.",
    )
    return Verdict(CheckpointDisputed(who, size), facts, f"It does not show which of the two is right. {WORD}")


def _two_notes(bench: Bench) -> Verdict:
    first, second = bench.note(0), bench.note(1)
    size = first.checkpoint.size
    if size != second.checkpoint.size or first.checkpoint.root == second.checkpoint.root:
        raise bench.weak("the two checkpoints agree, or are of different sizes")
    keepers = both(bench.keeper_of(first.key), bench.keeper_of(second.key))
    twice = [bench.witness(name) for name in sorted(first.cosigned.keys() & second.cosigned.keys())]
    facts = [
        f"{bench.keeper_of(each.key)} signed the root {show(each.checkpoint.root)} for {size} records. "
        f"{seen_by(bench, each)}"
        for each in (first, second)
    ]
    facts += [f"{name} cosigned both." for name in twice]
    return Verdict(CheckpointForked(keepers, size), tuple(facts), HISTORIES)


def _two_entries(bench: Bench) -> Verdict:
    first, second = bench.proof(0), bench.proof(1)
    index = first.proven.index
    if index != second.proven.index or first.leaf == second.leaf:
        raise bench.weak("the two proofs show the same record, or records of different places")
    facts = tuple(
        f"{bench.keeper_of(each.key)} signed a log with this entry {index}: {of(bench, each)}"
        for each in (first, second)
    )
    return Verdict(CheckpointForked(both(*map(bench.keeper_of, (first.key, second.key))), index + 1), facts, HISTORIES)


def chain_forked(bench: Bench) -> Verdict:
    if bench.forms(HeaderItem, HeaderItem):
        return _two_headers(bench)
    if not bench.forms(TransactionItem, TransactionItem):
        raise bench.weak("it does not have two transactions or two headers")
    first, second = bench.sent(0), bench.sent(1)
    ours = (bench.trust.authority, *bench.trust.ledgers)
    if (first.account, first.nonce) != (second.account, second.nonce) or not is_member(bench, first.account):
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


def ledger_reset(bench: Bench) -> Verdict:
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
        (
            f"The same account signed the transaction {show(second.hash)}, which founds {show(other)} at the same "
            f"address {show(bench.trust.authority)}. One chain takes only one of them."
        ),
    )
    limits = (
        "It does not show that the second one is on a chain, or who used the account: its holder, or somebody "
        "who stole the key."
    )
    return Verdict(LedgerReset(who, other), facts, limits)


def rolled_back(bench: Bench) -> Verdict:
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
        f"{bench.keeper_of(signed.key)} signed {size} records with the root {show(root)}. {seen_by(bench, signed)}",
        f"{who} says: its own node showed them on {at(before.time)}, and only {now.number} on {at(now.time)}.",
    )
    return Verdict(LedgerRolledBack(size, now.number), facts, f"It does not show who took the records away. {WORD}")


def log_gap(bench: Bench) -> Verdict:
    if not bench.forms(NoteItem, Claim):
        raise bench.weak("it does not have a checkpoint and what a member says")
    signed, claim = bench.note(0, quorum=True), bench.claim(1)
    size, newest = signed.checkpoint.size, max(signed.cosigned.values(), default=0)
    if claim.number >= size or claim.time < newest + LATE_S:
        raise bench.weak("the member saw them all, or looked too early")
    facts = (
        f"{bench.keeper_of(signed.key)} signed {size} records. {seen_by(bench, signed)}",
        f"{named(bench.trust, claim.account)} says: on {at(claim.time)} its node showed only {claim.number}.",
    )
    return Verdict(
        LogGap(size, claim.number), facts, f"It does not show who hides them; the node may be behind. {WORD}"
    )
