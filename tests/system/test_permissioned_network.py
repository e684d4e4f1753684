"""Three nodes of a network that members run together, started from the files that Hemaledger writes.

The nodes are Besu's or geth's own programs, on this machine and without containers: the options come from the compose
files, with the paths, ports and addresses of this machine. A machine without these programs skips the tests.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import yaml

from chain.permissioned.genesis import Consensus, Network
from chain.permissioned.node_files import RPC_PORT, files_of
from chain.permissioned.validators import Validator, public_key_of
from chain.rpc.node import Node, NodeSettings
from fl.protocol.errors import ChainUnavailable
from fl.protocol.names import Protection
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.rounds.round import Phase
from fl.protocol.task_catalogue import LEUKEMIA
from fl.roles.auditor import Evaluation
from fl.roles.coordinator.plan import Plan
from fl.training.presets import PRESETS
from scripts.bench.rounds import first_steps, nudging
from scripts.demo.together import AUDITOR, COORDINATOR, Work, found_together, gather
from scripts.wiring.home import Home
from tests.support.processes import free_port, until

pytestmark = pytest.mark.slow
RUN = 3
START_S = 120.0
PLACES = {"/network/": "", "/key/": "key/", "/opt/besu/data": "data", "/data": "data"}
"""In a container -> in the folder of a node."""


def program(name: str) -> str:
    """Return the path of a node's program, or skip the test."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"this machine has no {name} on its PATH, so the generated network cannot be started")
    return found


@dataclass
class Started:
    """The nodes of a network that run."""

    urls: list[str]
    logs: list[Path]

    @property
    def heads(self) -> list[int]:
        """Return the newest block of each node; -1 for one that does not answer."""
        return [_head(url) for url in self.urls]

    def wait(self, block: int) -> None:
        """Wait until every node has a block of this number."""
        try:
            until(f"block {block} on every node", lambda: min(self.heads) >= block, START_S)
        except AssertionError as error:
            raise AssertionError("\n".join(each.read_text()[-2000:] for each in self.logs)) from error


def _head(url: str) -> int:
    try:
        return Node(NodeSettings(url, timeout_s=2.0)).number("eth_blockNumber")
    except ChainUnavailable:
        return -1


def network_of(consensus: Consensus, count: int) -> tuple[Network, Mapping[str, bytes]]:
    """Return a network of validators on this machine, and the private key of each."""
    secrets = {f"v{number}": bytes([number + 1]) * 32 for number in range(count)}
    made = [Validator(name, public_key_of(key), "127.0.0.1", free_port()) for name, key in secrets.items()]
    return Network.of(consensus, 770077, 1, made), secrets


def prepared(folder: Path, network: Network, validator: Validator, key: bytes) -> list[list[str]]:
    """Write a validator's folder; return the options of each service of its compose file, for this machine."""
    (folder / "key").mkdir(parents=True)
    (folder / "data").mkdir()
    (folder / "key" / "node.key").write_text(key.hex())
    (folder / "key" / "password").write_text("a password of this test")
    for name, data in files_of(network).items():
        (folder / name).write_bytes(data)
    compose = yaml.safe_load((folder / f"compose.{validator.port}.yaml").read_text())
    return [
        [_here(option, folder, validator) for option in service["command"]] for service in compose["services"].values()
    ]


def _here(option: str, folder: Path, validator: Validator) -> str:
    option = re.sub(r"\$\{HOST.*?\}", validator.host, option)
    option = re.sub(r"\$\{ACCOUNT.*?\}", f"0x{validator.account.hex()}", option)
    for inside, here in PLACES.items():
        if inside in option:
            return option.replace(inside, f"{folder}/{here}", 1)
    return option.replace("0.0.0.0", "127.0.0.1")  # noqa: S104 what a container listens to


