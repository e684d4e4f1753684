"""What one person may cost the site: pictures of a file, records of a list."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from werkzeug.datastructures import FileStorage

from fl.training.pictures.decode import PictureReading
from tests.support.site_town import MAYA, Town, cell, cell_pixels
from webui.config import Limit, Limits
from webui.errors import TooManyAttempts, TooManyPictures
from webui.pages.check_image import check_images


def pages(count: int, form: str = "TIFF") -> bytes:
    """Return one file with this many pictures of a cell, no two alike."""
    made = [Image.fromarray(np.roll(cell_pixels(), place, axis=1)) for place in range(count)]
    buffer = io.BytesIO()
    made[0].save(buffer, form, save_all=True, append_images=made[1:])
    return buffer.getvalue()


def upload(data: bytes) -> FileStorage:
    return FileStorage(io.BytesIO(data), "cell")


def ask(town: Town, *files: bytes, page: int | None = None) -> int:
    with town.app.test_request_context():
        reading = PictureReading(page)
        return check_images(town.site, town.members[MAYA].id, [upload(each) for each in files], reading)


@pytest.mark.parametrize("form", ["TIFF", "WEBP", "PNG"])
def test_a_file_of_many_pictures_costs_as_many_checks_as_are_judged(tmp_path: Path, form: str) -> None:
    town = Town(tmp_path, limits=Limits(checks=Limit(6, 3600)))
    ask(town, pages(4, form))
    with pytest.raises(TooManyAttempts):
        ask(town, pages(3, form))
    ask(town, cell())
    with pytest.raises(TooManyAttempts):
        ask(town, cell())


def test_beyond_the_budget_no_picture_of_a_file_is_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    town = Town(tmp_path, limits=Limits(checks=Limit(3, 3600)))
    judged: list[object] = []
    monkeypatch.setattr("webui.usecases.sampling.decode_image", lambda *parts: judged.append(parts))
    with pytest.raises(TooManyAttempts):
        ask(town, cell(), pages(3))
    assert judged == []


def test_one_page_of_a_file_costs_one_check(tmp_path: Path) -> None:
    town = Town(tmp_path, limits=Limits(checks=Limit(2, 3600)))
    ask(town, pages(4), page=2)
    ask(town, pages(4), page=3)


def test_too_many_pages_are_refused_before_any_is_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    town = Town(tmp_path)
    monkeypatch.setattr("webui.usecases.sampling.decode_image", lambda *_: pytest.fail("a picture was decoded"))
    with pytest.raises(TooManyPictures):
        ask(town, pages(12), pages(9))
