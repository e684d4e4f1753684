"""A new key for the hospital: its staff order one on their site, its agent makes it and puts it on the ledger.

Invariant: an order makes one key at most, also after a crash: before the key is made, the box says which epoch it gets.
No order and no outcome holds a key: the private half is in the hospital's own folder alone.

Source: PROTOCOL.md 3 (KeyRotated).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from fl.crypto.hpke_keys import PrivateKey, key_record
from fl.crypto.hybrid_kem import LongPrivateKey
from fl.events import Event
from fl.protocol.errors import KeyEpochMismatch, KeystoreUnreadable, RefusedError
from fl.protocol.federation import Federation
from fl.protocol.keys.members import Member
from fl.replay.ledger_view import Ports
from fl.replay.long_keys import has_long_key
from fl.roles.hospital.orders import VALID_S, OrderState
from fl.roles.long_key_statement import long_key_statement, stated_before


@dataclass(frozen=True)
class KeyOrder:
    """What the site leaves for the agent."""

    name: str
    """16 hexadecimal digits."""
    asked_at: int
    """Seconds since 1970."""
    asked_by: str
    """The name of the person."""


@dataclass(frozen=True)
class OrderOutcome:
    """What the agent did with an order."""

    state: OrderState
    at: int
    """Seconds since 1970."""
    epoch: int = 0
    """Of the new key; 0 if there is none."""
    why: str = ""
    """Why it failed."""


class KeyOrderBox(Protocol):
    """Where the site leaves an order, and the agent its outcome."""

    def newest(self) -> KeyOrder | None:
        """Return the newest order; None without one."""
        ...

    def put(self, order: KeyOrder) -> None:
        """Store an order durably in place of older ones, or raise StorageFull."""
        ...

    def outcome(self, name: str) -> OrderOutcome | None:
        """Return what became of an order; None while it waits."""
        ...

    def note(self, name: str, outcome: OrderOutcome) -> None:
        """Record an outcome durably, or raise StorageFull."""
        ...


class NewKeys(Protocol):
    """Where the agent stores a new key."""

    def create(self, epoch: int) -> PrivateKey:
        """Return the key of an epoch; make it and store it durably if there is none.

        Raises:
            KeystoreUnreadable: there is one, with another password.
        """
        ...

    def create_long(self, epoch: int) -> LongPrivateKey:
        """Return the long key of an epoch, as `create` does."""
        ...


class KeyOrders:
    """Carries out the orders of one hospital."""

    def __init__(self, ports: Ports, box: KeyOrderBox, keys: NewKeys) -> None:
        self._ports = ports
        self._box = box
        self._keys = keys
        self._account = ports.ledger.account

    def open(self) -> KeyOrder | None:
        """Return the order that waits for this agent."""
        order = self._box.newest()
        if order is None:
            return None
        outcome = self._box.outcome(order.name)
        return order if outcome is None or outcome.state is OrderState.TAKEN else None

    def carry_out(self, order: KeyOrder, federation: Federation) -> None:
        """Do the next thing for an order.

        Raises:
            UnavailableError: chain or disk do not answer; the order stays.
        """
        outcome, member = self._box.outcome(order.name), federation.book.members.get(self._account)
        if outcome is None and self._ports.now() - order.asked_at > VALID_S:
            self._fail(order, "it waited for more than a day; give it again if you still want it")
        elif member is None or member.revoked:
            self._fail(order, "this hospital is not a member of the consortium any more")
        elif outcome is None:
            self._note(order, OrderState.TAKEN, len(member.keys) + 1)
        else:
            self._replace(order, federation, member, outcome.epoch)

    def _replace(self, order: KeyOrder, federation: Federation, member: Member, epoch: int) -> None:
        """Make the keys, or see that the ledger has them; the next look at the ledger ends the order."""
        try:
            key = self._keys.create(epoch)
            if len(member.keys) < epoch:
                self._ports.append(key_record(self._ports.ledger.anchor, self._account, key))
                return
        except KeyEpochMismatch:  # somebody rotated by hand a moment ago; the ledger will show it
            return
        except (RefusedError, KeystoreUnreadable) as error:
            self._fail(order, str(error))
            return
        if member.keys[epoch - 1].public_key != key.public_key:
            self._fail(order, "somebody else replaced the key at the same moment")
            return
        if self._state_long_key(order, federation, member, key):
            return
        self._note(order, OrderState.DONE, epoch)
        self._ports.notify(Event.MEMBER_KEY_REPLACED, {"epoch": epoch})

    def _state_long_key(self, order: KeyOrder, federation: Federation, member: Member, key: PrivateKey) -> bool:
        """Make and state a long key for the new key if this hospital had one before; False if nothing is to do."""
        ports, newest = self._ports, member.keys[-1]
        if newest.epoch != key.epoch or not stated_before(federation, self._account):
            return False
        if has_long_key(federation, self._account, newest, ports.vault):
            return False
        try:
            long_key = self._keys.create_long(key.epoch)
            ports.append(long_key_statement(ports.ledger.anchor, self._account, ports.vault, key, long_key))
        except (RefusedError, KeystoreUnreadable) as error:
            self._fail(order, str(error))
        return True

    def _fail(self, order: KeyOrder, why: str) -> None:
        self._note(order, OrderState.FAILED, why=why)
        self._ports.notify(Event.KEY_ORDER_REFUSED, {"reason": why})

    def _note(self, order: KeyOrder, state: OrderState, epoch: int = 0, why: str = "") -> None:
        self._box.note(order.name, OrderOutcome(state, self._ports.now(), epoch, why))
