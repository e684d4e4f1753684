"""The newest note of each witness: sizes never sink, damaged files count as none, several threads may write."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fl.crypto.note_keys import NoteKey
from fl.protocol.errors import ProofMalformed
from fl.protocol.names import Address, Digest
from fl.protocol.tlog.checkpoint import Checkpoint, origin_of, witness_key
from fl.protocol.tlog.notes import Note, cosign
from fl.storage.cosigned_notes import CosignedNotes

CONSORTIUM = bytes(range(32))
ALPHA, BETA = Address(b"\x11" * 20), Address(b"\x22" * 20)


def note_of(account: Address, size: int, time: int, root: int = 0) -> Note:
    private = NoteKey.of_seed(account[:1] * 32)
    text = Checkpoint(origin_of(CONSORTIUM), size, Digest(bytes([root]) * 32)).text()
    return Note(text, (cosign(witness_key(CONSORTIUM, account, private.public), private.sign, text, time),))


@settings(max_examples=60, deadline=None)
@given(seen=st.lists(st.tuples(st.integers(1, 4), st.integers(0, 3), st.integers(0, 1)), max_size=8))
def test_sizes_never_sink_nor_times_at_one_size_and_the_first_root_stays(
    tmp_path_factory: pytest.TempPathFactory, seen: list[tuple[int, int, int]]
) -> None:
    notes = CosignedNotes(tmp_path_factory.mktemp("home") / "log" / "cosigned")
    best: tuple[int, int, int] | None = None
    for size, time, root in seen:
        better = best is None or size > best[0] or (size == best[0] and root == best[2] and time >= best[1])
        assert notes.put(ALPHA, note_of(ALPHA, size, time, root)) == better
        best = (size, time, root) if better else best
    found = {
        account: (each.checkpoint.size, each.time, each.checkpoint.root[0]) for account, each in notes.all().items()
    }
    assert found == ({ALPHA: best} if best else {})


def test_a_note_needs_the_witness_s_line_and_a_damaged_file_counts_as_none(tmp_path: Path) -> None:
    notes = CosignedNotes(tmp_path / "cosigned")
    with pytest.raises(ProofMalformed):
        notes.put(BETA, note_of(ALPHA, 3, 1))
    notes.put(ALPHA, note_of(ALPHA, 3, 1))
    notes.put(BETA, note_of(BETA, 4, 1))
    (tmp_path / "cosigned" / f"{ALPHA.hex()}.note").write_bytes(b"half a no")
    (tmp_path / "cosigned" / "other.note").write_bytes(note_of(ALPHA, 9, 1).encoded())
    assert set(notes.all()) == {BETA}
    assert notes.put(ALPHA, note_of(ALPHA, 2, 1))


def test_many_writers_leave_the_largest(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda size: CosignedNotes(tmp_path).put(ALPHA, note_of(ALPHA, size, 1)), range(40, 0, -1)))
    assert CosignedNotes(tmp_path).all()[ALPHA].checkpoint.size == 40
