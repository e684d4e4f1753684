"""A file of a sample that cannot be read: the others keep their answers, and the patient learns which one it is."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image
from werkzeug.test import TestResponse

from tests.support.site_town import INES, MAYA, Town, Visitor, cell, words

BAD = b"\x89PNG\r\n\x1a\n no picture"
PRIVATE = "maya-lindqvist-1987.png"


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


def send(visitor: Visitor, **files: bytes) -> TestResponse:
    return visitor.post("/checks/new", image=[(io.BytesIO(data), f"{name}.png") for name, data in files.items()])


def test_good_pictures_keep_their_answers_and_the_bad_file_is_named_once(town: Town) -> None:
    maya = town.visitor(MAYA)
    files = [("a.png", cell()), ("b.png", cell(size=(72, 72))), (PRIVATE, BAD), ("d.png", cell(size=(80, 80)))]
    answer = maya.post("/checks/new", image=[(io.BytesIO(data), name) for name, data in files])
    assert answer.status_code == 302, words(answer)
    first = maya.text(answer.location)
    assert f"The image 3 ({PRIVATE}) could not be read" in first
    assert "All 4 pictures of this sample" in first
    assert "1 file that could not be read" in first
    again = maya.text(answer.location)
    assert PRIVATE not in again, "the name of a file may be a person's name"
    assert "Picture 3 This file could not be read: it" in again
    assert "Not all files could be read" in again
    assert "shows no cell" not in again
    town.book(MAYA, INES)
    assert "Picture 3 This file could not be read" in town.visitor(INES).text(answer.location)
    numbers = maya.get(f"{answer.location}/receipt").status_code, maya.get("/checks/").status_code
    assert 500 not in numbers


def test_if_no_file_can_be_read_each_is_named_and_nothing_is_kept(town: Town) -> None:
    answer = send(town.visitor(MAYA), a=BAD, b=b"text")
    assert answer.status_code == 400
    page = words(answer)
    assert "The image 1 (a.png) could not be read" in page
    assert "The image 2 (b.png) could not be read" in page
    assert town.site.record_store.of_patient(town.members[MAYA].id) == []


def test_a_bad_file_alone_is_refused_as_before(town: Town) -> None:
    answer = send(town.visitor(MAYA), a=BAD)
    assert answer.status_code == 400
    assert "The image you uploaded could not be read" in words(answer)


def test_a_file_that_is_too_large_does_not_refuse_the_others(tmp_path: Path) -> None:
    town = Town(tmp_path, image_cap=4000)
    maya = town.visitor(MAYA)
    answer = send(maya, a=cell(), b=cell() + b"0" * 5000)
    assert answer.status_code == 302, words(answer)
    assert "The image 2 (b.png) could not be read: it has" in maya.text(answer.location)


def test_a_sample_of_a_bad_file_and_one_without_an_answer_names_both(town: Town) -> None:
    black = io.BytesIO()
    Image.new("RGB", (128, 128)).save(black, "PNG")
    answer = send(town.visitor(MAYA), a=black.getvalue(), b=BAD)
    assert answer.status_code == 422
    page = words(answer)
    assert "No answer was made" in page
    assert "The image 2 (b.png) could not be read" in page
