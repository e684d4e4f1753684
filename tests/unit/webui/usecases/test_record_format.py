"""What stands inside a record."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fl.protocol.codec import Writer, sha256
from fl.protocol.errors import EncodingError
from fl.roles.serving.model_facts import Fact, State, Verification
from tests.support.site_services import FakeFederation
from tests.support.site_town import cell
from webui.usecases.record_format import Check, Note, Record, Subject, pack, unpack
from webui.usecases.record_pictures import PNG_MAGIC, Pictured, Refused, Sample, Views
from webui.usecases.review_format import Decision, Part, Review

MAYA = Subject(1, "Maya Lindqvist", "1987-04-12")
MODEL = FakeFederation().verified_model()
SHARES = {"healthy": 0.09, "leukemia": 0.91}
CHECK = Check(MAYA, 1_795_435_200, "leukemia", 0.91, MODEL, cell(), SHARES)
LEDGER_ONLY = replace(
    CHECK, model=replace(MODEL, verification=Verification(Fact(State.CHECKED, 1_795_435_100), None, None))
)
VIEWS = Views(cell(size=(32, 32)), cell(size=(16, 16)), cell("WEBP", (8, 8)))
SAMPLE = Sample(
    (
        Pictured(
            cell(size=(24, 24)), Views(thumb_webp=VIEWS.thumb_webp), "healthy", 0.2, {"healthy": 0.8, "leukemia": 0.2}
        ),
        Pictured(
            cell(size=(20, 20)), VIEWS, "leukemia", 0.6, {"healthy": 0.4, "leukemia": 0.6}, ("healthy", "leukemia")
        ),
        Pictured(cell(size=(12, 12)), refused=Refused("foreign", "This picture is unlike the others", "far away")),
    ),
    2,
)
WHOLE = replace(CHECK, views=VIEWS, sample=SAMPLE)
NOTE = Note(MAYA, bytes(range(16)), "Dr Inês Carvalho", 1_795_435_300, "Smear review.\nThen a differential.")
REVIEW = Review(
    MAYA,
    bytes(range(16)),
    "Dr Inês Carvalho",
    1_795_435_400,
    Decision.OTHER,
    ("healthy",),
    reason="A reactive lymphocyte.",
    note="See the smear.",
    message="This looks harmless.",
    patient_sees=frozenset({Part.REASON}),
)


@pytest.mark.parametrize(
    "record",
    [
        CHECK,
        LEDGER_ONLY,
        NOTE,
        REVIEW,
        replace(REVIEW, decision=Decision.CONFIRMED, labels=(), patient_sees=frozenset(Part)),
        replace(CHECK, probability=0.0),
        replace(CHECK, probability=1.0),
        replace(CHECK, model=replace(MODEL, preparation="find-cell+crop/1")),
        replace(CHECK, kept=()),
        replace(CHECK, kept=CHECK.model.task.codes),
        replace(CHECK, views=Views(heat_png=VIEWS.heat_png)),
        replace(CHECK, sample=SAMPLE),
        WHOLE,
    ],
)
def test_what_was_packed_comes_back(record: Record) -> None:
    assert unpack(pack(record)) == record


@pytest.mark.parametrize("record", [CHECK, NOTE, REVIEW])
@given(data=st.data())
def test_no_changed_byte_of_the_document_passes_for_the_same_record(record: Record, data: st.DataObject) -> None:
    body = bytearray(pack(record))
    end = len(body) - (len(record.image_png) if isinstance(record, Check) else 0)
    at = data.draw(st.integers(0, end - 1))
    body[at] ^= data.draw(st.integers(1, 255))
    with suppress(EncodingError):
        assert unpack(bytes(body)) != record


@pytest.mark.parametrize(
    "body",
    [
        b"",
        pack(CHECK) + b"\x00",
        pack(CHECK)[:-1],
        Writer().text(b'{"format":"hemaledger-record-1"}\n').text(b"").bytes(),
        pack(CHECK).replace(b'"kind":"check"', b'"kind":"notes"'),
        pack(CHECK).replace(b'"probability":0.91', b'"probability":1.91'),
        pack(CHECK).replace(b'"state":"checked"', b'"state":"cheched"'),
        pack(CHECK).replace(b"hemaledger-record-2", b"hemaledger-record-1"),
        pack(NOTE).replace(b"hemaledger-record-2", b"hemaledger-record-3"),
        pack(NOTE).replace(b"000102", b"00010G"),
        pack(NOTE).replace(b"0a0b0c", b"0A0B0C"),
        pack(REVIEW).replace(b'"decision":"other"', b'"decision":"agree"'),
        pack(REVIEW).replace(b'"decision":"other"', b'"decision":"unclear"'),
        pack(REVIEW).replace(b'["reason"]', b'["remark"]'),
        pack(REVIEW).replace(b'["healthy"]', b'["a","a"]'),
        pack(REVIEW).replace(b'"kind":"review"', b'"kind":"note"'),
    ],
)
def test_what_is_no_record_is_refused(body: bytes) -> None:
    with pytest.raises(EncodingError):
        unpack(body)


def test_a_record_without_further_parts_is_the_same_to_the_byte_as_before_they_existed() -> None:
    body = pack(CHECK)
    assert body.endswith(cell())
    assert b'"parts"' not in body
    assert b'"sample"' not in body


def test_a_record_of_the_first_version_has_the_pinned_bytes() -> None:
    record = replace(CHECK, image_png=PNG_MAGIC + b"x" * 50)
    assert sha256(pack(record)).hex() == "00c9a4695674681b8390d7c2ca37f3c13f0a00353b0f953dd9fc9e204bd592c6"
    kept = replace(record, kept=("leukemia",))
    assert sha256(pack(kept)).hex() == "4451c197370ad3a2cb30e978f9569be136ab7483b9e713ca4b3f10ce01bc30ad"


def test_all_pictures_of_a_sample_keep_their_order_and_their_answers() -> None:
    found = unpack(pack(WHOLE))
    assert isinstance(found, Check)
    assert [each.probability for each in found.pictures] == [0.2, 0.6, 0.91, None]
    assert found.pictures[2].views == VIEWS
    assert found.pictures[3].refused == Refused("foreign", "This picture is unlike the others", "far away")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"0.heat"', b'"0.beat"'),
        (b'"0.heat"', b'"0.seen"'),
        (b'"place":2', b'"place":9'),
        (b'"1.picture"', b'"9.picture"'),
        (b'"reason":"foreign"', b'"season":"foreign"'),
        (b'"parts"', b'"darts"'),
    ],
)
def test_a_sample_that_does_not_fit_its_parts_is_refused(old: bytes, new: bytes) -> None:
    body = pack(WHOLE)
    assert old in body
    with pytest.raises(EncodingError):
        unpack(body.replace(old, new))


def test_the_three_facts_are_kept_each_with_its_time() -> None:
    ledger, file = Fact(State.UNKNOWN, 5, "the ledger does not answer"), Fact(State.CHECKED, 6)
    facts = Verification(ledger, file, Fact(State.CHECKED, 7), block=8)
    found = unpack(pack(replace(CHECK, model=replace(MODEL, verification=facts))))
    assert isinstance(found, Check)
    assert found.model.verification == facts


@pytest.mark.parametrize("kept", [("leukemia", "healthy"), ("pneumonia",), ("healthy", "healthy")])
def test_classes_that_remain_are_classes_of_the_task_in_order(kept: tuple[str, ...]) -> None:
    with pytest.raises(EncodingError):
        unpack(pack(replace(CHECK, kept=kept)))


def test_a_check_without_its_picture_is_refused() -> None:
    with pytest.raises(EncodingError):
        unpack(pack(replace(CHECK, image_png=b"no picture")))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"label":"leukemia"', b'"label":"pneumonia"'),
        (b'"shares":{"healthy":0.09,"leukemia":0.91}', b'"shares":{"healthy":0.09}'),
        (b'"shares":{"healthy":0.09,"leukemia":0.91}', b'"shares":{}'),
        (b'"shares":{"healthy":0.09,"leukemia":0.91}', b'"shares":{"healthy":1.5,"leukemia":0.91}'),
        (b'"probability":0.91', b'"probability":null'),
        (b'"disease":true', b'"disease":false'),
    ],
)
def test_a_record_that_contradicts_its_task_is_refused(old: bytes, new: bytes) -> None:
    document = pack(CHECK)[4:].split(b"\n")[0] + b"\n"
    assert document.count(old) == 1
    with pytest.raises(EncodingError):
        unpack(Writer().text(document.replace(old, new)).text(CHECK.image_png).bytes())
