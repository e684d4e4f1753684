"""Whatever is changed in the vault, or was cheated on the ledger, the audit finds it and names round and subject."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from fl.audit.access import AuditKey
from fl.audit.consortium import Audit
from fl.protocol.audit import Finding, Report
from fl.protocol.codec import JsonValue, parse_document, write_document
from fl.protocol.errors import RecipientNotFound
from fl.protocol.names import NO_ADDRESS, NO_DIGEST, Digest, Role, show
from fl.protocol.records import (
    Entry,
    FederationOpened,
    KeyRegistered,
    MemberRegistered,
    MemberRevoked,
    ModelAttested,
    OperatorChanged,
    OperatorProposed,
    RoundAborted,
    RoundFinalised,
)
from fl.protocol.rounds.round import Phase, Round
from fl.replay.file_reader import FileReader
from fl.replay.ledger_view import Keyring
from fl.training.model.weights import vector_to_bytes
from tests.support.federation import Party, endorser, initial, memory_folder, settle
from tests.support.world import World, digest

MODEL = initial().vector


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A clean history of two final rounds; tests put back what they change."""
    with memory_folder(tmp_path_factory.mktemp("history")) as folder:
        world = World(folder)
        world.run(2)
        yield world


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with memory_folder(tmp_path) as folder:
        yield World(folder)


def audit(
    world: World, key: Party | None = None, entries: list[Entry] | None = None, *, with_key: bool = True
) -> Report:
    party = key or world.consortium.auditor
    chosen = AuditKey(party.account, Keyring(party.keys)) if with_key else None
    ledger = world.consortium.operator
    made = Audit(ledger.anchor, world.consortium.vault, chosen, endorser())
    report, _ = made.run(entries if entries is not None else ledger.replay(), lambda _done, _of: None)
    return report


def named(report: Report) -> list[tuple[str, int | None, str]]:
    return [(finding.name, finding.round, finding.subject) for finding in report.findings]


@dataclass(frozen=True)
class File:
    """One kind of file in the vault, and how the audit calls it."""

    subject: str
    round: int | None
    digest_of: Callable[[World], Digest]

    def path(self, world: World) -> Path:
        return world.consortium.vault.path(self.digest_of(world))


def second(world: World) -> Round:
    return world.federation.rounds[1]


def proposed(current: Round) -> Digest:
    assert current.proposal is not None
    return current.proposal.envelope_digest


FILES = [
    File("model manifest", None, lambda world: world.federation.opening.record.manifest_digest),
    File("initial model", None, lambda world: world.federation.opening.record.envelope_digest),
    File("sealed update of beta", 2, lambda world: second(world).commitments[world.party("beta").account]),
    File("global model", 1, lambda world: proposed(world.federation.rounds[0])),
    File("global model", 2, lambda world: proposed(second(world))),
    File("report of auditor", 2, lambda world: next(iter(second(world).attestations.values()))),
]


@pytest.fixture(params=FILES, ids=lambda file: f"{file.subject} {file.round}")
def file(request: pytest.FixtureRequest, history: World) -> Iterator[File]:
    """Yield a kind of file, and put it back afterwards."""
    chosen: File = request.param
    path = chosen.path(history)
    content = path.read_bytes()
    yield chosen
    path.unlink(missing_ok=True)
    path.write_bytes(content)


def test_a_clean_history_has_no_findings_and_everything_was_checked(history: World) -> None:
    report = audit(history)
    assert report.clean
    assert named(report) == []
    entries = len(history.consortium.operator.replay())
    assert dict(report.checks) == {
        "records": entries,
        "documents": 1 + 2 + 2,  # manifest, configurations, reports
        "files": 1 + 2 * 4,  # initial model, then three updates and a model per round
        "models": 3,
        "aggregates": 2,
    }
    assert report.notes == []


def test_without_a_key_it_says_what_was_not_checked(history: World) -> None:
    report = audit(history, with_key=False)
    assert report.clean
    assert report.notes == [
        "No auditor key was given: digests, senders and headers were checked; nothing was opened or summed."
    ]
    assert report.checks["files"] == 9
    assert report.checks["models"] == report.checks["aggregates"] == 0


@pytest.mark.parametrize("place", [0.0, 0.3, 0.999])
def test_a_flipped_bit_is_found_in_every_kind_of_file(history: World, file: File, place: float) -> None:
    path = file.path(history)
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 0x10
    path.write_bytes(content)
    report = audit(history)
    assert ("HashMismatch", file.round, file.subject) in named(report)
    assert {(finding.round, finding.subject) for finding in report.findings} <= {
        (file.round, file.subject),
        (1, "aggregate"),
        (2, "aggregate"),
    }
    assert all("SHA-256" in finding.sentence for finding in report.findings if finding.name == "HashMismatch")