@contextmanager
def running(program_path: str, commands: Sequence[tuple[Path, list[str], int]]) -> Iterator[Started]:
    """Run one node for each folder, options and port of JSON-RPC."""
    with ExitStack() as stack:
        logs = []
        for folder, options, port in commands:
            log = stack.enter_context((folder / "node.log").open("wb"))
            logs.append(folder / "node.log")
            command = [program_path, *(each.replace(f"={RPC_PORT}", f"={port}") for each in options)]
            process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=subprocess.STDOUT)
            stack.callback(process.wait)
            stack.callback(process.terminate)
        yield Started([f"http://127.0.0.1:{port}" for _, _, port in commands], logs)


def test_three_of_four_besu_nodes_carry_a_masked_round(tmp_path: Path) -> None:
    besu = program("besu")
    network, keys = network_of(Consensus.QBFT, 4)
    commands = []
    for validator in network.validators[:RUN]:
        folder = tmp_path / validator.name
        [options] = prepared(folder, network, validator, keys[validator.name])
        commands.append((folder, options, free_port()))
    with running(besu, commands) as started:
        started.wait(2)
        assert masked_round(Home(tmp_path / "home"), started.urls[0]) == [Phase.FINAL]
        started.wait(started.heads[0])


def masked_round(home: Home, url: str, confirmations: int = 1) -> list[Phase]:
    """Found a consortium of three hospitals and run one masked round; return the phases of all rounds."""
    initial, steps = first_steps(3, PRESETS["synthetic"].spec)
    found_together(home, url, list(steps))
    home.save(replace(home.deployment, confirmations=confirmations))
    config = RoundConfig(0.5, 50.0, 100, {}, LEUKEMIA)
    plan = Plan(1, 3, 1, config, 600, 600, min_hospitals=3, protection=Protection.MASKED)
    train = {name: nudging(step) for name, step in steps.items()}
    work = Work(plan, initial, train, lambda _model, _config: Evaluation())
    together = gather(home, work, dict.fromkeys((COORDINATOR, AUDITOR, *steps), lambda _what, _facts: None))
    together.run(lambda _what, _facts: None)
    return [each.phase for each in together.coordinator.view.refresh().rounds]


def test_three_geth_nodes_make_blocks_in_turn_and_carry_a_masked_round(tmp_path: Path) -> None:
    """For development only: geth 1.13 with clique, whose newest blocks can be replaced."""
    geth = program("geth")
    if "1.13." not in (said := subprocess.run([geth, "version"], capture_output=True, text=True, check=True).stdout):
        pytest.skip(f"only geth 1.13 makes clique blocks; here is {said.splitlines()[1:2]}")
    network, keys = network_of(Consensus.CLIQUE, RUN)
    commands = []
    for validator in network.validators:
        folder = tmp_path / validator.name
        *before, options = prepared(folder, network, validator, keys[validator.name])
        for each in before:
            subprocess.run([geth, *each], cwd=folder, check=True, capture_output=True)
        commands.append((folder, [*options, f"--authrpc.port={free_port()}"], free_port()))
    with running(geth, commands) as started:
        started.wait(2 * RUN)
        node = Node(NodeSettings(started.urls[0]))
        signers = {node.request("clique_getSigner", hex(number)) for number in range(1, 2 * RUN + 1)}
        assert signers == {f"0x{each.account.hex()}" for each in network.validators}
        assert masked_round(Home(tmp_path / "home"), started.urls[0], confirmations=3) == [Phase.FINAL]


@pytest.mark.parametrize(("consensus", "count"), [(Consensus.QBFT, 4), (Consensus.CLIQUE, RUN)])
def test_every_path_in_the_options_is_there_on_this_machine(tmp_path: Path, consensus: Consensus, count: int) -> None:
    network, keys = network_of(consensus, count)
    for validator in network.validators:
        folder = tmp_path / validator.name
        for options in prepared(folder, network, validator, keys[validator.name]):
            named = [option.partition("=")[2] or option for option in options if str(folder) in option]
            assert len(named) >= 2
            assert all(Path(each).exists() for each in named)
            assert not any("$" in option or option.startswith("/network") for option in options)
