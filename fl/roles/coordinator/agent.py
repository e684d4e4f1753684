"""The coordinator: opens rounds, sums updates, proposes models, and aborts rounds that cannot succeed.

Invariant: only the ledger's state decides what it does, so it can be killed at any moment and restarted elsewhere.

Source: PROTOCOL.md 5S.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from fl.audit.reports import alarms_of
from fl.crypto.envelope import Core, Kind
from fl.events import Event
from fl.failures import FATAL, MISSED_DEADLINE, ROUND_ONLY, refusal_of
from fl.protocol.errors import (
    AccuracyAlarm,
    BelowThreshold,
    ContractRefused,
    DeadlineNotPassed,
    GrantUnusable,
    HashMismatch,
    LongKeyMissing,
    MalformedError,
    RevokedMidRound,
    SharesMissing,
    TooFewReveals,
    UpdateUnusable,
    VaultMissing,
    WrongPhase,
    WrongRound,
)
from fl.protocol.federation import Federation, genesis_context
from fl.protocol.grants import MODEL_READERS
from fl.protocol.names import NO_ADDRESS, NO_DIGEST, Address, Role, Suite
from fl.protocol.records import (
    FederationOpened,
    ModelProposed,
    RoundAborted,
    RoundFinalised,
    RoundOpened,
    Terms,
)
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.rounds.mask_graph import is_answered
from fl.protocol.rounds.round import Phase, Round
from fl.replay.branches import withdrawn
from fl.replay.expected_files import ReaderKey, expected_model, model_core, model_recipients
from fl.replay.file_reader import FileReader
from fl.replay.group_key import with_group_key
from fl.replay.ledger_view import LedgerView, Ports, grants_of
from fl.replay.long_keys import lacking_long_keys, long_keys_of, names_of, reader_keys
from fl.replay.round_aggregation import check_fits, check_planned
from fl.replay.round_documents import read_config, read_manifest, suite_of
from fl.replay.round_sum import RoundSum
from fl.replay.round_task import check_next
from fl.replay.round_work import checked_work, in_parts, words_of
from fl.roles.coordinator.checks import Checks
from fl.roles.coordinator.declines import Declines
from fl.roles.coordinator.groups import next_round
from fl.roles.coordinator.masked_rounds import SetUp, Unmasking
from fl.roles.coordinator.opened_model import check_model
from fl.roles.coordinator.pauses import Pauses
from fl.roles.coordinator.plan import Initial, Plan
from fl.roles.coordinator.progress import Progress
from fl.roles.coordinator.returns import Returns
from fl.roles.coordinator.sealed_model import put_first, put_model
from fl.roles.coordinator.sealed_rounds import Opening
from fl.roles.coordinator.survivors import Freezing
from fl.roles.coordinator.too_few import why_no_round, why_not_open
from fl.roles.coordinator.wide_rounds import WideSteps
from fl.roles.coordinator.wide_terms import GroupDraws, widened
from fl.roles.granting import Granting
from fl.roles.requester.agent import Requester
from fl.roles.requester.model_release import ReleaseDesk, Releases, held_by
from fl.training.aggregation.claims import Claims
from fl.training.aggregation.sum import Sum
from fl.training.aggregation.work import Outcome, Work
from fl.training.model.weights import Manifest, Vector, model_digest
from fl.training.weak_calibration import weakness

OLD_LEDGER = (
    "the ledger refuses a wide round; if it is older than version 1.2.0, hand it over to a new one, or start with "
    "--wide-above 0"
)


class Coordinator:
    """The coordinator's agent."""

    def __init__(self, ports: Ports, plan: Plan, initial: Initial, held: Callable[[], str] = str) -> None:
        """Work for `plan`; `held` returns why no further round may open now, "" if one may."""
        self._held = held
        self.view = LedgerView(ports.ledger)
        self._ports = ports
        self._plan = plan
        self._initial = initial
        self._account = ports.ledger.account
        release = Releases(self.view, Requester(ports.ledger, ports.vault, ports.keyring))
        grants = partial(grants_of, self.view)
        self._reader = FileReader(self._account, ports.vault, ports.keyring, release, grants)
        self._granting = Granting(ports, self._reader)
        self._sums = RoundSum(self._reader, ports.vault)
        self._declines = Declines(ports, self._abort)
        self._checks = Checks(ports, self._abort)
        self._freezing = Freezing(ports, self._sums, self._abort)
        self._set_up = SetUp(ports, self._abort)
        self._wide = WideSteps(ports, self._abort)
        self._opening = Opening(ports, self._sums)
        self._unmasking = Unmasking(ports, self._sums, self._abort)
        self._desk = ReleaseDesk(ports, plan.close_timeout_s)
        self._pauses = Pauses(ports)
        self._progress = Progress(plan, ports.vault)
        self._returns = Returns(ports, self._pauses)
        self._groups = GroupDraws()

    @property
    def done(self) -> bool:
        """Return whether the plan's rounds are final, and those that close it."""
        return self._progress.done(self.view.federation)

    def step(self) -> bool:
        federation = self.view.current()
        try:
            return self._act(federation)
        except GrantUnusable as error:  # the hospitals grant again
            self._pauses.alarm(federation, f"this coordinator waits for another grant of the current model: {error}")
            return False

    def _act(self, federation: Federation) -> bool:
        current = federation.active_round
        if not federation.openings:
            return self._open_federation(federation)
        if federation.successor == self._ports.ledger.anchor.contract:
            return self._succeed(federation)
        if current is None:
            granted = self._granting.step(federation)
            return granted or self._release(federation) or (not self.done and self._open_round(federation))
        return self._continue(federation, current)

    def finish(self) -> None:
        pass  # everything that counts is on the ledger

    def _continue(self, federation: Federation, current: Round) -> bool:
        """Go on with a round; after its close deadline, abort it on any error."""
        if current.opener != self._account:
            return self._abort_foreign(current)
        try:
            return self._go_on(federation, current)
        except (WrongPhase, WrongRound):  # somebody else ended the round after its close deadline
            return False
        except (AccuracyAlarm, *FATAL):
            raise
        except (VaultMissing, *ROUND_ONLY) as error:
            if self._ports.now() <= current.terms.close_deadline:
                raise
            return self._abort(current, f"{error.name}: the round could not go on in time")

    def _abort_foreign(self, current: Round) -> bool:
        """Abort a round that a former coordinator opened: nobody can finish it."""
        try:
            return self._abort(current, "RoundStalled: the coordinator that opened this round was replaced")
        except (DeadlineNotPassed, *MISSED_DEADLINE):  # an earlier ledger's close deadline; or somebody else aborted it
            return False

    def _go_on(self, federation: Federation, current: Round) -> bool:
        recorded, current = current, self._wide.gathered(federation, current)
        if self._declines.step(federation, current):
            return True
        if (acted := self._wide.step(federation, recorded, current)) is not None:
            return acted or self._sums.step(recorded)
        match current.phase:
            case Phase.OPEN | Phase.MASK:
                return self._freezing.step(federation, current)
            case Phase.FROZEN | Phase.UNMASK:
                return self._propose(federation, current)
            case Phase.ADVERTISE | Phase.SHARE | Phase.COMPLAIN | Phase.AGREE:
                return self._set_up.step(federation, current) or self._sums.step(current)
            case _:
                verdict = self._checks.judge(federation, current)
                return self._finalise(current, cleared=verdict is None) if not verdict else True

    def _open_federation(self, federation: Federation) -> bool:
        """Record the initial model as soon as this coordinator, enough hospitals and an auditor have keys."""
        if federation.book.active(self._account, Role.COORDINATOR).key is None:
            return False
        if len(self._hospitals(federation)) < self._plan.min_hospitals or not self._auditors(federation):
            self._pauses.alarm(federation, why_not_open(federation, self._plan.min_hospitals), Event.WAITING)
            return False
        self._record_opening(federation, NO_ADDRESS, self._initial)
        return True

    def _succeed(self, federation: Federation) -> bool:
        """Open a ledger that succeeds another one, with the current model of that one."""
        manifest = self._manifest(federation)
        if manifest is None:
            return False
        model = self._reader.model(federation.source, manifest)
        if suite_of(federation.source, self._ports.vault) == Suite.HYBRID and self._waits_for_long_keys(federation):
            return False
        self._record_opening(federation, federation.anchor.contract, Initial(manifest, model))
        return True

    def _manifest(self, federation: Federation) -> Manifest | None:
        """Return the manifest of the federation's model; None, reported once, if nobody can use it."""
        try:
            return read_manifest(federation.opening, self._ports.vault)
        except (MalformedError, HashMismatch) as error:
            reason = f"no round can begin, because the description of the federation's model cannot be used: {error}"
            self._pauses.alarm(federation, reason)
            return None

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

    def _open_round(self, federation: Federation) -> bool:
        """Open the next round for every active hospital that can read the current model.

        Raises:
            RecipientNotFound: this coordinator cannot read that model, so the round could never end.
            TaskChanged: that model was trained for another task than the plan's.
            AggregationUnusable: the plan's rule of aggregation cannot work with this model or these hospitals.
            AggregateOverflow: the sums of a round of lanes have no room for so many hospitals.
            SettingInvalid: the plan trains another model than that with which the federation opened, or calibrates one
                without room for it.
        """
        readers = federation.readers
        if self._account not in readers and not self._is_held(federation):
            self._pauses.alarm(federation, "this coordinator waits until a hospital grants it the current model")
            return False
        able = sorted(account for account in self._hospitals(federation) if account in readers - withdrawn(federation))
        suspects = self._checks.excluded(federation, self._plan.config)
        roster = tuple(account for account in able if account not in suspects)
        threshold = self._plan.threshold(len(roster))
        if self._waits(federation):
            return False
        fewest = max(self._plan.min_hospitals, self._plan.min_commitments, threshold)
        if len(roster) < fewest:
            self._pauses.alarm(federation, why_no_round(federation, roster, fewest, suspects))
            return False
        manifest = self._manifest(federation)
        if manifest is None:
            return False
        check_model(self._plan, self._initial.manifest, manifest)
        check_planned(self._plan.config, self._plan.protection, len(roster), manifest)
        for each in (self._plan.config, *self._plan.closing):
            check_fits(each, len(roster))
        following = next_round(self._plan, self._progress.following(federation), federation, roster, self._ports.vault)
        following = replace(following, config=self._returns.planned(federation, following.config))
        words, threshold = (
            words_of(replace(following.config, roster=len(following.roster)), manifest),
            following.threshold,
        )
        config = in_parts(
            self._checks.fit(federation, following, self._plan.wide, words), self._plan.part_bytes, manifest
        )
        check_next(federation, config, self._ports.vault)
        if following.why:
            self._pauses.alarm(federation, following.why)
        self._reader.model(federation.source, manifest)
        now = self._ports.now()
        config_digest = self._ports.vault.put(config.to_bytes())
        commit_deadline = now + self._plan.commit_timeout_s
        terms = Terms(
            protection=following.protection,
            min_commitments=max(following.fewest, threshold),
            attestations=self._plan.attestations + threshold,
            threshold=threshold,
            parameters=words,
            config_digest=config_digest,
            step_timeout=self._plan.step_timeout_s,
            commit_deadline=commit_deadline,
            close_deadline=commit_deadline + self._plan.close_timeout_s,
        )
        number = federation.last_round + 1
        opened = RoundOpened(self._account, number, terms, following.roster, federation.model_digest)
        if not self._append_opening(federation, opened):
            return False
        self._ports.notify(Event.ROUND_OPENED, {"round": number, "hospitals": len(following.roster)})
        return True

    def _waits(self, federation: Federation) -> bool:
        """Return whether the next round has to wait; report why."""
        waits = (
            self._returns.hold,
            self._lacks_long_keys,
            self._held_back,
            self._held_by_a_person,
            self._pauses.hold,
            self._checks.waits_for_verdicts,
        )
        return any(wait(federation) for wait in waits)

    def _lacks_long_keys(self, federation: Federation) -> bool:
        return self._plan.config.suite == Suite.HYBRID and self._waits_for_long_keys(federation)

    def _waits_for_long_keys(self, federation: Federation) -> bool:
        """Return whether somebody lacks a long key; report who."""
        lacking = lacking_long_keys(federation, self._ports.vault)
        if lacking:
            reason = f"this coordinator waits: {LongKeyMissing(names_of(federation, lacking))}"
            self._pauses.alarm(federation, reason, Event.WAITING)
        return bool(lacking)

    def _held_by_a_person(self, federation: Federation) -> bool:
        """Return whether a person holds the next round back; report it."""
        reason = self._held()
        if reason:
            self._pauses.alarm(federation, f"the next round is held back: {reason}")
        return bool(reason)

    def _append_opening(self, federation: Federation, opened: RoundOpened) -> bool:
        """Open a round, a wide one if the plan says so; False if the ledger knows no wide rounds."""
        given = widened(opened, self._plan, partial(self._groups.of, federation, opened), self._ports)
        try:
            self._ports.append(given)
        except ContractRefused:
            if given is opened:
                raise
            self._pauses.alarm(federation, OLD_LEDGER)
            return False
        return True

    def _release(self, federation: Federation) -> bool:
        """Ask the trustees to release the current model if its round's configuration holds it back."""
        source = federation.source
        return isinstance(source, Round) and self._desk.step(federation, source)

    def _is_held(self, federation: Federation) -> bool:
        """Return whether trustees release the current model, and no grant is needed."""
        source = federation.source
        return isinstance(source, Round) and read_config(source, self._ports.vault).release

    def _held_back(self, federation: Federation) -> bool:
        """Return whether a round must wait for the release of its model, or for a committee that holds its key."""
        if self._plan.config.release and not self._desk.can_hold(federation):
            return True
        source = federation.source
        return isinstance(source, Round) and self._desk.waits(federation, source)

    def _propose(self, federation: Federation, current: Round) -> bool:
        """Verify, open and sum the updates, then seal and propose the new model; a masked sum needs enough answers."""
        if current.masked and not is_answered(current):
            return self._unmasking.wait(federation, current)
        if current.masked and self._checks.waits_for_answers(current):
            return self._sums.step(current)
        manifest = read_manifest(federation.opening, self._ports.vault)
        config = read_config(current, self._ports.vault)
        previous = self._reader.model(federation.source, manifest)
        try:
            work = checked_work(current, config, manifest)
            total = self._total(federation, current, work)
            outcome = work.apply(total, previous)
        except UpdateUnusable as error:
            return self._abort(current, refusal_of(error, federation.book))
        except (TooFewReveals, BelowThreshold, SharesMissing, VaultMissing) as error:
            if not current.masked:
                raise
            return self._unmasking.wait_after(current, error)
        except ROUND_ONLY as error:
            return self._abort(current, f"{error.name}: {error}")
        model = outcome.model
        digest = model_digest(manifest.digest, model)
        keys = reader_keys(federation, current, self._ports.vault)
        recipients = model_recipients(current, federation.book, held_by(federation) if config.release else None, keys)
        if not config.release:
            recipients = with_group_key(current, recipients, self._ports.vault)
        core = model_core(current, config.suite)
        envelope = put_model(core, recipients, model, config.part_words, self._ports.vault)
        expected = expected_model(current, manifest.length, config.suite)
        self._reader.remember(replace(expected, digest=envelope), digest, model)
        self._ports.append(ModelProposed(self._account, current.number, digest, envelope))
        self._ports.notify(Event.MODEL_PROPOSED, {"round": current.number, **_figures(outcome, total.claims)})
        self._warn(current, config, manifest.weights_of(model))
        return True

    def _warn(self, current: Round, config: RoundConfig, weights: Vector) -> None:
        """Say if a calibration had too few images for some class."""
        reason = weakness(config, weights)
        if reason:
            self._ports.notify(Event.CALIBRATION_WEAK, {"round": current.number, "reason": reason})

    def _total(self, federation: Federation, current: Round, work: Work) -> Sum:
        if current.masked:
            return self._unmasking.total(federation, current, work)
        return self._opening.total(current, work)

    def _finalise(self, current: Round, *, cleared: bool) -> bool:
        """Finalise after enough attestations; abort at the deadline, or when a hospital was revoked.

        `cleared`: whether auditors found every update in order, where these are checked.
        """
        book = self.view.federation.book
        audited = sum(book.members[account].role == Role.AUDITOR for account in current.attestations)
        if cleared and audited >= self._plan.attestations and len(current.attestations) >= current.terms.attestations:
            self._check_alarms(current)
            try:
                model = current.proposal.model_digest if current.proposal else NO_DIGEST
                self._ports.append(RoundFinalised(self._account, current.number, model))
            except RevokedMidRound as error:
                return self._abort(current, f"{error.name}: a hospital was revoked during the round")
            self._ports.notify(Event.ROUND_FINAL, {"round": current.number})
            self._release(self.view.refresh())
            return True
        if self._ports.now() > current.terms.close_deadline:
            return self._abort(current, "RoundStalled: too few attestations in time")
        return False

    def _check_alarms(self, current: Round) -> None:
        """Report the alarms of auditors.

        Raises:
            AccuracyAlarm: the model is far worse than chance, and the plan does not say to continue.
        """
        for auditor, reason in alarms_of(current, self._ports.vault).items():
            name = self.view.federation.book.name_of(auditor)
            self._ports.notify(Event.ALARM, {"round": current.number, "auditor": name, "reason": reason})
            if not self._plan.despite_alarm:
                raise AccuracyAlarm(current.number, reason)

    def _abort(self, current: Round, reason: str) -> bool:
        """End a round without a new model."""
        self._ports.append(RoundAborted(self._account, current.number, reason))
        self._ports.notify(Event.ROUND_ABORTED, {"round": current.number, "reason": reason})
        return True

    def _hospitals(self, federation: Federation) -> list[Address]:
        return [member.account for member in federation.book.having(Role.HOSPITAL) if member.key]

    def _auditors(self, federation: Federation) -> list[Address]:
        return [member.account for member in federation.book.having(Role.AUDITOR) if member.key]

    def _recipients(self, federation: Federation, suite: Suite) -> list[ReaderKey]:
        members = federation.book.members.values()
        keys = {m.account: m.key for m in members if m.key and not m.revoked and m.role in MODEL_READERS}
        if suite == Suite.HYBRID:
            return [*long_keys_of(federation, keys, self._ports.vault).values()]
        return [*keys.values()]


def _figures(outcome: Outcome, claims: Claims) -> dict[str, float]:
    """Return what a proposal's log says about its sum."""
    if outcome.plan is not None:
        return {"lanes": len(outcome.plan.lanes), "rows": claims.samples}
    return {"training_accuracy": claims.accuracy, "training_loss": claims.mean_loss, "samples": claims.samples}
