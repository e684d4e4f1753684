"""Which transactions the embedded chain takes: those of a consortium's members and operator, and its founding.

The contracts know the members, so an account that wrote nothing yet is tried first: its transaction must succeed. That
also admits a registered account's first transaction and a new operator's. After a failed transaction the account is
tried again, so a revoked member can add one failed transaction at most.

Invariant: a stranger's transaction never reaches the journal, and nobody fills it faster than BURST_BYTES and then
BYTES_PER_S.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from eth_utils.abi import function_signature_to_4byte_selector

from chain.contracts import artifacts
from chain.embedded.trials import OWN_GAS, Trials
from chain.rpc.node import NOT_TAKEN, NodeRefusal
from chain.transactions.signed import SignedCall
from fl.protocol.names import ADDRESS_BYTES, Address, show

BURST_BYTES = 16 * 2**20
"""What one account may send at once; a transaction has at most about 1 MiB, a usual one 1 kB."""
BYTES_PER_S = 8 * 2**10
"""How fast this allowance fills again: 700 MB a day."""
WORD = 32
LEDGER_ARGUMENTS = 2 * WORD
"""Authority and predecessor, behind the code of a ledger."""
ROLE_OF = function_signature_to_4byte_selector("roleOf(address)")

Call = Callable[[dict[str, Any]], object]
"""Makes an eth_call and returns its result as hex; raises NodeRefusal if it reverts."""


@dataclass
class Admission:
    """Decides for each transaction before it is sent to the node; used under the chain's lock."""

    trials: Trials
    call: Call
    consortia: int | None
    """How many accounts may found a consortium on this chain; None: any number."""
    _founders: set[Address] = field(default_factory=set)
    _known: set[Address] = field(default_factory=set)
    """Accounts whose last transaction made a record."""
    _spent: dict[Address, tuple[float, float]] = field(default_factory=dict)
    """How many bytes an account has used of its allowance, and when (seconds)."""

    def check(self, call: SignedCall, size: int, now: float) -> None:
        """Raise NodeRefusal unless the chain takes this transaction of `size` bytes at time `now`."""
        if not (call.account in self._known or self._may_found(call) or self._may_succeed(call)):
            self._check_stranger(call)
        elif call.to is not None and not self.trials.is_own(call.to):
            raise _refusal(f"the address {show(call.to)} is no contract of a consortium on this chain")
        used, then = self._spent.get(call.account, (0.0, now))
        used = max(0.0, used - BYTES_PER_S * max(0.0, now - then)) + size
        if used > BURST_BYTES:
            wait_s = int((used - BURST_BYTES) / BYTES_PER_S) + 1
            why = f"the account {show(call.account)} sent too much; it may go on in {wait_s} s"
            raise NodeRefusal({"code": int(HTTPStatus.TOO_MANY_REQUESTS), "message": why})
        self._spent[call.account] = (used, now)

    def note(self, call: SignedCall, *, made_record: bool) -> None:
        """Remember a transaction that was mined, and whether it made a record."""
        if _founds(call):
            self._founders.add(call.account)
        if made_record:
            self._known.add(call.account)
        else:
            self._known.discard(call.account)

    def note_old(self, call: SignedCall) -> None:
        """Remember a transaction of the journal."""
        if _founds(call):
            self._founders.add(call.account)

    def _may_found(self, call: SignedCall) -> bool:
        if call.to is not None:
            return False
        room = self.consortia is None or len(self._founders) < self.consortia
        return call.account in self._founders or (room and _founds(call))

    def _may_succeed(self, call: SignedCall) -> bool:
        """Return whether the transaction deploys a ledger for a consortium of this chain, by one of its members."""
        code = artifacts.load("FederationLedger").bytecode
        if call.to is not None or not call.data.startswith(code) or len(call.data) != len(code) + LEDGER_ARGUMENTS:
            return False
        authority = Address(call.data[len(code) + WORD - ADDRESS_BYTES : len(code) + WORD])
        question = ROLE_OF + bytes(WORD - ADDRESS_BYTES) + call.account
        try:
            answer = self.call({"to": _hex(authority), "data": _hex(question)}) if self.trials.is_own(authority) else 0
        except NodeRefusal:
            return False
        return isinstance(answer, str) and int(answer, 16) != 0

    def _check_stranger(self, call: SignedCall) -> None:
        """Raise NodeRefusal unless the transaction would succeed, because its account is a member or operator."""
        if call.to is None or not self.trials.is_own(call.to):
            full = _FULL if _founds(call) else ""
            raise _refusal(_NO_MEMBER.format(show(call.account), full))
        request = {"from": _hex(call.account), "to": _hex(call.to), "data": _hex(call.data), "gas": hex(OWN_GAS)}
        try:
            self.call(request)
        except NodeRefusal as refusal:
            error = {
                "code": NOT_TAKEN,
                "message": _NO_MEMBER.format(show(call.account), ""),
                "data": _hex(refusal.data),
            }
            raise NodeRefusal(error) from refusal


_NO_MEMBER = (
    "this chain takes only transactions that members and the operator may send; the account {} sent none that the "
    "contracts accept{}"
)

_FULL = ", and this chain has its consortium already (option --consortia of `chain run` says how many it takes)"


def _founds(call: SignedCall) -> bool:
    return call.to is None and call.data.startswith(artifacts.load("KeyAuthority").bytecode)


def _refusal(message: str) -> NodeRefusal:
    return NodeRefusal({"code": NOT_TAKEN, "message": message})


def _hex(raw: bytes) -> str:
    return "0x" + raw.hex()
