"""Checks the pictures of one sample, one after another, and makes one check of them.

Invariant: every picture that was sent is in the check, with its own answer or with the reason why it has none; a file
that cannot be read hides no answer of the others. One picture is decoded at a time. The name of a file is in no record,
because it may be a patient's name; it is only in the errors that are said once, to who sent it.

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

from fl.protocol.errors import ImageUnreadable, MalformedError, NoAnswer, Why
from fl.protocol.task import Task
from fl.training.pictures.decode import PictureReading
from fl.training.pictures.field import Frame
from fl.training.pictures.images import Pixels, decode_image, encode_png, shrunk
from fl.training.pictures.pages import count_pages
from webui.errors import NoneReadable, TooManyPictures
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
"""For a file alone; among several, its number and its own name say which one it is."""
NAME_CHARS = 60
UNREADABLE = "unreadable"
"""The reason of a picture whose file could not be read; the others are of `fl.training.pictures.gate.Reason`."""
NO_PICTURE = np.full((16, 16, 3), 128, np.uint8)
"""In the record at the place of a picture that could not be read: every picture of a record has pixels."""
File = bytes | ImageUnreadable
"""What was sent, or why it was not read to its end."""
Found = Pixels | ImageUnreadable


@dataclass(frozen=True)
class Checked:
    """The pictures of one check, with their answers: what is stored."""

    lead: Prediction
    """The worst answer."""
    image_png: bytes
    views: Views
    sample: Sample
    unreadable: tuple[ImageUnreadable, ...] = ()
    """For who sent the files, not for the record: which of them could not be read."""


def check_pictures(
    files: Sequence[File], reading: PictureReading, frame: Frame | None, ask: Ask, names: Sequence[str] = ()
) -> Checked:
    """Answer for each picture in the files; without a page in `reading`, each page of a file is a picture.

    Args:
        files: Their bytes.
        reading: What the patient knows about them.
        frame: The hospital's setting for its pictures.
        ask: Judges one picture; raises NoAnswer if the model may not.
        names: Of the files, for the errors about them.

    Raises:
        TooManyPictures: there are more than `MAX_PICTURES`.
        ImageUnreadable: the only file is not an acceptable image, or one file lacks what the user can say.
        NoneReadable: there are several files, and none of them is an acceptable image.
        NoAnswer: none of the pictures gets an answer; its cause is NoneReadable if some could not be read.
        UnavailableError, TamperedError: there is no prediction (ports/federation.py).
    """
    side = ALONE_PX if len(files) == 1 else AMONG_PX
    found = [_answer(each, side, frame, ask) for each in _decoded(files, reading, names)]
    answered = [(place, png, said) for place, (png, said) in enumerate(found) if isinstance(said, Prediction)]
    unreadable = tuple(said for _, said in found if isinstance(said, ImageUnreadable))
    if not answered:
        raise _none(unreadable, [said for _, said in found if isinstance(said, NoAnswer)])
    place, picture, lead = max(answered, key=lambda each: _badness(each[2]))
    others = tuple(_other(each) for number, each in enumerate(found) if number != place)
    return Checked(lead, picture, views_of(picture, lead), Sample(others, place), unreadable)


def pictures_in(files: Sequence[File], reading: PictureReading) -> int:
    """Return how many pictures `check_pictures` will judge, by the headers of the files alone.

    Raises:
        TooManyPictures: there are more than `MAX_PICTURES`.
    """
    pages = (1 if isinstance(data, ImageUnreadable) else count_pages(data) for data in files)
    count = len(files) if reading.page is not None else sum(pages)
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


def _decoded(files: Sequence[File], reading: PictureReading, names: Sequence[str]) -> Iterator[Found]:
    """Yield every picture of the files, one at a time, or why it cannot be read."""
    count = len(files)
    _check_count(count)
    for place, data in enumerate(files):
        if isinstance(data, ImageUnreadable):
            yield data
            continue
        name = name_of(place, names) if len(files) > 1 else NEUTRAL_NAME
        found = _decode(data, name, reading)
        if not isinstance(found, ImageUnreadable) or found.pages < 2 or reading.page is not None:  # noqa: PLR2004
            yield found
            continue
        count += found.pages - 1
        _check_count(count)
        for page in range(1, found.pages + 1):
            yield _decode(data, name if len(files) > 1 else str(page), PictureReading(page, reading.bits))


def _decode(data: bytes, name: str, reading: PictureReading) -> Pixels | ImageUnreadable:
    """Return the picture, or why it cannot be read.

    Raises:
        ImageUnreadable: it can be read once the user says how many bits its values have.
    """
    try:
        return decode_image(data, name, reading)
    except ImageUnreadable as error:
        if error.bits:
            raise
        return error


def name_of(place: int, names: Sequence[str]) -> str:
    """Return the number and the name of a file: `4 (cell.png)`."""
    name = names[place].rpartition("/")[2].rpartition("\\")[2] if place < len(names) else ""
    return f"{place + 1} ({name[:NAME_CHARS]})" if name else str(place + 1)


def _check_count(count: int) -> None:
    if count > MAX_PICTURES:
        raise TooManyPictures(count, MAX_PICTURES)


def _answer(
    found: Found, side: int, frame: Frame | None, ask: Ask
) -> tuple[bytes, Prediction | NoAnswer | ImageUnreadable]:
    if isinstance(found, ImageUnreadable):
        return encode_png(NO_PICTURE), found
    try:
        answer: Prediction | NoAnswer = ask(found, frame)
    except NoAnswer as error:
        answer = error
    return encode_png(shrunk(found, side)), answer


def _other(each: tuple[bytes, Prediction | NoAnswer | ImageUnreadable]) -> Pictured:
    picture, answer = each
    if isinstance(answer, Prediction):
        views = views_of(picture, answer)
        return Pictured(picture, views, answer.label, answer.probability, answer.shares, answer.kept)
    return Pictured(picture, views_of(picture, None), refused=_refused(answer))


def _refused(error: NoAnswer | ImageUnreadable) -> Refused:
    """Return why a picture has no answer, without the name of its file."""
    if isinstance(error, NoAnswer):
        return Refused(error.reason, error.verdict, error.why)
    return Refused(UNREADABLE, "This file could not be read", error.why)


def _badness(answer: Prediction) -> tuple[int, float]:
    """Return how bad an answer is, to compare: its verdict; then its probability, or its distance to a finding."""
    task, probability = answer.model.task, answer.probability
    level = LEVELS[urgency_of_answer(task, answer)]
    return (level, _most(task, answer) if probability is None else probability)


def _most(task: Task, answer: Prediction) -> float:
    """Return how far the clearest disease is above its threshold, in -1..1; 0 if no class is a disease."""
    return max((answer.shares.get(one.code, 0.0) - one.threshold for one in task.disease), default=0.0)


def _none(unreadable: Sequence[ImageUnreadable], errors: Sequence[NoAnswer]) -> MalformedError:
    """Return why there is no answer at all."""
    if errors:
        error = _no_answer(errors)
        error.__cause__ = NoneReadable(tuple(unreadable)) if unreadable else None
        return error
    return unreadable[0] if len(unreadable) == 1 else NoneReadable(tuple(unreadable))


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
