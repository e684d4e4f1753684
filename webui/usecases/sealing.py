"""Seals a new record as its patient chooses, and stores it only if the patient still chooses so.

Invariant: no record is stored under an older choice than the one in force. The store compares both in its transaction
(webui/store/records.py); here the record is sealed again if the patient chose otherwise meanwhile.

Source: PROTOCOL.md 9 (policy).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TypeVar

from fl.crypto.capsule import RECORD_ID_BYTES, Readers, RecordPolicy
from webui.errors import ChoiceChanged, NotFound
from webui.ports.consent import Choice, purposes_in
from webui.ports.records import RecordService, SealedRecord
from webui.store.models import PatientProfile, StoredRecord
from webui.store.records import RecordStore
from webui.usecases.record_format import Subject

TRIES = 3
"""A patient cannot change a choice more often while one record is sealed; the fourth time, a person tries again."""
Result = TypeVar("Result")
Keep = Callable[[SealedRecord], Result]
KeepAll = Callable[[list[SealedRecord]], Result]


def seal_as_chosen(store: RecordStore, service: RecordService, whose: int, body: bytes, keep: Keep[Result]) -> Result:
    """Seal one record of a patient and let `keep` store it; return what `keep` returns. It raises as `seal_all`."""
    return seal_all_as_chosen(store, service, [(whose, body)], lambda sealed: keep(sealed[0]))


def seal_all_as_chosen(
    store: RecordStore, service: RecordService, bodies: list[tuple[int, bytes]], keep: KeepAll[Result]
) -> Result:
    """Seal records, each as its patient chooses now, and let `keep` store all of them in one transaction.

    Args:
        store: The patients.
        service: Seals.
        bodies: Patients and plaintexts.
        keep: Stores the sealed records, in this order.

    Raises:
        NotFound: there is no such patient.
        NoCommittee: a patient chose that only a quorum opens records, and nobody holds the key.
        UnavailableError: the chain does not answer and has not answered since the start.
        ChoiceChanged: a patient changed the choice again and again.
    """

    def once() -> Result:
        chosen: Mapping[int, PatientProfile] = {whose: store.patient(whose) for whose, _ in bodies}
        return keep([service.seal(new_policy(chosen[whose]), body) for whose, body in bodies])

    for _ in range(TRIES - 1):
        with suppress(ChoiceChanged):
            return once()
    return once()


def new_policy(profile: PatientProfile) -> RecordPolicy:
    return RecordPolicy(secrets.token_bytes(RECORD_ID_BYTES), Readers(profile.readers), purposes_in(profile.consent))


def subject_of(profile: PatientProfile) -> Subject:
    return Subject(profile.account_id, profile.account.name, profile.date_of_birth.isoformat())


def choice_of(chosen: PatientProfile | StoredRecord) -> Choice:
    """Return a patient's current choice, or the one with which a record was sealed."""
    return Choice(Readers(chosen.readers or Readers.TRUSTEES), purposes_in(chosen.consent or 0))


def sealed_of(row: StoredRecord) -> SealedRecord:
    """Return a row's sealed file, and the facts to check it with.

    Raises:
        NotFound: the record was erased.
    """
    if row.file is None or row.salt is None or row.record_id is None or row.key_id is None:
        raise NotFound
    choice = choice_of(row)
    policy = RecordPolicy(row.record_id, choice.readers, choice.consent)
    return SealedRecord(row.file, row.salt, policy, row.key_id, row.key_epoch or 0)