@pytest.mark.parametrize("with_key", [True, False])
def test_a_changed_file_is_found_without_a_key_too(history: World, file: File, *, with_key: bool) -> None:
    file.path(history).write_bytes(b"something else")
    assert ("HashMismatch", file.round, file.subject) in named(audit(history, with_key=with_key))


def test_a_deleted_file_is_found_in_every_kind(history: World, file: File) -> None:
    file.path(history).unlink()
    assert ("VaultMissing", file.round, file.subject) in named(audit(history))


def test_a_deleted_configuration_is_found_in_both_rounds(history: World) -> None:
    path = history.consortium.vault.path(second(history).terms.config_digest)
    content = path.read_bytes()
    path.unlink()
    try:
        found = named(audit(history))
    finally:
        path.write_bytes(content)
    assert [("VaultMissing", number, "round configuration") in found for number in (1, 2)] == [True, True]


def test_a_huge_file_is_found_unread(history: World, file: File) -> None:
    with file.path(history).open("r+b") as content:
        content.truncate(2**40)
    assert ("TooLarge", file.round, file.subject) in named(audit(history))


def test_two_swapped_files_are_both_found(history: World) -> None:
    vault, current = history.consortium.vault, second(history)
    names = ("alpha", "gamma")
    paths = [vault.path(current.commitments[history.party(name).account]) for name in names]
    contents = [path.read_bytes() for path in paths]
    for path, content in zip(paths, reversed(contents), strict=True):
        path.write_bytes(content)
    report = audit(history)
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    assert sorted(named(report)) == [("HashMismatch", 2, f"sealed update of {name}") for name in names]
    assert "Round 2 could not be summed again because of its findings." in report.notes
    assert audit(history).clean


def test_one_bad_file_does_not_end_the_audit(history: World) -> None:
    vault, current = history.consortium.vault, history.federation.rounds[0]
    path = vault.path(current.commitments[history.party("alpha").account])
    content = path.read_bytes()
    path.unlink()
    report = audit(history)
    path.write_bytes(content)
    assert named(report) == [("VaultMissing", 1, "sealed update of alpha")]
    assert report.checks["aggregates"] == 1
    assert report.checks["models"] == 3


def test_a_record_that_the_rules_forbid_ends_the_replay_and_is_named(history: World) -> None:
    entries = list(history.consortium.operator.replay())
    place = next(number for number, entry in enumerate(entries) if isinstance(entry.record, RoundFinalised))
    record = entries[place].record
    assert isinstance(record, RoundFinalised)
    entries[place] = replace(entries[place], record=replace(record, model_digest=Digest(bytes(32))))
    report = audit(history, entries=entries)
    [finding] = report.findings
    assert (finding.name, finding.round) == ("ModelDigestMismatch", 1)
    assert finding.subject == f"RoundFinalised in block {entries[place].position.block} by coordinator"


@pytest.mark.parametrize("kind", [MemberRegistered, KeyRegistered, FederationOpened])
def test_a_record_left_out_of_the_ledger_is_found(history: World, kind: type) -> None:
    entries = list(history.consortium.operator.replay())
    left = next(entry for entry in entries if isinstance(entry.record, kind))
    report = audit(history, entries=[entry for entry in entries if entry is not left])
    assert not report.clean


def test_a_federation_that_was_never_opened_has_nothing_to_check(world: World) -> None:
    report = audit(world)
    assert report.clean
    assert report.notes == ["The federation was never opened; there is nothing more to check."]


# --- Cheating on the ledger ----------------------------------------------------------------------------------------


def attest_and_finalise(world: World, report: Digest = NO_DIGEST) -> None:
    """An auditor that looks away, and a coordinator that ends the round."""
    current = world.current
    assert current.proposal is not None
    model, auditor, coordinator = current.proposal.model_digest, world.party("auditor"), world.party("coordinator")
    auditor.ledger.append(ModelAttested(auditor.account, current.number, model, report))
    coordinator.ledger.append(RoundFinalised(coordinator.account, current.number, model))


def test_a_wrong_aggregate_that_a_complaisant_auditor_attested_is_found(world: World) -> None:
    world.freeze_a_round()
    wrong = MODEL + np.float32(0.25)
    world.propose(digest(wrong), world.seal_model(wrong))
    attest_and_finalise(world)
    assert world.phases() == ["FINAL"]
    settle(world.coordinator(2), world.auditor(), *world.hospitals())
    assert world.phases() == ["FINAL", "FINAL"]
    report = audit(world)
    assert named(report) == [("ModelDigestMismatch", 1, "aggregate")]
    assert show(digest(wrong)) in report.findings[0].sentence
    assert report.checks["aggregates"] == 1


