"""Turns errors into findings, so that one bad file does not end an audit.

Source: PROTOCOL.md 7.
"""

from __future__ import annotations

from typing import Self

from fl.protocol.audit import AuditStep, Report
from fl.protocol.errors import (
    BelowThreshold,
    HemaledgerError,
    ReconstructMismatch,
    SetMismatch,
    TooFewReveals,
    UpdateUnusable,
    VaultUnavailable,
)

_EARLIER: dict[type[HemaledgerError], AuditStep] = {
    SetMismatch: AuditStep.AGREEMENT,
    BelowThreshold: AuditStep.AGREEMENT,
    TooFewReveals: AuditStep.ANSWERS,
    ReconstructMismatch: AuditStep.ANSWERS,
}
"""The step that is really wrong when the sum of a masked round raises one of these errors."""


class FindingCollector:
    """Turns an error inside its block into a finding."""

    def __init__(self, report: Report, number: int | None, subject: str, step: AuditStep | None = None) -> None:
        self._report = report
        self._number = number
        self._subject = subject
        self._step = step
        self.ok = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        if not isinstance(error, HemaledgerError) or isinstance(error, VaultUnavailable):
            return False  # without the vault no file was checked, so none counts as missing
        self.ok = False
        if isinstance(error, UpdateUnusable):
            error = error.cause
        step = _EARLIER.get(type(error), AuditStep.SUM) if self._step == AuditStep.SUM else self._step
        self._report.add_finding(error, self._number, self._subject, step)
        return True
