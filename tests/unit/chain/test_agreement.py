"""records.py, errors and the contracts say the same things in the same order; three compilers' bytes agree."""

from __future__ import annotations

import subprocess
from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from chain import tools
from chain.contracts import artifacts
from chain.contracts.artifacts import CONTRACTS
from chain.contracts.compile import compile_contracts
from chain.contracts.events import CONTRACT_OF, FUNCTIONS, event_abi, snake
from fl.protocol import errors
from fl.protocol.keys.ceremony import CeremonyPhase
from fl.protocol.keys.requests import RequestPhase
from fl.protocol.names import CeremonyKind, KeyUse, Protection, Purpose, Refusal, Role
from fl.protocol.records import KEY_RECORDS, LEDGER_RECORDS, Terms
from fl.protocol.rounds.round import Phase
from tests.support.contract_vectors import ERRORS

PROJECT = Path(__file__).resolve().parents[3]
RECORDS = (*KEY_RECORDS, *LEDGER_RECORDS)
HARDHAT = PROJECT / "node_modules" / "hardhat" / "dist" / "src" / "cli.js"

needs_npm = pytest.mark.skipif(not HARDHAT.exists(), reason="node_modules is not installed (make setup)")


def inputs(item: dict[str, Any]) -> list[str]:
    return [snake(part["name"]) for part in item["inputs"]]


def items(kind: str) -> dict[str, dict[str, Any]]:
    return {item["name"]: item for name in CONTRACTS for item in artifacts.load(name).abi if item["type"] == kind}


@pytest.mark.parametrize("kind", RECORDS)
def test_a_record_has_the_fields_of_its_event_in_its_order(kind: type[Any]) -> None:
    assert inputs(event_abi(kind)) == [field.name for field in fields(kind)]


def test_the_contracts_emit_the_records_and_nothing_else() -> None:
    assert set(items("event")) == {kind.__name__ for kind in RECORDS}


def test_the_terms_have_the_fields_of_the_struct_in_its_order() -> None:
    terms = next(item for item in items("event")["RoundOpened"]["inputs"] if item["name"] == "terms")
    assert [snake(part["name"]) for part in terms["components"]] == [field.name for field in fields(Terms)]


@pytest.mark.parametrize("name", sorted(ERRORS))
def test_a_leaf_has_the_fields_of_its_custom_error_in_its_order(name: str) -> None:
    leaf = getattr(errors, name)
    assert inputs(items("error")[name]) == [field.name for field in fields(leaf)]
    kinds = {"address": "bytes", "bytes32": "bytes"}
    solidity = [kinds.get(part["type"], "int") for part in items("error")[name]["inputs"]]
    assert [hint.__name__ for hint in get_type_hints(leaf).values() if isinstance(hint, type)] == solidity


def test_every_custom_error_has_a_leaf() -> None:
    rules = set(items("error")) - {"ListNotStored", "SenderHasCode"}  # the chain's own, which no record can show
    assert rules == set(ERRORS)
    assert [field.name for field in fields(errors.SenderHasCode)] == ["account"]


def test_every_state_changing_function_makes_one_record() -> None:
    calls = {name for name, item in items("function").items() if item["stateMutability"] == "nonpayable"}
    assert calls == set(FUNCTIONS.values())
    assert set(FUNCTIONS) == set(CONTRACT_OF) - {KEY_RECORDS[0]}


@pytest.mark.parametrize(
    "python", [Role, Protection, Phase, KeyUse, CeremonyKind, CeremonyPhase, Purpose, Refusal, RequestPhase]
)
def test_enums_have_the_same_numbers(python: type[Any]) -> None:
    enum = python.__name__
    source = "".join(path.read_text() for path in (PROJECT / "contracts").rglob("I*.sol"))
    body = source.split(f"enum {enum} {{")[1].split("}")[0]
    numbers = {name.strip(): number for number, name in enumerate(body.split(","))}
    assert {member.name: member.value for member in python}.items() <= numbers.items()


@needs_npm
def test_py_solc_x_compiles_what_is_committed() -> None:
    for name, compiled in compile_contracts(PROJECT).items():
        assert compiled.to_json() == (PROJECT / "chain" / "contracts" / "abi" / f"{name}.json").read_text()


@needs_npm
def test_hardhat_compiles_what_is_committed() -> None:
    subprocess.run([tools.node_binary(), HARDHAT, "build", "--quiet"], cwd=PROJECT, check=True, capture_output=True)
    for name in CONTRACTS:
        (built,) = (PROJECT / "build" / "hardhat" / "artifacts" / "contracts").glob(f"*/{name}.sol/{name}.json")
        assert artifacts.parse(built.read_text()) == artifacts.load(name)
