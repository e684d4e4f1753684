"""A new key for the hospital: who orders it, who hears of it, and what the agent made of the order.

Invariant: at most one order is open. All other staff of the hospital get a mail in the transaction before the order is
left, so nobody can replace the key in silence.

Source: webui/ports/key_orders.py; NIST SP 800-57 Part 1 Rev. 5, 5.3 (cryptoperiods).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.orm import Session

from webui.errors import AgentSilent, KeyOrderOpen, NoHospital
from webui.ports.hospital import HospitalService, MemberView
from webui.ports.key_orders import KeyRenewal, KeyService
from webui.store.accounts import SignedInUser
from webui.store.database import Database
from webui.usecases.readers import writing_to
from webui.usecases.withdrawals import staff

RENEW_S = 365 * 24 * 3600
"""How old a key of this hospital should get; it goes on working afterwards."""
Tell = Callable[[Session, str, str, str], None]
"""Queue a mail to an address and a name about what the person with the second name ordered."""


@dataclass(frozen=True)
class OwnKey:
    """The hospital's key as the ledger has it, and what happens to it."""

    renewal: KeyRenewal
    key: MemberView | None
    """None if the ledger does not name this hospital."""

    @property
    def renew_by(self) -> int | None:
        """Return when it should be replaced, in seconds since 1970."""
        return self.key.key_since + RENEW_S if self.key is not None and self.key.key_since is not None else None


class HospitalKeys:
    """The key of one hospital."""

    def __init__(self, database: Database, keys: KeyService | None, hospital: HospitalService | None) -> None:
        self._database = database
        self._keys = keys
        self._hospital = hospital

    def now(self) -> OwnKey:
        """Return the key and the newest order.

        Raises:
            NoHospital: this site has none.
            UnavailableError: the ledger does not answer.
        """
        renewal = self.renewal()
        if self._hospital is None:
            raise NoHospital
        own = next((each for each in self._hospital.members() if each.own), None)
        return OwnKey(renewal, own)

    def renewal(self) -> KeyRenewal:
        """Return the newest order, without asking the ledger."""
        return self._service.now()

    def order(self, user: SignedInUser, tell: Tell) -> None:
        """Order a new key.

        Raises:
            AgentSilent: no agent runs that could carry it out.
            KeyOrderOpen: there is an order that has not ended.
        """
        found = self.renewal()
        if found.open:
            raise KeyOrderOpen
        if not found.agent_runs:
            raise AgentSilent

        def work(session: Session) -> None:
            for account_id, email, name in staff(session, but=user.id):
                with writing_to(session, account_id):
                    tell(session, email, name, user.name)

        self._database.write(work)
        self._service.order(user.name)

    def withdraw(self) -> None:
        """Take back an order that no agent has taken."""
        self._service.withdraw()

    @property
    def _service(self) -> KeyService:
        if self._keys is None:
            raise NoHospital
        return self._keys
