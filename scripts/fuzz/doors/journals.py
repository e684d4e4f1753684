"""Damaged files on a member's own disk: the chain's journal and a role's journal."""

from __future__ import annotations

import shutil
from pathlib import Path

from chain.embedded.journal import HEADS, JOURNAL, BlockJournal, Transaction
from fl.storage.journal import SqliteJournal
from scripts.fuzz._door import Door, refuses_well

KINDS = 3
"""The first byte of an input chooses the file for the rest: journal, heads, or a role's database."""


def open_door(folder: Path) -> Door:
    """Return the door; the seeds are good files of each kind."""
    shutil.rmtree(folder / "good", ignore_errors=True)
    good = folder / "good"
    good.mkdir(parents=True)
    _write_chain(good)
    promises = SqliteJournal(good / "role.sqlite")
    promises.once("key", b"value")
    promises.close()
    files = (JOURNAL, HEADS, "role.sqlite")
    seeds = [bytes([kind]) + (good / name).read_bytes() for kind, name in enumerate(files)]
    work = folder / "work"

    def knock(data: bytes) -> None:
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(good, work)
        kind = data[0] % KINDS if data else 0
        (work / files[kind]).write_bytes(data[1:])
        refuses_well(lambda: BlockJournal(work) if kind < KINDS - 1 else _use(work / files[kind]))

    return Door(knock, seeds)


def _write_chain(folder: Path) -> None:
    journal = BlockJournal(folder)
    journal.found(31337, "0x" + "11" * 32)
    for number in (1, 2, 3):
        journal.append(Transaction(number, 1_800_000_000 + number, bytes(range(number, number + 40))))
        journal.seal("0x" + bytes([number] * 32).hex())


def _use(path: Path) -> None:
    journal = SqliteJournal(path)
    try:
        journal.get("key")
        journal.once("another", b"promise")
        journal.erase("another")
    finally:
        journal.close()
