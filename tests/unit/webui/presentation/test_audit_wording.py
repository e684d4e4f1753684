"""The words of an audit on the site's pages."""

from __future__ import annotations

import pytest

from fl.protocol.audit import Finding
from webui.ports.federation import AuditSummary
from webui.presentation.audit_wording import verdict_of

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
