"""A coordinator goes back to an earlier model: which model is current, and which rounds it does not come from."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from fl.protocol.errors import ModelDigestMismatch, WrongPhase, WrongRole
from fl.protocol.federation import fold
from fl.protocol.names import Digest
from fl.protocol.records import (
    FederationOpened,
    LedgerHandedOver,
    ModelAttested,
    ModelGranted,
    ModelProposed,
    ModelReverted,
    RoundAborted,
    RoundFinalised,
)
from fl.protocol.rounds.round import Phase
from tests.support.protocol.scene import (
    AUDITOR,
    CONTRACT,
    COORDINATOR,
    ENVELOPE,
    H1,
    HOSPITALS,
    MANIFEST,
    MODEL_0,
    OPERATOR,
    REPORT,
    SUCCESSOR,
    Log,
    at,
    commit,
    federation,
    frozen,
    opened,
)


def model(number: int) -> Digest:
    return MODEL_0 if number == 0 else Digest(hashlib.sha256(b"m%d" % number).digest())


def train(log: Log, *, final: bool = True) -> int:
    """Play one sealed round from the current model; return its number."""
    number = log.federation.last_round + 1
    log.add(opened(number, log.federation.model_digest), *(commit(hospital, number) for hospital in HOSPITALS))
    if not final:
        log.add(RoundAborted(COORDINATOR, number, "it failed"))
        return number
    log.add(frozen(number=number, contract=log.contract), ModelProposed(COORDINATOR, number, model(number), ENVELOPE))
    log.add(ModelAttested(AUDITOR, number, model(number), REPORT), RoundFinalised(COORDINATOR, number, model(number)))
    return number


def back(log: Log, number: int) -> None:
    log.add(ModelReverted(COORDINATOR, number, model(number)))


def hand_over(log: Log) -> None:
    now = log.federation
    log.add(LedgerHandedOver(OPERATOR, SUCCESSOR))
    log.contract = SUCCESSOR
    log.add(FederationOpened(COORDINATOR, CONTRACT, now.last_round, now.model_digest, ENVELOPE, MANIFEST))


def test_the_next_round_starts_from_the_model_to_which_the_coordinator_went_back() -> None:
    log = federation()
    for _ in range(3):
        train(log)
    back(log, 1)
    now = log.federation
    assert (now.model_digest, now.source, now.final_round) == (model(1), now.rounds[0], now.rounds[0])
    assert now.superseded == {2, 3}
    fourth = train(log)
    now = log.federation
    assert now.source_of(now.round(fourth)) is now.rounds[0]
    assert now.final_before(now.round(fourth)) is now.rounds[0]
    assert now.source is now.round(fourth)
    assert now.superseded == {2, 3}
    assert [each.number for each in now.lineage.ancestors()] == [4, 1]
    assert now.source_of(now.round(3)) is now.rounds[1], "what an earlier round started from does not change"


def test_the_first_model_of_all_has_no_round() -> None:
    log = federation()
    train(log)
    back(log, 0)
    now = log.federation
    assert (now.model_digest, now.source, now.final_round) == (MODEL_0, now.opening, None)
    assert now.untrained
    assert now.superseded == {1}


def test_a_successor_goes_on_from_there_and_goes_back_to_a_round_of_its_predecessor() -> None:
    log = federation()
    train(log)
    train(log)
    back(log, 1)
    hand_over(log)
    now = log.federation
    assert (now.model_digest, now.source, now.final_round) == (model(1), now.opening, now.rounds[0])
    assert now.superseded == {2}
    train(log)
    back(log, 2)
    now = log.federation
    assert (now.source, now.model_digest) == (now.rounds[1], model(2))
    assert now.superseded == {3}
    fourth = train(log)
    assert log.federation.source_of(log.federation.round(fourth)) is now.rounds[1]


def test_only_the_coordinator_goes_back_and_only_to_the_right_model_of_a_final_round() -> None:
    log = at(Phase.FINAL)
    log.contract = CONTRACT
    digest = log.federation.model_digest
    log.refuses(ModelReverted(H1, 0, MODEL_0), WrongRole)
    log.refuses(ModelReverted(COORDINATOR, 0, digest), ModelDigestMismatch, {"expected": MODEL_0, "actual": digest})
    aborted = federation()
    train(aborted, final=False)
    aborted.refuses(ModelReverted(COORDINATOR, 1, MODEL_0), WrongPhase, {"round": 1, "phase": Phase.ABORTED})


def test_a_model_is_granted_again_after_the_return() -> None:
    log = federation()
    train(log)
    back(log, 0)
    log.add(ModelGranted(COORDINATOR, H1, 1, MODEL_0, REPORT))
    log.refuses(ModelGranted(COORDINATOR, H1, 1, model(1), REPORT), ModelDigestMismatch)


@given(st.lists(st.one_of(st.just("train"), st.just("abort"), st.just("hand over"), st.integers(0, 8)), max_size=12))
def test_what_is_superseded_is_what_a_walk_from_the_current_model_does_not_meet(plan: list[str | int]) -> None:
    """The model's parents are noted here as the rounds come, and compared."""
    log, parents, current, moved = federation(), {0: -1}, 0, False
    for what in plan:
        if what in ("train", "abort"):
            number = train(log, final=what == "train")
            if what == "train":
                parents[number], current = current, number
        elif isinstance(what, int) and what in parents:
            back(log, what)
            current = what
        elif what == "hand over" and not moved:
            hand_over(log)
            moved = True
    walk, here = set(), current
    while here > 0:
        walk.add(here)
        here = parents[here]
    now = log.federation
    assert now.model_digest == model(current)
    assert now.superseded == parents.keys() - walk - {0}
    assert {each.number for each in now.lineage.ancestors()} == walk
    again = fold(Log().federation, log.entries)
    assert (again.model_digest, again.superseded) == (now.model_digest, now.superseded)
