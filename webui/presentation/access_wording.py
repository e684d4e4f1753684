"""The list of who asked for and opened a patient's data, in words.

Source: webui/usecases/accesses.py.
"""

from __future__ import annotations

from zoneinfo import ZoneInfo

from webui.presentation.numbers_and_dates import when
from webui.presentation.request_wording import opened_record, openings, purpose, request_state
from webui.presentation.texts import gettext
from webui.usecases.accesses import Access, AccessList
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


def access_paper(found: AccessList, patient: str, site: str, zone: ZoneInfo, now: int) -> Listed:
    """Return the texts of the list on paper."""
    lead = gettext("Patient: %(name)s. Made on %(when)s.", name=patient, when=when(now, zone))
    older = [] if found.whole else [gettext("There are older lines. Ask the hospital for them.")]
    return Listed(
        site=site,
        title=gettext("Who asked for and opened my data"),
        lead=lead,
        head=access_head(),
        rows=[access_row(line, zone) for line in found.lines],
        foot=" ".join([*access_gaps(found), *older, kept_line()]),
    )


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
