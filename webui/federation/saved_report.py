"""Reads the report of the last `hemaledger audit`.

Invariant: an unreadable report is an error, never a clean audit.

Source: scripts/output/report.py, which writes it.
"""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

from fl.audit.narrative import Results, concerns
from fl.protocol import strict_json
from fl.protocol.audit import AuditStep, Finding
from fl.protocol.errors import EncodingError
from webui.ports.federation import AuditSummary

REPORT_CAP = 64 * 2**20
"""Bytes; a report of ten thousand rounds has about ten million."""


def read_summary(report: Path) -> AuditSummary | None:
    """Return the last audit's result, or None if none has run.

    Raises:
        EncodingError: the report was changed by hand or is incomplete.
    """
    try:
        return _summary(_parse(_bytes(report)))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise EncodingError("audit report", "it was changed by hand or is incomplete; run the audit again") from error


def _bytes(report: Path) -> bytes:
    """Return the bytes of the file, or raise ValueError if it is not a regular file or too large."""
    status = report.stat()
    if not stat.S_ISREG(status.st_mode) or status.st_size > REPORT_CAP:
        raise ValueError
    return report.read_bytes()


def _parse(data: bytes) -> Any:  # noqa: ANN401 - JSON; what is missing is a KeyError
    return strict_json.loads(data, "audit report", REPORT_CAP)


def _summary(document: dict[str, Any]) -> AuditSummary:
    findings = tuple(_finding(row) for row in document["findings"])
    results = {row["number"]: _results(row, findings, document["notes"]) for row in document["rounds"]}
    return AuditSummary(
        sum(document["checks"].values()),
        findings,
        int(document["checked_at"]),
        results,
        tuple(_finding(row) for row in document.get("alarms", [])),
        tuple(str(note) for note in document["notes"]),
        tuple(str(each) for each in document.get("successors", ())),
        {str(kind): int(count) for kind, count in document["checks"].items()},
        str(document.get("verdict", "")),
    )


def _finding(row: dict[str, Any]) -> Finding:
    """Return one finding; reports from older versions have no evidence."""
    step = AuditStep(row["step"]) if row.get("step") else None
    evidence = tuple((str(name), str(value)) for name, value in dict(row.get("evidence", {})).items())
    return Finding(row["name"], row["round"], row["subject"], row["sentence"], step, evidence)


def _results(row: dict[str, Any], findings: tuple[Finding, ...], notes: list[str]) -> Results:
    """Return the results of one round; reports from older versions list no passed steps."""
    number = row["number"]
    return Results(
        frozenset(AuditStep(step) for step in row.get("passed", ())),
        tuple(finding for finding in findings if finding.round == number),
        tuple(note for note in notes if concerns(note, number)),
        _floats(row.get("sums", {})),
        {name: _floats(claims) for name, claims in row.get("claims", {}).items()},
        dict(row.get("totals", {})),
    )


def _floats(row: dict[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in row.items()}
