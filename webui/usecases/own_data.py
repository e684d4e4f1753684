"""All data of one patient as one ZIP file, made while it is sent.

Invariant: it has only data of this patient. One record is open at a time, and no part is written to disk. A record
that cannot be opened now is listed, never left out.

Source: GDPR, Art. 15 and 20; EHDS (EU) 2025/327, Art. 3 and 7; PKWARE APPNOTE (ZIP without known sizes).
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from flask_babel import lazy_gettext

from fl.protocol.errors import UnavailableError
from fl.protocol.names import Purpose
from webui.errors import RecordMisplaced
from webui.ports.consent import purposes_in
from webui.ports.decryption_requests import RequestFacts, TrusteeAnswer
from webui.ports.federation import ServedModel
from webui.store.access_log import AccessLog
from webui.store.accounts import SignedInUser
from webui.store.appointments import AppointmentStore
from webui.store.consent_log import choices_of
from webui.store.database import Database
from webui.store.models import PatientProfile, StoredRecord
from webui.store.openings import Openings
from webui.store.records import PAGE_ROWS, RecordStore
from webui.store.training_objections import ObjectionStore, TrainingObjection
from webui.store.waiting import WaitingStore
from webui.usecases.accesses import Accesses
from webui.usecases.line_proofs import LineProofs, list_document
from webui.usecases.models_in_use import ModelsInUse
from webui.usecases.own_account import Say, booking_data, happened, waiting_data
from webui.usecases.own_reviews import written
from webui.usecases.patient_records import PatientRecords
from webui.usecases.receipts import Answered, Receipts
from webui.usecases.record_format import Check
from webui.usecases.record_pictures import Pictured, prediction_document
from webui.usecases.record_requests import RecordRequests, RequestView
from webui.usecases.risk_format import RiskRecord
from webui.usecases.worklist import task_of

MOST_PAGES = 50
"""Of 20 checks: an export ends after 1,000 checks and says so."""
MOST_LINE_PROOFS = 1_000
"""Of the newest lines of who asked and who opened; some 10 s of work."""
MOST_OPENINGS = 200
"""Pages of openings."""
README = lazy_gettext(
    """Your data from {site}

This file has what this site stores about your health, who opened it, your appointments, and what happened in your
account. It does not have the settings of your account: access tokens, signed-in devices, reminders, and mails.

  account.json        name, e-mail address, date of birth, and your choice of who may open your records
  account-log.json    sign-ins, opened pages, downloads and changes in your account, the newest first
  appointments.json   all appointments, also cancelled ones
  waiting-lists.json  the waiting lists of doctors on which you are, and the times that they offer you now
  consent.json        each choice of consent that you made, the newest first
  training.json       your wish to be left out of the training, and what the hospital answered
  who-opened.json     which doctor opened which record, and when
  who-asked.json      who asked the trustees for a record, for what purpose, and what they answered
  accesses.json       both of these as one list, with the place of each line on the ledger
  accesses/           the proofs of its lines: opening-N.tlog-proof and request-N.tlog-proof
  checks/NUMBER/      one folder for each check:
    check.json        the answer, and the model that gave it
    picture-1.png     the picture (and picture-2.png ... of the same sample)
    seen-1.png        the picture as the model saw it
    heat-1.png        where the model looked: white is most
    notes.json        the notes of doctors
    reviews.json      what doctors say about the answer; a text that a doctor keeps among doctors is named, not shown
    receipt.json      the receipt; anybody can compare it with the ledger
    risk.json         in place of picture and check: the values, the risk with its interval, what moved it, the texts

A proof (.tlog-proof) can be checked without this site: on the page /verify of any site of the consortium, or with the
program `hemaledger verify`. Take the trust file for it, trust.json, from somebody else than this hospital.

