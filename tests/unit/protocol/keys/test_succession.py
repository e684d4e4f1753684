"""What a fold of the records says beside tests/vectors/authority.json: names, and what only a reader checks."""

from __future__ import annotations

import pytest

from fl.protocol.errors import EncodingError, NoMajority, SettingInvalid
from fl.protocol.keys.member_names import proper
from fl.protocol.keys.succession import VETO_TIME_S, electorate
from fl.protocol.names import NO_ADDRESS, Address, Role
from fl.protocol.records import (
    MemberRegistered,
    MemberRevoked,
    OperatorChanged,
    OperatorProposed,
    ReplacementProposed,
    ReplacementVetoed,
    ReplacementVoted,
)
from tests.support.protocol.scene import AUDITOR, AUDITOR_2, COORDINATOR, FOREIGN, H1, H2, H3, OPERATOR, Log, members

HEIR, THIRD = (Address(bytes([n]) * 20) for n in (0x71, 0x72))


def transferred(log: Log, former: Address, heir: Address) -> None:
    log.add(OperatorProposed(former, heir), OperatorChanged(heir, 0, former))


def voted() -> Log:
    """Return a ledger on which five of seven members vote for HEIR; the last vote made no majority."""
    log = members()
    log.add(ReplacementProposed(COORDINATOR, 1, HEIR))
    log.add(*(ReplacementVoted(who, 1) for who in (H1, H2, H3, AUDITOR, AUDITOR_2)))
    return log


def test_there_is_one_operator_and_the_former_ones_are_revoked() -> None:
    log = members()
    transferred(log, OPERATOR, HEIR)
    transferred(log, HEIR, THIRD)
    book = log.federation.book
    assert [member.account for member in book.having(Role.OPERATOR)] == [THIRD] == [book.operator]
    assert book.members[OPERATOR].revoked
    assert book.members[HEIR].revoked
    assert [entry.record for entry in log.federation.succession.changes] == [
        OperatorChanged(HEIR, 0, OPERATOR),
        OperatorChanged(THIRD, 0, HEIR),
    ]


def test_operators_are_told_apart_by_their_names_and_no_member_gets_one_that_looks_the_same() -> None:
    log = members()
    log.add(MemberRegistered(OPERATOR, FOREIGN, Role.AUDITOR, "operator 2"))
    transferred(log, OPERATOR, HEIR)
    transferred(log, HEIR, THIRD)
    book = log.federation.book
    names = [book.name_of(account) for account in (OPERATOR, FOREIGN, HEIR, THIRD)]
    assert len(set(names)) == len(names)
    assert names[:3] == ["operator", "operator 2", "operator 3"]
    for name in names:
        with pytest.raises(SettingInvalid):
            proper(name.upper(), book.shown_names)


def test_a_former_operator_that_was_another_is_found() -> None:
    log = members()
    log.add(OperatorProposed(OPERATOR, HEIR))
    for former in (COORDINATOR, NO_ADDRESS, HEIR):
        log.refuses(OperatorChanged(HEIR, 0, former), EncodingError)
    log.add(OperatorChanged(HEIR, 0, OPERATOR))


def test_the_coordinator_and_the_operator_have_no_vote() -> None:
    voters = electorate(members().federation.book)
    assert OPERATOR not in voters
    assert COORDINATOR not in voters
    assert len(voters) == 7


def test_the_candidate_takes_office_a_second_after_the_time_for_a_veto() -> None:
    log = voted()
    found = log.federation.succession.replacement(1)
    deadline = log.federation.succession.deadline(found)
    assert deadline == log.now + VETO_TIME_S
    log.now = deadline + 1
    log.add(OperatorChanged(HEIR, 1, OPERATOR))
    assert log.federation.book.operator == HEIR


def test_an_operator_that_comes_back_in_time_stays() -> None:
    log = voted()
    log.add(ReplacementVetoed(OPERATOR, 1))
    assert not log.federation.succession.is_open(log.federation.succession.replacements[0])
    assert log.federation.book.operator == OPERATOR


def test_votes_are_those_of_active_members() -> None:
    log = voted()
    log.add(*(MemberRevoked(OPERATOR, who, "left") for who in (H1, H2)))
    assert log.federation.succession.votes(1, log.federation.book) == 3
    log.add(MemberRevoked(OPERATOR, H3, "left"))
    log.now += VETO_TIME_S + 1
    log.refuses(OperatorChanged(HEIR, 1, OPERATOR), NoMajority, {"votes": 2, "electorate": 4})
