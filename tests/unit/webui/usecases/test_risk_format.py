"""What is inside a record of the kind `risk`."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fl.protocol.codec import Reader, Writer, write_document
from fl.protocol.errors import EncodingError
from fl.training.tables.rows import parse_values
from fl.training.tables.suggestions import load_suggestions
from tests.support.site_risks import PIMA, FakeTables, fitted
from tests.support.site_services import FakeFederation
from webui.usecases.record_format import Subject, pack, unpack
from webui.usecases.risk_format import RiskRecord

MAYA = Subject(1, "Maya Lindqvist", "1987-04-12")
MODEL = FakeTables(FakeFederation(), {"diabetes": PIMA}).model("diabetes").served
VALUES = (3.0, 168.0, None, None, None, 38.2, 0.6, 50.0)
ANSWER = fitted(PIMA).risk(parse_values({"Glucose": "168", "BMI": "38.2", "Age": "50"}, PIMA), load_suggestions())
RISK = RiskRecord(
    patient=MAYA,
    answered_at=1_795_435_200,
    entered_by="Dr Inês Carvalho",
    table="diabetes",
    schema=PIMA,
    values=VALUES,
    answer=ANSWER,
    unlike=("BMI",),
    model=MODEL,
    measured={"auroc": 0.9, "samples": 61.0},
    measured_on=61,
)


@pytest.mark.parametrize(
    "record",
    [
        RISK,
        replace(RISK, values=(None,) * 8, unlike=()),
        replace(RISK, measured={}, measured_on=0),
        replace(RISK, answer=replace(ANSWER, next_step=None, suggestions=())),
        replace(RISK, answer=replace(ANSWER, probability=0.0, low=0.0)),
    ],
)
def test_what_was_packed_comes_back(record: RiskRecord) -> None:
    assert unpack(pack(record)) == record


@given(data=st.data())
def test_no_changed_byte_passes_for_the_same_record(data: st.DataObject) -> None:
    body = bytearray(pack(RISK))
    body[data.draw(st.integers(0, len(body) - 1))] ^= data.draw(st.integers(1, 255))
    with suppress(EncodingError):
        assert unpack(bytes(body)) != RISK


def changed(**fields: object) -> bytes:
    reader = Reader(pack(RISK), "record")
    document = json.loads(reader.raw(reader.u32()))
    return Writer().text(write_document(document | fields)).text(b"").bytes()


@pytest.mark.parametrize(
    "body",
    [
        pack(RISK)[:-1],
        changed(values=list(VALUES[:-1])),
        changed(values=[*VALUES[:-1], 17.0]),
        changed(values=[*VALUES[:-1], "50"]),
        changed(unlike=["Weight"]),
        changed(unlike=[1]),
        changed(more=1),
        changed(measured={"auroc": "0.9"}),
        changed(measured={str(place): 0.5 for place in range(65)}),
        changed(kind="check"),
        changed(answer=ANSWER.to_dict() | {"probability": 1.5}),
        changed(answer=ANSWER.to_dict() | {"low": 0.99}),
        changed(answer=ANSWER.to_dict() | {"factors": []}),
        changed(answer=ANSWER.to_dict() | {"suggestions": [{"text": "no source"}]}),
        Writer().text(b"{}\n").text(b"").bytes(),
    ],
)
def test_what_is_no_such_record_is_refused(body: bytes) -> None:
    with pytest.raises(EncodingError):
        unpack(body)


def test_a_record_with_a_picture_is_no_risk() -> None:
    reader = Reader(pack(RISK), "record")
    document = reader.raw(reader.u32())
    with pytest.raises(EncodingError, match="picture"):
        unpack(Writer().text(document).text(b"\x89PNG\r\n\x1a\n").bytes())
