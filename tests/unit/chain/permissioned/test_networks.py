"""The files of a chain that members run together, read by other code than ours, and what is refused."""

from __future__ import annotations

import json
import stat
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
import rlp
import yaml
from click.testing import CliRunner
from eth_account import Account

from chain.contracts.artifacts import CONTRACTS, load
from chain.permissioned.genesis import Consensus, Network, qbft_extra
from chain.permissioned.node_files import files_of
from chain.permissioned.validators import Validator, public_key_of
from fl.protocol.codec import sha256
from fl.protocol.errors import EncodingError, SettingInvalid
from scripts.cli import main

BESU_EXAMPLE = (
    "f87aa00000000000000000000000000000000000000000000000000000000000000000f8549464a702e6263b7297a96638cac6ae65e6541f4169"
    "943923390ad55e90c237593b3b0e401f3b08a0318594aefdb9a738c9f433e5b6b212a6d62f6370c2f69294c7eeb9a4e00ce683cf93039b212648"
    "e01c6c6b78c080c0"
)
"""Besu's documentation, "QBFT: Extra data", of four validators."""


PUSH0, PUSH32, MCOPY = 0x5F, 0x7F, 0x5E
"""EIP-3855 (Shanghai), EIP-5656 (Cancun)."""


def validators(count: int) -> list[Validator]:
    return [Validator(f"v{i}", public_key_of(bytes([i] * 32)), f"10.0.0.{i}") for i in range(1, count + 1)]


def net(consensus: Consensus, count: int = 4) -> Network:
    return Network.of(consensus, 770077, 2, validators(count))


def test_the_extra_data_of_besus_documentation_are_made_from_its_validators() -> None:
    vanity, accounts, *_ = rlp.decode(bytes.fromhex(BESU_EXAMPLE))
    assert vanity == bytes(32)
    assert qbft_extra(accounts).hex() == BESU_EXAMPLE


def test_a_qbft_genesis_names_the_accounts_that_other_code_finds_for_the_keys() -> None:
    document = json.loads(files_of(net(Consensus.QBFT))["genesis.json"])
    extra = rlp.decode(bytes.fromhex(document["extraData"][2:]))
    expected = sorted(bytes.fromhex(Account.from_key(bytes([i] * 32)).address[2:]) for i in range(1, 5))
    assert extra == [bytes(32), expected, [], b"", []]
    assert document["config"]["zeroBaseFee"] is True
    assert document["config"]["qbft"]["blockperiodseconds"] == 2


def instructions(code: bytes) -> set[int]:
    """Return the instructions of EVM code, without the data that PUSH1 to PUSH32 carry."""
    found, at = set(), 0
    while at < len(code):
        found.add(code[at])
        at += 1 + (code[at] - PUSH0 if PUSH0 < code[at] <= PUSH32 else 0)
    return found


def test_the_contracts_use_no_instruction_that_is_newer_than_the_forks_of_both_kinds() -> None:
    used = set().union(*(instructions(load(name).bytecode) for name in CONTRACTS))
    assert not {PUSH0, MCOPY} & used
    for consensus in Consensus:
        assert json.loads(files_of(net(consensus))["genesis.json"])["config"]["londonBlock"] == 0


def test_a_clique_genesis_has_the_accounts_between_vanity_and_an_empty_seal() -> None:
    document = json.loads(files_of(net(Consensus.CLIQUE, 3))["genesis.json"])
    extra = bytes.fromhex(document["extraData"][2:])
    assert len(extra) == 32 + 3 * 20 + 65
    assert [extra[32 + 20 * i :][:20] for i in range(3)] == sorted(each.account for each in validators(3))
    assert document["config"]["clique"] == {"period": 2, "epoch": 30000}
    assert "shanghaiTime" not in document["config"], "geth refuses it with clique"


