"""An agent that starts before its chain waits for it; a wrong address is refused wherever a person gives one."""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner

from chain.deploy import deploy
from chain.embedded.chain import DevChain
from chain.rpc.node import NodeSettings
from chain.transactions.addresses import checksummed
from chain.transactions.keystore import generate
from chain.transactions.sender import TransactionSettings
from fl.events import Event
from fl.protocol.errors import EncodingError, SettingInvalid
from fl.protocol.names import Address
from fl.protocol.ports import Anchor
from scripts.commands.chain import chain_settings
from scripts.commands.consortium import consortium as group
from scripts.wiring.agent import made
from scripts.wiring.home import Deployment, Home
from scripts.wiring.roles import open_ledger

PATIENCE_S = 120.0


def swapped(account: Address) -> str:
    text = checksummed(account)
    at = next(place for place in range(2, 42) if text[place].isalpha())
    return text[:at] + text[at].swapcase() + text[at + 1 :]


def test_an_agent_started_before_its_chain_waits_and_says_so_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scripts.wiring.agent.RETRY_S", 0.05)
    home, key = Home(tmp_path), generate()
    with DevChain(chain_settings(home, 0)) as chain:
        url, anchor = chain.url, deploy(NodeSettings(chain.url), TransactionSettings(), key, bytes(32))
    home.save(Deployment(url, anchor, free_gas=True))
    said: list[Event] = []
    waits, found = threading.Event(), []

    def notify(what: Event, _facts: Mapping[str, object]) -> None:
        said.append(what)
        waits.set()

    agent = threading.Thread(
        target=lambda: found.append(made(lambda: open_ledger(home), notify, threading.Event())), daemon=True
    )
    agent.start()
    assert waits.wait(PATIENCE_S)
    with DevChain(chain_settings(home, int(url.rsplit(":", 1)[1]))):
        agent.join(PATIENCE_S)
        assert found[0] is not None
        assert found[0].anchor == anchor
    assert said == [Event.WAITING]


def test_an_agent_that_waits_can_be_stopped(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    home, stop = Home(tmp_path), threading.Event()
    nobody = Address(bytes(20))
    home.save(Deployment(f"http://127.0.0.1:{port}", Anchor(bytes(32), 1, nobody, nobody), free_gas=True))
    assert made(lambda: open_ledger(home), lambda _what, _facts: stop.set(), stop) is None


def test_a_home_without_a_consortium_ends_an_agent(tmp_path: Path) -> None:
    with pytest.raises(SettingInvalid, match="Ask your operator for the invitation file"):
        made(lambda: open_ledger(Home(tmp_path)), lambda _what, _facts: None, threading.Event())


@pytest.mark.parametrize(
    "command",
    [
        ["consortium", "register", "--role", "hospital", "--name", "H", "--account", "ADDRESS"],
        ["consortium", "revoke", "--reason", "left", "--account", "ADDRESS"],
    ],
)
def test_a_command_refuses_an_address_with_a_wrong_letter(tmp_path: Path, command: list[str]) -> None:
    given = [swapped(generate().address) if word == "ADDRESS" else word for word in command]
    done = CliRunner().invoke(group, [*given[1:], "--home", str(tmp_path)])
    assert done.exit_code == EncodingError.exit_code
    assert "EIP-55" in done.output


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda text, anchor: text.replace(anchor.authority.hex(), swapped(anchor.authority)[2:]), "EIP-55"),
        (lambda text, _anchor: text.replace('"url"', '"chain_id"'), "two fields with the same name"),
        (lambda text, _anchor: text.replace("true", "1"), "free_gas"),
        (lambda text, _anchor: text.replace(": 1,", ": NaN,"), "NaN"),
        (lambda _text, _anchor: "[" * 5000, "64 levels of objects"),
        (lambda _text, _anchor: "[]", "not a JSON object"),
        (lambda text, _anchor: text + " " * 100_000, "at most"),
    ],
)
def test_a_damaged_consortium_file_says_what_is_wrong(tmp_path: Path, change: object, says: str) -> None:
    assert callable(change)
    home, anchor = Home(tmp_path), Anchor(bytes(32), 1, generate().address, generate().address)
    home.save(Deployment("http://127.0.0.1:1", anchor, free_gas=True))
    assert home.deployment.anchor == anchor
    home.deployment_file.write_text(change(home.deployment_file.read_text(), anchor))
    with pytest.raises(SettingInvalid, match=says):
        _ = home.deployment
