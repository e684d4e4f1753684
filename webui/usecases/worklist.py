"""A doctor's worklist and reviews: the checks in the doctor's care by urgency, and what the doctor says about them.

Invariant: one page opens at most `store.worklist.PAGE_CHECKS` records, and each opening is noted before the doctor
sees anything. A review is sealed like a note; it stands beside the model's answer and never replaces it.

Source: usecases/urgency.py (the order).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.orm import Session

from fl.protocol.task import Task
from webui.errors import NotFound, ReviewMalformed
from webui.ports.records import RecordService
from webui.store.accounts import SignedInUser
from webui.store.records import RecordStore
from webui.store.worklist import Listed, Wanted, WorklistStore
from webui.usecases.mail import Mail
from webui.usecases.patient_records import PatientRecords, Shown, new_policy, subject_of
from webui.usecases.readers import writing_to_address
from webui.usecases.record_format import pack
from webui.usecases.request_notices import Message
from webui.usecases.review_format import MAX_TEXT_CHARS, Decision, Part, Review
from webui.usecases.urgency import Urgency, place, urgency_of, urgency_of_risk


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
    opened: int
    """How many checks this page covers, also those that a filter by urgency leaves out."""
    more: bool


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
        self, store: WorklistStore, records: RecordStore, opened: PatientRecords, service: RecordService, mail: Mail
    ) -> None:
        self._mail = mail
        self._store = store
        self._records = records
        self._opened = opened
        self._service = service

    def page(self, doctor: SignedInUser, wanted: Wanted, urgency: Urgency | None, page: int) -> WorkPage:
        """Open one page of the list, and return those checks of it that have this urgency, the first to do first."""
        listed, more = self._store.page(doctor.id, wanted, page)
        seen = {shown.row.id: shown for shown in self._opened.glance(doctor, [each.row_id for each in listed])}
        items = [_item(each, seen[each.row_id]) for each in listed if each.row_id in seen]
        kept = [item for item in items if urgency is None or item.urgency == urgency]
        kept.sort(key=_place)
        return WorkPage(tuple(kept), len(items), more)

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
        sealed = self._service.seal(new_policy(row.patient), pack(review))
        email = row.patient.account.email

        def tell(session: Session) -> None:
            with writing_to_address(session, email):
                said = letter()
            self._mail.queue(session, email, said.subject, said.text)

        self._store.add_review(doctor.id, row, sealed, tell)


def _item(listed: Listed, shown: Shown) -> WorkItem:
    urgency = urgency_of_risk(shown.risk.answer) if shown.risk is not None else urgency_of(shown.check)
    return WorkItem(listed, shown, urgency)


def _place(item: WorkItem) -> tuple[bool, int, int, int]:
    listed = item.listed
    return place(item.urgency, listed.created_at, listed.row_id, reviewed=listed.reviewed)


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
