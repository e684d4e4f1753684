"""Full audits in the background: one at a time, with progress, stopped on demand or after a limit.

Invariant: never two at once. An audit that was stopped or failed changes no report.

Source: PROTOCOL.md 7.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from fl.protocol.errors import HemaledgerError
from webui.errors import AuditImpossible, AuditRunning
from webui.ports.audit_runs import AuditRunner
from webui.ports.federation import AuditService

LONGEST_S = 6 * 3600
"""An audit that takes longer is stopped."""
ALARM = "ALARM %s: %s"
"""As webui/http/error_pages.py writes alarms."""
LOG = logging.getLogger("hemaledger.site")


class AuditState(StrEnum):
    """What became of the newest audit since this site started."""

    NONE = "none"
    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True)
class AuditRun:
    """The newest audit."""

    state: AuditState = AuditState.NONE
    by: str = ""
    """The name of the person who started it."""
    done: int = 0
    of: int = 0
    """Rounds and openings; 0 before the first one is done."""
    began_at: int = 0
    ended_at: int = 0
    """Seconds since 1970."""
    why: str = ""
    """Why it failed."""

    @property
    def version(self) -> str:
        """Return a short text that changes whenever the audit went on."""
        return f"{self.began_at}-{self.state}-{self.done}-{self.of}"

    @property
    def share(self) -> float:
        """Return how much is done, in 0..1."""
        return self.done / self.of if self.of else 0.0


class FullAudits:
    """The full audits of one running site."""

    def __init__(self, runner: AuditRunner | None, service: AuditService, clock: Callable[[], int]) -> None:
        """Make audits with `runner`, if there is one; `service` reads their reports."""
        self._runner = runner
        self._service = service
        self._clock = clock
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._now = AuditRun()
        self._thread: threading.Thread | None = None

    @property
    def possible(self) -> bool:
        return self._runner is not None

    def now(self) -> AuditRun:
        return self._now

    def report(self, form: str) -> bytes | None:
        """Return the last report as `json` or `html`; None if there is none."""
        return self._runner.report(form) if self._runner is not None else None

    def start(self, by: str) -> None:
        """Start an audit.

        Raises:
            AuditImpossible: this site cannot make one.
            AuditRunning: one is running.
        """
        if self._runner is None:
            raise AuditImpossible
        with self._lock:
            if self._now.state == AuditState.RUNNING:
                raise AuditRunning
            self._stop.clear()
            self._now = AuditRun(AuditState.RUNNING, by, began_at=self._clock())
            self._thread = threading.Thread(target=self._work, args=(self._runner,), name="full-audit", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Ask the running audit to end; this does nothing if none runs."""
        self._stop.set()

    def wait(self, timeout_s: float) -> AuditRun:
        """Wait until the running audit ends, or the time is over."""
        thread = self._thread
        if thread is not None:
            thread.join(timeout_s)
        return self._now

    def _work(self, runner: AuditRunner) -> None:
        try:
            whole = runner.run(self._tell, self._stopped)
            ended, why = (AuditState.DONE if whole else AuditState.STOPPED), ""
            if whole:
                self._alarm()
        except HemaledgerError as error:
            ended, why = AuditState.FAILED, str(error)
        except Exception:  # the next audit must be possible
            LOG.exception("the full audit failed")
            ended, why = AuditState.FAILED, ""
        self._now = replace(self._now, state=ended, ended_at=self._clock(), why=why)

    def _alarm(self) -> None:
        """Write each finding to the log."""
        summary = self._service.findings()
        for finding in summary.findings if summary is not None else ():
            LOG.critical(ALARM, finding.name, finding.sentence)

    def _tell(self, done: int, of: int) -> None:
        self._now = replace(self._now, done=done, of=of)

    def _stopped(self) -> bool:
        return self._stop.is_set() or self._clock() > self._now.began_at + LONGEST_S
