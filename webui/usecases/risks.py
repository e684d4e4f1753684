"""Answers about tables: for one patient, sealed as a record, and for many at once, which stores nothing.

Invariant: a doctor gets an answer only for a patient in the doctor's care, and a patient only for themself, if the
hospital allows it. What is computed at once is bounded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fl.protocol.errors import Why
from webui.config import Limits
from webui.errors import EmailMalformed, NotFound, TableFileUnusable, TooFewValues
from webui.ports.tables import TableModel, TableService
from webui.store.accounts import SignedInUser
from webui.store.care import CareStore
from webui.store.emails import email_key
from webui.store.models import PatientProfile, SiteRole
from webui.store.records import RecordStore
from webui.store.throttle import Meter, Throttle
from webui.usecases.admission import Admission
from webui.usecases.patient_records import PatientRecords
from webui.usecases.risk_format import NewRisk
from webui.usecases.risk_rows import FileRow, RowsFile, known_in, known_needed, read_file

Reals = npt.NDArray[np.float64]
MAX_SAVED = 25
"""Rows of a file whose answers are saved at once; each is a record with all its parts."""


@dataclass(frozen=True)
class RowAnswer:
    """One row of a file with its answer."""

    row: FileRow
    chances: tuple[float, float, float] | None
    """Probability and interval; None if the row has problems."""
    unlike: tuple[str, ...] = ()
    """Columns with values far from those of the patients that the model learned from."""


@dataclass(frozen=True)
class FileAnswers:
    """The answers to a file."""

    file: RowsFile
    rows: tuple[RowAnswer, ...]
    model: TableModel

    @property
    def answered(self) -> int:
        return sum(row.chances is not None for row in self.rows)


@dataclass(frozen=True)
class SavedRows:
    """What became of the rows of a file whose answers were to be saved."""

    saved: int
    left_out: tuple[int, ...]
    """Lines without an answer, or without an address of a patient in the doctor's care."""


