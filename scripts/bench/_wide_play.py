"""Plays one wide round on a stage: real coordinator, auditor and a few real hospitals among cheap ones.

All run in this thread, one after the other, so CPU seconds, bytes and memory belong to one role at a time. Each role
has its own memory of parsed points, as in a process of its own.

Beyond the sizes for which coordinator and auditor are run, batches are written here without checking them (`Scribe`),
and only the real hospitals work.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from fl.audit.access import AuditKey
from fl.audit.consortium import Audit
from fl.crypto.envelope import seal
from fl.crypto.envelope_form import Core, Kind
from fl.crypto.round_keys import RoundKeys
from fl.crypto.share_delivery import SEALED_BYTES
from fl.crypto.share_encryption import bundle_from_bytes
from fl.events import Event
from fl.protocol.audit import Report
from fl.protocol.batches import Batch, Step
from fl.protocol.cluster_index import SPLIT, ClusterFile, ClusterIndex
from fl.protocol.federation import genesis_context
from fl.protocol.names import NO_ADDRESS, NO_DIGEST, Address, Digest, Protection
from fl.protocol.parcels import posted_cap, received_files, with_received
from fl.protocol.ports import PARCELS
from fl.protocol.records import (
    BatchRecord,
    FederationOpened,
    Record,
    StepsAnchored,
    WideFinalised,
    WideProposed,
    WideRoundOpened,
)
from fl.protocol.rounds.clusters import clusters_of
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.rounds.round import Phase, Round
from fl.protocol.rounds.rules import MIN_MASKED
from fl.protocol.task_catalogue import LEUKEMIA
from fl.replay.batched_ledger import BatchedLedger
from fl.replay.cluster_batches import Written, write
from fl.replay.expected_files import model_core
from fl.replay.first_file import seal_first
from fl.replay.ledger_view import Keyring, Ports
from fl.replay.participants import sharing_with
from fl.roles.auditor import Auditor, Evaluation
from fl.roles.coordinator.agent import Coordinator
from fl.roles.coordinator.plan import Initial, Plan, WidePlan
from fl.roles.hospital.agent import Hospital
from fl.roles.hospital.background_training import TrainingJob
from fl.roles.hospital.outbox import RoundOutbox
from fl.roles.hospital.trusted_peers import TrustedPeers
from fl.roles.runner import Agent
from fl.training.aggregation.quantise import LocalMetrics, Vector, quantise
from fl.training.model.network import build_model
from fl.training.model.tensors import manifest_of, to_vector
from fl.training.model.weights import model_digest, vector_to_bytes
from fl.training.presets import SYNTHETIC_PRESET
from scripts.bench._cheap_hospitals import CheapHospitals, readers_of
from scripts.bench._counted import Cost
from scripts.bench._scale_model import ANSWER_ENTRY, DEALINGS, SIGNATURES, Shape
from scripts.bench._stage import CountedEndorser, Member, Stage
from scripts.bench._wide_roles import JOINING, READING, Played, Role, lucky, new_points, own_points, phase_of

CONFIG = RoundConfig(0.5, 50.0, 100, {}, LEUKEMIA)
USUAL = WidePlan(above=MIN_MASKED)
TRUSTING = replace(USUAL, collusion=0.0, drop_out=0.0, degree=8, threshold=5, replayers=4)
"""Cheap: nobody colludes and nobody is away."""
METRICS = LocalMetrics(100, 80, 0.5)


def plan_of(hospitals: int, wide: WidePlan) -> Plan:
    return Plan(
        rounds=1,
        min_commitments=hospitals,
        attestations=1,
        config=CONFIG,
        commit_timeout_s=7200,
        close_timeout_s=7200,
        min_hospitals=hospitals,
        protection=Protection.MASKED,
        step_timeout_s=7200,
        wide=wide,
    )


class Play:
    """One round; `whole`: coordinator and auditor work too; `real`: how many hospitals are real."""

    def __init__(self, folder: Path, hospitals: int, *, whole: bool, real: int = 2, wide: WidePlan = USUAL) -> None:
        self.stage = Stage.found(folder, hospitals)
        self.whole = whole
        model = build_model(replace(SYNTHETIC_PRESET.spec, width=8), 1)
        self.initial = Initial(manifest_of(model), to_vector(model))
        self.samples = self.stage.hospitals[:: max(1, hospitals // real)][:real]
        self.cost = {each.name: Cost() for each in (self.stage.coordinator, self.stage.auditor, *self.samples)}
        self.ports: dict[str, Ports] = {}
        self.plan = plan_of(hospitals, wide)
        self.coordinator = Coordinator(self._ports(self.stage.coordinator, self._luck), self.plan, self.initial)
        self.roles = {"coordinator": self._role(self.stage.coordinator, self.coordinator)}
        auditor = Auditor(self._ports(self.stage.auditor), lambda _model, _config: Evaluation())
        self.roles["auditor"] = self._role(self.stage.auditor, auditor)
        for number, each in enumerate(self.samples):
            peers = TrustedPeers(collusion=wide.collusion)
            agent = Hospital(self._ports(each), _train(self.initial.vector.size, number), peers, LEUKEMIA)
            self.roles[each.name] = self._role(each, agent)
        self.cheap = self._cheap()
        self._acted: set[tuple[bytes, Phase]] = set()
        self._steps: list[Step] = []

    def run(self) -> Played:
        """Play the round to its end, and audit it if it is played whole."""
        began = time.perf_counter()
        if not self.whole:
            self._open_federation()
        for name, role in self.roles.items():
            if self.whole or name != "auditor":
                role.work(JOINING, partial(self._join, role))
        coordinator = self.roles["coordinator"]
        while not isinstance(self.stage.chain.entries[-1].record, WideRoundOpened):
            coordinator.work("opening", self.coordinator.step)
        first = self._working()[0]
        first.work(f"{READING}advertise", first.agent.view.look)
        while (current := first.agent.view.federation.rounds[-1]).phase != Phase.FINAL:
            before = len(self.stage.chain.entries)
            self._act(current)
            if len(self.stage.chain.entries) == before:
                raise RuntimeError(f"nothing happened in {current.phase.name}")
        for role in self._working():
            self._until_idle(role, "final")
        return self._played(time.perf_counter() - began)

    def _join(self, role: Role) -> None:
        """Read all members, twice as an agent does: for its view, and for the rules of batches."""
        role.agent.view.refresh()
        ledger = self.ports[role.name].ledger
        if isinstance(ledger, BatchedLedger):
            ledger._reader.now()  # noqa: SLF001 - else the first wide round would pay for it

    # --- The order of work -------------------------------------------------------------------------------------

    @property
    def _round(self) -> Round | None:
        """Return the round as the first member that works has read it."""
        rounds = self._working()[0].agent.view.federation.rounds
        return rounds[-1] if rounds else None

    def _working(self) -> list[Role]:
        return [role for name, role in self.roles.items() if self.whole or name not in ("coordinator", "auditor")]

    def _act(self, current: Round) -> None:
        """Let everybody do what the phase asks, and end it."""
        phase = current.phase.name.lower()
        key = (current.context, current.phase)
        if key not in self._acted:
            self._acted.add(key)
            with own_points(self._cheap_points):
                self._steps = self.cheap.steps(current)
                for step in self._steps if self.whole else ():
                    self.stage.board.post(current.context, current.phase, step.account, step.to_bytes())
        for role in self._working():
            if role.agent is not self.coordinator:
                self._until_idle(role, phase)
        if self.whole:
            self._until_idle(self.roles["coordinator"], phase)
        else:
            self._scribe(current)
            first = self._working()[0]
            first.work(f"{READING}{phase}", first.agent.view.look)

    def _until_idle(self, role: Role, phase: str) -> None:
        before = len(self.stage.chain.entries)
        role.work(f"{READING}{phase}", role.agent.view.look)
        while role.work(phase, role.agent.step) or self._trained(role):
            if role.agent is self.coordinator and len(self.stage.chain.entries) > before:
                role.work(f"{READING}{phase}", role.agent.view.look)
                return

    def _trained(self, role: Role) -> bool:
        """Wait for training that a step began; True if one did."""
        if not isinstance(role.agent, Hospital) or self._round is None or self._round.phase != Phase.MASK:
            return False
        role.agent.finish_training()
        key = f"trained {role.name}"
        again = key not in self._waited
        self._waited.add(key)
        return again

    # --- Parts -------------------------------------------------------------------------------------------------

    def _ports(self, member: Member, luck: Callable[[Record], bytes] | None = None) -> Ports:
        self.ports[member.name] = self.stage.ports(member, self.cost[member.name], _notify, luck)
        return self.ports[member.name]

    def _role(self, member: Member, agent: Agent) -> Role:
        return Role(member.name, agent, self.cost[member.name])

    def _cheap(self) -> CheapHospitals:
        self._waited: set[str] = set()
        self._cheap_points = new_points(1 << 15)
        mine = {each.account for each in self.samples}
        others = {each.account: each for each in self.stage.hospitals if each.account not in mine}
        keys = {each.account: self._keys_of(each) for each in self.samples}
        trained = self.initial.vector + np.float32(1e-4)
        config = replace(CONFIG, roster=len(self.stage.hospitals))
        words = quantise(self.initial.vector, trained, METRICS, config)
        return CheapHospitals(others, keys, words, self.stage.vault, self.stage.board, self.whole)

    def _keys_of(self, member: Member) -> Callable[[Round], RoundKeys]:
        return RoundOutbox(self.ports[member.name]).keys

    def _luck(self, record: Record) -> bytes:
        """Return a hash with which the first real hospital is drawn and the last one is not; any, if all are."""
        if not isinstance(record, WideProposed) or self._round is None:
            return b""
        return lucky(self._round, self.samples[0].account if self.whole else None, self.samples[-1].account)

    def _open_federation(self) -> None:
        """Record the first model, sealed to all."""
        stage, model = self.stage, self.initial
        anchor, manifest = stage.chain.anchor, stage.vault.put(model.manifest.to_bytes())
        core = Core(Kind.MODEL, anchor, stage.coordinator.account, 0, 1, genesis_context(anchor, 0, manifest))
        readers = [each.key.member_key for each in (stage.coordinator, stage.auditor, *stage.hospitals)]
        digest = model_digest(manifest, model.vector)
        file = stage.vault.put(seal_first(core, digest, readers, vector_to_bytes(model.vector), stage.vault))
        stage.chain.include(FederationOpened(stage.coordinator.account, NO_ADDRESS, 0, digest, file, manifest))

    def _scribe(self, current: Round) -> None:
        """End a phase as the coordinator does when everybody acted, without checking anything."""
        phase, sender, number = current.phase, self.stage.coordinator.account, current.number
        mine = [self._own_step(current, each) for each in self.samples]
        made = self._written(current, {step.account: step for step in (*self._steps, *mine) if step})
        match phase:
            case Phase.UNMASK:
                model = self._model(current)
                raw: Record = WideProposed(sender, number, made.count, made.root, made.file_digest, *model)
                chosen = lucky(current, None, self.samples[0].account, self.samples[-1].account)
                self.stage.chain.include(raw, chosen)
                return
            case Phase.PROPOSED:
                raw = WideFinalised(sender, number, made.count, made.root, made.file_digest, NO_DIGEST)
            case _:
                raw = StepsAnchored(sender, number, phase, made.count, made.going, made.root, made.file_digest)
        self.stage.chain.include(raw)

    def _written(self, current: Round, steps: Mapping[Address, Step]) -> Written:
        """Put the steps of a phase into the vault; of clusters that no real hospital reads there is only a digest."""
        clusters = clusters_of(current)
        if clusters is None or current.phase not in SPLIT:
            return write(current, steps, steps, self.stage.vault)
        files = tuple(self._cluster_file(current, members, steps) for members in clusters.members)
        index = ClusterIndex(current.context, current.phase, files)
        return Written(index.count, index.going, index.root, self.stage.vault.put(index.to_bytes()))

    def _cluster_file(self, current: Round, members: Sequence[Address], steps: Mapping[Address, Step]) -> ClusterFile:
        count = len(members)
        if not steps.keys() & set(members):
            return ClusterFile(count, count, _some_digest(), _some_digest())
        batch = Batch(current.context, current.phase, tuple(steps[each] for each in members), frozenset(members))
        data = batch.to_bytes()
        if current.phase == Phase.SHARE:
            data = with_received(data, self._received(current, members))
        return ClusterFile(count, count, batch.root, self.stage.vault.put(data))

    def _received(self, current: Round, members: Sequence[Address]) -> dict[Address, Digest]:
        """Put the parcels for real hospitals into the vault; nobody reads those for others."""
        posted = {who: self.cheap.parcels[who] for who in members if who in self.cheap.parcels}
        for name in self.stage.board.names(current.context, PARCELS):
            who = Address(bytes.fromhex(name.partition("-")[0]))
            data = self.stage.board.read(current.context, PARCELS, name, posted_cap(len(members)))
            if data is not None and who in members:
                posted[who] = bundle_from_bytes(data, len(members) - 1, SEALED_BYTES)
        files = received_files(current.context, members, posted)
        mine = {each.account for each in self.samples}
        return {who: self.stage.vault.put(file) if who in mine else _some_digest() for who, file in files.items()}

    def _own_step(self, current: Round, member: Member) -> Step | None:
        data = self.ports[member.name].journal.get(f"step {current.phase.name.lower()}/{current.context.hex()}")
        return None if data is None else Step.from_bytes(data)

    def _model(self, current: Round) -> tuple[Digest, Digest]:
        """Return digest and file of some model in the round's name: nobody on this stage sums it again."""
        vector = self.initial.vector + np.float32(1e-4)
        core = model_core(current)
        file = self.stage.vault.put(seal(core, readers_of(current), vector_to_bytes(vector)))
        return model_digest(self.initial.manifest.digest, vector), file

    def _played(self, seconds: float) -> Played:
        current = self._round
        if current is None or current.wide is None or current.phase != Phase.FINAL:
            raise RuntimeError(f"the round ended in {current.phase.name if current else 'nothing'}")
        audit, memory, report = self._audit() if self.whole else (None, 0.0, None)
        roles = {name: role for name, role in self.roles.items() if self.whole or name != "auditor"}
        sizes = {}
        for entry in self.stage.chain.entries:
            if isinstance(entry.record, BatchRecord):
                sizes[phase_of(entry.record)] = self._size(current, entry.record)
        wide, first = current.wide, current.hospitals[0]
        terms, attesting = current.terms, len(current.attestations)
        numbers = (len(current.roster), wide.degree, terms.threshold, attesting, terms.min_commitments)
        shape = Shape(*numbers, wide.clusters)
        files = (current.commitments[first], current.revealed[first].digest) if self.whole else ()
        lengths = [self.stage.vault.path(each).stat().st_size for each in files] or [0, 0]
        head = lengths[1] - 2 - ANSWER_ENTRY * len(sharing_with(current, first))
        counted = {name: self._counted(name) for name in ("coordinator", "auditor") if self.whole}
        return Played(shape, wide.replayers, roles, audit, memory, report, sizes, counted, lengths[0], head, seconds)

    def _size(self, current: Round, record: BatchRecord) -> int:
        """Return the bytes of a batch; with clusters of the index and all files that are there."""
        vault, phase = self.stage.vault, phase_of(record)
        size = vault.path(record.file_digest).stat().st_size
        clusters, split = clusters_of(current), {each.name.lower(): each for each in SPLIT}
        if clusters is None or phase not in split:
            return size
        data = vault.get(record.file_digest, size)
        index = ClusterIndex.from_bytes(data, current.context, split[phase], len(clusters.parts))
        return size + sum(vault.path(each.digest).stat().st_size for each in index.files if vault.has(each.digest))

    def _counted(self, name: str) -> dict[str, int]:
        endorser, parsed = self.ports[name].endorser, self.roles[name].caches[0]
        checked = endorser.checked if isinstance(endorser, CountedEndorser) else 0
        return {SIGNATURES: checked, DEALINGS: parsed.cache_info().misses}

    def _audit(self) -> tuple[Cost, float, Report]:
        auditor, ledger, cost = self.stage.auditor, self.stage.reader(), Cost()
        key = AuditKey(auditor.account, Keyring({1: auditor.key}))
        role = Role("audit", self.roles["auditor"].agent, cost)
        found: list[Report] = []

        def work() -> None:
            audit = Audit(ledger.anchor, self.stage.vault, key, auditor.endorser)
            found.append(audit.run(ledger.replay(), lambda _done, _of: None)[0])

        role.work("audit", work)
        return role.phases["audit"], role.memory, found[0]


def _some_digest() -> Digest:
    return Digest(secrets.token_bytes(32))


def _train(parameters: int, number: int) -> Callable[[TrainingJob], tuple[Vector, LocalMetrics]]:
    step = np.random.default_rng(number).normal(0, 1e-3, parameters).astype(np.float32)
    return lambda task: (task.previous + step, METRICS)


def _notify(what: Event, facts: object) -> None:
    if what in (Event.ROUND_REFUSED, Event.ROUND_ABORTED, Event.MODEL_NOT_ATTESTED, Event.HOSPITAL_LEFT_OUT):
        raise RuntimeError(f"{what}: {facts}")
