"""A doctor's worklist and reviews: the checks in the doctor's care by urgency, and what the doctor says about them.

Invariant: one page shows at most `store.worklist.PAGE_CHECKS` records, and each is noted before the doctor sees it. The
order covers the first `ORDERED_CHECKS` of the list (usecases/gists.py); the page says so if there are more. A review is
sealed like a note; it stands beside the model's answer and never replaces it.

Source: usecases/urgency.py (the order).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from fl.protocol.task import Task
from webui.errors import NotFound, ReviewMalformed
from webui.ports.records import RecordService, SealedRecord
from webui.store.accounts import SignedInUser
from webui.store.models import StoredRecord
from webui.store.records import RecordStore
from webui.store.worklist import ORDERED_CHECKS, PAGE_CHECKS, Listed, Wanted, WorklistStore
from webui.usecases.gists import Gists, Sealed, urgency_of_shown
from webui.usecases.mail import Mail
from webui.usecases.patient_records import PatientRecords, Shown
from webui.usecases.readers import writing_to_address
from webui.usecases.record_format import pack
from webui.usecases.request_notices import Message
from webui.usecases.review_format import MAX_TEXT_CHARS, Decision, Part, Review
from webui.usecases.sealing import seal_as_chosen, subject_of
from webui.usecases.urgency import Urgency, place


@dataclass(frozen=True)
class WorkItem:
    """A check in a worklist, opened without its picture."""

    listed: Listed
    shown: Shown
    urgency: Urgency


@dataclass(frozen=True)
class WorkPage:
    """One page of a worklist."""

    items: tuple[WorkItem, ...]
    """By urgency and age."""
    more: bool
    looked_at: int
    """Among how many checks these are the most urgent; checks beyond them come later, by age."""
    beyond: bool
    """Whether there are checks beyond them."""


@dataclass(frozen=True)
class Verdict:
    """What a doctor says about a check."""

    decision: Decision
    labels: tuple[str, ...] = ()
    """Class codes of the doctor's own answer."""
    reason: str = ""
    note: str = ""
    message: str = ""
    patient_sees: frozenset[Part] = frozenset()


class Worklist:
    """The worklists and reviews of one hospital's doctors."""

    def __init__(
        self,
        store: WorklistStore,
        records: RecordStore,
        opened: PatientRecords,
        service: RecordService,
        mail: Mail,
        gists: Gists,
    ) -> None:
        self._mail = mail
        self._gists = gists
        self._store = store
        self._records = records
        self._opened = opened
        self._service = service

    def page(self, doctor: SignedInUser, wanted: Wanted, urgency: Urgency | None, page: int) -> WorkPage:
        """Return one page of the checks that have this urgency, the first to do first.

        Raises:
            TooManyAttempts, SiteBusy: as Gists.of.
        """
        rows, beyond = self._store.rows(doctor.id, wanted, 0, ORDERED_CHECKS)
        ordered = self._ordered(doctor, rows, urgency)
        first = page * PAGE_CHECKS
        listed, more = ordered[first : first + PAGE_CHECKS], len(ordered) > first + PAGE_CHECKS
        if beyond and urgency is None:  # the page after the ordered ones, by age
            more = True
            if first >= ORDERED_CHECKS:
                listed, more = self._store.rows(doctor.id, wanted, first, PAGE_CHECKS)
        seen = {shown.row.id: shown for shown in self._opened.glance(doctor, [each.row_id for each in listed])}
        items = tuple(_item(each, seen[each.row_id]) for each in listed if each.row_id in seen)
        return WorkPage(items, more, len(rows), beyond)

    def reviews(self, reader: SignedInUser, rows: Sequence[StoredRecord]) -> dict[int, Review | None]:
        """Return the newest review of each reviewed check, by its row; None for one that this site cannot open.

        Args:
            reader: Who may see these checks.
            rows: At most one page of checks.
        """
        states = self._store.states(reader.id, [row.id for row in rows])
        return {row.id: self._opened.newest_review(reader, row) for row in rows if states[row.id][1]}

    def _ordered(self, doctor: SignedInUser, rows: Sequence[Listed], wanted: Urgency | None) -> list[Listed]:
        """Return the checks of this urgency, or all, in order; a check after a review is opened only for a filter."""
        asked = [each for each in rows if wanted is not None or not each.reviewed]
        known = self._gists.of(doctor, [Sealed(each.row_id, each.leaf) for each in asked])

        def key(each: Listed) -> tuple[bool, int, int, int]:
            urgency = known.get(each.row_id, Urgency.UNKNOWN)
            return place(urgency, each.created_at, each.row_id, reviewed=each.reviewed)

        return sorted((each for each in rows if wanted is None or known.get(each.row_id) == wanted), key=key)

    def review(
        self, doctor: SignedInUser, row_id: int, verdict: Verdict, letter: Callable[[], Message], now: int
    ) -> None:
        """Seal and store a treating doctor's review of a check, and mail the patient that there is one.

        `letter` makes the mail, in the language that is set when it is called.

        Raises:
            NotFound: there is no such check, this doctor may not see it, or this site cannot open it.
            ReviewMalformed: the answer is not one of the task's, or a reason is missing.
        """
        row = self._records.visible(doctor, row_id)
        task = task_of(self._opened.read(row))
        if task is None or row.record_id is None:
            raise NotFound
        _check(verdict, task)
        review = Review(
            patient=subject_of(row.patient),
            about=row.record_id,
            author=doctor.name,
            written_at=now,
            decision=verdict.decision,
            labels=verdict.labels,
            reason=verdict.reason,
            note=verdict.note,
            message=verdict.message,
            patient_sees=verdict.patient_sees,
        )
        email = row.patient.account.email

        def tell(session: Session) -> None:
            with writing_to_address(session, email):
                said = letter()
            self._mail.queue(session, email, said.subject, said.text)

        def keep(sealed: SealedRecord) -> int:
            return self._store.add_review(doctor.id, row, sealed, tell)

        seal_as_chosen(self._records, self._service, row.patient_id, pack(review), keep)


def _item(listed: Listed, shown: Shown) -> WorkItem:
    return WorkItem(listed, shown, urgency_of_shown(shown))


def task_of(shown: Shown) -> Task | None:
    """Return what the model of a check or of a risk tells apart; None if the record is closed or is about another."""
    if shown.check is not None:
        return shown.check.model.task
    return shown.risk.model.task if shown.risk is not None else None


def _check(verdict: Verdict, task: Task) -> None:
    """Raise ReviewMalformed unless a verdict fits the task of its check."""
    if max(len(verdict.reason), len(verdict.note), len(verdict.message)) > MAX_TEXT_CHARS:
        raise ReviewMalformed("a text is too long")
    if verdict.decision is not Decision.OTHER:
        if verdict.labels:
            raise ReviewMalformed("only another answer names classes")
        return
    if not verdict.reason:
        raise ReviewMalformed("another answer needs a reason")
    if not set(verdict.labels) <= set(task.codes) or len(set(verdict.labels)) != len(verdict.labels):
        raise ReviewMalformed("the answer is not one of the model's classes")
    if not task.several and len(verdict.labels) != 1:
        raise ReviewMalformed("choose one answer")
