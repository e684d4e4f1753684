"""The log's parts alone: entries, notes, trees, policies."""

from __future__ import annotations

import hashlib
import itertools

import metamorphic_log
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tlog_scales import signing, tlog

from fl.crypto.note_keys import NoteKey, verify
from fl.protocol import merkle
from fl.protocol.errors import EncodingError, ProofMalformed
from fl.protocol.names import Address, Digest
from fl.protocol.tlog.checkpoint import Checkpoint, log_key, origin_of, parse_checkpoint, witness_key
from fl.protocol.tlog.entry import ENTRY_CAP, LogEntry, leaf_hash, parse_entry
from fl.protocol.tlog.notes import Note, cosign, cosigned_at, log_signed, parse_key, parse_note, sign_log
from fl.protocol.tlog.policy import parse_policy
from fl.protocol.tlog.tree import EMPTY_ROOT, GrowingTree, continues, root_from

CONSORTIUM, ACCOUNT = b"\x11" * 32, Address(b"\x22" * 20)
LOG, WITNESS = NoteKey.of_seed(b"\x33" * 32), NoteKey.of_seed(b"\x44" * 32)
SIZES = 20


def entry(data: bytes, topics: int = 2) -> LogEntry:
    hashes = tuple(bytes([at]) * 32 for at in range(topics))
    return LogEntry(CONSORTIUM, 7, ACCOUNT, 2**40, 3, 4, b"\x01" * 32, b"\x02" * 32, hashes, data)


@given(st.binary(max_size=300), st.integers(0, 4))
def test_an_entry_is_read_as_it_was_written(data: bytes, topics: int) -> None:
    made = entry(data, topics)
    raw = made.encoded()
    assert parse_entry(raw) == made
    assert made.leaf() == leaf_hash(raw) == hashlib.sha256(b"\0" + raw).digest()
    for wrong in (raw[:-1], raw + b"\0", b"x" + raw):
        with pytest.raises(EncodingError):
            parse_entry(wrong)


def test_a_long_entry_holds_the_digest_of_its_data() -> None:
    head = len(entry(b"").encoded())
    fits, long = entry(bytes(ENTRY_CAP - head)), entry(bytes(ENTRY_CAP - head + 1))
    assert (len(fits.encoded()), fits.data_are_hashed) == (ENTRY_CAP, False)
    assert (len(long.encoded()), long.data_are_hashed) == (head - 4 + 32, True)
    assert parse_entry(long.encoded(), long.data) == long
    with pytest.raises(EncodingError, match="not its own"):
        parse_entry(long.encoded(), long.data + b"!")
    with pytest.raises(EncodingError, match="none may follow"):
        parse_entry(fits.encoded(), b"!")
    short = entry(b"ab")
    hashed = short.encoded()[:-7] + b"\1" + hashlib.sha256(b"ab").digest()
    with pytest.raises(EncodingError, match="wrong form"):
        parse_entry(hashed, b"ab")


def test_trees_of_all_small_sizes_agree_with_the_plain_definition_and_two_foreign_verifiers() -> None:
    leaves = [bytes([at]) for at in range(SIZES)]
    tree = GrowingTree(map(leaf_hash, leaves))
    assert tree.root(0) == EMPTY_ROOT
    for size in range(1, SIZES + 1):
        assert tree.root(size) == merkle.root_of(leaves[:size])
        for index in range(size):
            path = tree.inclusion(index, size)
            assert path == merkle.inclusion_path(leaves[:size], index)
            assert root_from(tree.leaf(index), index, size, path) == tree.root(size)
    for old, size in itertools.combinations(range(1, SIZES + 1), 2):
        path, roots = tree.consistency(old, size), (tree.root(old), tree.root(size))
        assert continues(old, roots[0], size, roots[1], path)
        tlog.ConsistencyProof(old, size, list(path)).check(*roots)
        metamorphic_log.verify_consistency(old, size, list(path), *roots)
        assert not continues(old, roots[1], size, roots[0], path)
        assert not continues(old, roots[0], size, roots[1], (*path, bytes(32)))
        assert not continues(old, roots[0], size, roots[1], path[:-1])


def test_a_tree_continues_the_empty_one_and_itself() -> None:
    tree = GrowingTree([bytes(32)] * 3)
    assert continues(0, EMPTY_ROOT, 3, tree.root(), ())
    assert continues(3, tree.root(), 3, tree.root(), ())
    assert not continues(3, tree.root(2), 3, tree.root(), ())
    assert not continues(3, tree.root(), 2, tree.root(2), ())


