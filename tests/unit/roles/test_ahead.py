"""The sum of a frozen set's masked files: the same whenever it was begun, and never of another set."""

from __future__ import annotations

from collections.abc import Collection
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from fl.crypto import masking
from fl.protocol.errors import VaultMissing
from fl.protocol.keys import MemberKey
from fl.protocol.names import Address, Digest
from fl.protocol.round import Phase, Round
from fl.roles.ahead import MaskedSum
from fl.training.quantise import LANES

HOSPITALS = tuple(Address(bytes([number]) * 20) for number in (1, 2, 3))
D = 5


def frozen(phase: Phase = Phase.AGREE, hospitals: tuple[Address, ...] = HOSPITALS, *, masked: bool = True) -> Round:
    terms = SimpleNamespace(parameters=D)
    digest = Digest(bytes([len(hospitals)]) * 32)
    found = SimpleNamespace(
        masked=masked, phase=phase, hospitals=hospitals, terms=terms, context=b"c" * 32, set_digest=digest
    )
    return cast("Round", found)


def nothing(_current: Round) -> masking.Masked:
    return np.zeros(D + LANES, np.uint32)


class Files:
    """Masked files by hospital: all words are the first byte of the account."""

    def __init__(self) -> None:
        self.opened: list[Address] = []
        self.missing: set[Address] = set()
        self.sum = MaskedSum(nothing, self.open, self.add)

    def open(self, _current: Round, hospital: Address, _due: Collection[MemberKey]) -> bytes:
        if hospital in self.missing:
            raise VaultMissing(Digest(bytes(32)))
        self.opened.append(hospital)
        return np.full(D + LANES, hospital[0], "<u4").tobytes()

    @staticmethod
    def add(total: masking.Masked, body: bytes) -> None:
        masking.accumulate(total, masking.from_bytes(body, total.size))


@pytest.mark.parametrize("steps", [0, 1, 2, 3, 5])
def test_the_sum_is_the_same_however_much_was_added_before(steps: int) -> None:
    files = Files()
    assert [files.sum.step(frozen()) for _ in range(steps)] == [True, True, True, False, False][:steps]
    assert files.sum.take(frozen(Phase.PROPOSED)).tolist() == [6] * (D + LANES)
    assert files.opened == list(HOSPITALS)


def test_a_second_sum_starts_anew() -> None:
    files = Files()
    first = files.sum.take(frozen())
    first += 1
    assert files.sum.take(frozen()).tolist() == [6] * (D + LANES)


def test_what_was_added_for_another_set_does_not_count() -> None:
    files = Files()
    files.sum.step(frozen())
    assert files.sum.take(frozen(hospitals=HOSPITALS[1:])).tolist() == [5] * (D + LANES)


@pytest.mark.parametrize("phase", [each for each in Phase if each not in (Phase.AGREE, Phase.UNMASK)])
def test_nothing_is_added_before_the_set_is_frozen_or_after_the_proposal(phase: Phase) -> None:
    files = Files()
    assert not files.sum.step(frozen(phase))
    assert not files.sum.step(frozen(masked=False))
    assert files.opened == []


def test_a_file_that_cannot_be_used_waits_for_its_turn_and_says_why() -> None:
    files = Files()
    files.missing = {HOSPITALS[1]}
    assert [files.sum.step(frozen()) for _ in range(3)] == [True, False, False]
    with pytest.raises(VaultMissing):
        files.sum.take(frozen())
    files.missing = set()
    assert files.sum.take(frozen()).tolist() == [6] * (D + LANES)


def test_a_mistake_of_the_program_is_not_hidden() -> None:
    broken = MaskedSum(nothing, lambda _round, _hospital, _due: b"", lambda _total, _body: cast("None", 1 / 0))
    with pytest.raises(ZeroDivisionError):
        broken.step(frozen())
