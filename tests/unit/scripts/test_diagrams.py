from __future__ import annotations

import pytest

from fl.protocol.keys.ceremony import CEREMONY_NEXT
from fl.protocol.names import Protection
from fl.protocol.rounds.round import NEXT
from scripts.diagrams import PROTOCOL, diagrams, with_diagrams


def test_the_protocol_shows_the_diagrams_that_the_tables_give() -> None:
    text = PROTOCOL.read_text(encoding="utf-8")
    assert with_diagrams(text) == text
    assert [drawn for drawn in diagrams().values() if drawn not in text] == []


def test_every_entry_of_a_table_is_an_arrow() -> None:
    drawn = diagrams()
    for (protection, phase, kind), then in NEXT.items():
        name = "sealed round" if protection == Protection.SEALED else "masked round"
        assert kind.__name__ in records(drawn[name], phase.name, then.name)
    for (step, record), after in CEREMONY_NEXT.items():
        assert record.__name__ in records(drawn["ceremony"], step.name.replace("NONE", "[*]"), after.name)


def test_the_threshold_moves_a_masked_round_and_a_ceremony() -> None:
    drawn = diagrams()
    assert records(drawn["masked round"], "AGREE", "UNMASK") == ["t-th SetEndorsed"]
    assert records(drawn["ceremony"], "CONFIRM", "DONE") == ["t-th CeremonyConfirmed"]
    assert "UNMASK" not in drawn["sealed round"]


def test_a_block_is_drawn_again_and_the_text_around_it_stays() -> None:
    text = "before\n<!-- diagram: ceremony -->\nold\n<!-- /diagram -->\nafter\n"
    drawn = with_diagrams(text)
    assert drawn.startswith("before\n<!-- diagram: ceremony -->\n```mermaid\nstateDiagram-v2\n")
    assert drawn.endswith("```\n<!-- /diagram -->\nafter\n")
    assert "old" not in drawn


def test_an_unknown_diagram_is_an_error() -> None:
    with pytest.raises(KeyError):
        with_diagrams("<!-- diagram: tea -->\n<!-- /diagram -->")


def records(diagram: str, phase: str, then: str) -> list[str]:
    (line,) = [line for line in diagram.splitlines() if line.strip().startswith(f"{phase} --> {then}: ")]
    return line.split(": ")[1].split(", ")
