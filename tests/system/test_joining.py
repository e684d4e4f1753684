"""Joining with one file: the operator's invitation, the member's `join`, and `doctor`, on a real chain."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import Result

from chain.embedded.chain import DevChain, DevChainSettings
from chain.transactions import keystore
from fl.protocol.codec import write_document
from fl.protocol.names import show
from fl.protocol.task_catalogue import LEUKEMIA
from fl.replay.ledger_view import LedgerView
from scripts.commands.join import NEXT
from scripts.wiring import joining
from scripts.wiring.founding import ChainChoice, found_consortium
from scripts.wiring.home import Home
from scripts.wiring.invitation import DAY_S, Invitation
from scripts.wiring.roles import create_member, load_account, open_ledger
from tests.support.private_ca import behind_tls, signed_certificate
from tests.support.processes import PASSWORD, Process, free_port, invoke
from tests.support.s3_server import KEYS, address, s3_server

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("chain")
    with DevChain(DevChainSettings(PROJECT, folder, lambda: int(time.time()), port=0)) as found:
        yield found.url


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory, chain: str) -> Home:
    folder = tmp_path_factory.mktemp("operator")
    home = Home(folder / "home")
    home.member("operator").create_password()
    found_consortium(home, ChainChoice(chain, vault=f"file://{folder / 'vault'}"), LEUKEMIA)
    return home


@pytest.fixture(autouse=True)
def _fast_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keystore, "WORK_FACTOR", 2**12)


def invited(operator: Home, folder: Path, name: str, *options: str, role: str = "hospital") -> Path:
    file = folder / "invitation.json"
    told = invoke(
        *("consortium", "invite", "--home", str(operator.folder), "--role", role, "--out", str(file), name, *options)
    )
    assert told.exit_code == 0, told.output
    return file


def join(file: Path, folder: Path, *options: str, password: str = PASSWORD["HEMALEDGER_PASSWORD"]) -> Result:
    return invoke("join", str(file), "--home", str(folder), *options, env={"HEMALEDGER_PASSWORD": password})


def register(operator: Home, folder: Path, name: str, role: str = "hospital") -> None:
    account = show(keystore.claimed_address(Home(folder).member(name).account_file))
    arguments = ("--account", account, "--role", role, "--name", name)
    assert invoke("consortium", "register", "--home", str(operator.folder), *arguments).exit_code == 0


def doctor(folder: Path, name: str) -> Result:
    return invoke("doctor", "--home", str(folder), "--name", name, env=PASSWORD)


def test_one_file_and_one_command_make_a_member(operator: Home, tmp_path: Path) -> None:
    file, machine = invited(operator, tmp_path, "alpha"), tmp_path / "machine"
    first = join(file, machine, "--no-wait")
    assert first.exit_code == 75, first.output
    assert Invitation.from_bytes(file.read_bytes()).fingerprint in first.output
    register(operator, machine, "alpha")
    second = join(file, machine)
    assert second.exit_code == 0, second.output
    assert "FAIL" not in second.output
    assert "hemaledger hospital run --name alpha" in second.output
    members = LedgerView(open_ledger(operator)).refresh().book.members
    member = members[keystore.claimed_address(Home(machine).member("alpha").account_file)]
    assert (member.name, member.key is not None) == ("alpha", True)
    assert join(file, machine).exit_code == 0  # once more changes nothing
    assert doctor(machine, "alpha").exit_code == 0


def test_a_member_that_waits_goes_on_when_it_is_registered(operator: Home, tmp_path: Path) -> None:
    file, machine = invited(operator, tmp_path, "beta"), tmp_path / "machine"
    joining = Process("join", str(file), "--home", str(machine), env=PASSWORD)
    joining.wait_for("has not registered this account yet")
    register(operator, machine, "beta")
    joining.wait_for("hemaledger hospital run --name beta")
    assert joining.exit_code() == 0, joining.output


def test_a_killed_join_goes_on_with_the_same_account(operator: Home, tmp_path: Path) -> None:
    file, machine = invited(operator, tmp_path, "gamma"), tmp_path / "machine"
    waiting = Process("join", str(file), "--home", str(machine), env=PASSWORD)
    account = waiting.wait_for(r"Your account: +(0x\w+)")[1]
    waiting.kill()
    assert account in join(file, machine, "--no-wait").output


def test_nothing_secret_is_in_an_invitation(operator: Home, tmp_path: Path) -> None:
    text = invited(operator, tmp_path, "delta").read_text()
    assert operator.member("operator").password not in text
    options = ("--home", str(operator.folder), "--role", "hospital", "--out", str(tmp_path / "x"), "delta")
    refused = invoke("consortium", "invite", *options, "--rpc", "https://user:secret@rpc.example")
    assert refused.exit_code == 78
    assert "secret@" not in refused.output
    assert not (tmp_path / "x").exists()


def test_an_invitation_that_somebody_changed_is_refused(operator: Home, tmp_path: Path) -> None:
    file = invited(operator, tmp_path, "epsilon")
    document = json.loads(file.read_bytes())
    file.write_bytes(write_document({**document, "name": "mallory"}))
    refused = join(file, tmp_path / "machine")
    assert refused.exit_code == 77
    assert "the operator is" in refused.output
    assert not (tmp_path / "machine").exists()


def test_an_invitation_of_somebody_else_is_refused(operator: Home, tmp_path: Path) -> None:
    real = Invitation.from_bytes(invited(operator, tmp_path, "epsilon").read_bytes())
    file = tmp_path / "forged.json"
    file.write_bytes(real.signed(keystore.generate()).to_bytes())
    assert join(file, tmp_path / "machine").exit_code == 77


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]\n", b'{"form":"hemaledger-invitation/1"}\n', b"x" * 40_000, b'{"form":1,"form":2}\n']
)
def test_a_file_that_is_no_invitation_is_refused(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "file.json"
    file.write_bytes(data)
    assert join(file, tmp_path / "machine").exit_code == 65


def test_an_invitation_expires(operator: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = invited(operator, tmp_path, "epsilon", "--days", "1")
    monkeypatch.setattr(joining, "now", lambda: int(time.time()) + DAY_S)
    refused = join(file, tmp_path / "machine")
    assert refused.exit_code == 77
    assert "it has expired" in refused.output


def test_an_invitation_is_not_used_twice(operator: Home, tmp_path: Path) -> None:
    file = invited(operator, tmp_path, "zeta")
    assert join(file, tmp_path / "one", "--no-wait").exit_code == 75
    register(operator, tmp_path / "one", "zeta")
    refused = join(file, tmp_path / "two")
    assert refused.exit_code == 77
    assert "it was used" in refused.output
    assert join(file, tmp_path / "one").exit_code == 0


def test_a_withdrawn_invitation_is_refused_and_a_new_one_works(operator: Home, tmp_path: Path) -> None:
    file = invited(operator, tmp_path, "mu")
    withdraw = ("consortium", "withdraw", str(file), "--home", str(operator.folder))
    assert invoke(*withdraw).exit_code == 0
    assert invoke(*withdraw).exit_code == 0
    refused = join(file, tmp_path / "machine")
    assert refused.exit_code == 77
    assert "the operator withdrew it" in refused.output
    assert not (tmp_path / "machine").exists()
    again = invited(operator, tmp_path, "mu", "--days", "3")
    assert join(again, tmp_path / "machine", "--no-wait").exit_code == 75
    register(operator, tmp_path / "machine", "mu")
    used = invoke("consortium", "withdraw", str(again), "--home", str(operator.folder))
    assert used.exit_code == 77
    assert "end the membership" in used.output


def test_an_account_that_was_registered_for_another_role_does_not_join(operator: Home, tmp_path: Path) -> None:
    file, machine = invited(operator, tmp_path, "omicron"), tmp_path / "machine"
    join(file, machine, "--no-wait")
    register(operator, machine, "omicron", role="auditor")
    refused = join(file, machine)
    assert refused.exit_code == 77
    assert "does not allow this" in refused.output


def test_machines_that_share_no_folder_join_over_a_store(
    chain: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with s3_server(monkeypatch) as endpoint:
        home, machine = Home(tmp_path / "operator"), tmp_path / "machine"
        home.member("operator").create_password()
        found_consortium(home, ChainChoice(chain, vault=address(endpoint)), LEUKEMIA)
        file = invited(home, tmp_path, "pi")
        assert join(file, machine, "--no-wait").exit_code == 75
        register(home, machine, "pi")
        joined = join(file, machine)
        assert joined.exit_code == 0, joined.output
        with pytest.MonkeyPatch.context() as without:
            for name in KEYS:
                without.delenv(name)
            sick = doctor(machine, "pi")
        assert sick.exit_code == 78
        assert "AWS_ACCESS_KEY_ID" in sick.output
        other = invited(home, tmp_path, "rho")
        assert invoke("consortium", "withdraw", str(other), "--home", str(home.folder)).exit_code == 0
        assert join(other, tmp_path / "second").exit_code == 77


def test_a_hospital_that_joined_runs(operator: Home, tmp_path: Path) -> None:
    file, machine = invited(operator, tmp_path, "nu"), tmp_path / "machine"
    assert join(file, machine, "--no-wait").exit_code == 75
    register(operator, machine, "nu")
    assert join(file, machine).exit_code == 0
    agent = Process("hospital", "run", "--name", "nu", "--uploads-only", "--home", str(machine), env=PASSWORD)
    agent.wait_for("nu: ready")
    assert agent.stop() == 0


def test_every_command_that_join_recommends_exists() -> None:
    for line in (line for lines in NEXT.values() for line in lines):
        words = line.format(name="xi").split()[1:]
        told = invoke(*words[:2], "--help")
        assert told.exit_code == 0
        assert all(word in told.output for word in words if word.startswith("--")), line


def test_the_ledgers_time_counts_if_this_clock_is_behind(operator: Home, tmp_path: Path) -> None:
    file = tmp_path / "old.json"
    valid = Invitation.from_bytes(invited(operator, tmp_path, "xi").read_bytes())
    old = replace(valid, made_at=valid.made_at - 3 * DAY_S, expires_at=valid.made_at - 2 * DAY_S)
    file.write_bytes(old.signed(load_account(operator.member("operator"))).to_bytes())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(joining, "now", lambda: valid.made_at - 3 * DAY_S)
        assert "it has expired" in join(file, tmp_path / "machine").output


@pytest.mark.parametrize("password", ["x", "password1234", "eta-hospital-1"])
def test_a_weak_password_makes_no_keys(operator: Home, tmp_path: Path, password: str) -> None:
    file = invited(operator, tmp_path, "eta")
    refused = join(file, tmp_path / "machine", "--no-wait", password=password)
    assert refused.exit_code == 78
    assert "unrelated words" in refused.output
    assert not list((tmp_path / "machine").glob("members/*/*"))


def test_a_folder_of_another_consortium_is_left_alone(operator: Home, chain: str, tmp_path: Path) -> None:
    other = Home(tmp_path / "other")
    other.member("operator").create_password()
    found_consortium(other, ChainChoice(chain), LEUKEMIA)
    before = other.deployment_file.read_bytes()
    refused = join(invited(operator, tmp_path, "theta"), other.folder)
    assert refused.exit_code == 78
    assert other.deployment_file.read_bytes() == before


def test_the_first_url_that_answers_is_used(operator: Home, chain: str, tmp_path: Path) -> None:
    dead = f"http://127.0.0.1:{free_port()}"
    file = invited(operator, tmp_path, "iota", "--rpc", dead, "--rpc", chain)
    assert join(file, tmp_path / "machine", "--no-wait").exit_code == 75
    assert Home(tmp_path / "machine").deployment.url == chain
    nobody = join(invited(operator, tmp_path, "iota", "--rpc", dead), tmp_path / "second")
    assert nobody.exit_code == 75
    assert dead in nobody.output
    assert not (tmp_path / "second").exists()


def test_a_member_reaches_a_node_whose_ca_only_the_invitation_names(operator: Home, chain: str, tmp_path: Path) -> None:
    ca = signed_certificate(tmp_path) / "ca.pem"
    with behind_tls(chain, tmp_path / "server.pem") as url:
        stranger = join(invited(operator, tmp_path, "sigma", "--rpc", url), tmp_path / "stranger", "--no-wait")
        assert stranger.exit_code == 75
        assert "not trusted here" in stranger.output
        file, machine = invited(operator, tmp_path, "sigma", "--rpc", url, "--rpc-ca", str(ca)), tmp_path / "machine"
        assert join(file, machine, "--no-wait").exit_code == 75
        register(operator, machine, "sigma")
        joined = join(file, machine)
        assert joined.exit_code == 0, joined.output
        assert Home(machine).deployment.rpc_ca == ca.read_text()
        assert doctor(machine, "sigma").exit_code == 0


def test_a_private_key_does_not_get_into_an_invitation(operator: Home, tmp_path: Path) -> None:
    key = signed_certificate(tmp_path) / "server.pem"
    options = ("--role", "hospital", "--out", str(tmp_path / "x"), "tau", "--rpc-ca", str(key))
    refused = invoke("consortium", "invite", "--home", str(operator.folder), *options)
    assert refused.exit_code == 78
    assert "a private key is in it" in refused.output
    assert not (tmp_path / "x").exists()


def test_an_operator_who_is_none_any_more_invites_nobody(operator: Home, tmp_path: Path) -> None:
    file = invited(operator, tmp_path, "kappa")
    document = json.loads(file.read_bytes())
    fake = Home(tmp_path / "fake")
    fake.member("operator").create_password()
    create_member(fake, "operator", operator.member("operator").role)
    fake.save(operator.deployment)
    options = ("--role", "hospital", "--out", str(tmp_path / "x"), "kappa")
    refused = invoke("consortium", "invite", "--home", str(fake.folder), *options)
    assert refused.exit_code == 77
    assert "is not a member" in refused.output
    assert document["name"] == "kappa"


def test_the_doctor_says_what_is_wrong_and_what_to_do(operator: Home, tmp_path: Path) -> None:
    file, machine = invited(operator, tmp_path, "lambda"), tmp_path / "machine"
    join(file, machine, "--no-wait")
    alone = doctor(machine, "lambda")
    assert alone.exit_code == 77
    assert "the operator must register it first" in alone.output
    register(operator, machine, "lambda")
    assert join(file, machine).exit_code == 0
    home = Home(machine)
    found = json.loads(home.deployment_file.read_bytes())
    for change, said, code in (
        ({"url": f"http://127.0.0.1:{free_port()}"}, "Start the chain, or check the RPC URL", 75),
        ({"chain_id": 1}, "its chain id is", 78),
        ({"vault": f"file://{tmp_path / 'nowhere'}"}, "Put it back or mount it", 75),
    ):
        home.deployment_file.write_text(json.dumps({**found, **change}))
        sick = doctor(machine, "lambda")
        assert sick.exit_code == code, sick.output
        assert said in sick.output
    home.deployment_file.write_text(json.dumps(found))
    wrong = invoke("doctor", "--home", str(machine), "--name", "lambda", env={"HEMALEDGER_PASSWORD": "another one"})
    assert wrong.exit_code == 78
    assert "the password is wrong" in wrong.output
