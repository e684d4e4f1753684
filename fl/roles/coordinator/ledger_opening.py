"""Opens ledgers: the first one with the plan's model, a successor with the current model of the one before.

Invariant: the model of a successor is that of the ledger before it, bit for bit.

Source: PROTOCOL.md 5S and 6.
"""

from __future__ import annotations

from fl.crypto.envelope_form import Core, Kind
from fl.events import Event
from fl.protocol.federation import Federation, genesis_context
from fl.protocol.grants import MODEL_READERS
from fl.protocol.names import NO_ADDRESS, Address, Role, Suite
from fl.protocol.records import FederationOpened
from fl.replay.expected_files import ReaderKey
from fl.replay.file_reader import FileReader
from fl.replay.ledger_view import Ports
from fl.replay.long_keys import long_keys_of
from fl.replay.round_documents import suite_of
from fl.replay.round_work import in_parts
from fl.roles.coordinator.plan import Initial, Plan
from fl.roles.coordinator.sealed_model import put_first
from fl.roles.coordinator.too_few import why_not_open
from fl.roles.coordinator.waits import Waits
from fl.training.model.weights import model_digest


class LedgerOpener:
    """Records the first model of a ledger."""

    def __init__(self, ports: Ports, plan: Plan, initial: Initial, reader: FileReader, waits: Waits) -> None:
        self._ports = ports
        self._plan = plan
        self._initial = initial
        self._account = ports.ledger.account
        self._reader = reader
        self._waits = waits

    def first(self, federation: Federation) -> bool:
        """Record the initial model as soon as this coordinator, enough hospitals and an auditor have keys."""
        if federation.book.active(self._account, Role.COORDINATOR).key is None:
            return False
        if len(hospitals(federation)) < self._plan.min_hospitals or not _auditors(federation):
            self._waits.report(federation, why_not_open(federation, self._plan.min_hospitals), Event.WAITING)
            return False
        self._record_opening(federation, NO_ADDRESS, self._initial)
        return True

    def succeed(self, federation: Federation) -> bool:
        """Open a ledger that succeeds another one, with the current model of that one."""
        manifest = self._waits.manifest(federation)
        if manifest is None:
            return False
        model = self._reader.model(federation.source, manifest)
        if suite_of(federation.source, self._ports.vault) == Suite.HYBRID and self._waits.for_long_keys(federation):
            return False
        self._record_opening(federation, federation.anchor.contract, Initial(manifest, model))
        return True

    def _record_opening(self, federation: Federation, predecessor: Address, model: Initial) -> None:
        """Seal a ledger's first model to all members who have a key, and record it."""
        anchor, digest = self._ports.ledger.anchor, model.manifest.digest
        context = genesis_context(anchor, federation.last_round, digest)
        epoch = federation.book.active(self._account, Role.COORDINATOR).keys[-1].epoch
        suite = suite_of(federation.source, self._ports.vault) if federation.openings else Suite.P256
        core = Core(Kind.MODEL, anchor, self._account, federation.last_round, epoch, context, suite=suite)
        self._ports.vault.put(model.manifest.to_bytes())
        weights, vault = model_digest(digest, model.vector), self._ports.vault
        part_words = in_parts(self._plan.config, self._plan.part_bytes, model.manifest).part_words
        readers = self._recipients(federation, suite)
        envelope = put_first(core, weights, readers, model.vector, part_words, vault)
        self._ports.append(
            FederationOpened(self._account, predecessor, federation.last_round, weights, envelope, digest)
        )
        self._ports.notify(Event.FEDERATION_OPENED, {"parameters": model.vector.size})

    def _recipients(self, federation: Federation, suite: Suite) -> list[ReaderKey]:
        members = federation.book.members.values()
        keys = {m.account: m.key for m in members if m.key and not m.revoked and m.role in MODEL_READERS}
        if suite == Suite.HYBRID:
            return [*long_keys_of(federation, keys, self._ports.vault).values()]
        return [*keys.values()]


def hospitals(federation: Federation) -> list[Address]:
    """Return the active hospitals that have a key."""
    return [member.account for member in federation.book.having(Role.HOSPITAL) if member.key]


def _auditors(federation: Federation) -> list[Address]:
    return [member.account for member in federation.book.having(Role.AUDITOR) if member.key]
