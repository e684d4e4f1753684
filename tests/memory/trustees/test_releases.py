"""Models that are held back: whatever happens to K_MODEL, the coordinator waits, says for what, and goes on."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from fl.crypto.capsule import Capsule
from fl.crypto.envelope import seal
from fl.events import Event
from fl.protocol.errors import NotReleased
from fl.protocol.keys.requests import RequestPhase
from fl.protocol.names import CeremonyKind, KeyUse, Purpose, Refusal, Role
from fl.protocol.records import CeremonyStarted, DecryptionApproved, LedgerHandedOver, MemberRevoked
from fl.protocol.rounds.parts import is_list
from fl.replay.expected_files import model_core
from fl.replay.ledger_view import Keyring
from fl.roles.auditor import Auditor
from fl.roles.coordinator.agent import Coordinator
from fl.roles.coordinator.plan import Plan
from fl.roles.hospital.agent import Hospital
from fl.roles.requester.model_release import held_by
from fl.roles.trustee.agent import Trustee
from fl.storage.kept_models import FolderModels
from scripts.wiring.models import WEIGHTS, Reader, model_parts
from tests.support.clinic import Clinic, audit, model_file, phases, three_trustees
from tests.support.federation import Clock, initial, memory_folder, settle
from tests.support.ledger import MemoryLedger

LIFE_S = 10**7


@dataclass
class Held:
    """A consortium whose first round is final, and whose model waits for its release."""

    clinic: Clinic
    coordinator: Coordinator
    others: list[Auditor | Hospital]

    @property
    def plan(self) -> Plan:
        plan = self.clinic.consortium.plan(2)
        return replace(plan, config=replace(plan.config, release=True))

    def settle(self) -> None:
        settle(self.coordinator, *self.others, *self.clinic.trustees)

    def restart(self) -> None:
        party = self.clinic.consortium.coordinator
        self.coordinator = Coordinator(party.ports(self.clinic.consortium.vault), self.plan, initial())

    def ceremony(self, kind: CeremonyKind) -> None:
        """Let all trustees go through a ceremony of K_MODEL."""
        start(self.clinic, kind)
        settle(*self.clinic.trustees)

    def approve(self, number: int) -> None:
        for trustee in self.clinic.trustees[:2]:
            trustee.approve(number)

    def reported(self) -> list[str]:
        events = self.clinic.consortium.coordinator.events
        return [str(facts["reason"]) for what, facts in events if what == Event.RELEASE_AWAITED]

    def requests(self) -> int:
        return len(self.clinic.federation.threshold.requests)


def start(clinic: Clinic, kind: CeremonyKind) -> None:
    operator = clinic.consortium.operator
    number = len(clinic.federation.threshold.ceremonies.get(KeyUse.MODEL, ())) + 1
    receivers = tuple(sorted(party.account for party in clinic.parties))
    expires = clinic.clock.now + LIFE_S
    operator.append(CeremonyStarted(operator.account, KeyUse.MODEL, number, kind, 2, receivers, receivers, 60, expires))


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Held]:
    clock = Clock()
    with memory_folder(tmp_path) as folder:
        clinic = three_trustees(folder, clock)
        made = Held(clinic, *_agents(clinic))
        made.settle()
        assert phases(clinic) == []
        assert [reason for reason in made.reported() if "operator starts a ceremony" in reason] == made.reported()
        made.ceremony(CeremonyKind.GENERATE)
        made.settle()
        assert phases(clinic) == ["FINAL"]
        assert made.requests() == 1
        yield made


def _agents(clinic: Clinic, part_bytes: int = 0) -> tuple[Coordinator, list[Auditor | Hospital]]:
    plan = clinic.consortium.plan(2)
    plan = replace(plan, config=replace(plan.config, release=True), part_bytes=part_bytes)
    coordinator, auditor, hospitals = clinic.consortium.agents(plan)
    return coordinator, [auditor, *hospitals]


def test_a_model_in_parts_is_released_by_one_request(tmp_path: Path) -> None:
    with memory_folder(tmp_path) as folder:
        clinic = three_trustees(folder, Clock())
        made = Held(clinic, *_agents(clinic, 16 * 1024))
        made.settle()
        made.ceremony(CeremonyKind.GENERATE)
        made.settle()
        assert (phases(clinic), made.requests()) == (["FINAL"], 1)
        made.approve(1)
        made.settle()
        assert (phases(clinic), made.requests()) == (["FINAL", "FINAL"], 2)
        model = clinic.federation.rounds[0].proposal
        assert model is not None
        assert is_list(clinic.consortium.vault.get(model.envelope_digest, 1 << 30))


def stand_still(held: Held, reason: str) -> None:
    """Let everybody act, also after a restart of the coordinator: nothing happens, and each of them said once why."""
    before = held.requests()
    for _ in range(2):
        reported = len(held.reported())
        held.settle()
        held.settle()
        assert [reason in each for each in held.reported()[reported:]] in ([True], [])
        held.restart()
    assert any(reason in each for each in held.reported())
    assert (phases(held.clinic), held.requests()) == (["FINAL"], before)


def test_while_trustees_think_the_coordinator_says_once_that_it_waits_for_them(held: Held) -> None:
    stand_still(held, "request 1 waits for 2 valid answers")
    held.approve(1)
    held.settle()
    assert phases(held.clinic) == ["FINAL", "FINAL"]


@pytest.mark.parametrize("restart", [False, True])
def test_a_replaced_key_stops_nobody_its_own_committee_releases_the_model(held: Held, restart: bool) -> None:
    held.ceremony(CeremonyKind.GENERATE)
    if restart:
        held.restart()
    stand_still(held, "request 1 waits for 2 valid answers")
    held.approve(1)
    held.settle()
    assert phases(held.clinic) == ["FINAL", "FINAL"]
    assert audit(held.clinic).clean


def test_the_way_out_of_a_replaced_and_expired_key_is_a_successor_that_opens_with_the_model(held: Held) -> None:
    held.ceremony(CeremonyKind.GENERATE)
    held.clinic.clock.now += LIFE_S + 1
    stand_still(held, "expired")
    consortium, operator = held.clinic.consortium, held.clinic.consortium.operator
    assert isinstance(operator, MemoryLedger)
    model, chain = held.clinic.federation.model_digest, operator._chain
    successor = chain.deploy_successor()
    operator.append(LedgerHandedOver(operator.account, successor))
    for party in (*consortium.everybody(), *held.clinic.parties):
        party.ledger = MemoryLedger(chain, party.account, successor)
    held.coordinator, held.others = _agents(held.clinic)
    held.settle()
    assert held.clinic.federation.opening.record.model_digest == model
    assert phases(held.clinic) == ["FINAL", "FINAL"]


def test_after_a_refresh_the_new_committee_is_asked_and_the_round_opens(held: Held) -> None:
    held.ceremony(CeremonyKind.REFRESH)
    held.settle()
    assert held.requests() == 2
    held.approve(2)
    held.settle()
    assert phases(held.clinic) == ["FINAL", "FINAL"]
    assert audit(held.clinic).clean


def test_expired_shares_are_waited_for_until_they_are_refreshed(held: Held) -> None:
    held.clinic.clock.now += LIFE_S - 10
    held.settle()  # a request whose deadline lies behind the expiry
    held.clinic.clock.now += 11
    stand_still(held, "expired")
    held.ceremony(CeremonyKind.REFRESH)
    held.settle()
    held.approve(3)
    held.settle()
    assert phases(held.clinic) == ["FINAL", "FINAL"]


def test_the_chains_clock_counts_where_the_coordinators_is_behind(held: Held) -> None:
    held.clinic.clock.now += LIFE_S + 1
    party = held.clinic.consortium.coordinator
    ports = replace(party.ports(held.clinic.consortium.vault), now=lambda: held.clinic.clock.now - 10)
    held.coordinator = Coordinator(ports, held.plan, initial())
    held.settle()
    assert "expired" in held.reported()[-1]


def test_a_refused_release_is_told_with_names_and_only_another_committee_is_asked(held: Held) -> None:
    for trustee in held.clinic.trustees[:2]:
        trustee.refuse(1, Refusal.JUDGEMENT)
    held.clinic.clock.now += 10_000  # behind the request's deadline, too
    stand_still(held, "ada, ben refused request")
    held.ceremony(CeremonyKind.REFRESH)
    held.settle()
    assert held.requests() == 2
    held.approve(2)
    held.settle()
    assert phases(held.clinic) == ["FINAL", "FINAL"]


def test_a_refused_coordinator_goes_on_when_the_release_was_granted_to_somebody_else(held: Held) -> None:
    for trustee in held.clinic.trustees[:2]:
        trustee.refuse(1, Refusal.JUDGEMENT)
    held.settle()
    held.clinic.requester.ask(held.clinic.federation, capsule(held), Purpose.RELEASE, held.clinic.clock.now + 3600)
    held.approve(2)
    held.settle()
    assert phases(held.clinic) == ["FINAL", "FINAL"]


def test_a_lapsed_request_is_made_again_once(held: Held) -> None:
    held.clinic.clock.now += 10_000
    held.settle()
    held.settle()
    assert held.requests() == 2


def test_approvals_that_open_nothing_are_no_release_and_a_right_one_more_is(held: Held) -> None:
    ada = held.clinic.parties[0].ledger
    ada.append(DecryptionApproved(ada.account, 1, held.clinic.federation.rounds[0].previous_model))
    held.clinic.trustees[1].approve(1)
    assert held.clinic.federation.threshold.request(1).phase == RequestPhase.APPROVED
    stand_still(held, "request 1 waits for 2 valid answers")
    held.clinic.trustees[2].approve(1)
    held.settle()
    assert phases(held.clinic) == ["FINAL", "FINAL"]


def test_who_calls_a_request_fulfilled_that_opens_nothing_releases_nothing(held: Held) -> None:
    number = held.clinic.requester.ask(
        held.clinic.federation, capsule(held), Purpose.RELEASE, held.clinic.clock.now + 3600
    )
    ada = held.clinic.parties[0].ledger
    ada.append(DecryptionApproved(ada.account, number, held.clinic.federation.rounds[0].previous_model))
    held.clinic.trustees[1].approve(number)
    held.clinic.requester.fulfil(held.clinic.federation.threshold.request(number))
    stand_still(held, "request 1 waits")
    held.approve(1)
    held.settle()
    assert phases(held.clinic) == ["FINAL", "FINAL"]


def test_a_release_of_another_ciphertext_under_the_same_header_opens_nothing_and_ends_nobody(held: Held) -> None:
    federation = held.clinic.federation
    key = held_by(federation)
    forged = seal(model_core(federation.rounds[0]), [key], secrets.token_bytes(8))
    asked = Capsule.of(bytes(forged), key, b"")
    held.clinic.requester.ask(held.clinic.federation, asked, Purpose.RELEASE, held.clinic.clock.now + 3600)
    held.approve(2)
    stand_still(held, "request 1 waits")
    held.approve(1)
    held.settle()
    assert phases(held.clinic) == ["FINAL", "FINAL"]


def test_a_new_coordinator_asks_itself_and_reads_what_was_released(held: Held) -> None:
    consortium = held.clinic.consortium
    old = consortium.coordinator
    consortium.operator.append(MemberRevoked(consortium.operator.account, old.account, "left the house"))
    consortium.coordinator = consortium.join("successor", Role.COORDINATOR)
    held.restart()
    held.settle()
    stand_still(held, "request 2 waits")
    held.approve(2)
    held.settle()
    assert phases(held.clinic) == ["FINAL", "FINAL"]


def test_a_hospital_exports_a_model_after_its_release(held: Held) -> None:
    party, vault = held.clinic.consortium.hospitals[0], held.clinic.consortium.vault
    reader = Reader(party.ledger, vault, Keyring(party.keys), FolderModels(party.folder / "models"))
    with pytest.raises(NotReleased):
        model_parts(reader, 1, sealed=False)
    held.approve(1)
    held.settle()
    assert WEIGHTS in model_parts(reader, 1, sealed=False)[1]


def capsule(held: Held) -> Capsule:
    return Capsule.of(model_file(held.clinic, held.clinic.federation.rounds[0]), held_by(held.clinic.federation), b"")


def test_an_answer_whose_file_comes_later_releases_the_model_without_a_further_approval(held: Held) -> None:
    held.approve(1)
    approvals = held.clinic.federation.threshold.request(1).approvals
    path = held.clinic.consortium.vault.path(approvals[held.clinic.parties[0].account].digest)
    file = path.read_bytes()
    path.unlink()
    stand_still(held, "request 1 waits for 2 valid answers")
    held.settle()
    path.write_bytes(file)
    held.settle()
    assert phases(held.clinic) == ["FINAL", "FINAL"]


def test_a_trustee_without_its_share_leaves_releases_to_others_and_says_so_once(held: Held) -> None:
    party = held.clinic.parties[0]
    safe = held.clinic.safe(party)
    safe.shares.erase(KeyUse.MODEL, 1)
    trustee = Trustee(party.ports(held.clinic.consortium.vault), safe, release_models=True)
    for _ in range(5):
        trustee.step()
    assert [what for what, _ in party.events].count(Event.REQUEST_NOT_ANSWERED) == 1
    assert held.clinic.federation.threshold.request(1).approvals == {}
