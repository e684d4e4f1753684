"""What is uploaded is really decoded, and nothing else is kept."""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from scripts.serve import IN_MEMORY_BYTES
from tests.fakes.site_town import MAYA, NOOR, Town, cell, words
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
    assert town.site.records.of_patient(town.members[MAYA].id) == []


@pytest.mark.parametrize("shade", [0, 120])
def test_a_picture_without_a_cell_gets_a_reason_no_percentage_and_no_record(town: Town, shade: int) -> None:
    visitor, buffer = town.visitor(MAYA), io.BytesIO()
    Image.new("RGB", (128, 128), (shade, shade // 2, shade)).save(buffer, "PNG")
    answer = visitor.check(buffer.getvalue())
    assert answer.status_code == 422
    assert "This is not a picture of a stained blood cell" in words(answer)
    assert "%" not in words(answer)
    assert 'type="file"' in answer.text
    assert town.site.records.of_patient(town.members[MAYA].id) == []


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
    assert "too large" in words(answer)


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
