"""The list of who asked for and opened a patient's data, in words.

Source: webui/usecases/accesses.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from webui.presentation.numbers_and_dates import when
from webui.presentation.request_wording import opened_record, openings, purpose, request_state
from webui.presentation.texts import gettext
from webui.usecases.accesses import Access, AccessList
from webui.usecases.proof_states import Far, state_of
from webui.usecases.receipt_sheet import Listed


def access_head() -> list[str]:
    """Return the heads of the columns."""
    return [gettext("When"), gettext("Who"), gettext("Which data"), gettext("What"), gettext("Result")]


def access_row(line: Access, zone: ZoneInfo) -> list[str]:
    """Return one line."""
    record = opened_record(line.kind, line.record, when(line.record.created_at, zone))
    if line.how is not None:
        return [when(line.at, zone), line.who, record, openings({line.how: 1}), gettext("seen")]
    what = gettext("asked the trustees: %(purpose)s", purpose=purpose(line.purpose or 0).title)
    return [when(line.at, zone), line.who or gettext("You"), record, what, _result(line)]


def _result(line: Access) -> str:
    said = request_state(line.facts, line.record).title
    if line.facts is None:
        return said
    return gettext("%(state)s (request %(number)d on the ledger)", state=said, number=line.facts.number)


def far_words(far: Far) -> str:
    """Return in plain words how far the proof of a line is."""
    return {
        Far.THERE: gettext("Its proof is there"),
        Far.LATER: gettext("Its proof is there"),
        Far.ROOT: gettext("It waits: this hospital has not written the line's fingerprint to the ledger yet."),
        Far.CHECKPOINT: gettext("It waits: the fingerprint is on the ledger; too few witnesses have signed it so far."),
        Far.OLD: gettext("None: the line is older than proofs of lines."),
        Far.NOWHERE: gettext("None: the request is not known to be on the ledger."),
        Far.CHANGED: gettext("None: the line does not agree with the ledger. Please tell the hospital."),
    }[far]


def proofs_line(far: Sequence[Far]) -> str:
    """Return how many lines have their proof."""
    there = sum(each in {Far.THERE, Far.LATER} for each in far)
    return gettext("%(there)d of %(all)d lines have their proof.", there=there, all=len(far))


def access_paper(found: AccessList, far: Sequence[Far], patient: str, site: str, zone: ZoneInfo, now: int) -> Listed:
    """Return the texts of the list on paper."""
    lead = gettext("Patient: %(name)s. Made on %(when)s.", name=patient, when=when(now, zone))
    older = [] if found.whole else [gettext("There are older lines. Ask the hospital for them.")]
    return Listed(
        site=site,
        title=gettext("Who asked for and opened my data"),
        lead=lead,
        head=[*access_head(), gettext("Proof")],
        rows=[[*access_row(line, zone), _short(each)] for line, each in zip(found.lines, far, strict=True)],
        foot=" ".join([*access_gaps(found), *older, kept_line(), proofs_line(far), _where()]),
    )


def _short(far: Far) -> str:
    words = {"there": gettext("there"), "waits": gettext("waits"), "none": gettext("none")}
    return words[state_of(far)]


def _where() -> str:
    return gettext("The JSON file of this list has the proofs. Anybody can check them without this site.")


def access_gaps(found: AccessList) -> list[str]:
    """Return what the list lacks because the ledger is silent; empty if it lacks nothing."""
    if found.ledger_answers:
        return []
    return [
        gettext("The ledger does not answer now. So requests of other hospitals are missing, and results are unknown.")
    ]


def kept_line() -> str:
    """Return how long the lines are kept."""
    return gettext("This hospital keeps these lines for at least three years. No program of this site deletes one.")
