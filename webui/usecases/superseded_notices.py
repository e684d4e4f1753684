"""Tells patients and their doctors by mail that a model which may have answered them is no longer in use.

Invariant: each person gets at most one mail for a return to an earlier model. The mail names no result: what came from
such a model is marked on the page of the result itself.

Source: PROTOCOL.md 5X.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.orm import Session

from webui.ports.federation import GoneBack, PredictionService
from webui.store.care import CareStore
from webui.store.database import Database
from webui.store.superseded import SupersededAnswers
from webui.usecases.mail import Mail
from webui.usecases.readers import writing_to
from webui.usecases.request_notices import Message

TELLING_S = 7 * 24 * 3600
"""So long after a return people are told; the mails themselves are kept longer, so nobody is told twice."""
LATE_S = 600
"""A site follows the ledger within minutes; until then it may answer with the former model."""


@dataclass(frozen=True)
class SupersededLetters:
    """What the mails say."""

    patient: Message
    doctor: Message


class SupersededNotices:
    """The notices of one hospital's site."""

    def __init__(
        self, database: Database, care: CareStore, predictions: PredictionService, mail: Mail, clock: Callable[[], int]
    ) -> None:
        self._database = database
        self._answers = SupersededAnswers(database)
        self._care = care
        self._predictions = predictions
        self._mail = mail
        self._clock = clock
        self._done = ""
        """The mark of the return of which everybody was told."""

    def keep_up(self, letters: Callable[[], SupersededLetters]) -> int:
        """Queue the mails that are not queued yet, for the upkeep; return how many."""
        back, now = self._predictions.gone_back(), self._clock()
        if back is None or back.mark == self._done or now > back.at + TELLING_S:
            return 0
        told = 0
        patients = self._answers.patients(back.since, back.at + LATE_S)
        doctors = {doctor.account_id for each in patients for doctor, _until in self._care.doctors_of(each)}
        for account_id in (*patients, *sorted(doctors)):
            told += self._tell(back, account_id, letters, doctor=account_id in doctors)
        if now > back.at + LATE_S:
            self._done = back.mark
        return told

    def _tell(self, back: GoneBack, account_id: int, letters: Callable[[], SupersededLetters], *, doctor: bool) -> bool:
        def work(session: Session) -> bool:
            email = self._answers.email(session, account_id)
            name = f"superseded-{back.mark[:16]}-{account_id}@hemaledger"
            if email is None or self._mail.store.has(session, name):
                return False
            with writing_to(session, account_id):
                said = letters().doctor if doctor else letters().patient
            self._mail.queue(session, email, said.subject, said.text, name=name)
            return True

        return self._database.write(work)
