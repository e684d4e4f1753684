"""The sum of a frozen set's masked files: the same whenever it was begun, and never of another set."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from fl.protocol.codec import sha256
from fl.protocol.errors import HemaledgerError, StaleRound, UpdateUnusable, VaultMissing
from fl.protocol.keys.members import MemberKey
from fl.protocol.names import Address, Digest, Protection
from fl.protocol.rounds.round import Phase, Round
from fl.replay.file_reader import FileReader
from fl.replay.round_sum import RoundSum
from fl.storage.vault import FolderVault
from fl.training.aggregation.quantise import LANES
from tests.support.federation import CONFIG

HOSPITALS = tuple(Address(bytes([number]) * 20) for number in (1, 2, 3))
D = 5


def frozen(phase: Phase = Phase.AGREE, hospitals: tuple[Address, ...] = HOSPITALS, *, masked: bool = True) -> Round:
    protection = Protection.MASKED if masked else Protection.SEALED
    terms = SimpleNamespace(parameters=D, config_digest=sha256(CONFIG.to_bytes()), protection=protection)
    digest = Digest(bytes([len(hospitals)]) * 32)
    found = SimpleNamespace(
        masked=masked,
        phase=phase,
        hospitals=hospitals,
        roster=hospitals,
        terms=terms,
        context=b"c" * 32,
        set_digest=digest,
        frozen=object(),
    )
    return cast("Round", found)


class Files:
    """Masked files by hospital: all words are the first byte of the account."""

    def __init__(self, vault: FolderVault) -> None:
        vault.put(CONFIG.to_bytes())
        self.opened: list[Address] = []
        self.missing: set[Address] = set()
        self.late: set[Address] = set()
        """Hospitals whose second part is missing."""
        self.wrong: dict[Address, HemaledgerError | ZeroDivisionError] = {}
        self.sum = RoundSum(cast("FileReader", self), vault)

    def masked(
        self, _current: Round, hospital: Address, _due: Collection[MemberKey], first: int
    ) -> Iterator[tuple[slice, bytes]]:
        if hospital in self.missing:
            raise VaultMissing(Digest(bytes(32)))
        if hospital in self.wrong:
            raise self.wrong[hospital]
        self.opened.append(hospital)
        for part in (slice(0, D), slice(D, D + LANES))[first:]:
            if part.start and hospital in self.late:
                raise VaultMissing(Digest(bytes(32)))
            yield part, np.full(part.stop - part.start, hospital[0], "<u4").tobytes()

    def take(self, current: Round) -> list[int]:
        words: list[int] = self.sum.take(current).words.tolist()
        return words


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(FolderVault(tmp_path))


@pytest.mark.parametrize("steps", [0, 1, 2, 3, 5])
def test_the_sum_is_the_same_however_much_was_added_before(files: Files, steps: int) -> None:
    assert [files.sum.step(frozen()) for _ in range(steps)] == [True, True, True, False, False][:steps]
    assert files.take(frozen(Phase.PROPOSED)) == [6] * (D + LANES)
    assert files.opened == list(HOSPITALS)


def test_a_second_sum_starts_anew(files: Files) -> None:
    first = files.sum.take(frozen()).words
    first += 1
    assert files.take(frozen()) == [6] * (D + LANES)


def test_what_was_added_for_another_set_does_not_count(files: Files) -> None:
    files.sum.step(frozen())
    assert files.take(frozen(hospitals=HOSPITALS[1:])) == [5] * (D + LANES)


@pytest.mark.parametrize("phase", [each for each in Phase if each not in (Phase.AGREE, Phase.UNMASK)])
def test_nothing_is_added_before_the_set_is_frozen_or_after_the_proposal(files: Files, phase: Phase) -> None:
    assert not files.sum.step(frozen(phase))
    assert not files.sum.step(frozen(masked=False))
    assert files.opened == []


def test_a_file_that_cannot_be_used_waits_for_its_turn_and_says_why(files: Files) -> None:
    files.missing = {HOSPITALS[1]}
    assert [files.sum.step(frozen()) for _ in range(3)] == [True, False, False]
    with pytest.raises(VaultMissing):
        files.sum.take(frozen())
    files.missing = set()
    assert files.take(frozen()) == [6] * (D + LANES)


def test_a_part_that_was_added_is_not_added_again_and_a_half_file_never_counts(files: Files) -> None:
    files.late = {HOSPITALS[1]}
    for _ in range(2):
        with pytest.raises(VaultMissing):
            files.sum.take(frozen())
    assert files.take(frozen(hospitals=(HOSPITALS[0], HOSPITALS[2]))) == [4] * (D + LANES)
    with pytest.raises(VaultMissing):
        files.sum.take(frozen())
    files.late = set()
    assert files.take(frozen()) == [6] * (D + LANES)


def test_a_mistake_of_the_program_is_not_hidden(files: Files) -> None:
    files.wrong = {HOSPITALS[0]: ZeroDivisionError()}
    with pytest.raises(ZeroDivisionError):
        files.sum.step(frozen())


def test_what_is_wrong_with_a_file_names_its_hospital(files: Files) -> None:
    files.wrong = {HOSPITALS[1]: StaleRound(1, 2)}
    with pytest.raises(UpdateUnusable) as refusal:
        files.sum.take(frozen())
    assert refusal.value.facts() == {"hospital": HOSPITALS[1], "cause": files.wrong[HOSPITALS[1]]}
