"""The checks of the patients' images, and who may see them.

Invariant: every read names the account that reads; a check is visible to its patient and to doctors who hold or held
an appointment with that patient, to nobody else, and an invisible one looks like one that does not exist.

Source: Health records follow the treating relation (ISO 22600-1, 5; BMA guidance on confidentiality).
Not here: the prediction itself (services.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session, undefer

from fl.protocol.names import Digest
from webui.services import Prediction, ServedModel
from webui.store.accounts import Member
from webui.store.appointments import IN_FORCE
from webui.store.database import Database
from webui.store.models import Appointment, PatientProfile, SiteRole, StoredPrediction
from webui.store.refusals import NotFound


class PredictionStore:
    """The checks."""

    def __init__(self, database: Database, clock: Callable[[], int]) -> None:
        """Keep checks in `database`; `clock` gives seconds since 1970."""
        self._database = database
        self._clock = clock

    def add(self, patient_id: int, image_png: bytes, prediction: Prediction) -> int:
        """Store one check and return its id."""
        row = _row(patient_id, image_png, prediction)
        row.created_at = self._clock()

        def work(session: Session) -> int:
            session.add(row)
            session.flush()
            return row.id

        return self._database.write(work)

    def visible(self, reader: Member, prediction_id: int) -> StoredPrediction:
        """Return one check without its image.

        Raises:
            NotFound: none, or not for `reader`.
        """
        with self._database.reading() as session:
            return _visible(session, reader, prediction_id)

    def image(self, reader: Member, prediction_id: int) -> bytes:
        """Return the PNG of one check.

        Raises:
            NotFound: none, or not for `reader`.
        """
        with self._database.reading() as session:
            return _visible(session, reader, prediction_id, with_image=True).image_png

    def of_patient(self, patient_id: int) -> Sequence[StoredPrediction]:
        """Return a patient's own checks, the newest first."""
        with self._database.reading() as session:
            return _of(session, patient_id)

    def patient_of(self, doctor_id: int, patient_id: int) -> tuple[PatientProfile, Sequence[StoredPrediction]]:
        """Return a patient of this doctor with the checks, the newest first.

        Raises:
            NotFound: no such patient, or none of this doctor's.
        """
        with self._database.reading() as session:
            query = select(PatientProfile).where(PatientProfile.account_id == patient_id)
            patient = session.scalar(query.where(_treated_by(doctor_id, PatientProfile.account_id)))
            if patient is None:
                raise NotFound
            return patient, _of(session, patient_id)

    def latest_of(self, patient_ids: Iterable[int]) -> Mapping[int, StoredPrediction]:
        """Return the newest check of each patient that has one; for lists of patients the reader treats."""
        newest = (
            select(func.max(StoredPrediction.id))
            .where(StoredPrediction.patient_id.in_(set(patient_ids)))
            .group_by(StoredPrediction.patient_id)
        )
        with self._database.reading() as session:
            rows = session.scalars(select(StoredPrediction).where(StoredPrediction.id.in_(newest))).all()
        return {row.patient_id: row for row in rows}


def _visible(session: Session, reader: Member, prediction_id: int, *, with_image: bool = False) -> StoredPrediction:
    query = select(StoredPrediction).where(StoredPrediction.id == prediction_id, _may_see(reader))
    if with_image:
        query = query.options(undefer(StoredPrediction.image_png))
    row = session.scalar(query)
    if row is None:
        raise NotFound
    return row


def _may_see(reader: Member) -> ColumnElement[bool]:
    if reader.role is SiteRole.PATIENT:
        return StoredPrediction.patient_id == reader.id
    if reader.role is SiteRole.DOCTOR:
        return _treated_by(reader.id, StoredPrediction.patient_id)
    raise NotFound


def _treated_by(doctor_id: int, patient: InstrumentedAttribute[int]) -> ColumnElement[bool]:
    return (
        select(Appointment.id)
        .where(Appointment.doctor_id == doctor_id, Appointment.patient_id == patient, IN_FORCE)
        .exists()
    )


def _of(session: Session, patient_id: int) -> Sequence[StoredPrediction]:
    query = select(StoredPrediction).where(StoredPrediction.patient_id == patient_id)
    return session.scalars(query.order_by(StoredPrediction.created_at.desc(), StoredPrediction.id.desc())).all()


def _row(patient_id: int, image_png: bytes, prediction: Prediction) -> StoredPrediction:
    model = prediction.model
    return StoredPrediction(
        patient_id=patient_id,
        image_png=image_png,
        label=prediction.label,
        positive_class=model.positive_class,
        probability=prediction.probability,
        model_round=model.round,
        model_digest=model.model_digest,
        envelope_digest=model.envelope_digest,
        protection=model.protection,
        coordinator_name=model.coordinator_name,
        attested_by=list(model.attested_by),
        final_at=model.final_at,
        verified=model.verified,
        verified_at=model.verified_at,
    )


def served_model(row: StoredPrediction) -> ServedModel:
    """Return the model that made a stored prediction, as it was known at that moment (metrics are not kept)."""
    return ServedModel(
        round=row.model_round,
        model_digest=Digest(row.model_digest),
        envelope_digest=Digest(row.envelope_digest),
        protection=row.protection,
        coordinator_name=row.coordinator_name,
        final_at=row.final_at,
        attested_by=tuple(row.attested_by),
        metrics=None,
        verified=row.verified,
        verified_at=row.verified_at,
        class_names=(row.positive_class,),
        positive_class=row.positive_class,
    )