@pytest.mark.parametrize("consensus", Consensus)
def test_every_validator_knows_every_other_and_opens_json_rpc_to_its_own_machine_only(consensus: Consensus) -> None:
    files = files_of(net(consensus))
    if consensus == Consensus.QBFT:
        peers = json.loads(files["static-nodes.json"])
    else:
        peers = tomllib.loads(files["config.toml"].decode())["Node"]["P2P"]["StaticNodes"]
    assert peers == [each.enode for each in validators(4)]
    service = yaml.safe_load(files["compose.yaml"])["services"]["validator"]
    assert [port for port in service["ports"] if "8545" in port] == ["127.0.0.1:8545:8545"]
    assert service["image"].split(":")[-1] not in ("", "latest")


def test_the_order_of_the_validators_changes_nothing() -> None:
    turned = Network.of(Consensus.QBFT, 770077, 2, validators(4)[::-1])
    assert files_of(turned) == files_of(net(Consensus.QBFT))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda those: those[:3], "4 to 100"),
        (lambda those: [*those, those[0]], "same name"),
        (lambda those: [*those, Validator("v9", those[0].public_key, "10.0.0.9")], "same key"),
        (lambda those: [*those, Validator("v9", public_key_of(bytes([9] * 32)), "10.0.0.1")], "same address"),
    ],
)
def test_validators_that_cannot_run_together_are_refused(
    change: Callable[[list[Validator]], list[Validator]], why: str
) -> None:
    with pytest.raises(SettingInvalid, match=why):
        Network.of(Consensus.QBFT, 1, 2, change(validators(4)))


@pytest.mark.parametrize(
    ("field", "value"),
    [("host", "node.example"), ("port", 0), ("name", "../up"), ("public_key", "00" * 64), ("public_key", "xy" * 64)],
)
def test_a_validators_file_with_a_wrong_field_is_refused(field: str, value: object) -> None:
    document = json.loads(validators(1)[0].to_bytes()) | {field: value}
    with pytest.raises(EncodingError):
        Validator.from_bytes((json.dumps(document, sort_keys=True, separators=(",", ":")) + "\n").encode())


def test_members_make_their_keys_themselves_and_one_of_them_makes_the_files(tmp_path: Path) -> None:
    cards = []
    for i in range(4):
        folder = tmp_path / f"member{i}"
        told = run("chain", "key", folder, "--name", f"v{i}", "--host", f"10.0.0.{i + 1}")
        key = folder / "key" / "node.key"
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        assert stat.S_IMODE(key.parent.stat().st_mode) == 0o700
        secret = key.read_text()
        card = folder / f"validator-v{i}.json"
        assert secret not in told + card.read_text()
        assert Validator.from_bytes(card.read_bytes()).public_key == public_key_of(bytes.fromhex(secret))
        cards += ["--validator", str(card)]
    told = run("chain", "network", tmp_path / "net", *cards)
    assert "1 of them may be down" in told
    files = {path.name: path.read_bytes() for path in (tmp_path / "net").iterdir()}
    assert set(files) == {"genesis.json", "static-nodes.json", "compose.yaml", "README.md"}
    assert sha256(files["genesis.json"]).hex() in files["README.md"].decode()


@pytest.mark.parametrize(("name", "host"), [("../up", "10.0.0.1"), ("a", "node.example")])
def test_a_key_with_a_wrong_name_or_host_is_not_drawn(tmp_path: Path, name: str, host: str) -> None:
    said = run("chain", "key", tmp_path / "a", "--name", name, "--host", host, code=78)
    assert "The setting validator cannot be used" in said
    assert not (tmp_path / "a").exists()


def test_a_key_and_a_network_are_never_replaced(tmp_path: Path) -> None:
    run("chain", "key", tmp_path / "a", "--name", "a", "--host", "10.0.0.1")
    before = (tmp_path / "a" / "key" / "node.key").read_bytes()
    again = ("chain", "key", tmp_path / "a", "--name", "a", "--host", "10.0.0.1")
    assert "one key for good" in run(*again, code=78)
    assert (tmp_path / "a" / "key" / "node.key").read_bytes() == before
    card = str(tmp_path / "a" / "validator-a.json")
    make = ("chain", "network", tmp_path / "net", "--validator", card, "--kind", "clique", "--chain-id", "5")
    run(*make)
    assert "not empty" in run(*make, code=78)


def run(*words: object, code: int = 0) -> str:
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == code, result.output
    return result.output
