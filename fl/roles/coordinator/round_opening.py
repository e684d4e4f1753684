"""Opens rounds: whom the next round asks, what it does, and its terms.

Invariant: a round is opened only from a model that this coordinator has opened, with a configuration that fits it.

Source: PROTOCOL.md 5S and 5W.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from fl.events import Event
from fl.protocol.errors import ContractRefused
from fl.protocol.federation import Federation
from fl.protocol.names import Address
from fl.protocol.records import RoundOpened, Terms
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.rounds.round import Round
from fl.replay.branches import withdrawn
from fl.replay.file_reader import FileReader
from fl.replay.ledger_view import Ports
from fl.replay.round_aggregation import check_fits, check_planned
from fl.replay.round_documents import read_config
from fl.replay.round_task import check_next
from fl.replay.round_work import in_parts, words_of
from fl.roles.coordinator.checks import Checks
from fl.roles.coordinator.groups import NextRound, next_round
from fl.roles.coordinator.ledger_opening import hospitals
from fl.roles.coordinator.opened_model import check_model
from fl.roles.coordinator.plan import Initial, Plan
from fl.roles.coordinator.progress import Progress
from fl.roles.coordinator.returns import Returns
from fl.roles.coordinator.too_few import why_no_round
from fl.roles.coordinator.waits import Waits
from fl.roles.coordinator.wide_terms import GroupDraws, widened
from fl.training.model.weights import Manifest

OLD_LEDGER = (
    "the ledger refuses a wide round; if it is older than version 1.2.0, hand it over to a new one, or start with "
    "--wide-above 0"
)


class RoundOpener:
    """Opens the rounds of a plan."""

    def __init__(
        self,
        ports: Ports,
        plan: Plan,
        initial: Initial,
        reader: FileReader,
        checks: Checks,
        returns: Returns,
        waits: Waits,
    ) -> None:
        self._ports = ports
        self._plan = plan
        self._initial = initial
        self._account = ports.ledger.account
        self._reader = reader
        self._checks = checks
        self._returns = returns
        self._waits = waits
        self._progress = Progress(plan, ports.vault)
        self._groups = GroupDraws()

    def done(self, federation: Federation) -> bool:
        """Return whether the plan's rounds are final, and those that close it."""
        return self._progress.done(federation)

    def step(self, federation: Federation) -> bool:
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
            self._waits.report(federation, "this coordinator waits until a hospital grants it the current model")
            return False
        able = sorted(account for account in hospitals(federation) if account in readers - withdrawn(federation))
        suspects = self._checks.excluded(federation, self._plan.config)
        roster = tuple(account for account in able if account not in suspects)
        if self._waits.before_round(federation):
            return False
        fewest = max(self._plan.min_hospitals, self._plan.min_commitments, self._plan.threshold(len(roster)))
        if len(roster) < fewest:
            self._waits.report(federation, why_no_round(federation, roster, fewest, suspects))
            return False
        manifest = self._waits.manifest(federation)
        if manifest is None:
            return False
        following = self._following(federation, roster, manifest)
        words = words_of(replace(following.config, roster=len(following.roster)), manifest)
        fitted = self._checks.fit(federation, following, self._plan.wide, words)
        config = in_parts(fitted, self._plan.part_bytes, manifest)
        check_next(federation, config, self._ports.vault)
        if following.why:
            self._waits.report(federation, following.why)
        self._reader.model(federation.source, manifest)
        number, terms = federation.last_round + 1, self._terms(following, config, words)
        opened = RoundOpened(self._account, number, terms, following.roster, federation.model_digest)
        if not self._append_opening(federation, opened):
            return False
        self._ports.notify(Event.ROUND_OPENED, {"round": number, "hospitals": len(following.roster)})
        return True

    def _following(self, federation: Federation, roster: tuple[Address, ...], manifest: Manifest) -> NextRound:
        """Return the next round of the plan, checked against the model and so many hospitals; raises as `step`."""
        check_model(self._plan, self._initial.manifest, manifest)
        check_planned(self._plan.config, self._plan.protection, len(roster), manifest)
        for each in (self._plan.config, *self._plan.closing):
            check_fits(each, len(roster))
        following = next_round(self._plan, self._progress.following(federation), federation, roster, self._ports.vault)
        return replace(following, config=self._returns.planned(federation, following.config))

    def _terms(self, following: NextRound, config: RoundConfig, words: int) -> Terms:
        """Return the terms of a round that opens now; its configuration is in the vault then."""
        commit_deadline = self._ports.now() + self._plan.commit_timeout_s
        return Terms(
            protection=following.protection,
            min_commitments=max(following.fewest, following.threshold),
            attestations=self._plan.attestations + following.threshold,
            threshold=following.threshold,
            parameters=words,
            config_digest=self._ports.vault.put(config.to_bytes()),
            step_timeout=self._plan.step_timeout_s,
            commit_deadline=commit_deadline,
            close_deadline=commit_deadline + self._plan.close_timeout_s,
        )

    def _append_opening(self, federation: Federation, opened: RoundOpened) -> bool:
        """Open a round, a wide one if the plan says so; False if the ledger knows no wide rounds."""
        given = widened(opened, self._plan, partial(self._groups.of, federation, opened), self._ports)
        try:
            self._ports.append(given)
        except ContractRefused:
            if given is opened:
                raise
            self._waits.report(federation, OLD_LEDGER)
            return False
        return True

    def _is_held(self, federation: Federation) -> bool:
        """Return whether trustees release the current model, and no grant is needed."""
        source = federation.source
        return isinstance(source, Round) and read_config(source, self._ports.vault).release
