"""Wide rounds on a real chain: eight transactions for any number of hospitals, final, and audited without findings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from chain.embedded.chain import DevChain, DevChainSettings
from fl.audit.access import AuditKey
from fl.audit.consortium import Audit
from fl.protocol.audit import Report
from fl.protocol.names import Protection
from fl.protocol.rounds.round import Phase
from fl.replay.ledger_view import Keyring, LedgerView
from fl.roles.coordinator.plan import Plan, WidePlan
from tests.support.federation import Clock, Consortium, endorser, found, settle
from tests.support.wide import WideTown

PROJECT = Path(__file__).resolve().parents[2]
WIDE = [
    "WideRoundOpened",
    "StepsAnchored",
    "StepsAnchored",
    "StepsAnchored",
    "StepsAnchored",
    "StepsAnchored",
    "WideProposed",
    "WideFinalised",
]


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory, clock: Clock) -> Iterator[DevChain]:
    with DevChain(DevChainSettings(PROJECT, tmp_path_factory.mktemp("chain"), clock, port=0)) as running:
        yield running


def wide_plan(consortium: Consortium) -> Plan:
    plan = replace(consortium.plan(1), protection=Protection.MASKED, step_timeout_s=60)
    return replace(plan, min_commitments=3, wide=WidePlan(above=3, degree=3, threshold=3))


def audited(town: WideTown, consortium: Consortium) -> Report:
    key = AuditKey(consortium.auditor.account, Keyring(consortium.auditor.keys))
    audit = Audit(town.anchor, town.vault, key, endorser())
    return audit.run(town.reader().replay(), lambda _done, _of: None)[0]


def test_a_wide_round_of_four_is_final_with_eight_transactions(chain: DevChain, clock: Clock, tmp_path: Path) -> None:
    town = WideTown(chain.url, tmp_path)
    consortium = found(tmp_path, town.connect, hospitals=4, now=clock)
    before = len(town.sent)
    coordinator, auditor, hospitals = consortium.agents(wide_plan(consortium))
    settle(coordinator, auditor, *hospitals)
    federation = LedgerView(town.reader()).refresh()
    assert [each.phase for each in federation.rounds] == [Phase.FINAL]
    assert federation.rounds[0].wide is not None
    assert [name for name, _ in town.sent[before:] if name != "FederationOpened"] == WIDE
    report = audited(town, consortium)
    assert report.findings == []
    assert report.checks["aggregates"] == 1