Times are in UTC, as YYYY-MM-DDTHH:MM:SSZ. Nothing in here is encrypted: keep it in a safe place.
{rest}"""
)
REST = lazy_gettext("\nYou have more checks than one file may have. Ask the hospital for the rest.\n")


@dataclass(frozen=True)
class OwnData:
    """Reads what belongs to one patient."""

    database: Database
    store: RecordStore
    records: PatientRecords
    requests: RecordRequests
    appointments: AppointmentStore
    openings: Openings
    receipts: Receipts
    waiting: WaitingStore
    objections: ObjectionStore
    in_use: ModelsInUse
    log: AccessLog
    accesses: Accesses
    line_proofs: LineProofs
    said: Say
    """Says a line of the access log in words, as the page of the account does."""

    def export(self, who: SignedInUser, site_name: str) -> Iterator[bytes]:
        """Yield the ZIP file of a patient, part by part."""
        sink = _Sink()
        with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive:
            profile = self.store.patient(who.id)
            _json(archive, "account.json", _account(profile))
            bookings = self.appointments.of_patient(who.id)
            _json(archive, "appointments.json", [booking_data(each) for each in bookings])
            waiting = [waiting_data(each) for each in self.waiting.of_patient(who.id)]
            _json(archive, "waiting-lists.json", waiting)
            choices = choices_of(self.database, who.id)
            _json(archive, "consent.json", [_choice(each.readers, each.consent, each.chosen_at) for each in choices])
            _json(archive, "training.json", _objection(self.objections.of(who.id)))
            yield sink.taken()
            _json(archive, "who-opened.json", list(self._opened(who.id)))
            _json(archive, "who-asked.json", self._asked(who.id))
            yield sink.taken()
            yield from self._lines(archive, sink, who.id)
            _json(archive, "account-log.json", list(happened(self.log, who.id, self.said)))
            yield sink.taken()
            count = 0
            for row in self._rows(who.id):
                self._check(archive, who, row)
                count += 1
                yield sink.taken()
            rest = str(REST) if count >= MOST_PAGES * PAGE_ROWS else ""
            archive.writestr("README.txt", str(README).format(site=site_name, rest=rest))
        yield sink.taken()

    def _lines(self, archive: zipfile.ZipFile, sink: _Sink, patient_id: int) -> Iterator[bytes]:
        """Write the list of who asked and who opened, and the proof of each line."""
        found = self.accesses.of(patient_id)
        made = []
        for proof, line in self.line_proofs.made(found.lines, MOST_LINE_PROOFS):
            if proof.text is not None:
                archive.writestr(f"accesses/{line.key}.tlog-proof", proof.text)
                yield sink.taken()
            made.append(replace(proof, text=None))
        _json(archive, "accesses.json", list_document(found, made))
        yield sink.taken()

    def _rows(self, patient_id: int) -> Iterator[StoredRecord]:
        for page in range(MOST_PAGES):
            rows = self.store.of_patient(patient_id, page)
            yield from (whole for row in rows for whole in self.store.whole_of([row.id]))
            if len(rows) < PAGE_ROWS:
                return

    def _check(self, archive: zipfile.ZipFile, who: SignedInUser, row: StoredRecord) -> None:
        shown = self.records.show_all(who, [row])[0]
        folder = f"checks/{row.number or f'erased-{row.id}'}"
        if shown.risk is not None:
            _json(archive, f"{folder}/risk.json", _risk(shown.risk) | self._now(shown.risk.model, shown.risk.table))
            _json(archive, f"{folder}/receipt.json", self._receipt(row, shown.risk))
        elif shown.check is None:
            state = {"state": shown.state, "checked_at": _time(row.created_at), "erased_at": _time(row.erased_at)}
            _json(archive, f"{folder}/check.json", state)
        else:
            _json(archive, f"{folder}/check.json", _check(shown.check) | self._now(shown.check.model))
            for number, one in enumerate(shown.check.pictures, 1):
                _pictures(archive, folder, number, one)
            _json(archive, f"{folder}/receipt.json", self._receipt(row, shown.check))
        for name, found in written(self.records.show_all(who, self.store.notes_on(row.id)), task_of(shown)).items():
            _json(archive, f"{folder}/{name}.json", found)

    def _now(self, model: ServedModel, table: str = "") -> dict[str, object]:
        """Return whether a model is no longer in use, because the hospitals went back to an earlier one."""
        return {"model_superseded": self.in_use.ended(model, table) is not None}

    def _receipt(self, row: StoredRecord, check: Answered) -> object:
        try:
            return self.receipts.of(row, check).document
        except UnavailableError:
            return {"state": "the ledger does not answer now"}
        except RecordMisplaced:
            return {"state": "the receipt does not agree with the ledger; tell the hospital"}

    def _opened(self, patient_id: int) -> Iterator[dict[str, object]]:
        for page in range(MOST_OPENINGS):
            found = self.openings.of_patient(patient_id, page)
            for each in found:
                yield {
                    "by": each.reader.name,
                    "record": each.record.number,
                    "how": each.how,
                    "at": _time(each.opened_at),
                }
            if not found:
                return

    def _asked(self, patient_id: int) -> object:
        try:
            here = [_request(view) for view in self.requests.about(patient_id)]
            return here + [_elsewhere(row, facts) for row, facts in self.requests.past_this_site(patient_id)]
        except UnavailableError:
            return {"state": "the ledger does not answer now; ask again later"}


class _Sink(io.RawIOBase):
    """A file that keeps only what was not sent yet; it cannot be read or rewound."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        part = bytes(memoryview(data))  # type: ignore[arg-type]  # any buffer
        self._parts.append(part)
        return len(part)

    def taken(self) -> bytes:
        """Return what was written since the last call."""
        data = b"".join(self._parts)
        self._parts.clear()
        return data


