"""`hemaledger consortium transfer`, `accept` and `replace` on a real chain, and --confirmations."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from chain.embedded.chain import DevChain, DevChainSettings
from fl.protocol.keys.succession import VETO_TIME_S
from fl.protocol.names import Role, show
from fl.replay.ledger_view import LedgerView
from scripts.cli import COMMANDS, main
from scripts.demo.together import found_together
from scripts.wiring.home import Home
from scripts.wiring.roles import create_member, ledger_settings, open_ledger, operator_of

PROJECT = Path(__file__).resolve().parents[2]
HOSPITALS = ("alpha", "beta", "gamma")
WITHOUT_CHAIN = {
    *("chain run", "chain key", "chain network", "graph", "demo", "verify"),
    *("data draw", "data check", "data divide", "data deidentify"),
    *("tables check", "tables risk", "tables suggestions", "tables train", "ckks card"),
    *("hospital privacy", "network digest", "network fetch", "coordinator hold", "coordinator go-on"),
    *("hospital init", "coordinator init", "auditor init", "trustee init", "consortium prepare"),
    *("federation up", "hospital policy init", "hospital policy show", "coordinator plan", "backup", "restore"),
    *(f"{role} password" for role in ("consortium", "hospital", "coordinator", "auditor", "trustee")),
}
"""What talks to no chain that could be reorganised; so does everything under `staff`."""


class Clock:
    now = 1_800_000_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def home(tmp_path: Path, clock: Clock) -> Iterator[Home]:
    found = Home(tmp_path / "run")
    with DevChain(DevChainSettings(PROJECT, tmp_path / "chain", clock, port=0)) as chain:
        found_together(found, chain.url, HOSPITALS)
        yield found


def hemaledger(home: Home, *words: str, code: int = 0) -> str:
    result = CliRunner().invoke(main, ["consortium", *words, "--home", str(home.folder)])
    assert result.exit_code == code, result.output
    return result.output


def prepared(home: Home, name: str) -> str:
    """Create the account of a future operator and return it."""
    home.member(name).create_password()
    return hemaledger(home, "prepare", "--name", name).split()[-1]


def register(home: Home, name: str, code: int = 0) -> None:
    home.member(name).create_password()
    account = show(create_member(home, name, Role.TRUSTEE))
    hemaledger(home, "register", "--account", account, "--role", "trustee", "--name", name, code=code)


def operator(home: Home) -> str:
    return show(LedgerView(open_ledger(home)).refresh().book.operator)


def test_an_office_is_handed_over_in_two_steps(home: Home) -> None:
    heir, former = prepared(home, "second"), operator(home)
    assert "is not the account that was proposed" in hemaledger(home, "accept", "--name", "second", code=77)
    assert heir in hemaledger(home, "transfer", "--account", heir)
    assert f"The operator proposed {heir}" in hemaledger(home, "members")
    assert operator(home) == former
    register(home, "ines")
    hemaledger(home, "accept", "--name", "second")
    assert operator(home) == heir
    assert operator_of(home).name == "second"
    register(home, "jonas")
    listed = hemaledger(home, "members")
    assert "operator 2" in listed
    assert "proposed" not in listed
    assert "has no initial model yet" in hemaledger(home, "hand-over", code=77)


def test_a_proposal_is_taken_back(home: Home) -> None:
    heir = prepared(home, "second")
    hemaledger(home, "transfer", "--account", heir)
    assert "The proposal is withdrawn" in hemaledger(home, "transfer")
    assert "is not the account that was proposed" in hemaledger(home, "accept", "--name", "second", code=77)


def test_members_replace_an_operator_that_is_lost(home: Home, clock: Clock) -> None:
    heir = prepared(home, "second")
    assert "Replacement 1" in hemaledger(home, "replace", "propose", "--name", "alpha", "--account", heir)
    assert "1 of 4 votes; more than half" in hemaledger(home, "replace", "vote", "--name", "alpha", "--number", "1")
    hemaledger(home, "replace", "vote", "--name", "beta", "--number", "1")
    assert "more than half are needed" in hemaledger(home, "accept", "--name", "second", "--replacement", "1", code=77)
    assert "3 of 4 votes. It can" in hemaledger(home, "replace", "vote", "--name", "auditor", "--number", "1")
    assert "has not passed yet" in hemaledger(home, "accept", "--name", "second", "--replacement", "1", code=77)
    clock.now += VETO_TIME_S + 1
    assert "can veto" in hemaledger(home, "members")
    hemaledger(home, "accept", "--name", "second", "--replacement", "1")
    assert operator(home) == heir


def test_an_operator_that_is_there_stops_a_replacement(home: Home, clock: Clock) -> None:
    heir, former = prepared(home, "second"), operator(home)
    hemaledger(home, "replace", "propose", "--name", "coordinator", "--account", heir)
    for name in HOSPITALS:
        hemaledger(home, "replace", "vote", "--name", name, "--number", "1")
    hemaledger(home, "replace", "veto", "--number", "1")
    clock.now += VETO_TIME_S + 1
    assert "Replacement 1 is closed" in hemaledger(home, "accept", "--name", "second", "--replacement", "1", code=77)
    assert operator(home) == former


def test_confirmations_are_those_of_the_option_then_of_the_file(home: Home) -> None:
    assert ledger_settings(home).transactions.confirmations == 1
    document = json.loads(home.deployment_file.read_bytes())
    home.deployment_file.write_text(json.dumps({**document, "confirmations": 3}))
    settings = ledger_settings(home).transactions
    assert (settings.confirmations, ledger_settings(Home(home.folder, 5)).transactions.confirmations) == (3, 5)
    del document["confirmations"]
    home.deployment_file.write_text(json.dumps(document))
    assert home.deployment.confirmations == 1


def commands(command: click.Command, words: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """Yield every command under one, with what is typed to call it."""
    if isinstance(command, click.Group) and not command.invoke_without_command:
        for name, inner in command.commands.items():
            yield from commands(inner, (*words, name))
    else:
        yield " ".join(words), command


def test_every_command_that_talks_to_a_chain_takes_confirmations() -> None:
    with click.Context(main) as context:
        groups = {name: main.get_command(context, name) for name in COMMANDS}
    lacking = {
        words
        for name, group in groups.items()
        if group is not None
        for words, command in commands(group, (name,))
        if not any(option.name == "confirmations" for option in command.params)
    }
    assert {words for words in lacking if not words.startswith("staff ")} == WITHOUT_CHAIN