def test_a_sealed_model_that_is_not_the_recorded_one_is_found(world: World) -> None:
    world.freeze_a_round()
    world.propose(digest(MODEL + np.float32(0.25)), world.seal_model(MODEL))
    attest_and_finalise(world)
    assert set(named(audit(world))) == {
        ("ModelDigestMismatch", 1, "aggregate"),
        ("ModelDigestMismatch", 1, "global model"),
    }


def test_the_previous_models_file_recorded_as_the_new_one_is_found(world: World) -> None:
    world.freeze_a_round()
    world.propose(digest(MODEL), world.federation.opening.record.envelope_digest)
    attest_and_finalise(world)
    assert ("StaleRound", 1, "global model") in named(audit(world))
    assert ("StaleRound", 1, "global model") in named(audit(world, with_key=False))


def test_a_model_that_was_never_uploaded_is_found(world: World) -> None:
    world.freeze_a_round()
    world.propose(digest(MODEL), Digest(b"\x07" * 32))
    attest_and_finalise(world)
    assert ("VaultMissing", 1, "global model") in named(audit(world))


def test_a_model_of_another_length_is_found(world: World) -> None:
    world.freeze_a_round()
    world.propose(digest(MODEL), world.seal_model(MODEL[:-1]))
    attest_and_finalise(world)
    assert ("WeightsMismatch", 1, "global model") in named(audit(world))


def test_the_refused_proposal_of_an_aborted_round_is_found(world: World) -> None:
    """A cheat that did not succeed is still a finding."""
    world.freeze_a_round()
    wrong = MODEL + np.float32(0.25)
    world.propose(digest(wrong), world.seal_model(wrong))
    coordinator = world.party("coordinator")
    coordinator.ledger.append(RoundAborted(coordinator.account, 1, "caught"))
    settle(world.coordinator(1), world.auditor(), *world.hospitals())
    assert world.phases() == ["ABORTED", "FINAL"]
    report = audit(world)
    assert named(report) == [("ModelDigestMismatch", 1, "aggregate")]
    assert report.checks["aggregates"] == 1


FORGERIES: list[tuple[str, dict[str, JsonValue], str]] = [
    ("another model", {"model": show(bytes(32))}, "ModelDigestMismatch"),
    ("no hexadecimal", {"model": "0xzz"}, "EncodingError"),
    ("a short digest", {"model": "0x00"}, "EncodingError"),
    ("an empty digest", {"model": ""}, "EncodingError"),
    ("no text", {"model": 7}, "EncodingError"),
    ("another auditor", {"auditor": show(bytes(20))}, "WrongSender"),
    ("another round", {"round": 2}, "StaleRound"),
    ("a round that is no number", {"round": "1"}, "EncodingError"),
]


@pytest.mark.parametrize(("changes", "error"), [case[1:] for case in FORGERIES], ids=[case[0] for case in FORGERIES])
def test_a_forged_report_is_found(world: World, changes: dict[str, JsonValue], error: str) -> None:
    world.freeze_a_round().step()
    assert world.current.proposal is not None
    honest: dict[str, JsonValue] = {
        "auditor": show(world.party("auditor").account),
        "metrics": {},
        "model": show(world.current.proposal.model_digest),
        "round": 1,
    }
    vault = world.consortium.vault
    attest_and_finalise(world, vault.put(write_document({**honest, **changes})))
    assert named(audit(world)) == [(error, 1, "report of auditor")]


@pytest.mark.parametrize(
    "content", [b"", b"no document", b"{}\n", b'{"model": 1}\n', b"[]\n", b'{"model":"' + b"0" * 64 + b'"}\n']
)
def test_a_report_that_is_no_report_is_found(world: World, content: bytes) -> None:
    world.freeze_a_round().step()
    attest_and_finalise(world, world.consortium.vault.put(content))
    assert named(audit(world)) == [("EncodingError", 1, "report of auditor")]


def test_an_attestation_without_a_report_is_no_finding(world: World) -> None:
    world.freeze_a_round().step()
    attest_and_finalise(world)
    assert audit(world).clean


def test_a_copied_report_of_another_auditor_is_found(world: World) -> None:
    copier = world.join("copier", Role.AUDITOR)
    coordinator = world.coordinator(1, attestations=2)
    settle(coordinator, world.auditor(), *world.hospitals())
    assert world.current.phase == Phase.PROPOSED
    proposal, (report,) = world.current.proposal, world.current.attestations.values()
    assert proposal is not None
    copier.ledger.append(ModelAttested(copier.account, 1, proposal.model_digest, report))
    coordinator.step()
    assert named(audit(world)) == [("WrongSender", 1, "report of copier")]


