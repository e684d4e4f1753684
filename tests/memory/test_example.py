"""The example that newcomers read first does what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from examples import one_round


def test_one_round_is_final_audited_and_a_lie_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    one_round.main()
    round_, after = capsys.readouterr().out.split("The audit: ", 1)
    assert "coordinator: final" in round_
    assert after.splitlines()[0].endswith(" records, 0 findings")
    found = after.split("The audit:\n", 1)[1].splitlines()
    assert len(found) >= 1
    assert all(line.startswith("  round 1, ") for line in found)


def test_it_is_short_enough_to_read() -> None:
    assert len(Path(one_round.__file__).read_text(encoding="utf-8").splitlines()) <= 120
