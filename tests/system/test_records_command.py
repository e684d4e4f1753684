"""`hemaledger records` and `hemaledger staff`, over a chain of their own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from chain.embedded.chain import DevChain
from fl.protocol.codec import parse_document, sha256, write_document
from fl.protocol.errors import EncodingError, HashMismatch, NotOnChain, ProofInvalid, TamperedError, WrongContext
from fl.protocol.merkle import record_leaf
from fl.protocol.tlog.proof_file import parse_proof
from fl.training.evaluation.predict import Predictor
from scripts.commands.chain import chain_settings
from scripts.commands.record_proof import check_proof
from scripts.demo.together import found_together
from scripts.server.site import open_services
from scripts.wiring.home import Home
from scripts.wiring.roles import load_account, open_ledger
from scripts.wiring.site_accounts import seed_demo, site_config
from tests.support.processes import invoke
from tests.support.site_services import FakeFederation
from tests.support.site_town import cell, cell_pixels
from webui.site import Site, build_site
from webui.store.accounts import SignedInUser
from webui.store.mail_tables import MailRow
from webui.store.models import SiteRole
from webui.usecases.sealing import sealed_of

pytestmark = pytest.mark.slow
INES = "ines@clinic.example"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A hospital with a site, its invented people, and a trustee."""
    place = Home(tmp_path_factory.mktemp("records") / "run")
    with DevChain(chain_settings(place, 0)) as chain:
        found_together(place, chain.url, ["alpha"], ["ines"])
        seed_demo(site_config(place, "", "UTC", tls=False), place)
        yield place


@pytest.fixture(scope="module")
def site(home: Home) -> Site:
    return build_site(site_config(home, "", "UTC", tls=False), open_services(home, "alpha", Predictor))


@pytest.fixture
def row(site: Site) -> int:
    """Store one check of the first patient."""
    prediction = FakeFederation(probability=0.9).services.predictions.predict(cell_pixels())
    return site.patient_records.add_check(1, cell(), prediction)


def say(*arguments: str) -> str:
    """Run a command that must succeed, and return what it says."""
    done = invoke(*arguments)
    assert done.exit_code == 0, done.output
    return done.output


MAYA = SignedInUser(1, SiteRole.PATIENT, "Maya", 0)


def proof(site: Site, row_id: int) -> bytes:
    row = site.record_store.visible(MAYA, row_id)
    return site.anchoring.proof(row, sha256(sealed_of(row).file))


def test_the_command_anchors_and_a_proof_holds_without_a_key(home: Home, site: Site, row: int, tmp_path: Path) -> None:
    said = say("records", "anchor", "--home", str(home.folder), "--name", "alpha")
    assert "is on the ledger in block" in said
    assert "no new records" in say("records", "anchor", "--home", str(home.folder), "--name", "alpha")
    file = tmp_path / "proof.json"
    file.write_bytes(proof(site, row))
    assert "in the batch that alpha put on the ledger" in say(
        "records", "verify", "--home", str(home.folder), str(file)
    )


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"salt": "0x" + "11" * 32}, ProofInvalid),
        ({"index": 7}, ProofInvalid),
        ({"root": "0x" + "11" * 32}, HashMismatch),
        ({"batch": 99}, NotOnChain),
        ({"hospital": "0x" + "11" * 20}, NotOnChain),
        ({"consortium": "0x" + "11" * 32}, WrongContext),
        ({"chain_id": 1}, WrongContext),
        ({"path": ["0x" + "11" * 32]}, ProofInvalid),
        ({"path": [7]}, EncodingError),
        ({"format": "another"}, EncodingError),
    ],
)
def test_a_changed_proof_is_refused_by_name(
    home: Home, site: Site, row: int, change: dict[str, object], error: type[Exception]
) -> None:
    site.anchoring.anchor()
    ledger = open_ledger(home)
    whole = proof(site, row)
    assert check_proof(whole, ledger).hospital == "alpha"
    with pytest.raises(error):
        check_proof(write_document(parse_document(whole, "proof") | change), ledger)  # type: ignore[arg-type]


def test_a_receipt_holds_without_a_key_and_a_changed_one_does_not(home: Home, site: Site, row: int) -> None:
    stored = site.record_store.visible(MAYA, row)
    check = site.patient_records.read(stored).check
    assert check is not None
    ledger = open_ledger(home)
    with pytest.raises(EncodingError, match="download it again"):
        check_proof(site.receipts.of(stored, check).to_bytes(), ledger)
    site.anchoring.anchor()
    whole = site.receipts.of(stored, check).to_bytes()
    assert check_proof(whole, ledger).hospital == "alpha"
    document = parse_document(whole, "receipt")
    core = document["core"]
    assert isinstance(core, dict)
    with pytest.raises(ProofInvalid):
        check_proof(write_document(document | {"core": core | {"checked_at": 5}}), ledger)
    with pytest.raises(EncodingError, match="another hospital"):
        check_proof(write_document(document | {"core": core | {"hospital": "0x" + "11" * 20}}), ledger)