def note() -> Note:
    text = Checkpoint(origin_of(CONSORTIUM), 5, Digest(b"\x05" * 32)).text()
    log, witness = log_key(CONSORTIUM, LOG.public), witness_key(CONSORTIUM, ACCOUNT, WITNESS.public)
    return Note(text, (sign_log(log, LOG.sign, text), cosign(witness, WITNESS.sign, text, 1_800_000_000)))


def test_a_note_is_read_by_a_foreign_program() -> None:
    made = note()
    log, witness = log_key(CONSORTIUM, LOG.public), witness_key(CONSORTIUM, ACCOUNT, WITNESS.public)
    assert parse_note(made.encoded()) == made
    assert parse_checkpoint(made.text).text() == made.text
    assert log_signed(made.lines[0], log, made.text, verify)
    assert cosigned_at(made.lines[1], witness, made.text, verify) == 1_800_000_000
    assert not log_signed(made.lines[1], log, made.text, verify)
    assert cosigned_at(made.lines[0], witness, made.text, verify) is None
    theirs = tlog.Checkpoint.from_text(made.encoded().decode())
    theirs.verify(signing.Vkey.from_string(log.text()))
    assert len(signing.VkeySet(signing.Vkey.from_string(witness.text())).verify(theirs.signatures, theirs)) == 1
    assert parse_key(log.text()) == log


@pytest.mark.parametrize(
    "change",
    [
        (b"\n\n", b"\n"),
        (b"\xe2\x80\x94", b"-"),
        (b"\n5\n", b"\n05\n"),
        (b"=\n", b"\n"),
        (b"hemaledger/1", b"hemaledger/ 1"),
        (b"\n5\n", b"\n5\nmore\n"),
        (b"\n5\n", b"\n99999999999999999999\n"),
    ],
)
def test_a_note_has_one_form(change: tuple[bytes, bytes]) -> None:
    data = note().encoded().replace(*change)
    with pytest.raises(ProofMalformed):
        parse_checkpoint(parse_note(data).text)


def test_a_key_of_small_order_verifies_nothing() -> None:
    for key in (bytes(32), b"\1" + bytes(31), b"\1" + bytes(30) + b"\x80"):
        assert not verify(key, key + bytes(32), b"anything")
    assert verify(LOG.public, LOG.sign(b"x"), b"x")
    assert not verify(LOG.public[:31], LOG.sign(b"x"), b"x")


def policy(*lines: str) -> str:
    keys = {
        name: witness_key(CONSORTIUM, ACCOUNT, NoteKey.of_seed(name.encode() * 32).public).text() for name in "ABCD"
    }
    return "\n".join(line.format(log=log_key(CONSORTIUM, LOG.public).text(), **keys) for line in lines) + "\n"


def test_a_policy_counts_groups_of_groups() -> None:
    parsed = parse_policy(
        policy(
            "# for people",
            "log {log} https://log.example",
            "witness a {A}\twitness",
            " witness b {B}",
            "witness c {C}",
            "group x 2 a b c",
            "witness d {D}",
            "group y all x d",
            "quorum y",
        ).replace("\twitness", "\thttps://a.example")
    )
    assert [parsed.met_by(set(names)) for names in ("abc", "abd", "acd", "ad", "")] == [False, True, True, False, False]
    assert parsed.smallest_of(["a", "b", "c", "d"]) == ["a", "b", "d"]
    assert parse_policy(parsed.text({"a": "for people"})) == parsed


@pytest.mark.parametrize(
    "lines",
    [
        ("log {log}",),
        ("log {log}", "quorum none", "quorum none"),
        ("log {log}", "log {log}", "quorum none"),
        ("witness none {A}", "quorum none"),
        ("witness a {A}", "witness a {B}", "quorum a"),
        ("witness a {A}", "witness b {A}", "quorum a"),
        ("witness a {log}", "quorum a"),
        ("log {A}", "quorum none"),
        ("group g 1 a", "witness a {A}", "quorum g"),
        ("witness a {A}", "group g 2 a", "quorum g"),
        ("witness a {A}", "group g 0 a", "quorum g"),
        ("witness a {A}", "group g any a a", "quorum g"),
        ("witness a {A}", "group g any", "quorum a"),
        ("quorum a", "witness a {A}"),
        ("else", "quorum none"),
    ],
)
def test_a_policy_that_could_be_read_in_two_ways_is_refused(lines: tuple[str, ...]) -> None:
    with pytest.raises(ProofMalformed):
        parse_policy(policy(*lines))
