"""Full audits for tests: one that waits at each step, and the real one over a finished federation in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from fl.audit.access import AuditKey
from fl.audit.consortium import Audit
from fl.replay.ledger_view import Keyring
from scripts.output.report import Audited, to_html, to_json
from tests.support.federation import Consortium, endorser

STEPS = 3
PATIENCE_S = 120.0


@dataclass
class SteppedAuditor:
    """An audit of three steps that goes on when the test says so."""

    at_step: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)
    error: Exception | None = None

    def run(self, tell: Callable[[int, int], None], stopped: Callable[[], bool]) -> bool:
        if self.error is not None:
            raise self.error
        tell(1, STEPS)
        self.at_step.set()
        assert self.go_on.wait(PATIENCE_S)
        tell(STEPS, STEPS)
        return not stopped()

    def report(self, form: str) -> bytes | None:
        return b"{}" if form == "json" else None


@dataclass
class DirectAuditor:
    """The real audit with one hospital's key; its report goes where the site reads it."""

    consortium: Consortium
    path: Path
    seen: list[tuple[int, int]] = field(default_factory=list)

    def run(self, tell: Callable[[int, int], None], stopped: Callable[[], bool]) -> bool:
        def step(done: int, of: int) -> None:
            self.seen.append((done, of))
            tell(done, of)

        party, consortium = self.consortium.hospitals[0], self.consortium
        key = AuditKey(party.account, Keyring(party.keys))
        audit = Audit(consortium.operator.anchor, consortium.vault, key, endorser())
        report, federation = audit.run(consortium.operator.replay(), step)
        audited = Audited(report, federation, 1_800_000_000, 1.0)
        self.path.write_text(to_json(audited), encoding="utf-8")
        self.path.with_suffix(".html").write_text(to_html(audited), encoding="utf-8")
        return not stopped()

    def report(self, form: str) -> bytes | None:
        return self.path.with_suffix(f".{form}").read_bytes()
