"""The ledger in memory: the same port and the same rules as the chain, for tests that need no node.

Trusted because it passes the suite that EthereumLedger passes (tests/system/test_ledger_suite.py).
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from chain.contracts.log_entry import with_leaf
from fl.crypto.hpke_keys import verify_possession
from fl.protocol.codec import Writer
from fl.protocol.errors import SenderMismatch, SignatureInvalid
from fl.protocol.federation import Federation, step
from fl.protocol.names import NO_ADDRESS, Address
from fl.protocol.ports import Anchor, SetStatement, StepStatement
from fl.protocol.records import (
    KEY_RECORDS,
    ConsortiumFounded,
    DecryptionRequested,
    Entry,
    OperatorChanged,
    Position,
    Receipt,
    Record,
    RoundFrozen,
    WideOpening,
)
from fl.protocol.rounds.round import set_digest

CHAIN_ID = 7357


@dataclass
class MemoryChain:
    """What all accounts share: one ordered list, one clock (seconds since 1970)."""

    now: Callable[[], int]
    operator: Address
    consortium: bytes
    entries: list[Entry] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.authority = _contract(self.consortium, 0)
        self.contracts = [_contract(self.consortium, 1)]
        anchor = Anchor(self.consortium, CHAIN_ID, self.authority, self.contracts[0])
        self.federation = Federation(anchor, verify_possession)
        self.changed = threading.Condition()
        self.include(ConsortiumFounded(self.operator, self.consortium), self.authority)

    def include(self, record: Record, contract: Address) -> Entry:
        """Apply the rules and append, or raise the rule's error and append nothing."""
        with self.changed:
            number = len(self.entries) + 1
            block_hash = hashlib.sha256(self.consortium + number.to_bytes(8, "big")).digest()
            transaction = hashlib.sha256(block_hash).digest()
            entry = Entry(record, Position(number, 0), block_hash, self.now(), transaction, contract)
            self.federation = step(self.federation, entry)
            anchor = Anchor(self.consortium, CHAIN_ID, self.authority, contract)
            # Readers make this record of a batch, so no log has it.
            self.entries.append(entry if isinstance(record, WideOpening) else with_leaf(anchor, entry))
            self.changed.notify_all()
            return self.entries[-1]

    def deploy_successor(self) -> Address:
        """Return the address of a new, unopened ledger contract."""
        self.contracts.append(_contract(self.consortium, len(self.contracts) + 1))
        return self.contracts[-1]


class MemoryLedger:
    """One account's view of a MemoryChain."""

    def __init__(self, chain: MemoryChain, account: Address = NO_ADDRESS, contract: Address | None = None) -> None:
        self._chain = chain
        self._account = account
        self._contract = contract or chain.contracts[-1]

    @property
    def anchor(self) -> Anchor:
        return Anchor(self._chain.consortium, CHAIN_ID, self._chain.authority, self._contract)

    @property
    def account(self) -> Address:
        return self._account

    @property
    def chain(self) -> MemoryChain:
        return self._chain

    def append(self, record: Record) -> Receipt:
        if record.sender != self._account:
            raise SenderMismatch(self._account, record.sender)
        contract = self._chain.authority if isinstance(record, KEY_RECORDS) else self._contract
        return Receipt(self._chain.include(self._complete(record), contract), gas_used=0)

    def replay(self, after: Position | None = None) -> Sequence[Entry]:
        with self._chain.changed:
            return [entry for entry in self._chain.entries if after is None or entry.position > after]

    def wait(self, after: Position | None, timeout_s: float) -> bool:
        with self._chain.changed:
            return self._chain.changed.wait_for(lambda: bool(self.replay(after)), timeout_s)

    def _complete(self, record: Record) -> Record:
        """Fill in what the contract computes."""
        federation = self._chain.federation
        if isinstance(record, DecryptionRequested):
            return replace(record, request=len(federation.threshold.requests) + 1)
        if isinstance(record, OperatorChanged):
            return replace(record, former=federation.book.operator)
        if isinstance(record, RoundFrozen) and federation.rounds:
            current = federation.rounds[-1]
            if all(account in current.commitments for account in record.hospitals):
                return replace(record, set_digest=set_digest(current, record.hospitals))
        return record


class MemoryEndorser:
    """The Endorser port without keys: a signature is its account, blinded by the hash of the statement.

    Anybody can make anybody's. What it keeps of a real one: the form, one signature per account and statement, and
    that the signature of another statement is some other account's. Trusted because it passes
    tests/unit/chain/transactions/test_eip712.py.
    """

    def __init__(self, account: Address) -> None:
        self._account = account

    def endorse(self, statement: SetStatement) -> bytes:
        return _blind(statement, self._account) + bytes(44) + b"\x1b"

    def recover(self, statement: SetStatement, signature: bytes) -> Address:
        account = _blind(statement, signature[:20].ljust(20))
        if len(signature) != 65 or not any(signature[:20]) or any(signature[20:64]) or signature[64] != 27:
            raise SignatureInvalid("it has another form")
        return Address(account)

    def sign_step(self, step: StepStatement) -> bytes:
        return _blinded(_pad_of(step), self._account) + bytes(44) + b"\x1b"

    def step_signer(self, step: StepStatement, signature: bytes) -> Address:
        account = _blinded(_pad_of(step), signature[:20].ljust(20))
        if len(signature) != 65 or not any(signature[:20]) or any(signature[20:64]) or signature[64] != 27:
            raise SignatureInvalid("it has another form")
        return Address(account)


def _pad_of(step: StepStatement) -> bytes:
    writer = Writer("memory").raw(step.consortium, 32).u64(step.chain_id).raw(step.contract, 20).u64(step.round)
    return writer.raw(step.context, 32).u8(step.phase).raw(step.body, 32).digest()[:20]


def _blinded(pad: bytes, account: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(account, pad, strict=True))


def _blind(statement: SetStatement, account: bytes) -> bytes:
    writer = Writer("memory").raw(statement.consortium, 32).u64(statement.chain_id).raw(statement.contract, 20)
    writer.u64(statement.round).raw(statement.mask_context, 32).raw(statement.set_digest, 32)
    return _blinded(writer.raw(statement.freeze_block, 32).digest()[:20], account)


def _contract(consortium: bytes, number: int) -> Address:
    return Address(hashlib.sha256(consortium + b"contract" + bytes([number])).digest()[:20])