def test_a_receipt_becomes_a_proof_that_shows_a_fingerprint_alone(
    home: Home, site: Site, row: int, tmp_path: Path
) -> None:
    stored = site.record_store.visible(MAYA, row)
    check = site.patient_records.read(stored).check
    assert check is not None
    site.anchoring.anchor()
    receipt, made, trust = tmp_path / "receipt.json", tmp_path / "answer.tlog-proof", tmp_path / "trust.json"
    receipt.write_bytes(site.receipts.of(stored, check).to_bytes())
    at = ("--home", str(home.folder))
    say("log", "init", *at)
    for name in ("alpha", "auditor"):
        say("witness", "init", *at, "--name", name)
    say("log", "checkpoint", *at)
    for name in ("alpha", "auditor"):
        say("witness", "cosign", *at, "--name", name)
    say("prove", "prediction", *at, str(receipt), "--out", str(made))
    say("log", "trust", *at, "--out", str(trust))
    said = say("verify", str(made), "--trust", str(trust))
    document = parse_document(receipt.read_bytes(), "receipt")
    core = document["core"]
    assert isinstance(core, dict)
    leaf = record_leaf(bytes.fromhex(str(document["salt"])[2:]), sha256(write_document(core)))
    assert f"the salted fingerprint 0x{leaf.hex()}" in said
    for fact in (str(document["salt"])[2:], sha256(write_document(core)).hex()):
        assert fact not in said
        assert bytes.fromhex(fact) not in parse_proof(made.read_bytes()).extra.encoded()


def test_the_operator_erases_by_number(home: Home, site: Site, row: int) -> None:
    number = site.record_store.visible(MAYA, row).number or ""
    assert "erased" in say(
        "records", "erase", "--home", str(home.folder), "--name", "alpha", "--record", number, "--yes"
    )
    assert site.record_store.visible(MAYA, row).erased_at is not None


def test_a_doctor_is_linked_to_a_trustee(home: Home, site: Site) -> None:
    account = load_account(home.member("ines")).address
    said = say("staff", "link", "--home", str(home.folder), "--email", INES, "--account", "0x" + account.hex())
    assert "answers requests as" in said
    doctor = next(each.account_id for each in site.appointments.doctors() if each.account.email == INES)
    assert site.request_store.trustee_of(doctor) == account
    say("staff", "link", "--home", str(home.folder), "--email", INES)
    assert site.request_store.trustee_of(doctor) is None


def test_the_operator_looks_after_accounts(home: Home, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    where, new = ("--home", str(home.folder)), "salma@neu.example"
    assert "salma@clinic.example" in say("staff", "list", *where)
    say("staff", "change", *where, "--email", "SALMA@clinic.example", "--new-email", new, "--full-name", "Dr S. Rahimi")
    say("staff", "change", *where, "--email", new, "--specialty", "Surgery", "--hours", "mon 09:00-12:00")
    doctor = next(each for each in site.appointments.doctors() if each.account.email == new)
    assert (doctor.account.name, doctor.room, len(doctor.hours)) == ("Dr S. Rahimi", "Building A, room 0.3", 1)
    slot = site.appointments.free_slots(doctor.account_id)[0]
    site.appointments.book(2, doctor.account_id, slot.starts_at)
    said = say("staff", "disable", *where, "--email", new)
    assert "can no longer sign in" in said
    assert "Omar Haddad (omar@patients.example)" in said
    with site.database.reading() as session:
        subjects = list(session.scalars(select(MailRow.subject)))
    assert any(each.startswith("Cancelled by the hospital") for each in subjects)
    assert "disabled since" in say("staff", "list", *where)
    say("staff", "enable", *where, "--email", new)
    code = say("staff", "reset", *where, "--email", "maya@patients.example").split("example: ")[1].split()[0]
    password = "four purple trains leave"
    assert site.accounts.replace_forgotten("maya@patients.example", code, password).id == 1
    monkeypatch.setenv("HEMALEDGER_STAFF_PASSWORD", password)
    overlap = ("--hours", "mon-fri 09:00-12:00", "--hours", "wed 11:00-13:00")
    add = ("staff", "add", *where, "--role", "doctor", "--email", "d@x.example", "--full-name", "D")
    done = invoke(*add, *overlap)
    assert (done.exit_code, "The working hours on Wednesday overlap" in done.output) == (77, True)
    monkeypatch.setenv("HEMALEDGER_STAFF_PASSWORD", "password1234")
    done = invoke(*add)
    assert (done.exit_code, "too easy to guess" in done.output) == (65, True)
    assert invoke("staff", "disable", *where, "--email", "nobody@x.example").exit_code == 77


def test_errors_of_a_proof_are_evidence_or_input() -> None:
    assert issubclass(ProofInvalid, TamperedError)
    with pytest.raises(EncodingError):
        check_proof(json.dumps({}).encode(), None)  # type: ignore[arg-type]
