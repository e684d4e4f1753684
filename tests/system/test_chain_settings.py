"""The settings of the chain: given at the founding, saved, invited with, and changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chain.embedded.intervals import IntervalChain, Network, interval_chain
from chain.rpc.node import connect
from chain.rpc.pace import measure
from fl.protocol.ports import Anchor
from scripts.bench._front import Front, down, front
from scripts.wiring.home import PROJECT, Deployment, Home
from scripts.wiring.invitation import read_invitation
from scripts.wiring.nodes import node_of
from scripts.wiring.roles import ledger_settings
from tests.support.processes import PASSWORD, free_port, invoke


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[IntervalChain, str]]:
    with interval_chain(PROJECT, tmp_path_factory.mktemp("chain"), Network(0)) as running:
        yield running


@pytest.fixture(scope="module")
def proxy(chain: tuple[IntervalChain, str]) -> Iterator[tuple[Front, str]]:
    with front(chain[1]) as running:
        yield running


@pytest.fixture(scope="module", autouse=True)
def _fast_keys() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("chain.transactions.keystore.WORK_FACTOR", 2**12)
        yield


@pytest.fixture(scope="module")
def home(chain: tuple[IntervalChain, str], proxy: tuple[Front, str], tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Found a consortium through the second of two URLs, because the first is down."""
    folder = tmp_path_factory.mktemp("home")
    proxy[0].fault = down
    made = invoke(
        *("consortium", "create", "--home", str(folder), "--rpc", f"{proxy[1]},{chain[1]}"),
        *("--confirmations", "1", "--max-fee-gwei", "30", "--tip-gwei", "0.5"),
        env=PASSWORD,
    )
    assert made.exit_code == 0, made.output
    proxy[0].fault = lambda _requests: None
    return Home(folder)


def settings(home: Home, *words: str, code: int = 0) -> str:
    result = invoke("chain", "settings", "--home", str(home.folder), *words)
    assert result.exit_code == code, result.output
    return result.output


def test_a_consortium_is_founded_through_the_url_that_works_and_keeps_all(
    home: Home, chain: tuple[IntervalChain, str], proxy: tuple[Front, str]
) -> None:
    found = home.deployment
    assert found.urls == (proxy[1], chain[1])
    assert (found.max_fee, found.tip) == (30 * 10**9, 5 * 10**8)
    used = ledger_settings(home)
    assert used.node.urls == found.urls
    assert (used.transactions.max_fee, used.transactions.tip) == (found.max_fee, found.tip)


def test_an_invitation_carries_all_urls_and_when_a_record_counts_but_no_fees(
    home: Home, chain: tuple[IntervalChain, str], proxy: tuple[Front, str], tmp_path: Path
) -> None:
    file = tmp_path / "invitation.json"
    for _ in range(chain[0].network.final_depth):
        chain[0].mine()
    made = invoke(
        *("consortium", "invite", "alpha", "--role", "hospital", "--out", str(file), "--home", str(home.folder)),
        *("--confirmations", "finalized"),
        env=PASSWORD,
    )
    assert made.exit_code == 0, made.output
    invited = read_invitation(file).deployment
    assert invited.urls == (proxy[1], chain[1])
    assert (invited.confirmations, invited.max_fee, invited.tip) == (0, None, None)
    proxy[0].fault = down
    joined = invoke("join", str(file), "--home", str(tmp_path / "machine"), "--no-wait", env=PASSWORD)
    proxy[0].fault = lambda _requests: None
    assert joined.exit_code == 75, joined.output
    own = Home(tmp_path / "machine")
    assert own.deployment.urls == (chain[1], proxy[1])
    assert own.confirmations == 0
    assert json.loads(own.deployment_file.read_bytes())["confirmations"] == "finalized"


def test_settings_are_shown_and_changed_and_a_dead_url_is_not_kept(
    home: Home, chain: tuple[IntervalChain, str], proxy: tuple[Front, str]
) -> None:
    before = home.deployment
    shown = settings(home)
    assert f"node 2: {chain[1]}" in shown
    assert "a record counts at once" in shown
    assert "Start the chain, or check the RPC URL" in settings(
        home, "--rpc", f"http://127.0.0.1:{free_port()}", code=75
    )
    assert home.deployment == before
    changed = settings(home, "--rpc", chain[1], "--rpc", proxy[1], "--confirmations", "finalized")
    assert "when its block is finalized" in changed
    assert home.deployment.urls == (chain[1], proxy[1])
    settings(home, "--confirmations", "1")
    assert settings(home, "--confirmations", "none", code=2)


def test_the_doctor_asks_every_url_and_measures_the_blocks(home: Home, proxy: tuple[Front, str]) -> None:
    words = ("doctor", "--home", str(home.folder), "--name", "operator")
    well = invoke(*words, env=PASSWORD)
    assert "2 of 2 answer" in well.output
    assert "blocks" in well.output
    proxy[0].fault = down
    sick = invoke(*words, env=PASSWORD)
    proxy[0].fault = lambda _requests: None
    assert f"FAIL nodes      No Ethereum node answers at {proxy[1]}" in sick.output
    assert "ok   chain" in sick.output
    assert sick.exit_code == 75


def test_the_doctor_warns_of_steps_that_are_too_short_for_slow_blocks(
    home: Home, chain: tuple[IntervalChain, str], proxy: tuple[Front, str]
) -> None:
    """The proxy shows blocks that are twelve seconds apart."""

    def slowly(asked: dict[str, Any], found: Any) -> Any:
        if asked["method"] == "eth_getBlockByNumber" and found:
            return {**found, "timestamp": hex(12 * int(found["number"], 16))}
        return found

    settings(home, "--rpc", proxy[1])
    proxy[0].changed = slowly
    assert measure(connect(node_of(home.deployment))) == 12.0
    words = ("doctor", "--home", str(home.folder), "--name", "operator")
    quick = invoke(*words, env=PASSWORD).output
    assert "a block every 12.0 s; a record counts at once" in quick
    assert "--step-timeout" not in quick
    chain[0].mine()
    assert "--step-timeout 7272" in invoke(*words, "--confirmations", "finalized", env=PASSWORD).output
    proxy[0].changed = lambda _asked, found: found
    settings(home, "--rpc", chain[1], "--rpc", proxy[1])


@pytest.mark.parametrize("confirmations", [0, 1, 12])
def test_a_saved_deployment_is_read_again_as_it_was(tmp_path: Path, confirmations: int) -> None:
    anchor = Anchor(bytes(32), 7, bytes(20), bytes(20))  # type: ignore[arg-type]
    home = Home(tmp_path)
    for more in ((), ("http://b", "http://c")):
        saved = Deployment("http://a", anchor, free_gas=False, confirmations=confirmations, more_urls=more, tip=0)
        home.save(saved)
        assert home.deployment == saved
