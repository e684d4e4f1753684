"""Trustees as processes of their own: a ceremony that survives kill -9, answers on the command line, a refresh.

Each moment at which a process can be killed: tests/memory/trustees/test_trustee_crashes.py.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from fl.crypto.capsule import Capsule, Readers, RecordPolicy
from fl.crypto.encrypted_keystore import Kit, Lockbox
from fl.crypto.envelope import open_with, seal
from fl.crypto.envelope_form import Expected, sealed_size
from fl.crypto.threshold import ThresholdKey
from fl.protocol.codec import sha256
from fl.protocol.errors import QuorumNotReached, SettingInvalid
from fl.protocol.keys.ceremony import Ceremony, CeremonyPhase
from fl.protocol.names import KeyUse, Purpose
from fl.replay.ledger_view import Keyring, LedgerView
from fl.roles.requester.agent import Requester
from fl.storage.keyring import load_keys
from scripts.demo.together import found_together
from scripts.wiring.clock import now
from scripts.wiring.home import Home
from scripts.wiring.roles import open_ledger
from tests.support.processes import Process, free_port, invoke, until

TRUSTEES = ("ines", "jonas", "salma")
TEXT = b"what nobody may read alone"

pytestmark = pytest.mark.slow


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """Return a consortium on a running chain, with one hospital and three trustees."""
    place = Home(tmp_path / "run")
    chain = Process("chain", "run", "--home", str(place.folder), "--port", str(port := free_port()))
    chain.wait_for("Chain ready at")
    found_together(place, f"http://127.0.0.1:{port}", ["alpha"], TRUSTEES)
    yield place
    chain.stop()


def ceremony(home: Home) -> Ceremony:
    found = LedgerView(open_ledger(home)).refresh().threshold.ceremony(KeyUse.RECORDS)
    assert found is not None
    return found


def held_by_all(home: Home) -> bool:
    found = ceremony(home)
    return found.phase == CeremonyPhase.DONE and len(found.confirmed) == len(TRUSTEES)


def member_keys(home: Home, *names: str) -> set[str]:
    return {path.name for name in names for path in home.member(name).folder.glob("*hpke-*")}


def trustee(home: Home, name: str) -> Process:
    process = Process("trustee", "run", "--home", str(home.folder), "--name", name)
    process.wait_for("ready")
    return process


def answer(home: Home, verb: str, name: str, number: int) -> int:
    return invoke("trustee", verb, "--home", str(home.folder), "--name", name, "--request", str(number)).exit_code


class Hospital:
    """A hospital's server, with one record sealed to the trustees' key alone."""

    def __init__(self, home: Home) -> None:
        member = home.member("alpha")
        self.ledger = open_ledger(home, member)
        self.requester = Requester(self.ledger, home.vault, Keyring(load_keys(member.folder, member.password)))
        self.key = ThresholdKey.from_bytes(
            LedgerView(self.ledger).refresh().threshold.committee(KeyUse.RECORDS).public_key
        )
        self.policy = RecordPolicy(secrets.token_bytes(16), Readers.TRUSTEES, frozenset({Purpose.EMERGENCY}))
        self.core = self.policy.core(self.ledger.anchor, self.ledger.account, 1, self.key)
        self.file = bytes(seal(self.core, [self.key], TEXT))

    def ask(self) -> int:
        capsule = Capsule.of(self.file, self.key, self.policy.to_bytes())
        return self.requester.ask(LedgerView(self.ledger).refresh(), capsule, Purpose.EMERGENCY, now() + 600)

    def open(self, number: int) -> bytes:
        found = self.requester.open(LedgerView(self.ledger).refresh(), number)
        expected = Expected(self.core, sha256(self.file), sealed_size(1000, 0, 1))
        return open_with(self.file, expected, found.key, found.secret)


def test_a_ceremony_survives_kill_9_and_its_committee_opens_records_before_and_after_a_refresh(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = ("--home", str(home.folder))
    assert invoke("consortium", "ceremony", *folder, "--use", "records").exit_code == 0
    running = {name: trustee(home, name) for name in TRUSTEES[:2]}
    until("two commitments", lambda: len(ceremony(home).committed) == 2)
    running["ines"].kill()
    running |= {name: trustee(home, name) for name in ("ines", "salma")}
    until("everybody's share", lambda: held_by_all(home))
    until("everybody's new key", lambda: member_keys(home, *TRUSTEES) == {"hpke-2.pem"})

    hospital = Hospital(home)
    first = hospital.ask()
    listed = invoke("trustee", "requests", *folder, "--name", "jonas").output
    assert "alpha" in listed
    assert "emergency" in listed
    assert answer(home, "approve", "ines", first) == 0
    with pytest.raises(QuorumNotReached):
        hospital.open(first)
    assert answer(home, "refuse", "jonas", first) == 0
    assert answer(home, "approve", "jonas", first) == 77  # one answer each
    assert answer(home, "approve", "salma", first) == 0
    assert hospital.open(first) == TEXT

    assert running.pop("ines").stop() == 0
    assert invoke("consortium", "ceremony", *folder, "--kind", "refresh").exit_code == 0
    once = Process("trustee", "refresh", *folder, "--name", "ines")  # whose agent does not run all the time
    once.wait_for("nothing left to do")
    assert once.exit_code() == 0
    assert member_keys(home, "ines") == {"hpke-3.pem"}
    until("new shares", lambda: ceremony(home).number == 2 and held_by_all(home))
    until(
        "old shares erased",
        lambda: not any((home.member(name).folder / "shares" / "records-1.json").exists() for name in TRUSTEES),
    )
    until("old keys destroyed", lambda: member_keys(home, *TRUSTEES) == {"hpke-3.pem"})
    second = hospital.ask()
    for name in ("jonas", "salma"):
        assert answer(home, "approve", name, second) == 0
    assert hospital.open(second) == TEXT

    report = json.loads(invoke("audit", *folder, "--format", "json").output)
    assert report["clean"]
    assert report["checks"]["ceremonies"] == 2

    kit = tmp_path / "kit.json"
    made = invoke("trustee", "kit", *folder, "--name", "ines", "--output", str(kit))
    assert made.exit_code == SettingInvalid.exit_code
    monkeypatch.setenv("HEMALEDGER_KIT_PASSWORD", "a password of the kit")
    assert invoke("trustee", "kit", *folder, "--name", "ines", "--output", str(kit)).exit_code == 0
    opened = Lockbox.parse(kit.read_bytes(), str(kit)).unlock("a password of the kit")
    assert isinstance(opened, Kit)
    assert opened.held.seat.epoch == 2
    for process in running.values():
        process.stop()


def test_the_operator_deals_when_a_consortium_wants_one_authority(home: Home) -> None:
    folder = ("--home", str(home.folder))
    running = [trustee(home, name) for name in TRUSTEES]
    reported = invoke("consortium", "ceremony", *folder, "--kind", "dealer").output
    assert "every page says so" in reported
    until("everybody's share", lambda: held_by_all(home))
    assert "DEALT BY THE OPERATOR" in invoke("consortium", "members", *folder).output
    for kind, said in (("generate", ()), ("dealer", ()), ("refresh", ("--new-key",))):
        refused = invoke("consortium", "ceremony", *folder, "--kind", kind, *said)
        assert (refused.exit_code, ceremony(home).number) == (SettingInvalid.exit_code, 1)
        assert "new-key" in refused.output
    assert invoke("consortium", "ceremony", *folder, "--kind", "generate", "--new-key").exit_code == 0
    until("everybody's share of the new key", lambda: ceremony(home).number == 2 and held_by_all(home))
    assert "held whole by nobody" in invoke("consortium", "members", *folder).output
    for process in running:
        process.stop()


def test_a_key_is_replaced_long_after_its_ceremony_and_by_hand_beside_a_running_agent(home: Home) -> None:
    folder = ("--home", str(home.folder))

    def due() -> int:
        return invoke("consortium", "members", *folder).output.count("not replaced since a ceremony")

    assert invoke("consortium", "ceremony", *folder).exit_code == 0
    assert due() == 0
    assert invoke("consortium", "abort", *folder, "--reason", "a mistake").exit_code == 0
    assert due() == 3
    assert Process("trustee", "refresh", *folder, "--name", "salma").exit_code() == 0
    assert member_keys(home, "salma") == {"hpke-2.pem"}
    assert due() == 2
    running = trustee(home, "jonas")
    until("the agent's key", lambda: member_keys(home, "jonas") == {"hpke-2.pem"})
    assert invoke("trustee", "rotate", *folder, "--name", "jonas").exit_code == 0
    until("the key made by hand", lambda: member_keys(home, "jonas") == {"hpke-3.pem"})
    assert due() == 1
    running.stop()
