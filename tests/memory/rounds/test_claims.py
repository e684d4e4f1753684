"""Hospitals that claim what they cannot have, in real masked and sealed rounds: no model, and the bound is named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from fl.crypto.envelope import seal
from fl.crypto.envelope_form import Core, Kind
from fl.crypto.hpke_keys import PrivateKey
from fl.protocol.names import Blob, Digest
from fl.protocol.rounds.round import Phase
from fl.replay.expected_files import masked_recipients
from fl.training.aggregation.quantise import to_bytes
from tests.support.federation import memory_folder, settle
from tests.support.masked_world import NAMES, Four, forger, rest, step
from tests.support.world import World, audit, opened, own_body, sealed, send


@pytest.fixture
def four(tmp_path: Path) -> Iterator[Four]:
    with memory_folder(tmp_path) as folder:
        yield Four(folder)


LIES = pytest.mark.parametrize(
    ("lane", "claim", "what"),
    [
        (-4, 2**21 - 1, "weight"),
        (-4, -300, "weight"),
        (-4, -319, "weight"),
        (-3, 10**6, "correct"),
        (-3, -400, "correct"),
        (-2, -(10**6), "samples"),
        (-2, 2**21 - 1, "weight"),
        (-1, -(2**20), "loss"),
        (0, 2**31 - 2**20, "value"),
        (None, 2**22 + 2**21, "L2"),
    ],
)
"""What is added to which word of beta's masked update (None: to all but its lanes), mod 2^32, and what it breaks."""


def lying(world: Four, lane: int | None, claim: int) -> Callable[[Core, bytes, PrivateKey], Blob]:
    def reseal(core: Core, body: bytes, _key: PrivateKey) -> Blob:
        words = np.frombuffer(body, "<u4").copy()
        where = slice(-4) if lane is None else slice(lane, lane + 1 or None)
        words[where] += np.uint32(claim % 2**32)
        return seal(core, masked_recipients(world.current, world.federation.book), words.tobytes())

    return reseal


def names(reason: str, what: str) -> bool:
    if what == "L2":
        return reason.startswith("NormExceeded: The aggregate has an L2 norm")
    return reason.startswith(f"SumOutOfBounds: The sum of 4 hospitals has a {what} of")


@LIES
def test_a_masked_sum_that_honest_hospitals_cannot_give_makes_no_model(
    four: Four, lane: int | None, claim: int, what: str
) -> None:
    boss, liar = four.boss(), forger(four, "beta", Kind.MASKED, lying(four, lane, claim))
    hospitals = [liar, *four.hospitals("alpha", "gamma", "delta")]
    ended = four.until(Phase.ABORTED, boss, *hospitals, four.auditor())
    assert names(ended.reason, what), ended.reason
    assert ended.proposal is None
    report = audit(four)
    assert any(note.startswith("Round 1 made no model. ") and names(note[23:], what) for note in report.notes)


@LIES
def test_a_coordinator_that_proposes_such_a_sum_gets_no_attestation(
    four: Four, lane: int | None, claim: int, what: str
) -> None:
    boss, liar = four.boss(), forger(four, "beta", Kind.MASKED, lying(four, lane, claim))
    hospitals = [liar, *four.hospitals("alpha", "gamma", "delta")]
    four.until(Phase.UNMASK, boss, *hospitals)
    while len(four.current.revealed) < 3:
        for hospital in hospitals:
            step(hospital)
    model = four.honest_model()
    four.propose(Digest(b"\x07" * 32), four.seal_model(model))
    rest(*hospitals, four.auditor())
    assert four.current.attestations == {}
    for name in (*NAMES, "auditor"):
        assert four.refusals(name)
    reported = four.refusals("alpha") + four.refusals("auditor")
    assert all(("L2 norm" if what == "L2" else f"has a {what} of") in reason for reason in reported)
    (finding,) = [found for found in audit(four).findings if found.subject == "aggregate"]
    assert names(f"{finding.name}: {finding.sentence}", what)
    assert finding.round == 1


@pytest.mark.parametrize(
    ("lanes", "what"),
    [
        ((0, 80, 104, 0), "weight"),
        ((1024, 80, 104, 0), "weight"),
        ((104, 105, 104, 0), "correct"),
        ((104, 80, 104, -1), "loss"),
    ],
)
def test_in_a_sealed_round_who_claims_too_much_is_left_out_by_name(
    world: World, lanes: tuple[int, ...], what: str
) -> None:
    coordinator, beta = opened(world, 1), world.party("beta")
    settle(*world.hospitals("alpha", "gamma"))
    words = np.frombuffer(own_body(beta), "<i4").copy()
    words[-4:] = lanes
    send(world, beta, sealed(world, beta, to_bytes(words)))
    settle(coordinator, world.auditor())
    assert world.phases() == ["FINAL"]
    assert beta.account not in world.current.hospitals
    (note,) = [note for note in audit(world).notes if "the set does not include" in note]
    assert "update of beta" in note
    assert f"ClaimOutOfBounds: The update claims a {what} of" in note


def test_an_audit_reports_the_claims_of_each_round_and_the_most_that_can_be_claimed(world: World) -> None:
    world.run()
    report = audit(world)
    sums = report.sums[1]
    assert (sums["weight"], sums["samples"], sums["hospitals"]) == (314, 314, 3)
    assert sums["most_weight"] == 314
    assert {name: claims["weight"] for name, claims in report.claims[1].items()} == {
        "alpha": 105,
        "beta": 104,
        "gamma": 105,
    }


def test_a_masked_round_shows_the_claims_of_all_together_only(four: Four) -> None:
    four.until(Phase.FINAL, four.boss(), *four.hospitals(*NAMES), four.auditor())
    report = audit(four)
    assert report.sums[1]["weight"] == 419
    assert report.claims[1] == {}
