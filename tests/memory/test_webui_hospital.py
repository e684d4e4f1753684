"""The pages of a hospital's staff, over a federation in memory."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import text

from fl.crypto.model_signature import KEY, SIGNATURE
from fl.protocol.names import Digest
from fl.roles.hospital.uploads import Outcome, UploadState
from fl.training.model.tensor_file import write_tensors
from fl.training.model.weights import Manifest
from tests.support.site_hospital import MANIFEST, VECTOR
from tests.support.site_town import INES, MAYA, NOOR, TOVE, Town, Visitor, words
from webui.ports.hospital import RoundPart
from webui.ports.local_training import TrainingStep

PATHS = (
    "/hospital/",
    "/hospital/live",
    "/hospital/model",
    "/hospital/uploads",
    "/hospital/training/",
    "/hospital/curves",
    "/hospital/members",
)


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


@pytest.fixture
def tove(town: Town) -> Visitor:
    return town.visitor(TOVE)


def weights(town: Town, change: float = 0.5, manifest: Manifest = MANIFEST, **metadata: str) -> bytes:
    base = town.federation.hospital.model().origin.digest.hex()
    vector = np.resize(VECTOR, manifest.length) + np.float32(change)
    return write_tensors(manifest, vector, {"base": base} | metadata)


def send(visitor: Visitor, data: bytes, name: str = "weights.safetensors", **fields: object) -> str:
    sent = {"samples": "120", "file": (io.BytesIO(data), name)} | fields
    answer = visitor.post("/hospital/uploads", None, **sent)
    return words(visitor.get(answer.location) if answer.status_code == 302 else answer)


@pytest.mark.parametrize("email", [MAYA, INES, NOOR])
def test_other_roles_may_not_see_a_page_of_the_hospital(town: Town, email: str) -> None:
    other = town.visitor(email)
    paths = (*PATHS, "/hospital/models/7/model.zip", "/hospital/uploads/1")
    assert [other.get(path).status_code for path in paths] == [403] * len(paths)


def test_strangers_are_asked_to_sign_in(town: Town) -> None:
    assert [town.visitor().get(path).status_code for path in PATHS] == [302] * len(PATHS)


def test_staff_of_the_hospital_begin_at_the_round_now(town: Town) -> None:
    answer = town.visitor().sign_in(TOVE)
    assert answer.location == "/hospital/"


def test_the_round_now_says_whose_part_it_waits_for_and_what_we_recorded(tove: Visitor) -> None:
    said = tove.text("/hospital/")
    assert "Waits for Harbour Hospital." in said
    assert "Commitment to our update" in said


def test_an_event_has_the_round_once_and_then_nothing_until_something_changes(town: Town, tove: Visitor) -> None:
    first = tove.get("/hospital/live")
    assert first.mimetype == "text/event-stream"
    assert "retry: 3000" in first.text
    assert "Waits for Harbour Hospital." in words(first)
    seen = f"/hospital/live?seen={town.federation.hospital.version()}"
    assert "data:" not in tove.get(seen).text
    town.federation.hospital.changes += 1
    assert "data:" in tove.get(seen).text


def test_events_do_not_keep_a_session_alive(tove: Visitor) -> None:
    assert "Set-Cookie" not in tove.get("/hospital/live").headers
    assert "Set-Cookie" in tove.get("/hospital/").headers


def test_the_digest_of_the_downloaded_files_is_the_one_on_the_ledger(town: Town, tove: Visitor) -> None:
    archive = zipfile.ZipFile(io.BytesIO(tove.get("/hospital/models/7/model.zip").data))
    assert set(archive.namelist()) == {
        "model.safetensors",
        "manifest.json",
        "model.json",
        "proof.json",
        "network.py",
        "verify.py",
        "model-card.html",
        KEY,
        SIGNATURE,
    }
    for name in set(archive.namelist()) - {KEY, SIGNATURE}:
        single = tove.get(f"/hospital/models/7/{name}")
        assert single.data == archive.read(name)
        assert single.headers["Content-Disposition"].startswith("attachment")
    assert (
        json.loads(archive.read("proof.json"))["model_digest"] == town.federation.hospital.model().origin.digest.hex()
    )


def test_there_is_no_file_of_another_name_or_of_a_round_without_a_model(tove: Visitor) -> None:
    assert tove.get("/hospital/models/7/secret.pem").status_code == 404
    assert tove.get("/hospital/models/99/model.zip").status_code == 404


def test_weights_that_pass_every_check_are_handed_to_the_agent(town: Town, tove: Visitor) -> None:
    said = send(tove, weights(town), correct="100", loss="0.4")
    assert "Waits for round 8" in said
    (upload,) = town.federation.hospital.handed.values()
    assert upload.declared.samples == 120
    np.testing.assert_allclose(upload.weights, VECTOR + 0.5)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"PK\x03\x04" + b"x" * 100, "torch.save"),
        (b"\x80\x02}q\x00X\x05\x00", "torch.save"),
        (b"", "choose a file|not a safetensors file"),
        (b"hello", "not a safetensors file"),
        (b"\xff" * 64, "not a safetensors file"),
    ],
)
def test_a_file_that_is_no_safetensors_is_refused_with_what_to_do(
    town: Town, tove: Visitor, data: bytes, why: str
) -> None:
    said = send(tove, data)
    assert any(part in said for part in why.split("|"))
    assert town.federation.hospital.handed == {}


def test_a_refused_upload_says_why_and_stays_in_the_list_without_its_contents(town: Town, tove: Visitor) -> None:
    said = send(tove, weights(town, manifest=Manifest(("layer.weight", "layer.bias"), ((4,), (2,)))))
    assert "layer.weight has the shape [4] instead of [2, 2]" in said
    assert "Error: Own weights" in tove.post("/hospital/uploads", samples="1").text
    assert "Refused" in tove.text("/hospital/uploads")
    assert "layer.weight has the shape" in tove.text("/hospital/uploads/1")


@pytest.mark.parametrize(
    ("change", "fields", "why"),
    [
        (0.0, {}, "train first"),
        (100.0, {}, "moved by"),
        (float("nan"), {}, "not finite"),
        (0.5, {"samples": "5", "correct": "6"}, "recognised"),
        (0.5, {"samples": "many"}, "whole number"),
        (0.5, {"samples": "0"}, "from 1 to"),
    ],
)
def test_impossible_weights_and_numbers_are_refused(
    town: Town, tove: Visitor, change: float, fields: dict[str, str], why: str
) -> None:
    assert why in send(tove, weights(town, change), **fields)
    assert town.federation.hospital.handed == {}


def test_the_digest_of_the_base_may_come_from_the_form(town: Town, tove: Visitor) -> None:
    data = write_tensors(MANIFEST, VECTOR + np.float32(0.1), {})
    assert "starts from another model" in send(tove, data)
    base = town.federation.hospital.model().origin.digest.hex()
    assert "Waits for round 8" in send(tove, data, base=base)


@pytest.mark.parametrize(
    ("outcome", "part", "title"),
    [
        (Outcome(UploadState.REFUSED, 8, "it starts from another model than round 8 does"), None, "Refused"),
        (Outcome(UploadState.TAKEN, 8), RoundPart("mask", None, None, ""), "In round 8"),
        (Outcome(UploadState.TAKEN, 8), RoundPart("agree", Digest(b"c" * 32), None, ""), "Committed in round 8"),
        (Outcome(UploadState.TAKEN, 8), RoundPart("final", Digest(b"c" * 32), Digest(b"m" * 32), ""), "Final in round"),
        (Outcome(UploadState.TAKEN, 8), RoundPart("aborted", Digest(b"c" * 32), None, "too few"), "made no model"),
    ],
)
def test_the_page_of_an_upload_follows_it(
    town: Town, tove: Visitor, outcome: Outcome, part: RoundPart | None, title: str
) -> None:
    send(tove, weights(town))
    hospital = town.federation.hospital
    hospital.outcomes[next(iter(hospital.handed))] = outcome
    if part is not None:
        hospital.parts[8] = part
    said = tove.text("/hospital/uploads/1")
    assert title in said
    assert ("Download the combined model" in said) == (part is not None and part.phase == "final")


def test_an_upload_is_too_late_when_another_model_was_made(town: Town, tove: Visitor) -> None:
    send(tove, weights(town))
    other = text("UPDATE weight_upload SET base = x'00'")
    town.site.database.write(lambda session: session.execute(other))
    assert "Too late" in tove.text("/hospital/uploads/1")


def test_nobody_can_send_a_form_twice(town: Town, tove: Visitor) -> None:
    token = tove.token("/hospital/uploads")
    for _ in range(2):
        tove._client.post(
            "/hospital/uploads",
            data={"csrf_token": token, "samples": "9", "file": (io.BytesIO(weights(town)), "w.safetensors")},
            content_type="multipart/form-data",
        )
    assert len(town.federation.hospital.handed) == 1


def test_every_curve_has_its_numbers_in_a_table(tove: Visitor) -> None:
    page = tove.get("/hospital/curves").text
    assert page.count("<polyline") == page.count("<table") == 4
    assert "91.0 %" in page
    assert 'aria-label="Accuracy: 73.0 % in round 1, 91.0 % in round 7. The table below has every number."' in page


def test_a_site_without_a_hospital_has_no_such_page(tmp_path: Path) -> None:
    class Bare(Town):
        def services(self):  # type: ignore[no-untyped-def]  # noqa: ANN202
            return replace(super().services(), hospital=None)

    assert Bare(tmp_path).visitor(TOVE).get("/hospital/").status_code == 404


def test_without_the_ledger_the_pages_say_that_it_does_not_answer(town: Town, tove: Visitor) -> None:
    town.federation.stop_chain()
    assert [tove.get(path).status_code for path in ("/hospital/", "/hospital/model", "/hospital/members")] == [503] * 3


def test_a_training_is_started_followed_stopped_and_its_result_handed_over(town: Town, tove: Visitor) -> None:
    training = town.federation.training
    assert "from 1 to 100" in words(tove.post("/hospital/training/", passes="101"))
    tove.post("/hospital/training/", passes="3")
    page = tove.get("/hospital/training/")
    assert "0 of 3" in words(page)
    assert "connect-src 'self'" in page.headers["Content-Security-Policy"]
    assert "is running on this machine" in words(tove.post("/hospital/training/", page="/hospital/uploads", passes="2"))
    training.state = replace(training.state, done=2, samples=40, correct=30, loss=0.5)
    event = tove.get("/hospital/training/live?seen=old")
    assert "2 of 3" in words(event)
    assert "75.0 %" in words(event)
    tove.post("/hospital/training/stop", page="/hospital/training/")
    assert "Nothing of it is kept" in tove.text("/hospital/training/")
    training.state = replace(training.state, step=TrainingStep.DONE, done=3)
    training.file = weights(town)
    answer = tove.post("/hospital/training/hand-over", page="/hospital/training/")
    assert "Waits for round 8" in tove.text(answer.location)
    assert next(iter(town.federation.hospital.handed.values())).declared.samples == 40


def test_without_a_finished_training_nothing_is_handed_over(town: Town, tove: Visitor) -> None:
    assert tove.post("/hospital/training/hand-over", page="/hospital/training/").status_code == 404
    training = town.federation.training
    training.state = replace(training.state, step=TrainingStep.DONE, samples=5)
    training.file = b"broken"
    answer = tove.post("/hospital/training/hand-over", page="/hospital/training/")
    assert "not a safetensors file" in tove.text(answer.location)
    assert town.federation.hospital.handed == {}
