"""The site's real requests over a real committee in one process; only the chain is in memory.

Not here: rounds (site_federation.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from chain.contracts.events import encode_call
from chain.transactions.sender import FREE_GAS_LIMIT
from fl.crypto.capsule import key_anchor
from fl.crypto.encrypted_keystore import Kit, KitChain, lock
from fl.crypto.group import scalar_bytes
from fl.crypto.start_kit import StartKit, lock_start
from fl.protocol.codec import sha256
from fl.protocol.federation import Federation
from fl.protocol.names import Address, CeremonyKind, KeyUse, Refusal, Role
from fl.protocol.ports import Ledger, Relay
from fl.protocol.records import CeremonyStarted, DecryptionApproved, DecryptionRefused
from fl.replay.ledger_view import Keyring, LedgerView
from fl.roles.requester.agent import Requester
from fl.roles.runner import Agent
from fl.roles.trustee.agent import Trustee
from fl.roles.trustee.dealer import Dealer
from tests.support.federation import ENDORSERS, Clock, Consortium, Party, found, memory_connect, settle
from tests.support.ledger import MemoryLedger
from tests.support.relay import MemoryRelay
from tests.support.site_federation import BreakableLedger
from tests.support.site_town import Town
from webui.federation.decryption_requests import FederationRequests
from webui.federation.records import FederationRecords
from webui.federation.shares import FederationShares
from webui.ports.decryption_requests import SignedAnswer
from webui.ports.federation import Services

NAMES = ("ada", "ben", "cleo")


@dataclass
class CommitteeWorld:
    """A consortium whose hospital `alpha` runs the site, and three trustees of whom two open."""

    folder: Path
    kind: CeremonyKind = CeremonyKind.GENERATE
    clock: Clock = field(default_factory=Clock)
    long_lived: bool = False
    """Whether the site seals for decades; then the hospital and the trustees have long keys."""

    def __post_init__(self) -> None:
        self.consortium: Consortium = found(self.folder, self.connect(), now=self.clock)
        self.parties: list[Party] = [self.consortium.join(name, Role.TRUSTEE) for name in NAMES]
        self.parties.sort(key=lambda party: party.account)
        self.trustees = [Trustee(party.ports(self.consortium.vault), party.safe) for party in self.parties]
        hospital = self.consortium.hospitals[0]
        self.ledger, keyring = BreakableLedger(hospital.ledger), Keyring(hospital.keys, hospital.long_keys)
        self.view = LedgerView(self.ledger)
        vault = self.consortium.vault
        self.records = FederationRecords(self.ledger, self.federation, keyring, vault if self.long_lived else None)
        if self.long_lived:
            for party in (hospital, *self.parties):
                party.state_long_key(vault)
        requester = Requester(self.ledger, self.consortium.vault, keyring)
        self.requests = FederationRequests(
            self.federation, self.records, requester, self.relay(), self.consortium.vault, self.clock
        )

    def connect(self) -> Callable[[str], Ledger]:
        """Return how members reach the ledger."""
        return memory_connect(self.clock)

    def relay(self) -> Relay:
        """Return who sends the trustees' answers."""
        behind = self.ledger.behind
        assert isinstance(behind, MemoryLedger)
        return MemoryRelay(behind)

    @property
    def accounts(self) -> list[Address]:
        return [party.account for party in self.parties]

    def federation(self) -> Federation:
        return self.view.refresh()

    def hold_key(self) -> None:
        """Run a ceremony: from now on the trustees hold a new K_REC."""
        self._run(self.kind)

    def refresh(self) -> None:
        """Run a ceremony that gives the trustees new shares of the same key."""
        self._run(CeremonyKind.REFRESH)

    def run_without(self, place: int, kind: CeremonyKind = CeremonyKind.GENERATE) -> None:
        """Run a ceremony in which one trustee has no agent; each step ends at its deadline."""
        others = [agent for at, agent in enumerate(self.trustees) if at != place]
        self._start(kind)
        for _step in range(5):
            settle(*others)
            self.clock.now += 61

    def admit(self, account: Address) -> None:
        """Run a ceremony with one more trustee, who has no agent."""
        receivers = tuple(sorted([*self.accounts, account]))
        self._start(CeremonyKind.GENERATE, receivers)
        for _step in range(5):
            settle(*self.trustees)
            self.clock.now += 61

    def _run(self, kind: CeremonyKind) -> None:
        self._start(kind)
        settle(*self._dealers(), *self.trustees)

    def _start(self, kind: CeremonyKind, members: tuple[Address, ...] = ()) -> None:
        operator, receivers = self.consortium.operator, members or tuple(self.accounts)
        number = len(self.federation().threshold.ceremonies.get(KeyUse.RECORDS, ())) + 1
        dealers = (operator.account,) if kind == CeremonyKind.DEALER else receivers
        expires = self.clock.now + 10**8
        operator.append(
            CeremonyStarted(operator.account, KeyUse.RECORDS, number, kind, 2, dealers, receivers, 60, expires)
        )

    def _dealers(self) -> list[Agent]:
        if self.kind != CeremonyKind.DEALER:
            return []
        folder, ledger = self.folder / "operator", self.consortium.operator
        operator = Party("operator", Role.OPERATOR, ledger, folder, {}, now=self.clock)
        return [Dealer(operator.ports(self.consortium.vault), KeyUse.RECORDS)]

    def signed(self, number: int, place: int, refused: Refusal | None = None) -> SignedAnswer:
        """Return what the browser of a trustee, by its place from 0, would send."""
        federation, account = self.federation(), self.accounts[place]
        if refused is not None:
            return SignedAnswer(None, self.sign(place, DecryptionRefused(account, number, refused)))
        envelope = bytes(self.trustees[place]._partial(federation, federation.threshold.request(number)))
        return SignedAnswer(envelope, self.sign(place, DecryptionApproved(account, number, sha256(envelope))))

    def sign(self, place: int, record: DecryptionApproved | DecryptionRefused) -> bytes:
        anchor = key_anchor(self.ledger.anchor)
        nonce = self.relay().terms(self.accounts[place]).nonce
        fields = {"chainId": anchor.chain_id, "nonce": nonce, "gas": FREE_GAS_LIMIT, "value": 0, "to": anchor.authority}
        fees = {"maxFeePerGas": 0, "maxPriorityFeePerGas": 0, "data": encode_call(record)}
        return ENDORSERS[self.accounts[place]]._key.sign({**fields, **fees})[0]

    def kit(self, place: int, password: str) -> bytes:
        """Return the approval kit of a trustee, by its place from 0."""
        anchor, key = self.ledger.anchor, ENDORSERS[self.accounts[place]]._key
        site = KitChain(anchor.chain_id, anchor.authority, anchor.consortium)
        return lock(Kit(self.trustees[place].held(KeyUse.RECORDS), site, key.secret), password)

    def start_file(self, place: int, password: str) -> bytes:
        """Return the file with which a trustee began; only before its agent replaces its first key."""
        anchor, key = self.ledger.anchor, ENDORSERS[self.accounts[place]]._key
        site = KitChain(anchor.chain_id, anchor.authority, anchor.consortium)
        member = self.parties[place].safe.keys.of(1).secret.private_numbers().private_value
        return lock_start(StartKit(self.accounts[place], site, scalar_bytes(member), key.secret), password)

    def answer(self, number: int, place: int, refused: Refusal | None = None) -> None:
        """Let a trustee answer."""
        self.requests.submit(number, self.accounts[place], self.signed(number, place, refused))

    def stop_chain(self) -> None:
        self.ledger.up = False


class CommitteeTown(Town):
    """A whole site over a real committee; predictions alone are the fake's."""

    def __init__(self, folder: Path, world: CommitteeWorld) -> None:
        self.world = world
        super().__init__(folder)

    def services(self) -> Services:
        self.federation.clock.now = self.world.clock.now
        made = self.federation.services
        shares = FederationShares(self.world.federation, self.world.consortium.vault, self.world.relay())
        return replace(
            made, shares=shares, records=self.world.records, requests=self.world.requests, clock=self.world.clock
        )
