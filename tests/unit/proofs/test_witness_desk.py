"""A witness's answers, status by status, over a ledger in memory; and what it remembers."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fl.crypto.note_keys import verify
from fl.events import Event
from fl.protocol.errors import CheckpointEarly, CheckpointForged, JournalUnreadable, ProofMalformed, WitnessForgot
from fl.protocol.names import NO_DIGEST, Digest
from fl.protocol.tlog.checkpoint import Checkpoint, log_key, parse_checkpoint
from fl.protocol.tlog.notes import Note, cosigned_at, parse_note, sign_log
from fl.protocol.tlog.witness_call import SIZE_TYPE, AddCheckpoint, parse_add
from fl.roles.witness import Answer
from fl.storage.witness_state import FILE, FolderWitnessState
from tests.support.log_world import CONSORTIUM, COORDINATOR, KEYS, T0, Watched, World


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(World(tmp_path))


def signed(size: int, root: bytes) -> Note:
    """Return any checkpoint with the log's signature: a log that lies."""
    text = Checkpoint(f"hemaledger/{CONSORTIUM.hex()}", size, Digest(root)).text()
    private = KEYS[COORDINATOR]
    return Note(text, (sign_log(log_key(CONSORTIUM, private.public), private.sign, text),))


def test_it_answers_200_with_its_line_and_shows_the_newest(watched: Watched) -> None:
    assert watched.desk.newest() is None
    first = watched.grow()
    answer = watched.ask(first, 0)
    assert answer.status == 200
    lines = parse_note(first.text + b"\n" + answer.body).lines
    assert [cosigned_at(line, watched.desk.key, first.text, verify) for line in lines] == [T0 + 5]
    second, old = watched.grow(), parse_checkpoint(first.text).size
    assert watched.ask(second, old).status == 200
    shown = watched.desk.newest()
    assert shown is not None
    assert shown.text == second.text
    assert len(shown.lines) == 2
    assert watched.ask(second, parse_checkpoint(second.text).size).status == 200, "the same one again"


def test_it_refuses_with_the_status_that_c2sp_names(watched: Watched) -> None:
    first = watched.grow()
    size = parse_checkpoint(first.text).size
    assert watched.desk.add(b"old 0\n").status == 400
    assert watched.ask(first, size + 1).status == 400
    strange = replace(first, text=Checkpoint("example.com/log", 3, NO_DIGEST).text())
    assert watched.ask(strange, 0).status == 404
    unsigned = replace(first, lines=(replace(first.lines[0], payload=bytes(64)),))
    assert watched.ask(unsigned, 0).status == 403
    assert watched.ask(first, 0).status == 200
    second = watched.grow()
    stale = watched.ask(second, size - 1)
    assert (stale.status, stale.body, stale.type) == (409, f"{size}\n".encode(), SIZE_TYPE)
    assert watched.ask(second, size, proof_from=size - 1).status == 422
    assert watched.disputed == [], "a wrong proof alone shows nothing about the log"


def test_a_log_with_two_histories_is_refused_and_its_note_is_kept(watched: Watched) -> None:
    first = watched.grow()
    size = parse_checkpoint(first.text).size
    forged = signed(size, b"\x07" * 32)
    assert watched.ask(forged, 0, proof_from=0).status == 422
    assert watched.ask(first, 0).status == 200
    assert watched.ask(forged, size).status == 409
    assert watched.disputed == [forged, forged]
    assert Event.ALARM in watched.events


def test_what_is_not_replayed_or_not_recorded_waits(watched: Watched) -> None:
    watched.world.view.refresh()
    size = len(watched.world.view.tree)
    early = watched.ask(signed(size + 40, b"\x07" * 32), 0, proof_from=0)
    assert (early.status, early.retry_s > 0) == (503, True)
    assert watched.ask(watched.world.signed(), 0).status == 503
    assert watched.desk.newest() is None


def test_a_request_from_strangers_reads_nothing_from_the_chain(watched: Watched) -> None:
    note = watched.grow()
    unsigned = replace(note, lines=(replace(note.lines[0], payload=bytes(64)),))
    before = len(watched.desk.replayed.log.entries)
    watched.ask(unsigned, 0)
    assert len(watched.desk.replayed.log.entries) == before
    watched.ask(note, 0)
    assert len(watched.desk.replayed.log.entries) > before


def test_of_many_requests_at_once_no_size_ever_sinks(watched: Watched) -> None:
    notes = [watched.grow() for _ in range(3)]
    answers: list[Answer] = []
    threads = [
        threading.Thread(target=lambda note=note: answers.append(watched.ask(note, 0)))
        for note in [*notes, *notes, *notes]
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted({answer.status for answer in answers}) in ([200, 409], [200, 409, 503], [200, 503])
    shown = watched.desk.newest()
    assert shown is not None
    assert shown.text == notes[-1].text


def test_after_a_backup_it_signs_nothing_before_others_showed_what_it_signed(watched: Watched, tmp_path: Path) -> None:
    note = watched.grow()
    line = parse_note(note.text + b"\n" + watched.ask(note, 0).body).lines[0]
    (tmp_path / FILE).unlink()
    assert watched.ask(note, 0).status == 503
    with pytest.raises(WitnessForgot):
        watched.desk.cosign(note)
    shown = [Note(note.text, (*note.lines, line)), signed(2, b"\x01" * 32), replace(note, lines=(line,))]
    state = FolderWitnessState(tmp_path, "alpha")
    state.remember(watched.desk.largest(shown))
    assert watched.desk.newest() == Note(note.text, (*note.lines, line))
    assert watched.ask(note, 0).status == 409
    state.remember(None)
    assert state.newest() is not None, "what is remembered stays"


def test_after_a_backup_a_shorter_or_other_chain_is_never_signed(watched: Watched, tmp_path: Path) -> None:
    note = watched.grow()
    size = parse_checkpoint(note.text).size
    for shown, error in (
        (signed(size + 50, b"\x07" * 32), CheckpointEarly),
        (signed(3, b"\x07" * 32), CheckpointForged),
    ):
        (tmp_path / FILE).unlink()
        FolderWitnessState(tmp_path, "alpha").remember(watched.desk.largest([shown]))
        with pytest.raises(error):
            watched.desk.cosign(note)


def test_a_damaged_state_is_named(watched: Watched, tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"half a no")
    note = watched.grow()
    assert watched.ask(note, 0).status == 503
    with pytest.raises(JournalUnreadable):
        watched.desk.cosign(note)


@pytest.fixture(scope="module")
def request_bytes(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    watched = Watched(World(tmp_path_factory.mktemp("requests")))
    first, second = watched.grow(), watched.grow()
    old = parse_checkpoint(first.text).size
    tree = watched.world.view.tree
    return AddCheckpoint(old, tree.consistency(old, parse_checkpoint(second.text).size), second).encoded()


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_a_request_has_one_form(request_bytes: bytes, data: st.DataObject) -> None:
    parsed = parse_add(request_bytes)
    assert parsed.encoded() == request_bytes
    at, bit = data.draw(st.integers(0, len(request_bytes) - 1)), data.draw(st.integers(0, 7))
    changed = bytearray(request_bytes)
    changed[at] ^= 1 << bit
    with suppress(ProofMalformed):
        other = parse_add(bytes(changed))
        assert other != parsed
        assert other.encoded() == bytes(changed)
