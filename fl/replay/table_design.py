"""Whether the design that a round of a table names is the one that follows from the sums on the ledger.

Invariant: no member takes means and spreads from a coordinator. Members who can open the round of statistics replay it;
the others (hospitals in sealed rounds, an audit without a key) read the sums in the reports of its auditors.

Source: PROTOCOL.md 5L; fl/training/tables/statistics.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from fl.protocol.codec import Fields, JsonValue, parse_document
from fl.protocol.errors import DesignMismatch, EncodingError, KeystoreUnreadable, RecipientNotFound
from fl.protocol.federation import Federation
from fl.protocol.names import NO_DIGEST, Address, Role, show
from fl.protocol.ports import Endorser, Vault
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.rounds.round import Round
from fl.replay.expected_files import UPDATE_READERS
from fl.replay.file_reader import FileReader
from fl.replay.round_documents import digest_of, read_config, read_manifest
from fl.replay.round_replay import Tools, replay_round
from fl.replay.round_sum import RoundSum
from fl.replay.trained_rounds import finals_before
from fl.replay.vault_files import read_document
from fl.training.aggregation.lanes import Entries, LanePlan
from fl.training.aggregation.totals import totals_of
from fl.training.aggregation.work import SumSpec
from fl.training.tables.design import Design
from fl.training.tables.schema import Schema
from fl.training.tables.statistics import STATISTICS, Statistics, measured, plan_of, rows_bits_of, statistics_of

REPORT_CAP = 1024 * 1024
_DESIGN = "design"


@dataclass(frozen=True)
class Summed:
    """What a final round of statistics says."""

    schema: Schema
    statistics: Statistics


class TableDesigns:
    """The statistics on the ledger, for one member; each round is replayed once."""

    def __init__(self, account: Address | None, reader: FileReader | None, vault: Vault, endorser: Endorser) -> None:
        """Remember the member and its `reader`; None: somebody without a key, who opens nothing."""
        self._account, self._reader = account, reader
        self._vault, self._endorser = vault, endorser
        self._known = dict[bytes, Summed]()
        """By the round's context."""

    def check(self, federation: Federation, current: Round, config: RoundConfig) -> None:
        """Compare a round's design with the newest statistics before it; a round without design passes.

        Raises:
            DesignMismatch: it is another design, or there are no statistics to compare it with.
            EncodingError: the design does not parse.
            TamperedError, MalformedError, RefusedError, UnavailableError: the round of statistics cannot be replayed.
        """
        raw = config.training.get(_DESIGN)
        if raw is None:
            return
        if not isinstance(raw, dict):
            raise EncodingError("round configuration", "its design is not an object")
        named, summed = Design.from_dict(raw), self.before(federation, current.number)
        if summed is None:
            raise DesignMismatch(current.number, "no final round summed statistics before it")
        different = _difference(named, summed)
        if different:
            raise DesignMismatch(current.number, different)

    def before(self, federation: Federation, number: int) -> Summed | None:
        """Return what the newest statistics say from which round `number` goes on; None without any.

        Statistics of superseded rounds count no more: they are sums with those who left.
        """
        for each in finals_before(federation, number):
            if each.context in self._known:
                return self._known[each.context]
            config = read_config(each, self._vault)
            spec = SumSpec.from_dict(config.training)
            if spec is not None and spec.plan.purpose == STATISTICS:
                return self._known.setdefault(each.context, self._summed(federation, each, config, spec))
        return None

    def _summed(self, federation: Federation, current: Round, config: RoundConfig, spec: SumSpec) -> Summed:
        schema = Schema.from_dict(Fields(config.training, "round configuration").mapping("schema"))
        bits = rows_bits_of(spec.settings)
        if spec.plan != plan_of(schema, bits):
            raise EncodingError("round configuration", "its lanes are not those of a table's statistics")
        return Summed(schema, statistics_of(schema, self._totals(federation, current, spec.plan), bits))

    def _totals(self, federation: Federation, current: Round, plan: LanePlan) -> Mapping[str, Entries]:
        if self._reader is None or not self._opens(federation, current):
            return self._reported(current, plan)
        try:
            manifest = read_manifest(federation.openings[0], self._vault)
            previous = self._reader.model(federation.source_of(current), manifest)
            tools = Tools(RoundSum(self._reader, self._vault), self._vault, self._endorser)
            return replay_round(current, previous, manifest, tools).totals
        except (KeystoreUnreadable, RecipientNotFound):  # the key of that time is not on this machine
            return self._reported(current, plan)

    def _opens(self, federation: Federation, current: Round) -> bool:
        """Return whether the files of a round are sealed to this member."""
        account = self._account
        if account is None or account not in current.keys or account not in federation.readers_before(current):
            return False
        role = federation.book.members[account].role
        return role in UPDATE_READERS or (role == Role.HOSPITAL and current.masked and account in current.roster)

    def _reported(self, current: Round, plan: LanePlan) -> Mapping[str, Entries]:
        """Return the totals in the reports of all auditors who attested a round; they must agree."""
        found = []
        for digest in current.attestations.values():
            if digest != NO_DIGEST:
                report = parse_document(read_document(self._vault, digest, REPORT_CAP), "auditor's report")
                found.append(totals_of(plan, _totals_in(report, current)))
        if not found:
            raise DesignMismatch(current.number, f"no auditor reported the statistics of round {current.number}")
        if not all(_equal(found[0], other) for other in found):
            raise DesignMismatch(current.number, f"auditors report different statistics of round {current.number}")
        return found[0]


def _totals_in(report: Mapping[str, JsonValue], current: Round) -> JsonValue:
    if report.get("model") != show(digest_of(current)):
        raise EncodingError("auditor's report", "it is about another model")
    return report.get("totals")


def _equal(one: Mapping[str, Entries], other: Mapping[str, Entries]) -> bool:
    return all(np.array_equal(entries, other[name]) for name, entries in one.items())


def _difference(named: Design, summed: Summed) -> str:
    """Return what differs, for people; empty if nothing does."""
    if named.schema != summed.schema:
        return "it has another schema than the statistics"
    theirs, ours = named.statistics, summed.statistics
    columns = [column.name for _, column in measured(named.schema)]
    for what, one, other in (("mean", theirs.means, ours.means), ("spread", theirs.spreads, ours.spreads)):
        wrong = [name for name, a, b in zip(columns, one, other, strict=True) if a != b]
        if wrong:
            return f"the {what} of {wrong[0]} is not that of the statistics"
    return ""
