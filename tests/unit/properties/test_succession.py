"""Whatever anybody proposes, votes and takes, in whatever order: who can be the operator afterwards."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from fl.protocol.errors import HemaledgerError
from fl.protocol.federation import Federation, fold, step
from fl.protocol.names import NO_ADDRESS, Address, Role
from fl.protocol.records import (
    MemberRegistered,
    MemberRevoked,
    OperatorChanged,
    OperatorProposed,
    Record,
    ReplacementProposed,
    ReplacementVetoed,
    ReplacementVoted,
)
from tests.support.protocol.scene import ANCHOR, AUDITOR, COORDINATOR, H1, H2, MEMBERS, OPERATOR, OUTSIDER, Log, members

HEIRS = tuple(Address(bytes([n]) * 20) for n in (0x71, 0x72, 0x73))
VOTERS = tuple(account for account, role in MEMBERS.items() if role != Role.COORDINATOR)
WEEK_S = 7 * 24 * 3600
people = st.sampled_from((OPERATOR, COORDINATOR, H1, H2, AUDITOR, OUTSIDER, *HEIRS))
numbers = st.integers(0, 3)


class Offices(RuleBasedStateMachine):
    """Keeps a tally of its own beside the fold: one line of (time, who voted for whom) per accepted record."""

    def __init__(self) -> None:
        super().__init__()
        self.log = Log()
        self.ballots: dict[Address, int] = {}
        self.gone: set[Address] = set()
        self.extra: set[Address] = set()
        self.majority_since: dict[int, int] = {}
        self.dead: set[int] = set()
        self.revoked_at = 0

    @initialize()
    def begin(self) -> None:
        self.log = members()

    @property
    def operator(self) -> Address:
        return self.log.federation.book.operator

    def throw(self, record: Record) -> bool:
        """Try to append; a refusal must be one of our errors and change nothing."""
        before = self.log.federation
        try:
            step(before, self.log.entry(record))
        except HemaledgerError:
            return False
        self.log.add(record)
        self.count()
        return True

    def count(self) -> None:
        """Note since when each replacement has had a majority, by counting from scratch."""
        may = (set(VOTERS) | self.extra) - self.gone
        for number in range(1, len(self.log.federation.succession.replacements) + 1):
            votes = [who for who in may if self.ballots.get(who) == number]
            if 2 * len(votes) > len(may):
                self.majority_since.setdefault(number, self.log.now)
            else:
                self.majority_since.pop(number, None)

    @rule(passed=st.sampled_from((1, 1000, WEEK_S - 1, WEEK_S, WEEK_S + 1)))
    def wait(self, passed: int) -> None:
        self.log.now += passed

    @rule(who=people, account=st.sampled_from((*HEIRS, NO_ADDRESS, H1)))
    def propose(self, who: Address, account: Address) -> None:
        if self.throw(OperatorProposed(who, account)):
            assert account not in MEMBERS

    @rule(who=people, candidate=st.sampled_from((*HEIRS, H1)))
    def propose_replacement(self, who: Address, candidate: Address) -> None:
        self.throw(ReplacementProposed(who, len(self.log.federation.succession.replacements) + 1, candidate))

    @rule(voters=st.lists(st.sampled_from(VOTERS), max_size=6, unique=True), number=numbers)
    def vote(self, voters: Sequence[Address], number: int) -> None:
        for who in voters:
            before = self.ballots.get(who)
            self.ballots[who] = number
            if not self.throw(ReplacementVoted(who, number)):
                self.ballots.pop(who)
                if before is not None:
                    self.ballots[who] = before

    @rule(by_operator=st.booleans(), who=people, number=numbers)
    def veto(self, who: Address, number: int, *, by_operator: bool) -> None:
        sender = self.operator if by_operator else who
        if self.throw(ReplacementVetoed(sender, number)):
            assert sender != COORDINATOR
            self.dead.add(number)

    @rule(who=st.sampled_from(VOTERS))
    def revoke(self, who: Address) -> None:
        self.gone.add(who)
        if self.throw(MemberRevoked(self.operator, who, "left")):
            self.revoked_at = self.log.now
        else:
            assert who in [a for a, member in self.log.federation.book.members.items() if member.revoked]

    @rule(heir=st.sampled_from(HEIRS), number=numbers)
    def take(self, heir: Address, number: int) -> None:
        succession, former, now = self.log.federation.succession, self.operator, self.log.now
        proposals = succession.replacements
        if not self.throw(OperatorChanged(heir, number, former)):
            return
        assert heir != former
        if number == 0:
            assert succession.proposed == heir
        else:
            assert proposals[number - 1].candidate == heir
            assert number not in self.dead
            assert now > max(self.majority_since[number], self.revoked_at) + WEEK_S
        self.dead |= set(range(1, len(proposals) + 1))

    @rule(heir=st.sampled_from(HEIRS), role=st.sampled_from((Role.HOSPITAL, Role.AUDITOR)))
    def admit(self, heir: Address, role: Role) -> None:
        self.extra.add(heir)
        if not self.throw(MemberRegistered(self.operator, heir, role, f"heir {heir[0]}")):
            known = self.log.federation.book.members[heir]
            if known.role == Role.OPERATOR:
                self.extra.discard(heir)

    @invariant()
    def there_is_one_operator(self) -> None:
        if self.log.entries:
            found = list(self.log.federation.book.having(Role.OPERATOR))
            assert [member.account for member in found] == [self.operator]

    def teardown(self) -> None:
        assert fold(Federation(ANCHOR, self.log.verify), self.log.entries) == self.log.federation


Offices.TestCase.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
TestOffices = Offices.TestCase