@dataclass(frozen=True)
class Risks:
    """The answers of one site's tables."""

    tables: TableService
    records: RecordStore
    sealed: PatientRecords
    care: CareStore
    throttle: Throttle
    door: Admission
    limits: Limits
    patients_may: bool
    """Whether patients may ask without a doctor."""

    def offered_to(self, user: SignedInUser) -> bool:
        """Return whether this person may use the models of tables at all."""
        allowed = user.role is SiteRole.DOCTOR or (user.role is SiteRole.PATIENT and self.patients_may)
        return allowed and bool(self.tables.keys())

    def model(self, user: SignedInUser, key: str) -> TableModel:
        """Return a current model.

        Raises:
            NotFound: there is none of this name, or this person may not use it.
            FederationNotOpened, UnavailableError, TamperedError: as TableService.model.
        """
        self._check(user, key)
        return self.tables.model(key)

    def patient(self, user: SignedInUser, patient_id: int) -> PatientProfile:
        """Return whose risk it is: the patient alone, or a patient in this doctor's care; or raise NotFound."""
        if user.role is SiteRole.DOCTOR:
            return self.records.patient_of(user.id, patient_id)
        if patient_id != user.id:
            raise NotFound
        return self.records.patient(patient_id)

    def answer(self, user: SignedInUser, key: str, patient_id: int, values: Reals) -> int:
        """Compute one person's risk, seal it as the patient chose, and return the record's row.

        Raises:
            NotFound: as `model` and `patient`.
            TooFewValues: fewer than half of the values are known.
            TooManyAttempts, SiteBusy: too many questions by this person, or at this moment.
            NoCommittee: the patient chose that only a quorum opens records, and nobody holds the key.
            UnavailableError, TamperedError: there is no answer.
        """
        self._check(user, key)
        self.patient(user, patient_id)
        known, needed = known_in(values), known_needed(len(values))
        if known < needed:
            raise TooFewValues(known, needed, len(values))
        self.throttle.take(Meter("risk", str(user.id), self.limits.risks))
        with self.door.enter():
            found = self.tables.answer(key, values)
            return self.sealed.add_risks(user.name, [NewRisk(patient_id, found, _stored(values))])[0]

    def answer_file(self, user: SignedInUser, key: str, data: bytes) -> FileAnswers:
        """Compute the risks of the rows of a CSV file; nothing is stored.

        Raises:
            TableFileUnusable: the file cannot be read.
            NotFound, TooManyAttempts, SiteBusy, UnavailableError, TamperedError: as `answer`.
        """
        if user.role is not SiteRole.DOCTOR:
            raise NotFound
        model = self.model(user, key)
        self.throttle.take(Meter("risk-file", str(user.id), self.limits.risk_files))
        file = read_file(data, model.schema)
        good = [row.values for row in file.rows if row.values is not None]
        if not good:
            return FileAnswers(file, tuple(RowAnswer(row, None) for row in file.rows), model)
        with self.door.enter():
            found = self.tables.answers(key, np.stack(good))
        answers = iter(zip(found.chances.tolist(), found.unlike, strict=True))
        rows = tuple(_answered(row, answers) for row in file.rows)
        return FileAnswers(file, rows, found.model)

    def save_file(self, user: SignedInUser, key: str, data: bytes) -> SavedRows:
        """Compute the risks of a file's rows, and seal each as a record of the patient whose e-mail address it has.

        An address counts only if it is that of a patient in this doctor's care; others look like unknown ones. All of
        them are saved in one transaction or none, so after an error the same file may be sent again without doubles.

        Raises:
            TableFileUnusable: the file cannot be read, has no column `email`, or too many rows to save at once.
            NotFound, TooManyAttempts, SiteBusy, NoCommittee, UnavailableError, TamperedError: as `answer`.
        """
        if user.role is not SiteRole.DOCTOR:
            raise NotFound
        model = self.model(user, key)
        self.throttle.take(Meter("risk-file", str(user.id), self.limits.risk_files))
        rows = read_file(data, model.schema).rows
        if not any(row.email for row in rows):
            raise TableFileUnusable("it has no column email with the addresses of your patients")
        if len(rows) > MAX_SAVED:
            raise TableFileUnusable(Why("at most {rows} rows can be saved at once; divide it", rows=MAX_SAVED))
        own = {email_key(person.account.email): person.account_id for person, _until in self.care.patients_of(user.id)}
        with self.door.enter():
            asked = {row.line: self._ask(key, row, own) for row in rows}
            answers = [found for found in asked.values() if found is not None]
            self.sealed.add_risks(user.name, answers)
        return SavedRows(len(answers), tuple(line for line, found in asked.items() if found is None))

    def _ask(self, key: str, row: FileRow, own: Mapping[str, int]) -> NewRisk | None:
        """Return a row's answer; None if it has problems, or belongs to no patient of `own`."""
        patient_id = own.get(_key_of(row.email))
        if patient_id is None or row.values is None:
            return None
        return NewRisk(patient_id, self.tables.answer(key, row.values), _stored(row.values))

    def _check(self, user: SignedInUser, key: str) -> None:
        """Raise NotFound if there is no such table, or this person may not use it."""
        if not self.offered_to(user) or key not in self.tables.keys():  # noqa: SIM118  # a method of the port
            raise NotFound


def _stored(values: Reals) -> list[float | None]:
    """Return values as a record keeps them."""
    return [None if np.isnan(value) else value for value in values.tolist()]


def _key_of(email: str) -> str:
    """Return the key of an address; empty if the text is none."""
    try:
        return email_key(email)
    except EmailMalformed:
        return ""


def _answered(row: FileRow, answers: Iterator[tuple[list[float], tuple[str, ...]]]) -> RowAnswer:
    if row.values is None:
        return RowAnswer(row, None)
    (chance, low, high), unlike = next(answers)
    return RowAnswer(row, (chance, low, high), unlike)
