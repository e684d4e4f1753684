"""The commands and options about networks."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from fl.protocol.errors import SettingInvalid, WeightsMismatch
from fl.training.model.consent import Consent, Source, give, given
from fl.training.model.spec import LITE0, OWN
from fl.training.presets import DEFAULT_PRESET, DEFAULT_SPEC
from scripts.commands.audit import audit
from scripts.commands.auditor import run as auditor_run
from scripts.commands.evaluate import evaluate
from scripts.commands.explain import explain
from scripts.commands.hospital import run as hospital_run
from scripts.commands.network import network
from scripts.commands.serve import serve
from scripts.predictor.child import main as child
from scripts.wiring.plans import with_network
from scripts.wiring.training_options import NetworkOptions, network_options
from tests.support.consent import consenting, installed, source_of, write_package

OWN_SOURCE = f"some_net.model:build@{'a' * 64}"


@pytest.fixture(autouse=True)
def _nothing_given() -> Iterator[None]:
    with consenting(Consent()):
        yield


def test_the_digest_of_an_installed_network_is_printed_without_running_it(tmp_path: Path) -> None:
    write_package(tmp_path / "printed_net", model="raise SystemExit('it ran')\n")
    with installed(tmp_path):
        done = CliRunner().invoke(network, ["digest", "printed_net.model:build"])
        assert done.stdout.strip() == str(source_of("printed_net.model:build"))
    assert "2 files" in done.stderr


@pytest.mark.parametrize("command", [audit, auditor_run, evaluate, explain, hospital_run, serve, child])
def test_every_command_that_builds_networks_asks_for_consent(command: click.Command) -> None:
    names = {name for parameter in command.params for name in parameter.opts}
    assert {"--allow-network", "--weights-file"} <= names


def test_consent_is_that_of_the_command_alone(tmp_path: Path) -> None:
    file = tmp_path / "w.pth"
    file.touch()
    seen: list[Consent] = []

    @click.command()
    @network_options
    def command() -> None:
        seen.append(given())

    give(Consent((Source.parse(OWN_SOURCE),)))
    assert CliRunner().invoke(command, []).exit_code == 0
    arguments = ["--allow-network", OWN_SOURCE, "--weights-file", str(file)]
    assert CliRunner().invoke(command, arguments).exit_code == 0
    assert seen == [Consent(), Consent((Source.parse(OWN_SOURCE),), (file.resolve(),))]
    assert list(seen[1].arguments()) == [*arguments[:3], str(file.resolve())]
    refused = CliRunner().invoke(command, ["--allow-network", "some_net.model:build"])
    assert "hemaledger network digest some_net.model:build" in " ".join(refused.output.split())


def test_without_options_the_network_is_that_of_the_preset() -> None:
    assert with_network(DEFAULT_PRESET, NetworkOptions()) == DEFAULT_PRESET
    head = with_network(DEFAULT_PRESET, NetworkOptions(trained="head")).spec
    assert (head.kind, head.weights, head.trained) == (LITE0, DEFAULT_SPEC.weights, "head")


def test_a_network_by_name_starts_from_random_weights_or_from_a_file_that_the_spec_names(tmp_path: Path) -> None:
    name = "torchvision:resnet18"
    assert with_network(DEFAULT_PRESET, NetworkOptions(name)).spec.weights == ""
    file = tmp_path / "resnet18-f37072fd.pth"
    file.write_bytes(b"weights")
    spec = with_network(DEFAULT_PRESET, NetworkOptions(name, "head", file)).spec
    assert spec.weights == f"resnet18-f37072fd.pth, SHA-256 {hashlib.sha256(b'weights').hexdigest()}"
    assert (spec.kind, spec.trained, given().files) == (name, "head", (file,))


def test_a_coordinator_that_names_a_network_of_its_own_allows_it() -> None:
    spec = with_network(DEFAULT_PRESET, NetworkOptions(OWN_SOURCE)).spec
    assert (spec.kind, spec.source, spec.weights) == (OWN, OWN_SOURCE, "")
    assert given().networks == (Source.parse(OWN_SOURCE),)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (NetworkOptions("torchvision:vit_b_16"), SettingInvalid),
        (NetworkOptions("timm:resnet18"), SettingInvalid),
        (NetworkOptions("resnet18"), SettingInvalid),
        (NetworkOptions("own"), SettingInvalid),
        (NetworkOptions("some_net.model:build"), SettingInvalid),
        (NetworkOptions("hemanet", "head"), WeightsMismatch),
        (NetworkOptions("torchvision:resnet18", "head"), WeightsMismatch),
        (NetworkOptions("torchvision:resnet18", "last"), WeightsMismatch),
        (NetworkOptions(start_from=Path(__file__)), WeightsMismatch),
    ],
)
def test_options_that_do_not_fit_are_refused(options: NetworkOptions, error: type[Exception]) -> None:
    with pytest.raises(error):
        with_network(DEFAULT_PRESET, options)


def test_only_reviewed_names_are_fetched(tmp_path: Path) -> None:
    done = CliRunner().invoke(network, ["fetch", "torchvision:vit_b_16", str(tmp_path / "w.pth")])
    assert "is not one of torchvision:" in done.output
    assert not list(tmp_path.iterdir())