def _json(archive: zipfile.ZipFile, name: str, value: object) -> None:
    archive.writestr(name, json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True) + "\n")


def _time(seconds: int | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _account(profile: PatientProfile) -> dict[str, object]:
    account = profile.account
    return {
        "name": account.name,
        "email": account.email,
        "date_of_birth": profile.date_of_birth.isoformat(),
        "created_at": _time(account.created_at),
        "consent": _choice(profile.readers, profile.consent, None),
    }


def _objection(row: TrainingObjection | None) -> dict[str, object] | None:
    if row is None:
        return None
    return {
        "asked_at": _time(row.asked_at),
        "state": row.state,
        "answered_at": _time(row.answered_at),
        "answered_by": row.answered_by,
    }


def _choice(readers: int, consent: int, at: int | None) -> dict[str, object]:
    who = {1: "the hospital, and a quorum of trustees", 2: "a quorum of trustees alone"}.get(readers, str(readers))
    purposes = sorted(purpose.name.lower() for purpose in purposes_in(consent))
    return {"can_open": who, "a_quorum_may_open_for": purposes, **({} if at is None else {"chosen_at": _time(at)})}


def _check(check: Check) -> dict[str, object]:
    model = check.model
    return {
        "checked_at": _time(check.checked_at),
        "task": model.task.name,
        "classes": {one.code: one.name for one in model.task.classes},
        "answer": prediction_document(check.label, check.probability, check.shares, check.kept),
        "pictures": [_answer(each) for each in check.pictures],
        "model": {**_model(model), "preparation": model.preparation},
    }


def _risk(record: RiskRecord) -> dict[str, object]:
    columns = zip(record.schema.columns, record.values, strict=True)
    return {
        "answered_at": _time(record.answered_at),
        "entered_by": record.entered_by,
        "about": record.schema.reported,
        "values": [
            {
                "column": column.name,
                "meaning": column.text,
                "unit": column.unit,
                "value": column.categories[int(value)] if column.categories and value is not None else value,
            }
            for column, value in columns
        ],
        "answer": record.answer.to_dict(),
        "unlike_training": list(record.unlike),
        "model": {**_model(record.model), "table": record.table, "schema": record.schema.to_dict()},
        "measured": dict(record.measured),
    }


def _model(model: ServedModel) -> dict[str, object]:
    return {
        "round": model.round,
        "digest": model.model_digest.hex(),
        "recorded_by": model.coordinator_name,
        "attested_by": list(model.attested_by),
    }


def _answer(one: Pictured) -> object:
    if one.refused is not None:
        return {"no_answer": f"{one.refused.verdict}: {one.refused.why}."}
    return prediction_document(one.label, one.probability, one.shares, one.kept)


def _pictures(archive: zipfile.ZipFile, folder: str, number: int, one: Pictured) -> None:
    parts = (("picture", one.image_png), ("seen", one.views.seen_png), ("heat", one.views.heat_png))
    for name, data in parts:
        if data:
            archive.writestr(f"{folder}/{name}-{number}.png", data, zipfile.ZIP_STORED)


def _request(view: RequestView) -> dict[str, object]:
    facts, row = view.facts, view.row
    return {
        "asked_by": row.asker.name,
        "record": row.record.number,
        "purpose": Purpose(row.purpose).name.lower(),
        "asked_at": _time(row.asked_at),
        **({"state": "did not reach the ledger"} if facts is None else _decided(facts)),
    }


def _elsewhere(row: StoredRecord, facts: RequestFacts) -> dict[str, object]:
    return {
        "asked_by": f"{facts.requester}, not through this site",
        "record": row.number,
        "purpose": facts.purpose.name.lower(),
        "asked_at": _time(facts.asked_at),
        **_decided(facts),
    }


def _decided(facts: RequestFacts) -> dict[str, object]:
    return {"state": facts.state.value, "answers": [_trustee(each) for each in facts.answers]}


def _trustee(answer: TrusteeAnswer) -> dict[str, object]:
    approved = answer.refused is None
    return {"trustee": answer.trustee, "approved": approved, "answered_at": _time(answer.answered_at)}
