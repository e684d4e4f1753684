"""Checks the pictures of one sample, one after another, and makes one check of them.

Invariant: every picture that was sent is in the check, with its own answer or with the reason why it has none. One
picture is decoded at a time.

The rule of a sample: its answer is the worst answer among its pictures. *Signs of the disease* is worse than *not
sure*, which is worse than *no signs*; among equals the higher probability counts. Where a picture may have several
findings, a disease above its own threshold is a sign, and among equals the distance to the threshold counts. The page
also says how many pictures got each answer, and the mean.

Source: a differential count looks at many cells, and a few abnormal ones among normal ones matter.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from fl.protocol.errors import ImageUnreadable, NoAnswer, Why
from fl.protocol.task import Task
from fl.training.pictures.decode import PictureReading
from fl.training.pictures.field import Frame
from fl.training.pictures.images import Pixels, decode_image, encode_png, shrunk
from fl.training.pictures.pages import count_pages
from webui.errors import TooManyPictures
from webui.ports.federation import Prediction
from webui.usecases.record_pictures import MAX_PICTURES, Pictured, Refused, Sample, Views
from webui.usecases.urgency import Urgency, urgency_of_answer

ALONE_PX, AMONG_PX = 1024, 512
"""Largest side of a stored picture, alone and among others; it is only for viewing."""
THUMB_PX = 144
"""Side of a small picture in lists: twice 72, for sharp screens."""
THUMB_QUALITY = 70
Ask = Callable[[Pixels, Frame | None], Prediction]
LEVELS = {Urgency.HIGH: 3, Urgency.UNSURE: 2, Urgency.OTHER: 1, Urgency.LOW: 0}
"""How bad a verdict is; a finding that is not a disease is more than no finding."""
NEUTRAL_NAME = "you uploaded"
"""Never the name of the file: it may be a patient's name."""


@dataclass(frozen=True)
class Checked:
    """The pictures of one check, with their answers: what is stored."""

    lead: Prediction
    """The worst answer."""
    image_png: bytes
    views: Views
    sample: Sample


def check_pictures(files: Sequence[bytes], reading: PictureReading, frame: Frame | None, ask: Ask) -> Checked:
    """Answer for each picture in the files; without a page in `reading`, each page of a file is a picture.

    Args:
        files: Their bytes.
        reading: What the patient knows about them.
        frame: The hospital's setting for its pictures.
        ask: Judges one picture; raises NoAnswer if the model may not.

    Raises:
        TooManyPictures: there are more than `MAX_PICTURES`.
        ImageUnreadable: a file is not an acceptable image.
        NoAnswer: none of the pictures gets an answer.
        UnavailableError, TamperedError: there is no prediction (ports/federation.py).
    """
    side = ALONE_PX if len(files) == 1 else AMONG_PX
    found = [_answer(pixels, side, frame, ask) for pixels in _decoded(files, reading)]
    answered = [(place, png, said) for place, (png, said) in enumerate(found) if isinstance(said, Prediction)]
    if not answered:
        raise _no_answer([said for _, said in found if isinstance(said, NoAnswer)])
    place, picture, lead = max(answered, key=lambda each: _badness(each[2]))
    others = tuple(_other(each) for number, each in enumerate(found) if number != place)
    return Checked(lead, picture, views_of(picture, lead), Sample(others, place))


def pictures_in(files: Sequence[bytes], reading: PictureReading) -> int:
    """Return how many pictures `check_pictures` will judge, by the headers of the files alone.

    Raises:
        TooManyPictures: there are more than `MAX_PICTURES`.
    """
    count = len(files) if reading.page is not None else sum(count_pages(data) for data in files)
    _check_count(count)
    return count


def views_of(image_png: bytes, prediction: Prediction | None) -> Views:
    """Return the further pictures of a stored picture."""
    seen = prediction.seen if prediction is not None else None
    parts = (seen.picture_png(), seen.heat_png()) if seen is not None else (b"", b"")
    return Views(*parts, thumb_of(image_png))


def thumb_of(image_png: bytes) -> bytes:
    """Return a small WebP of a stored picture."""
    with Image.open(io.BytesIO(image_png), formats=("PNG",)) as image:
        pixels = np.asarray(image.convert("RGB"))
    buffer = io.BytesIO()
    Image.fromarray(shrunk(pixels, THUMB_PX)).save(buffer, "WEBP", quality=THUMB_QUALITY)
    return buffer.getvalue()


def _decoded(files: Sequence[bytes], reading: PictureReading) -> Iterator[Pixels]:
    """Yield every picture of the files, one at a time."""
    count = len(files)
    _check_count(count)
    for data in files:
        try:
            yield decode_image(data, NEUTRAL_NAME, reading)
        except ImageUnreadable as error:
            if error.pages < 2 or reading.page is not None:  # noqa: PLR2004
                raise
            count += error.pages - 1
            _check_count(count)
            for page in range(1, error.pages + 1):
                yield decode_image(data, NEUTRAL_NAME, PictureReading(page, reading.bits))


def _check_count(count: int) -> None:
    if count > MAX_PICTURES:
        raise TooManyPictures(count, MAX_PICTURES)


def _answer(pixels: Pixels, side: int, frame: Frame | None, ask: Ask) -> tuple[bytes, Prediction | NoAnswer]:
    try:
        answer: Prediction | NoAnswer = ask(pixels, frame)
    except NoAnswer as error:
        answer = error
    return encode_png(shrunk(pixels, side)), answer


def _other(each: tuple[bytes, Prediction | NoAnswer]) -> Pictured:
    picture, answer = each
    if isinstance(answer, NoAnswer):
        refused = Refused(answer.reason, answer.verdict, answer.why)
        return Pictured(picture, views_of(picture, None), refused=refused)
    return Pictured(picture, views_of(picture, answer), answer.label, answer.probability, answer.shares, answer.kept)


def _badness(answer: Prediction) -> tuple[int, float]:
    """Return how bad an answer is, to compare: its verdict; then its probability, or its distance to a finding."""
    task, probability = answer.model.task, answer.probability
    level = LEVELS[urgency_of_answer(task, answer)]
    return (level, _most(task, answer) if probability is None else probability)


def _most(task: Task, answer: Prediction) -> float:
    """Return how far the clearest disease is above its threshold, in -1..1; 0 if no class is a disease."""
    return max((answer.shares.get(one.code, 0.0) - one.threshold for one in task.disease), default=0.0)


def _no_answer(errors: Sequence[NoAnswer]) -> NoAnswer:
    first = errors[0]
    if len(errors) == 1:
        return first
    verdict = Why(
        "None of these {count} pictures gets an answer. The first one: {verdict}",
        count=len(errors),
        verdict=first.verdict,
    )
    return NoAnswer(first.reason, verdict, first.why)
