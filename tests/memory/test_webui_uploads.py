"""What is uploaded is really decoded, and nothing else is kept."""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from fl.training.pictures.field import Frame
from scripts.server.site import IN_MEMORY_BYTES
from tests.support.site_town import MAYA, NOOR, Town, cell, cell_pixels, words
from webui.config import MEBIBYTE


def bomb() -> bytes:
    """Return a PNG of a few kilobytes that claims 30,000 x 30,000 pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(90_000))) + chunk(b"IEND", b"")
    )


WRONG = {
    "empty": b"",
    "text named png": b"this is not a picture\n" * 50,
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
    "truncated png": cell()[:150],
    "truncated jpeg": cell("JPEG")[:400],
    "png with a broken body": cell()[:80] + os.urandom(8) + cell()[88:],
    "gif": cell("GIF"),
    "one pixel": cell(size=(1, 1)),
    "bomb": bomb(),
}


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_no_whole_image_is_explained_and_not_stored(town: Town, kind: str) -> None:
    visitor = town.visitor(MAYA)
    answer = visitor.check(WRONG[kind])
    assert answer.status_code == 400
    assert "could not be read" in words(answer) or "choose an image" in words(answer)
    assert "Traceback" not in answer.text
    assert town.site.record_store.of_patient(town.members[MAYA].id) == []


@pytest.mark.parametrize("shade", [0, 120])
def test_a_picture_without_a_cell_gets_a_reason_no_percentage_and_no_record(town: Town, shade: int) -> None:
    visitor, buffer = town.visitor(MAYA), io.BytesIO()
    Image.new("RGB", (128, 128), (shade, shade // 2, shade)).save(buffer, "PNG")
    answer = visitor.check(buffer.getvalue())
    assert answer.status_code == 422
    assert "This shows no cell that the model knows" in words(answer)
    assert "This is not a picture of a stained blood cell" in words(answer)
    assert "%" not in words(answer)
    assert 'type="file"' in answer.text
    assert town.site.record_store.of_patient(town.members[MAYA].id) == []


def test_an_upload_never_reaches_a_temporary_file(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a temporary file was made")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    monkeypatch.setattr("werkzeug.formparser.SpooledTemporaryFile", refuse)
    picture = cell("BMP", (900, 900))
    assert len(picture) > MEBIBYTE
    assert len(picture) < IN_MEMORY_BYTES
    with town.app.test_request_context(
        "/checks/new", method="POST", data={"image": (io.BytesIO(picture), "cell.bmp")}
    ) as context:
        assert context.request.files["image"].read() == picture


def test_no_file_at_all_is_explained(town: Town) -> None:
    answer = town.visitor(MAYA).post("/checks/new")
    assert answer.status_code == 400
    assert "Please choose an image first" in words(answer)


def test_twenty_megabytes_are_too_large(town: Town) -> None:
    answer = town.visitor(MAYA).check(bytes(20 * MEBIBYTE))
    assert answer.status_code == 413
    assert f"The file has {20 * MEBIBYTE} bytes; at most {town.config.image_cap} are accepted" in words(answer)


def test_one_byte_above_the_cap_is_too_large(tmp_path: Path) -> None:
    data = cell("BMP")
    town = Town(tmp_path, image_cap=len(data) - 1)
    answer = town.visitor(MAYA).check(data)
    assert answer.status_code == 413
    assert f"at most {len(data) - 1}" in words(answer)
    assert (
        Town(tmp_path / os.fspath(Path()), image_cap=len(data), database_url=f"sqlite:///{tmp_path / 'b.db'}")
        .visitor(MAYA)
        .check(data)
        .status_code
        == 302
    )


@pytest.mark.parametrize("form", ["PNG", "JPEG", "BMP", "TIFF"])
def test_the_accepted_formats_become_a_png(town: Town, form: str) -> None:
    visitor = town.visitor(MAYA)
    answer = visitor.check(cell(form), f"cell.{form.lower()}")
    assert answer.status_code == 302
    picture = Image.open(io.BytesIO(visitor.get(f"{answer.location}/image.png").data))
    assert (picture.format, picture.size) == ("PNG", (64, 64))


def test_nothing_hidden_in_the_file_is_kept(town: Town) -> None:
    notes, buffer = PngInfo(), io.BytesIO()
    notes.add_text("PatientName", "SECRET-NAME")
    exif = Image.Exif()
    exif[0x010E] = "SECRET-NAME"
    Image.open(io.BytesIO(cell())).save(buffer, "PNG", pnginfo=notes, exif=exif)
    assert b"SECRET-NAME" in buffer.getvalue()
    visitor = town.visitor(MAYA)
    answer = visitor.check(buffer.getvalue() + b"SECRET-NAME", "SECRET-NAME.png")
    assert answer.status_code == 302
    folder = Path(town.config.database_url.removeprefix("sqlite:///")).parent
    assert b"SECRET-NAME" not in visitor.get(f"{answer.location}/image.png").data
    assert all(b"SECRET-NAME" not in path.read_bytes() for path in folder.iterdir())


def test_a_huge_picture_is_stored_in_a_size_for_looking_at(town: Town) -> None:
    visitor = town.visitor(MAYA)
    location = visitor.check(cell("JPEG", (3000, 1500))).location
    assert Image.open(io.BytesIO(visitor.get(f"{location}/image.png").data)).size == (1024, 512)


def test_an_auditor_may_send_larger_files_than_a_patient_and_only_there(town: Town) -> None:
    large = bytes(12 * MEBIBYTE)
    auditor = town.visitor(NOOR)
    assert auditor.post("/auditor/file", file=(io.BytesIO(large), "model.bin")).status_code == 200
    token = town.visitor(MAYA).token("/checks/new")
    answer = town.visitor(MAYA).post_bare("/auditor/file", csrf_token=token, file=(io.BytesIO(large), "model.bin"))
    assert answer.status_code == 413


def test_an_auditors_file_has_a_cap_too(tmp_path: Path) -> None:
    town = Town(tmp_path, file_cap=1000)
    answer = town.visitor(NOOR).post("/auditor/file", file=(io.BytesIO(bytes(1001)), "model.bin"))
    assert answer.status_code == 413
    assert "at most 1000" in words(answer)


def _pages(count: int) -> bytes:
    buffer = io.BytesIO()
    wrong, right = Image.new("RGB", (64, 64)), Image.open(io.BytesIO(cell()))
    wrong.save(buffer, "TIFF", save_all=True, append_images=[*[wrong] * (count - 2), right])
    return buffer.getvalue()


def test_each_page_of_a_file_is_a_picture_of_the_sample_unless_one_page_is_asked_for(town: Town) -> None:
    visitor, data = town.visitor(MAYA), _pages(3)
    whole = visitor.check(data, "cell.tif")
    assert whole.status_code == 302
    page = visitor.text(whole.location)
    assert "All 3 pictures of this sample" in page
    assert "2 pictures that show no cell that the model knows" in page
    beyond = visitor.check(data, "cell.tif", file_page="7")
    assert beyond.status_code == 400
    assert "there is no page 7" in words(beyond)
    assert "Write it like 2" in words(visitor.check(data, "cell.tif", file_page="none"))
    black = visitor.check(data, "cell.tif", file_page="1")
    assert black.status_code == 422
    right = visitor.check(data, "cell.tif", file_page="3")
    assert right.status_code == 302
    stored = np.asarray(Image.open(io.BytesIO(visitor.get(f"{right.location}/image.png").data)))
    assert (stored == cell_pixels()).all()
    assert "of this sample" not in visitor.text(right.location)


def test_a_file_of_too_many_pages_is_refused_with_the_number_that_is_allowed(town: Town) -> None:
    answer = town.visitor(MAYA).check(_pages(21), "cells.tif")
    assert answer.status_code == 413
    assert "These are 21 pictures or pages, and one check may have 20" in words(answer)
    assert town.site.record_store.of_patient(town.members[MAYA].id) == []


def test_a_picture_that_says_no_range_asks_for_its_bits(town: Town) -> None:
    visitor, buffer = town.visitor(MAYA), io.BytesIO()
    tifffile.imwrite(buffer, cell_pixels().astype(np.uint16) * 16, photometric="rgb")
    asked = visitor.check(buffer.getvalue(), "cell.tif")
    assert asked.status_code == 400
    assert 'name="bits"' in asked.text
    assert "how many bits" in words(asked)
    assert visitor.check(buffer.getvalue(), "cell.tif", bits="").status_code == 400
    right = visitor.check(buffer.getvalue(), "cell.tif", bits="12")
    assert right.status_code == 302
    stored = np.asarray(Image.open(io.BytesIO(visitor.get(f"{right.location}/image.png").data))).astype(int)
    assert np.abs(stored - cell_pixels()).max() <= 1


def _between() -> bytes:
    """Return a picture whose cell may be in a whole frame, or in one cut to the field."""
    buffer = io.BytesIO()
    Image.fromarray(np.pad(cell_pixels(size=(96, 96)), ((16, 16), (16, 16), (0, 0)))).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(("frame", "status"), [(None, 422), (Frame.FIELD, 302), (Frame.WHOLE, 302)])
def test_the_hospital_says_what_its_small_pictures_show(tmp_path: Path, frame: Frame | None, status: int) -> None:
    town = Town(tmp_path, picture_frame=frame)
    answer = town.visitor(MAYA).check(_between())
    assert answer.status_code == status
    if frame is None:
        assert "a part of one" in words(answer)
        assert "Choose the picture as the laboratory made it" in words(answer)
        assert "ask the hospital" in words(answer)


@pytest.mark.parametrize(
    ("frame", "share", "hint"),
    [(Frame.WHOLE, 0.75, "whole, with all the black"), (Frame.FIELD, 0.33, "cut close around the cell")],
)
def test_a_cell_that_does_not_fit_what_the_hospital_says_gets_no_answer(
    tmp_path: Path, frame: Frame, share: float, hint: str
) -> None:
    y, x = np.mgrid[:128, :128] - 63.5
    disc = np.where((np.hypot(y, x) < share * 64)[..., np.newaxis], [150, 60, 160], 0).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(disc).save(buffer, "PNG")
    answer = Town(tmp_path, picture_frame=frame).visitor(MAYA).check(buffer.getvalue())
    assert answer.status_code == 422
    assert hint in words(answer)
