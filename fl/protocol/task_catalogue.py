"""The tasks that come with Hemaledger, by code.

Invariant: the task of a code never changes, so a recorded round keeps its meaning.
"""

from __future__ import annotations

from dataclasses import replace

from fl.protocol.task import Domain, Origin, Task, TaskClass, TaskKind

PICTURE = "8-bit sRGB picture, at any scale"
"""`Task.units` of pictures; training and prediction first convert every picture to this form."""

LEUKEMIA = Task(
    code="leukemia",
    name="Leukemic blast or healthy cell",
    kind=TaskKind.BINARY,
    classes=(TaskClass("healthy", "healthy cell"), TaskClass("leukemia", "leukemic blast", disease=True)),
    reported="leukemia",
    domain=Domain.STAINED_CELL,
    units=PICTURE,
)
LEUKEMIA_STAGES = Task(
    code="leukemia-stages",
    name="Benign cell, or the stage of a leukemic one",
    kind=TaskKind.CLASSES,
    classes=(
        TaskClass("benign", "benign cell"),
        TaskClass("early", "early pre-B leukemic blast", disease=True),
        TaskClass("pre", "pre-B leukemic blast", disease=True),
        TaskClass("pro", "pro-B leukemic blast", disease=True),
    ),
    reported="leukemia",
    domain=Domain.STAINED_CELL,
    units=PICTURE,
)
PNEUMONIA = Task(
    code="pneumonia",
    name="Chest X-ray with or without pneumonia",
    kind=TaskKind.BINARY,
    classes=(TaskClass("normal", "normal X-ray"), TaskClass("pneumonia", "X-ray with pneumonia", disease=True)),
    reported="pneumonia",
    domain=Domain.XRAY,
    units=PICTURE,
)
CELL_DISEASE = Task(
    code="cell-disease",
    name="Diseased or healthy cell",
    kind=TaskKind.BINARY,
    classes=(TaskClass("healthy", "healthy cell"), TaskClass("diseased", "diseased cell", disease=True)),
    reported="disease",
    domain=Domain.STAINED_CELL,
    units=PICTURE,
)
DRAWN_SUFFIX = "-drawn"
LEUKEMIA_DRAWN = replace(
    LEUKEMIA,
    code=LEUKEMIA.code + DRAWN_SUFFIX,
    name="Drawn leukemic blast or drawn healthy cell",
    origin=Origin.DRAWN,
)
"""For the cells that `hemaledger data draw` and a demo without data draw."""
TASKS = {task.code: task for task in (LEUKEMIA, LEUKEMIA_STAGES, PNEUMONIA, CELL_DISEASE, LEUKEMIA_DRAWN)}
