"""The report of an audit as text, JSON and HTML."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, select_autoescape

from fl.audit.narrative import CheckOutcome, Results, explain
from fl.audit.plain_words import finding_title, without_names
from fl.audit.snapshot import Snapshot
from fl.files import write_atomic
from fl.protocol.audit import Finding, Report
from fl.protocol.codec import JsonValue
from fl.protocol.federation import Federation
from fl.protocol.names import show, shown_lines
from fl.protocol.rounds.round import Round
from fl.replay.privacy import PrivacyStatement
from fl.training.aggregation.totals import total_lines
from scripts.wiring.home import Home

CHECKS = {
    "records": "records replayed with the rules (sender, role, phase, key epoch, deadline)",
    "files": "encrypted files compared with their digest, size, sender and header",
    "documents": "public documents compared with their digest",
    "agreements": "sets of survivors signed by enough hospitals, without a contradicting complaint",
    "aggregates": "rounds summed again from the hospitals' files, bit for bit",
    "ceremonies": "key ceremonies computed again from the dealers' files",
    "first models": "first models computed again from the recipe and its recorded origin, bit for bit",
    "successors": "models after a return to an earlier one, made from that one and the rest alone",
    "models": "global models opened and compared with their digest",
}


MARKS = {CheckOutcome.RIGHT: "Checked", CheckOutcome.WRONG: "CHECKED, AND WRONG", CheckOutcome.OPEN: "NOT CHECKED"}


@dataclass(frozen=True)
class Audited:
    """A finished audit."""

    report: Report
    federation: Federation
    checked_at: int
    """Seconds since 1970."""
    seconds: float
    privacy: tuple[PrivacyStatement, ...] = ()
    """Of each final round that trained with noise."""
    snapshot: Snapshot | None = None
    """What its auditor may sign; None after findings, or without a key."""

    @property
    def verdict(self) -> str:
        count = len(self.report.findings)
        if count or self.report.alarms:
            rounds = ", ".join(str(alarm.round) for alarm in self.report.alarms)
            alarm = f" ALARM: the models of round {rounds} are far worse than chance." if rounds else ""
            if not count:
                return f"Every record, file and model that was checked is what the ledger says.{alarm}"
            return f"{count} finding{'s' if count > 1 else ''}: do not trust the models named below.{alarm}"
        if self.report.notes:
            return "Nothing was found in what was checked; the notes say what was not."
        return "Nothing was found: every record, file and model is what the ledger says."


def to_text(audited: Audited) -> str:
    report, federation = audited.report, audited.federation
    lines = [
        f"Audit of consortium {show(federation.anchor.consortium)}",
        f"{len(federation.rounds)} rounds, {sum(report.checks.values())} checks in {audited.seconds:.1f} s",
        *(f"Task {task['code']}: {task['name']}" for task in _different(report.tasks.values())),
        "",
        *(f"  {report.checks[name]:>6}  {what}" for name, what in CHECKS.items() if report.checks[name]),
        "",
    ]
    for finding in report.findings:
        where = f"round {finding.round}" if finding.round else "set-up"
        lines += [f"  FINDING {finding_title(finding.name)} ({where}, {finding.subject})"]
        lines += [f"          {without_names(finding.sentence)}", *_evidence(finding)]
    for number, sums in sorted(report.sums.items()):
        if number in report.totals:
            lines += _totals(number, report.totals[number], sums)
            continue
        lines.append(_claims(f"round {number}, all together", sums))
        lines += [_claims(f"round {number}, {name}", each) for name, each in report.claims.get(number, {}).items()]
    lines += [f"  Privacy (round {one.round}): {one.sentence}" for one in audited.privacy]
    lines += [f"  ALARM (round {alarm.round}, {alarm.subject}): {alarm.sentence}" for alarm in report.alarms]
    lines += [f"  Going back: {each}" for each in report.successors]
    lines += [f"  Note: {without_names(note)}" for note in report.notes]
    return shown_lines("\n".join([*lines, audited.verdict]))


def _evidence(finding: Finding) -> list[str]:
    """Return where the record of a finding is; the sentence has the other facts."""
    facts = dict(finding.evidence)
    place = [f"{name} {facts[name]}" for name in ("block", "transaction") if name in facts]
    return [f"          {', '.join(place)}"] if place else []


def _claims(whose: str, figures: Mapping[str, float]) -> str:
    """Return what hospitals claim about their training. Nobody can check it."""
    most = f" of at most {figures['most_weight']:,.0f}" if "most_weight" in figures else ""
    learned = f"{figures['accuracy']:.3f} right in training, loss {figures['loss']:.3f}"
    if not figures["accuracy"] and not figures["loss"]:
        learned = "nothing about what was learned, as in private training"
    return f"  Claimed ({whose}): {figures['samples']:,.0f} images, weight {figures['weight']:,.0f}{most}, {learned}"


def _totals(number: int, totals: Mapping[str, JsonValue], figures: Mapping[str, float]) -> list[str]:
    """Return the totals of a round of lanes, and what each reveals."""
    counted = f"{figures['hospitals']:,.0f} hospitals, {figures['samples']:,.0f} rows"
    head = f"  Totals (round {number}, {totals['purpose']}): {counted}"
    return [head, *(f"    {line}" for line in total_lines(totals))]


def to_json(audited: Audited) -> str:
    document = {
        **audited.report.to_dict(),
        "checked_at": audited.checked_at,
        "consortium": show(audited.federation.anchor.consortium),
        **({"privacy": {str(one.round): one.to_dict() for one in audited.privacy}} if audited.privacy else {}),
        "rounds": [
            {
                **_round(audited.federation, current),
                **_results(audited.report, current.number),
                "task": audited.report.tasks.get(current.number),
            }
            for current in audited.federation.rounds
        ],
        "seconds": round(audited.seconds, 3),
        "verdict": audited.verdict,
    }
    return json.dumps(document, indent=2, sort_keys=True) + "\n"


def to_html(audited: Audited) -> str:
    """Return the report as one page without other files."""
    folder = Path(__file__).parent / "templates"
    environment = Environment(loader=FileSystemLoader(folder), autoescape=select_autoescape(), trim_blocks=True)
    return environment.get_template("audit.html").render(
        audited=audited,
        checks=CHECKS,
        finding_title=finding_title,
        without_names=without_names,
        consortium=show(audited.federation.anchor.consortium),
        rounds=[_round(audited.federation, current) for current in audited.federation.rounds],
        stories=[
            explain(audited.federation, current.number, Results.of(audited.report, current.number))
            for current in audited.federation.rounds
        ],
        marks=MARKS,
        tasks=audited.report.tasks,
        when=datetime.fromtimestamp(audited.checked_at, UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )


def _different(tasks: Iterable[dict[str, JsonValue]]) -> list[dict[str, JsonValue]]:
    """Return each task once, in the order of the rounds."""
    different: list[dict[str, JsonValue]] = []
    for task in tasks:
        if task not in different:
            different.append(task)
    return different


def save(audited: Audited, home: Home) -> None:
    """Write audit.txt, audit.json and audit.html into the run's folder."""
    for suffix, text in (("txt", to_text(audited) + "\n"), ("json", to_json(audited)), ("html", to_html(audited))):
        write_atomic(home.folder / f"audit.{suffix}", text.encode())


def _round(federation: Federation, current: Round) -> dict[str, object]:
    names = federation.book.name_of
    return {
        "attested_by": sorted(names(member) for member in current.attestations),
        "hospitals": sorted(names(hospital) for hospital in current.hospitals),
        "model": show(current.proposal.model_digest) if current.proposal else None,
        "number": current.number,
        "phase": current.phase.name.lower(),
        "protection": current.terms.protection.name.lower(),
        "reason": current.reason,
        "roster": sorted(names(hospital) for hospital in current.roster),
    }


def _results(report: Report, number: int) -> dict[str, object]:
    """Return the checks that a round passed, and the figures that its hospitals claimed (see saved_report.py)."""
    sums, claims = report.sums.get(number, {}), report.claims.get(number, {})
    passed, totals = sorted(report.passed.get(number, ())), report.totals.get(number, {})
    return {"passed": passed, "sums": sums, "claims": claims, "totals": totals}
