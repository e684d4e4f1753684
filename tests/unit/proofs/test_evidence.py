"""Evidence shows who did what, in every form; with one bit changed, or with another piece, it shows nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache

import pytest

from fl.proofs.evidence import Evidence, Kind, NoteItem, ProofItem, TransactionItem, claim_digest, parse_evidence
from fl.proofs.evidence import _seal as seal_of
from fl.proofs.evidence_verdicts import judge
from fl.protocol.errors import EvidenceMalformed, EvidenceWeak, HemaledgerError, WitnessesMissing
from fl.protocol.names import Address, Protection
from fl.protocol.records import RoundOpened, Terms, UpdateCommitted
from tests.support.proof_world import T0
from tests.support.watch_world import FACTS, WatchWorld, examples, item, proof

WORLD = WatchWorld()
EXAMPLES = dict(examples(WORLD))
FORKED = "boss (coordinator) vouched for two histories of the log: they differ within the first 5 records."
SENTENCES = {
    "two notes": FORKED,
    "two entries": FORKED,
    "note and anchor": FORKED,
    "note and claim": "ada (hospital) says that the checkpoint of 5 records is not of the ledger that its own node "
    "shows.",
    "one nonce": "boss (coordinator) signed two histories of the chain: two different things with the number 4.",
    "rollback": "The ledger was rolled back: the witnesses replayed 5 records, and a member then saw only 3.",
    "gap": "Records are hidden: the witnesses replayed 5 records, but a member's node shows only 3.",
    "two updates": "ben (hospital) gave two different answers where the ledger takes one, for number 7.",
    "two roots": "ada (hospital) gave two different answers where the ledger takes one, for number 2.",
    "early": "ben (hospital) cosigned the checkpoint of 7 records with a time that cannot be right.",
    "sinking": "eve (auditor) cosigned the checkpoint of 4 records with a time that cannot be right.",
    "block": "The time of block 8 is wrong: eve (auditor) had not seen the block after that time.",
    "set": "Round 7 left out ben (hospital), although it was ready in time.",
}


def test_every_kind_has_an_example() -> None:
    assert {each.kind for each in EXAMPLES.values()} == set(Kind)


@pytest.mark.parametrize("name", EXAMPLES)
def test_evidence_holds_and_names_what_was_done(name: str) -> None:
    evidence = EXAMPLES[name]
    data = evidence.encoded()
    assert parse_evidence(data) == evidence
    verdict = judge(data, WORLD.trust, FACTS)
    assert verdict.finding.name == evidence.kind.value
    assert str(verdict.finding) == SENTENCES.get(name, str(verdict.finding))
    assert verdict.shows
    assert verdict.limits.startswith("It ")


def holds(data: bytes) -> bool:
    try:
        judge(data, WORLD.trust, FACTS)
    except HemaledgerError:
        return False
    return True


@cache
def sealed(data: bytes) -> bytes:
    """Return a file with the seal that its other fields need; the same bytes if it has none."""
    try:
        fields = json.loads(data)
        fields.pop("seal")
        body = json.dumps({**fields, "seal": seal_of(fields).hex()}, sort_keys=True, separators=(",", ":"))
    except (ValueError, KeyError, AttributeError, HemaledgerError, UnicodeError):
        return data
    return body.encode() + b"\n"


@pytest.mark.parametrize("name", EXAMPLES)
def test_no_bit_of_evidence_can_change(name: str) -> None:
    data = EXAMPLES[name].encoded()
    for bit in range(sum(name.encode()) % 31, 8 * len(data), 31):
        changed = bytearray(data)
        changed[bit >> 3] ^= 1 << (bit & 7)
        assert not holds(bytes(changed)), bit


@pytest.mark.parametrize("name", EXAMPLES)
def test_under_a_new_seal_only_lines_of_witnesses_that_are_not_needed_can_change(name: str) -> None:
    """C2SP says that lines of unknown witnesses are ignored, so a changed name makes a line that counts for nothing."""
    data = EXAMPLES[name].encoded()
    assert sealed(data) == data
    for bit in range(sum(name.encode()) % 61, 8 * (data.index(b'"seal"') - 1), 61):
        changed = bytearray(data)
        changed[bit >> 3] ^= 1 << (bit & 7)
        if holds(sealed(bytes(changed))):
            line = data.rfind(b"\\n", 0, bit >> 3)
            assert b"/0x" in data[line : line + 200], bit


def weak(kind: Kind, *items: object) -> str:
    """Return why pieces show nothing."""
    with pytest.raises(EvidenceWeak) as caught:
        judge(Evidence(kind, items).encoded(), WORLD.trust, FACTS)  # type: ignore[arg-type]
    return caught.value.why


def test_honest_pieces_show_nothing() -> None:
    log = WORLD.log(8)
    note = log.note()
    assert "agree" in weak(Kind.CHECKPOINT_FORKED, item(note), item(log.note()))
    assert "different sizes" in weak(Kind.CHECKPOINT_FORKED, item(note), item(log.note(5)))
    assert "same record" in weak(Kind.CHECKPOINT_FORKED, proof(log, 2, note), proof(log, 2, log.note(5)))
    claim = WORLD.claim("ada", Kind.CHECKPOINT_DISPUTED, log.checkpoint().root, 8, T0)
    assert "agree" in weak(Kind.CHECKPOINT_DISPUTED, item(note), claim)
    first, second = (TransactionItem(log.sights[place].transaction) for place in (1, 2))
    assert "different accounts or numbers" in weak(Kind.CHAIN_FORKED, first, second)
    assert "the same" in weak(Kind.CHAIN_FORKED, first, first)
    assert "no witness" in weak(Kind.CHECKPOINT_BACKDATED, proof(log, 7, note))
    assert "no witness" in weak(Kind.CHECKPOINT_BACKDATED, item(log.note(5)), item(note))
    assert "not a checkpoint of a keeper" in weak(Kind.RECORD_BACKDATED, item(note), proof(log, 7, note))


def test_a_higher_bid_or_a_filler_for_one_call_is_no_fork() -> None:
    key = WORLD.keys["ada"]
    log = WORLD.log()
    place = log.add("ada", UpdateCommitted(WORLD.account("ada"), 1, WORLD.digest()))
    sent = FACTS.sent(log.sights[place].transaction)
    again = WORLD.transaction(key, sent.nonce, sent.to or b"", sent.data)
    filler = WORLD.transaction(key, sent.nonce, key.address, b"")
    elsewhere = WORLD.transaction(key, sent.nonce, sent.to or b"", b"other" + sent.data, chain_id=1)
    old = TransactionItem(log.sights[place].transaction)
    assert "the same" in weak(Kind.CHAIN_FORKED, old, TransactionItem(again))
    assert "nothing to do with the ledger" in weak(Kind.CHAIN_FORKED, old, TransactionItem(filler))
    assert "another chain" in weak(Kind.CHAIN_FORKED, old, TransactionItem(elsewhere))


def test_two_calls_of_which_a_node_may_have_refused_one_show_nothing() -> None:
    """A coordinator whose first transaction was refused opens the round again, with other deadlines."""
    calls = []
    for _ in range(2):
        log = WORLD.log()
        terms = Terms(Protection.SEALED, 1, 1, 0, 10, WORLD.digest(), 600, T0 + 100, T0 + 200)
        log.add("boss", RoundOpened(WORLD.account("boss"), 3, terms, (WORLD.account("ada"),), WORLD.digest()))
        calls.append(TransactionItem(log.sights[-1].transaction))
    assert "two proofs are needed" in weak(Kind.TWO_ROOTS, *calls)


def test_a_rollback_needs_the_quorum_of_the_reader() -> None:
    rollback = EXAMPLES["rollback"]
    alone = WORLD.log(5).note(times={"ada": T0})
    changed = replace(rollback, items=(item(alone), *rollback.items[1:]))
    with pytest.raises(WitnessesMissing):
        judge(changed.encoded(), WORLD.trust, FACTS)


def test_who_is_no_member_or_speaks_for_another_says_nothing() -> None:
    evidence = EXAMPLES["name"]
    stranger = WatchWorld(2)
    claim = evidence.items[1]
    assert not isinstance(claim, ProofItem | NoteItem | TransactionItem)
    said = (Kind.IN_MY_NAME, claim.digest, claim.number, claim.time)  # type: ignore[union-attr]
    digest = claim_digest(said[0], WORLD.consortium, *said[1:])
    other = replace(stranger.claim("ada", *said), signature=stranger.keys["ada"].sign_digest(digest))
    assert "no member" in weak(Kind.IN_MY_NAME, evidence.items[0], other)
    lent = replace(other, account=WORLD.account("ada"))
    assert "another account signed" in weak(Kind.IN_MY_NAME, evidence.items[0], lent)
    ben = WORLD.claim("ben", *said)
    assert "not in the member's name" in weak(Kind.IN_MY_NAME, evidence.items[0], ben)


def test_a_set_or_a_roster_with_the_hospital_shows_nothing() -> None:
    items = EXAMPLES["set"].items
    assert "left out" in weak(Kind.LEFT_OUT, items[0])
    assert "left out" in weak(Kind.LEFT_OUT, items[1], items[0])


def test_too_few_validators_in_both_blocks_show_nothing() -> None:
    headers = EXAMPLES["two blocks"].items
    assert "two thirds" in weak(Kind.CHAIN_FORKED, headers[0], headers[0])
    fewer = replace(WORLD.trust, validators=(*WORLD.trust.validators, *(Address(bytes([n]) * 20) for n in range(3))))
    with pytest.raises(EvidenceWeak):
        judge(EXAMPLES["two blocks"].encoded(), fewer, FACTS)


def test_a_file_of_another_form_is_refused() -> None:
    data = EXAMPLES["two notes"].encoded()
    for wrong in (
        b"",
        b"{}",
        b"x" * 200_000,
        data[:-1],
        data.replace(b"evidence-1", b"evidence-2"),
        b"[" + data + b"]",
    ):
        with pytest.raises((EvidenceMalformed, EvidenceWeak)):
            parse_evidence(wrong)
