"""What a terminal is given of names and reasons that others chose: text, and nothing that moves the cursor."""

from __future__ import annotations

import time
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from fl.events import Event
from fl.protocol.audit import Report
from fl.protocol.errors import SettingInvalid
from fl.protocol.federation import Federation
from fl.protocol.names import Role
from fl.protocol.records import MemberRegistered, RoundAborted
from fl.replay.ledger_view import LedgerView
from scripts.output.progress import Console
from scripts.output.report import Audited, to_html, to_text
from scripts.wiring.agent import announce
from scripts.wiring.exit import guarded
from scripts.wiring.roles import register_member
from tests.support.federation import memory_connect, new_account
from tests.support.world import World

NASTY = "al\u202epha\u200b"
"""What the ledger takes as a name: no controls, but what turns and hides text."""
CODES = "\x1b[2J\x1b]0;owned\x07\r\u202eno\u200breason\x9b31m [red]markup[/red]"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def harmless(text: str) -> bool:
    return all(line.isprintable() for line in text.split("\n"))


def test_a_line_of_an_agent_shows_codes_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    announce("alpha")(Event.ROUND_ABORTED, {"round": 1, "reason": CODES})
    assert harmless(printed := capsys.readouterr().out)
    assert "\\x1b[2J" in printed


def test_an_error_shows_codes_as_text() -> None:
    @click.command()
    @guarded
    def fail() -> None:
        raise SettingInvalid("name", CODES)

    assert harmless(CliRunner().invoke(fail).stderr)


def test_the_demo_shows_codes_and_markup_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    Console().trouble(Event.ROUND_REFUSED, {"reason": CODES})
    printed = capsys.readouterr().out
    assert harmless(printed)
    assert "[red]markup[/red]" in printed.replace("\n", "")


def test_an_audit_shows_names_and_reasons_of_the_ledger_as_text(world: World) -> None:
    operator = world.consortium.operator
    operator.append(MemberRegistered(operator.account, new_account(), Role.HOSPITAL, NASTY))
    coordinator = world.coordinator()
    while world.round is None:
        coordinator.step()
    ledger = world.consortium.coordinator.ledger
    ledger.append(RoundAborted(ledger.account, 1, CODES))
    federation: Federation = world.federation
    assert harmless(federation.rounds[0].reason)
    assert all(harmless(member.name) for member in federation.book.members.values())
    report = Report()
    report.notes.append(f"Round 1: {CODES}")
    audited = Audited(report, federation, int(time.time()), 1.0)
    assert harmless(to_text(audited))
    assert "\u202e" not in to_html(audited).replace(CODES, "")


def test_every_form_of_an_audit_shows_what_hospitals_claimed(world: World) -> None:
    report = Report()
    report.sums[1] = {"samples": 1234.0, "weight": 1200.0, "most_weight": 1300.0, "accuracy": 0.75, "loss": 0.5}
    report.claims[1] = {"alpha": {"samples": 1000.0, "weight": 1000.0, "accuracy": 0.8, "loss": 0.4}}
    audited = Audited(report, world.federation, int(time.time()), 1.0)
    for text in (to_text(audited), to_html(audited)):
        assert "1,234" in text
        assert "1,200 of at most 1,300" in text
        assert "alpha" in text


def test_a_name_that_looks_like_another_is_not_registered() -> None:
    operator = memory_connect()("operator")
    first = new_account()
    register_member(operator, first, Role.HOSPITAL, " Alpha ")
    for name in ("alpha", "ALPHA", "Operator", NASTY, "", "x" * 65):
        with pytest.raises(SettingInvalid):
            register_member(operator, new_account(), Role.HOSPITAL, name)
    assert [member.name for member in LedgerView(operator).refresh().book.members.values()] == ["operator", "Alpha"]
