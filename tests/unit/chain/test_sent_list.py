"""A monitor knows what its own program sent, also after a crash in the middle of a line."""

from pathlib import Path

from chain.transactions import sent_list


def test_a_transaction_is_foreign_only_if_the_list_would_have_it(tmp_path: Path) -> None:
    folder = tmp_path / "sending"
    assert not sent_list.read(folder).lacks(b"\1" * 32, lambda: 5), "an empty list knows nothing"
    for nonce in (3, 4, 4):
        sent_list.note(folder, nonce, bytes([nonce]) * 32)
    own = sent_list.read(folder)
    assert own.first == 3
    assert not own.lacks(b"\3" * 32, lambda: 3)
    assert own.lacks(b"\5" * 32, lambda: 3)
    assert own.lacks(b"\5" * 32, lambda: 9)
    assert not own.lacks(b"\5" * 32, lambda: 2), "it was sent before the list began"


def test_a_line_that_a_crash_cut_is_skipped(tmp_path: Path) -> None:
    sent_list.note(tmp_path, 1, b"\1" * 32)
    path = tmp_path / sent_list.NAME
    path.write_bytes(path.read_bytes() + b"\n2 0202")
    assert sent_list.read(tmp_path).hashes == {b"\1" * 32}
    sent_list.note(tmp_path, 3, b"\3" * 32)
    assert sent_list.read(tmp_path).hashes == {b"\1" * 32, b"\3" * 32}, "what is sent after the crash is known"
    path.write_bytes(b"1 " + b"01" * 32 + b"\n\0\xff x\n2 " + b"02" * 32 + b"\n")
    assert sent_list.read(tmp_path).hashes == {b"\1" * 32, b"\2" * 32}, "a list of an earlier version"
