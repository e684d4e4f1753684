"""Tasks that only tests have."""

from __future__ import annotations

from fl.protocol.task import Domain, Task, TaskClass, TaskKind

CHEST = Task(
    "chest",
    "Findings in a chest X-ray",
    TaskKind.LABELS,
    (
        TaskClass("nodule", "nodule", disease=True),
        TaskClass("effusion", "effusion", disease=True, threshold=0.1),
        TaskClass("pacemaker", "pacemaker"),
    ),
    "a finding in the chest",
    Domain.XRAY,
)