def test_a_ledger_opened_by_a_coordinator_without_a_key_is_found_and_does_not_stop_the_audit(world: World) -> None:
    ledger = world.connect("keyless")
    operator, coordinator = world.consortium.operator, world.consortium.coordinator
    operator.append(MemberRevoked(operator.account, coordinator.account, ""))
    operator.append(MemberRegistered(operator.account, ledger.account, Role.COORDINATOR, "keyless"))
    vault = world.consortium.vault
    manifest, file = vault.put(initial().manifest.to_bytes()), vault.put(vector_to_bytes(MODEL))
    ledger.append(FederationOpened(ledger.account, NO_ADDRESS, 0, digest(MODEL), file, manifest))
    assert named(audit(world)) == [("KeyEpochMismatch", None, "initial model")]


# --- Rounds without everybody --------------------------------------------------------------------------------------


def test_a_file_that_was_left_out_may_be_missing_and_is_noted(world: World) -> None:
    coordinator = world.coordinator(1)
    coordinator.step()
    coordinator.step()
    settle(*world.hospitals())
    beta = world.party("beta").account
    world.consortium.vault.path(world.current.commitments[beta]).unlink()
    world.clock.now = world.current.terms.commit_deadline + 1
    settle(coordinator, world.auditor())
    assert world.phases() == ["FINAL"]
    report = audit(world)
    assert report.clean
    assert report.notes == ["Round 1: the sealed update of beta is not in the vault; the round was frozen without it."]


def test_an_auditor_that_joined_later_says_what_it_could_not_sum(world: World) -> None:
    world.run(1)
    late = world.join("late", Role.AUDITOR)
    settle(world.coordinator(3), world.auditor(), *world.hospitals())
    report = audit(world, late)
    assert report.clean
    assert report.checks["aggregates"] == 2
    assert [note.split(":")[0] for note in report.notes] == [
        "The initial model was not opened",
        "Round 1 was neither summed again nor opened",
        "coordinator granted the model of round 1 to late, who came later.",
    ]


def test_an_audit_reads_the_same_after_keys_were_rotated(world: World) -> None:
    world.run(1)
    for party in world.consortium.everybody():
        party.register_key()
    settle(world.coordinator(2), world.auditor(), *world.hospitals())
    report = audit(world)
    assert report.clean
    assert report.checks["aggregates"] == 2


def test_a_finding_is_a_sentence_with_its_facts(world: World) -> None:
    world.run(1)
    path = world.consortium.vault.path(proposed(world.current))
    path.write_bytes(b"changed")
    [finding] = audit(world).findings
    assert isinstance(finding, Finding)
    document = parse_document(write_document(finding.to_dict()), "finding")
    assert document["name"] == "HashMismatch"
    assert document["round"] == 1
    assert show(proposed(world.current)) in str(document["sentence"])


def test_an_account_that_is_no_member_opens_nothing(world: World) -> None:
    world.run(1)
    stranger = Party("stranger", Role.AUDITOR, world.connect("stranger"), world.folder / "x", {}, now=world.clock)
    reader = FileReader(stranger.account, world.consortium.vault, Keyring({}))
    with pytest.raises(RecipientNotFound):
        reader.model(world.current, initial().manifest)
    report = audit(world, stranger)
    assert report.clean
    assert report.checks["models"] == 0
    assert report.notes == [
        "The initial model was not opened: the auditor had no key in this federation at that time.",
        "Round 1 was neither summed again nor opened: the auditor had no key in this federation at that time.",
    ]


def test_a_change_of_the_operator_is_noted_and_what_the_former_one_does_then_is_found(world: World) -> None:
    operator, heir = world.consortium.operator, world.connect("heir")
    operator.append(OperatorProposed(operator.account, heir.account))
    heir.append(OperatorChanged(heir.account, 0, operator.account))
    report = audit(world)
    assert not report.findings
    assert [note for note in report.notes if "operator 2 became the operator in place of operator, by" in note]
    last = operator.replay()[-1]
    position = replace(last.position, block=last.position.block + 1)
    late = MemberRevoked(operator.account, world.consortium.auditor.account, "out of office")
    report = audit(world, entries=[*operator.replay(), replace(last, record=late, position=position)])
    assert [finding.name for finding in report.findings] == ["RevokedSender"]


def test_an_operator_that_nobody_proposed_is_found(world: World) -> None:
    operator, heir = world.consortium.operator, world.connect("heir")
    last = operator.replay()[-1]
    position = replace(last.position, block=last.position.block + 1)
    seized = OperatorChanged(heir.account, 0, operator.account)
    report = audit(world, entries=[*operator.replay(), replace(last, record=seized, position=position)])
    assert [finding.name for finding in report.findings] == ["NotProposed"]
