"""A hospital's site policy decides before it takes part, and everybody learns who refused and by which rule."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from fl.events import Event
from fl.protocol.codec import sha256
from fl.protocol.errors import ContractRefused, SettingInvalid
from fl.protocol.names import NO_DIGEST, StatementKind
from fl.protocol.records import Receipt, Record, StatementMade
from fl.protocol.rounds.round import Phase
from fl.roles.forwarding_ledger import ForwardingLedger
from fl.roles.hospital.agent import Hospital
from fl.roles.runner import Agent
from tests.support.federation import memory_folder, nudge
from tests.support.masked_world import Four, rest, step
from tests.support.world import World, check_audit

SMALL = b"[training]\nmax_parameters = 10\n"


@pytest.fixture
def four(tmp_path: Path) -> Iterator[Four]:
    with memory_folder(tmp_path) as folder:
        yield Four(folder)


def with_policy(world: World, name: str, policy: bytes) -> Hospital:
    ports = world.party(name).ports(world.consortium.vault)
    return Hospital(ports, nudge(name), policy=lambda: policy)


def stated(world: World, kind: StatementKind) -> list[tuple[str, str, bytes]]:
    federation = world.federation
    return [(federation.book.name_of(made.sender), made.text, made.digest) for _, made in federation.stated(kind)]


def test_a_hospital_whose_policy_forbids_a_round_records_only_its_refusal(four: Four) -> None:
    boss, alpha = four.boss(), with_policy(four, "alpha", SMALL)
    others: list[Agent] = [*four.hospitals("beta", "gamma", "delta"), four.auditor()]
    four.until(Phase.ADVERTISE, boss)
    rest(alpha)
    assert stated(four, StatementKind.POLICY) == [("alpha", "", sha256(SMALL))]
    assert stated(four, StatementKind.DECLINE) == [("alpha", "max_parameters", sha256(SMALL))]
    assert four.account("alpha") not in four.current.advertised
    (reason,) = four.refusals("alpha")
    assert "max_parameters" in reason
    assert "10 are allowed" in reason, "its own log says why"
    rest(boss, *others)
    four.clock.now = four.current.step_deadline + 1
    rest(boss, *others, alpha)
    assert four.phases() == ["FINAL"], "three of four suffice"
    assert four.account("alpha") not in four.current.hospitals
    told = [facts for what, facts in four.party("coordinator").events if what == Event.HOSPITAL_DECLINED]
    assert told == [{"round": 1, "hospital": "alpha", "rule": "max_parameters"}]
    check_audit(four)


def test_a_round_that_too_many_hospitals_decline_ends_at_once_and_names_them(four: Four) -> None:
    boss = four.boss()
    four.until(Phase.ADVERTISE, boss)
    rest(with_policy(four, "alpha", SMALL), with_policy(four, "beta", b"[rounds]\nmin_hospitals = 9\n"))
    step(boss)
    assert four.current.phase == Phase.ABORTED
    assert four.current.reason.startswith("Declined: 2 of 3 hospitals are left; declined by ")
    assert "alpha (max_parameters)" in four.current.reason
    assert "beta (min_hospitals)" in four.current.reason


def test_a_refusal_is_stated_once_also_by_a_hospital_that_starts_again(four: Four) -> None:
    four.until(Phase.ADVERTISE, four.boss())
    for _ in range(3):
        rest(with_policy(four, "alpha", SMALL))
    assert len(stated(four, StatementKind.DECLINE)) == len(four.refusals("alpha")) == 1


def test_a_policy_that_was_removed_is_stated_as_removed_once(four: Four) -> None:
    four.until(Phase.ADVERTISE, four.boss())
    rest(with_policy(four, "alpha", b"[rounds]\nmin_hospitals = 3\n"), four.hospital("beta"))
    for _ in range(2):
        rest(four.hospital("alpha"))
    assert [digest for *_, digest in stated(four, StatementKind.POLICY)] == [
        sha256(b"[rounds]\nmin_hospitals = 3\n"),
        NO_DIGEST,
    ]


def test_a_damaged_policy_file_refuses_every_round(four: Four) -> None:
    four.until(Phase.ADVERTISE, four.boss())
    rest(with_policy(four, "alpha", b"[training]\nmax_epoch = 3\n"))
    assert [text for _, text, _ in stated(four, StatementKind.DECLINE)] == ["policy_file"]
    assert "unknown rule max_epoch" in four.refusals("alpha")[0]


def test_a_policy_that_allows_the_round_is_on_the_ledger_before_the_hospital_takes_part(four: Four) -> None:
    everybody: list[Agent] = [
        with_policy(four, name, b"[rounds]\nmasked_only = true\n") for name in ("alpha", "beta", "gamma")
    ]
    rest(four.boss(), four.auditor(), four.hospital("delta"), *everybody)
    assert four.phases() == ["FINAL"]
    assert len(four.current.hospitals) == 4
    policies = [entry.position for entry, _ in four.federation.stated(StatementKind.POLICY)]
    assert len(policies) == 3
    assert stated(four, StatementKind.DECLINE) == []


def test_a_round_that_was_allowed_stays_allowed_after_a_restart(four: Four) -> None:
    boss = four.boss()
    others: list[Agent] = [*four.hospitals("beta", "gamma", "delta"), four.auditor()]
    four.until(Phase.SHARE, boss, with_policy(four, "alpha", b"[rounds]\nmin_hospitals = 4\n"), *others)
    rest(boss, *others, with_policy(four, "alpha", b"[rounds]\nmin_hospitals = 9\n"))
    assert four.phases() == ["FINAL"]
    assert four.account("alpha") in four.current.hospitals
    assert stated(four, StatementKind.DECLINE) == []


class Earlier(ForwardingLedger):
    """A ledger whose contract does not know statements."""

    def append(self, record: Record) -> Receipt:
        if isinstance(record, StatementMade):
            raise ContractRefused("no reason given")
        return super().append(record)


def test_on_a_ledger_without_statements_policies_hold_and_nobody_ends(four: Four) -> None:
    boss = four.boss()
    four.until(Phase.ADVERTISE, boss)
    for name, policy in (("alpha", SMALL), ("beta", b"[rounds]\nmasked_only = true\n")):
        ports = four.party(name).ports(four.consortium.vault)
        rest(Hospital(replace(ports, ledger=Earlier(ports.ledger)), nudge(name), policy=partial(bytes, policy)))
    assert [four.account(name) in four.current.advertised for name in ("alpha", "beta")] == [False, True]
    assert (
        four.events("alpha").count(Event.STATEMENTS_UNKNOWN) == four.events("beta").count(Event.STATEMENTS_UNKNOWN) == 1
    )
    assert "max_parameters" in four.refusals("alpha")[0]


def unreadable() -> bytes:
    raise SettingInvalid("policy", "policy.toml cannot be read (Permission denied)")


def test_a_policy_file_that_cannot_be_read_refuses_a_new_round(four: Four) -> None:
    four.until(Phase.ADVERTISE, four.boss())
    ports = four.party("alpha").ports(four.consortium.vault)
    rest(Hospital(ports, nudge("alpha"), policy=unreadable))
    assert stated(four, StatementKind.DECLINE) == [("alpha", "policy_file", NO_DIGEST)]
    assert "Permission denied" in four.refusals("alpha")[0]


def test_a_policy_file_that_cannot_be_read_any_more_keeps_an_allowed_round(four: Four) -> None:
    boss = four.boss()
    others: list[Agent] = [*four.hospitals("beta", "gamma", "delta"), four.auditor()]
    four.until(Phase.SHARE, boss, with_policy(four, "alpha", b"[rounds]\nmin_hospitals = 4\n"), *others)
    ports = four.party("alpha").ports(four.consortium.vault)
    rest(boss, *others, Hospital(ports, nudge("alpha"), policy=unreadable))
    assert four.phases() == ["FINAL"]
    assert four.account("alpha") in four.current.hospitals
