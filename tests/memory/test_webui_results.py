"""A result: the answer first, what to do next, the heat map, every picture of a sample, the proof folded away."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from PIL import Image

from tests.support.site_town import INES, JONAS, MAYA, OMAR, Town, Visitor, cell, words


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


def black() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (128, 128)).save(buffer, "PNG")
    return buffer.getvalue()


def check_many(visitor: Visitor, *files: bytes) -> str:
    """Send several files as one sample; return the address of the result."""
    pictures = [(io.BytesIO(data), f"cell-{number}.png") for number, data in enumerate(files)]
    answer = visitor.post("/checks/new", image=pictures)
    assert answer.status_code == 302, words(answer)
    return answer.location


@pytest.mark.parametrize(
    ("probability", "title", "next_step"),
    [
        (0.92, "The model sees signs of leukemia in this cell", "Show this result to a doctor soon"),
        (0.5, "The model is not sure about this cell", "Try a sharper picture of one cell"),
        (0.04, "The model sees no signs of leukemia in this cell", "You need not do anything because of this result"),
    ],
)
def test_a_result_begins_with_the_answer_and_what_to_do_next(
    town: Town, probability: float, title: str, next_step: str
) -> None:
    town.federation.probability = probability
    visitor = town.visitor(MAYA)
    location = visitor.check(cell()).location
    page = visitor.get(location).text
    said = words(visitor.get(location))
    order = [title, next_step, "Book an appointment about this check", "How sure the model is", "What it means"]
    order += ["What it does not mean", "Where this answer comes from", "How this record is kept"]
    places = [said.index(text, said.index("Your result")) for text in order]
    assert places == sorted(places)
    assert f"<title>{title}" in page
    assert re.search(r"/appointments/doctors[^\"]*\?check=\d+", page)


def test_the_proof_is_folded_and_a_digest_is_short_until_it_is_opened(town: Town) -> None:
    visitor = town.visitor(MAYA)
    page = visitor.get(visitor.check(cell()).location).text
    before = page[: page.index("Where this answer comes from")]
    assert before.rindex("<details") > before.rindex("</details>")
    assert not re.search(r"[0-9a-f]{32}", re.sub(r"<[^>]+>", " ", before)), "no raw digest before the proof"


def test_a_doubt_about_the_model_is_not_folded_away(town: Town) -> None:
    visitor = town.visitor(MAYA)
    visitor.check(cell())
    town.federation.lose_vault()
    page = visitor.get(visitor.check(cell()).location).text
    fold = page[: page.index("Where this answer comes from")]
    assert fold[fold.rindex("<details") :].startswith('<details class="panel fold" open>')


def test_the_heat_map_is_a_second_picture_over_what_the_network_saw(town: Town) -> None:
    visitor = town.visitor(MAYA)
    location = visitor.check(cell()).location
    assert "Show where the model looked" in visitor.text(location)
    sizes = set()
    for what, mode in (("seen", "RGB"), ("heat", "RGBA")):
        answer = visitor.get(f"{location}/1/{what}.png")
        assert (answer.status_code, answer.mimetype) == (200, "image/png")
        with Image.open(io.BytesIO(answer.data)) as image:
            assert image.mode == mode
            sizes.add(image.size)
    assert sizes == {(128, 128)}


def test_a_network_that_cannot_be_looked_into_has_no_switch(town: Town) -> None:
    town.federation.sees = False
    visitor = town.visitor(MAYA)
    location = visitor.check(cell()).location
    assert "Show where the model looked" not in visitor.text(location)
    assert visitor.get(f"{location}/1/heat.png").status_code == 404
    assert visitor.get(f"{location}/1/picture.png").status_code == 200


def test_pictures_are_for_the_patient_and_treating_doctors_alone(town: Town) -> None:
    location = town.visitor(MAYA).check(cell()).location
    town.book(MAYA, INES)
    for what in ("picture.png", "seen.png", "heat.png", "thumb.webp"):
        path = f"{location}/1/{what}"
        assert town.visitor(INES).get(path).status_code == 200
        for other in (OMAR, JONAS):
            assert town.visitor(other).get(path).status_code == 404
        assert town.visitor().get(path).status_code == 302
        assert town.visitor(MAYA).get(path.replace("/1/", "/2/")).status_code == 404
    assert "Show where the model looked" in town.visitor(INES).text(location)


def test_a_list_shows_small_pictures(town: Town) -> None:
    visitor = town.visitor(MAYA)
    location = visitor.check(cell(size=(900, 900))).location
    page = visitor.get("/checks/").text
    assert f'src="{location}/1/thumb.webp"' in page
    assert 'loading="lazy"' in page
    small = visitor.get(f"{location}/1/thumb.webp")
    assert small.mimetype == "image/webp"
    assert len(small.data) < 6_000
    with Image.open(io.BytesIO(small.data)) as image:
        assert image.size == (144, 144)


def test_every_picture_of_a_sample_is_shown_with_its_own_answer(town: Town) -> None:
    visitor = town.visitor(MAYA)
    location = check_many(visitor, cell(), black(), cell(size=(96, 96)))
    page = visitor.text(location)
    assert "All 3 pictures of this sample" in page
    assert "1 picture that shows no cell that the model knows" in page
    assert "The answer of the sample is the worst answer among its pictures" in page
    for number in (1, 2, 3):
        assert f"Picture {number}" in page
        assert visitor.get(f"{location}/{number}/picture.png").status_code == 200
    assert visitor.get(f"{location}/2/heat.png").status_code == 404
    town.book(MAYA, INES)
    assert "All 3 pictures of this sample" in town.visitor(INES).text(location)


def test_the_worst_answer_leads_a_sample(town: Town) -> None:
    visitor, shares = town.visitor(MAYA), iter((0.1, 0.9, 0.5))
    predictions = town.site.services.predictions
    inner = predictions.predict

    def answered(*given: object, **chosen: object) -> object:
        town.federation.probability = next(shares)
        return inner(*given, **chosen)  # type: ignore[arg-type]

    object.__setattr__(predictions, "predict", answered)
    page = visitor.text(check_many(visitor, cell(), cell(size=(72, 72)), cell(size=(80, 80))))
    assert "The model sees signs of leukemia in 1 of 3 pictures" in page
    assert "the mean estimate is 50 % and the highest 90 %" in page
    assert "The picture with the worst answer, number 2 of 3" in page


def test_a_sample_without_any_answer_says_so_and_keeps_nothing(town: Town) -> None:
    visitor = town.visitor(MAYA)
    answer = visitor.post("/checks/new", image=[(io.BytesIO(black()), "a.png"), (io.BytesIO(black()), "b.png")])
    assert answer.status_code == 422
    assert "None of these 2 pictures gets an answer" in words(answer)
    assert town.site.record_store.of_patient(town.members[MAYA].id) == []


def test_too_many_files_are_refused_before_any_is_read(town: Town) -> None:
    visitor = town.visitor(MAYA)
    answer = visitor.post("/checks/new", image=[(io.BytesIO(cell()), f"{n}.png") for n in range(21)])
    assert answer.status_code == 413
    assert "These are 21 pictures or pages" in words(answer)
