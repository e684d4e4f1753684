"""A small history for the site's services in memory: members without keys, and one that left.

Not here: rounds, ceremonies and requests (site_federation.py and site_committee.py have real ones).
"""

from __future__ import annotations

from functools import cache

from fl.protocol.names import Address, Role
from fl.protocol.records import MemberRegistered, MemberRevoked
from tests.support.ledger import MemoryChain
from webui.ports.ledger import History

OPERATOR = Address(b"\xf0" * 20)
FOUNDED = 1_795_000_000
MEMBERS = {
    "North Coordination Office": Role.COORDINATOR,
    "National Audit Laboratory": Role.AUDITOR,
    "St Elisabeth": Role.HOSPITAL,
    "University Clinic West": Role.HOSPITAL,
    "=HYPERLINK(1)": Role.HOSPITAL,
}


@cache
def small_history() -> History:
    clock = iter(range(FOUNDED, FOUNDED + 10**6, 3600))
    chain = MemoryChain(lambda: next(clock), OPERATOR, bytes(range(32)))
    for number, (name, role) in enumerate(MEMBERS.items(), start=1):
        chain.include(MemberRegistered(OPERATOR, Address(bytes([number]) * 20), role, name), chain.authority)
    chain.include(MemberRevoked(OPERATOR, Address(b"\5" * 20), "left the consortium"), chain.authority)
    return History(chain.federation, tuple(chain.entries))
