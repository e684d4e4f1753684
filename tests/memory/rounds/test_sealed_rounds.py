"""Sealed rounds over the in-memory ledger: they end right, and whatever is wrong is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fl.audit.access import AuditKey
from fl.audit.consortium import Audit
from fl.protocol.audit import Report
from fl.protocol.rounds.round import Phase
from fl.replay.ledger_view import Keyring
from fl.roles.hospital.background_training import TrainingJob
from tests.support.federation import CONFIG, Consortium, endorser, found, initial, memory_connect, nudge, run_all


@pytest.fixture
def consortium(tmp_path: Path) -> Consortium:
    return found(tmp_path, memory_connect())


def audit(consortium: Consortium, *, with_key: bool = True) -> Report:
    party = consortium.auditor
    key = AuditKey(party.account, Keyring(party.keys)) if with_key else None
    ledger = consortium.operator
    report, _ = Audit(ledger.anchor, consortium.vault, key, endorser()).run(ledger.replay(), lambda _done, _of: None)
    return report


def run_rounds(consortium: Consortium, rounds: int) -> None:
    coordinator, auditor, hospitals = consortium.agents(consortium.plan(rounds))
    run_all(coordinator, [auditor, *hospitals])


def test_two_rounds_become_final_and_the_audit_is_clean(consortium: Consortium) -> None:
    run_rounds(consortium, 2)
    report = audit(consortium)
    assert report.findings == []
    assert report.checks["aggregates"] == 2
    assert report.checks["models"] == 3
    assert report.checks["files"] == 9


def test_the_model_is_the_weighted_mean_of_what_the_hospitals_learned(consortium: Consortium) -> None:
    run_rounds(consortium, 1)
    coordinator, _, _ = consortium.agents(consortium.plan(1))
    federation = coordinator.view.refresh()
    start = initial()
    learned = [nudge(party.name)(TrainingJob(1, start.vector, CONFIG)) for party in consortium.hospitals]
    weights = [metrics.samples for _, metrics in learned]
    mean = np.average([vector.astype(np.float64) for vector, _ in learned], axis=0, weights=weights)
    model = coordinator._reader.model(federation.source, start.manifest)
    assert federation.rounds[-1].phase == Phase.FINAL
    assert np.abs(model - mean).max() < 2 * CONFIG.clip / 2**21 * CONFIG.w_max / 100
