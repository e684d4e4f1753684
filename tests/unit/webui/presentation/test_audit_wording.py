"""The words of an audit and of a comparison on the site's pages."""

from __future__ import annotations

import pytest

from fl.protocol.audit import Finding
from webui.federation.audits import leaves_of
from webui.ports.federation import AuditSummary
from webui.presentation.audit_wording import difference_name, difference_value, verdict_of
from webui.usecases.lineage import Difference

WRONG = Finding("digest_mismatch", 3, "update of alpha", "It differs.")


@pytest.mark.parametrize(
    ("findings", "alarms", "notes", "said"),
    [
        ((), (), (), "Nothing was found: every record, file and model is what the ledger says."),
        ((), (), ("x",), "Nothing was found in what was checked; the notes say what was not."),
        ((WRONG,), (), (), "1 finding: do not trust the models named below."),
        ((WRONG, WRONG), (WRONG,), (), "2 findings: do not trust the models named below. ALARM: the models of round 3"),
        ((), (WRONG,), (), "Every record, file and model that was checked is what the ledger says. ALARM: "),
    ],
)
def test_the_page_says_what_the_report_of_the_command_says(
    findings: tuple[Finding, ...], alarms: tuple[Finding, ...], notes: tuple[str, ...], said: str
) -> None:
    assert verdict_of(AuditSummary(9, findings, 0, {}, alarms, notes)).startswith(said)


def test_settings_of_a_training_are_listed_one_by_one_without_signs_of_a_program() -> None:
    leaves = leaves_of({"seed_of": 7, "sums": [{"name": "own", "length": 2}, {"name": "all"}], "sizes": [1, 2]})
    assert leaves == {
        "seed of": "7",
        "sums 1, name": "own",
        "sums 1, length": "2",
        "sums 2, name": "all",
        "sizes": "1, 2",
    }


def test_a_difference_of_members_or_metrics_is_in_words() -> None:
    assert difference_value(Difference("members", "alpha", "update", ""), "no update") == "no update"
    assert difference_name(Difference("metrics", "auroc", "", "")) == "AUROC"
    assert difference_name(Difference("training", "epochs", "", "")) == "epochs"
