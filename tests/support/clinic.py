"""A consortium with trustees in one process, and one record sealed to their key; only the chain is in memory."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

from fl.audit.consortium import Audit
from fl.crypto.capsule import Capsule, Readers, RecordPolicy
from fl.crypto.envelope import open_with, seal
from fl.crypto.envelope_form import Expected, sealed_size
from fl.crypto.threshold import ThresholdKey
from fl.protocol.audit import Report
from fl.protocol.codec import sha256
from fl.protocol.federation import Federation
from fl.protocol.names import CeremonyKind, KeyUse, Purpose, Role
from fl.protocol.records import CeremonyStarted
from fl.protocol.rounds.round import Round
from fl.replay.ledger_view import Keyring, LedgerView
from fl.roles.requester.agent import Requester
from fl.roles.trustee.agent import Trustee
from fl.roles.trustee.stores import TrusteeStores
from fl.storage.shares import FolderShares
from tests.support.federation import PASSWORD, Clock, Consortium, Party, endorser, found, memory_connect

USE = KeyUse.RECORDS
TEXT = b"a note that nobody may read alone"


@dataclass
class Clinic:
    """A consortium with trustees, and one record sealed to their key."""

    folder: Path
    consortium: Consortium
    clock: Clock
    parties: list[Party]
    trustees: list[Trustee]

    @property
    def federation(self) -> Federation:
        return LedgerView(self.consortium.operator).refresh()

    @property
    def hospital(self) -> Party:
        return self.consortium.hospitals[0]

    @property
    def requester(self) -> Requester:
        party = self.hospital
        return Requester(party.ledger, self.consortium.vault, Keyring(party.keys))

    def add(self, name: str) -> Trustee:
        party = self.consortium.join(name, Role.TRUSTEE)
        trustee = Trustee(party.ports(self.consortium.vault), self.safe(party))
        self.parties.append(party)
        self.trustees.append(trustee)
        return trustee

    def safe(self, party: Party) -> TrusteeStores:
        return TrusteeStores(FolderShares(party.folder / "shares", PASSWORD), party.safe.keys)

    def start(self, kind: CeremonyKind, committee: list[Party], *, threshold: int = 2, use: KeyUse = USE) -> int:
        operator, keys = self.consortium.operator, self.federation.threshold
        receivers = tuple(sorted(party.account for party in committee))
        dealers = receivers
        if kind == CeremonyKind.DEALER:
            dealers = (operator.account,)
        if kind == CeremonyKind.RESHARE:
            members = keys.committee(use).members
            dealers = tuple(each for each in members if not self.federation.book.members[each].revoked)
        number = len(keys.ceremonies.get(use, ())) + 1
        expires = self.clock.now + 10**7
        operator.append(
            CeremonyStarted(operator.account, use, number, kind, threshold, dealers, receivers, 60, expires)
        )
        return number

    def record(self, consent: frozenset[Purpose] = frozenset({Purpose.TREATMENT})) -> tuple[bytes, Capsule]:
        """Seal TEXT to K_REC alone."""
        key = ThresholdKey.from_bytes(self.federation.threshold.committee(USE).public_key)
        policy = RecordPolicy(secrets.token_bytes(16), Readers.TRUSTEES, consent)
        anchor = self.hospital.ledger.anchor
        file = bytes(seal(policy.core(anchor, self.hospital.account, 1, key), [key], TEXT))
        return file, Capsule.of(file, key, policy.to_bytes())

    def ask(self, capsule: Capsule, purpose: Purpose = Purpose.TREATMENT) -> int:
        return self.requester.ask(self.federation, capsule, purpose, self.clock.now + 3600)

    def open(self, number: int, file: bytes, capsule: Capsule) -> bytes:
        found = self.requester.open(self.federation, number)
        assert capsule.policy
        core = capsule.policy.core(self.hospital.ledger.anchor, self.hospital.account, 1, found.key)
        return open_with(file, Expected(core, sha256(file), sealed_size(1000, 1, 1)), found.key, found.secret)


def three_trustees(folder: Path, clock: Clock) -> Clinic:
    """Return a consortium of three trustees; no ceremony has begun."""
    clinic = Clinic(folder, found(folder, memory_connect(clock), now=clock), clock, [], [])
    for name in ("ada", "ben", "cleo"):
        clinic.add(name)
    return clinic


def audit(clinic: Clinic) -> Report:
    ledger = clinic.consortium.operator
    made = Audit(ledger.anchor, clinic.consortium.vault, None, endorser())
    return made.run(ledger.replay(), lambda _done, _of: None)[0]


def phases(clinic: Clinic) -> list[str]:
    return [each.phase.name for each in clinic.federation.rounds]


def model_file(clinic: Clinic, current: Round) -> bytes:
    assert current.proposal
    return clinic.consortium.vault.get(current.proposal.envelope_digest, 10**8)
