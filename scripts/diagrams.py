"""Draws the state tables of rounds and ceremonies into PROTOCOL.md, in Mermaid: `python -m scripts.diagrams`."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from fl.protocol.keys.ceremony import CEREMONY_AT_THRESHOLD, CEREMONY_NEXT
from fl.protocol.names import Protection
from fl.protocol.rounds.round import AT_THRESHOLD, NEXT

PROTOCOL = Path(__file__).resolve().parents[1] / "fl" / "protocol" / "PROTOCOL.md"
_BLOCK = re.compile(r"(<!-- diagram: ([a-z ]+) -->\n).*?(<!-- /diagram -->)", re.DOTALL)

Arrow = tuple[str, str, str]
"""Phase, record, next phase."""


def diagrams() -> dict[str, str]:
    """Return each diagram by the name in its marker."""
    ceremony = [(phase.name, kind.__name__, then.name) for (phase, kind), then in CEREMONY_NEXT.items()]
    ceremony += [
        (phase.name, f"t-th {kind.__name__}", then.name) for (phase, kind), then in CEREMONY_AT_THRESHOLD.items()
    ]
    return {
        "masked round": _draw([("NONE", "RoundOpened", "ADVERTISE"), *_round(Protection.MASKED)]),
        "sealed round": _draw([("NONE", "RoundOpened", "OPEN"), *_round(Protection.SEALED)]),
        "ceremony": _draw(ceremony),
    }


def with_diagrams(text: str) -> str:
    """Return a document with every marked block drawn again."""
    drawn = diagrams()
    return _BLOCK.sub(lambda block: f"{block[1]}```mermaid\n{drawn[block[2]]}```\n{block[3]}", text)


def _round(protection: Protection) -> list[Arrow]:
    arrows = [
        (phase.name, kind.__name__, then.name) for (kept, phase, kind), then in NEXT.items() if kept == protection
    ]
    phases = {phase for phase, _, _ in arrows}
    late = [(phase.name, f"t-th {kind.__name__}", then.name) for (phase, kind), then in AT_THRESHOLD.items()]
    return arrows + [arrow for arrow in late if arrow[0] in phases]


def _draw(arrows: Iterable[Arrow]) -> str:
    """Return the diagram: one line for each pair of phases, with all records between them."""
    records: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for phase, record, then in arrows:
        records[_state(phase), then].append(record)
    lines = [f"    {phase} --> {then}: {', '.join(kinds)}\n" for (phase, then), kinds in records.items()]
    return "".join(["stateDiagram-v2\n", *lines])


def _state(phase: str) -> str:
    return "[*]" if phase == "NONE" else phase


if __name__ == "__main__":
    PROTOCOL.write_text(with_diagrams(PROTOCOL.read_text(encoding="utf-8")), encoding="utf-8")
