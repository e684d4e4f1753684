"""The pictures of a sealed check: what the network saw of each, and the other pictures of the same sample.

Invariant: every picture of a sample is in the record, also one without an answer. A reader that does not know these
parts refuses the record; a record without them is the same to the byte as before they existed.

Layout: the document lists the names of the further parts (`parts`); behind the check's own picture each follows as
length:u32 ‖ bytes, in this order. `0` is the check's own picture, `1` the first of the others:

    0.seen, 0.heat, 0.thumb, 1.picture, 1.seen, 1.heat, 1.thumb, 2.picture, ...

Source: PROTOCOL.md 9 (records).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from fl.protocol.codec import Fields, JsonValue
from fl.protocol.errors import EncodingError
from fl.protocol.task import Task

MAX_PICTURES = 20
"""Pictures of one sample."""
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
WEBP_MAGIC = b"RIFF"
PICTURE, SEEN, HEAT, THUMB = "picture", "seen", "heat", "thumb"
WHAT = "patient record"


@dataclass(frozen=True)
class Views:
    """Further pictures of one picture; each is empty if there is none."""

    seen_png: bytes = field(default=b"", repr=False)
    """What the network saw: cut out and prepared."""
    heat_png: bytes = field(default=b"", repr=False)
    """Grey, of the same size: where the network saw what speaks for its answer."""
    thumb_webp: bytes = field(default=b"", repr=False)
    """A small one for lists."""


NO_VIEWS = Views()


@dataclass(frozen=True)
class Refused:
    """Why a picture got no answer, in the words of `NoAnswer`."""

    reason: str
    verdict: str
    why: str


@dataclass(frozen=True)
class Pictured:
    """One picture of a sample with its own answer, or with the reason why there is none."""

    image_png: bytes = field(repr=False)
    views: Views = NO_VIEWS
    label: str = ""
    """The code of the likeliest class; empty without an answer."""
    probability: float | None = None
    shares: Mapping[str, float] = field(default_factory=dict)
    kept: tuple[str, ...] | None = None
    refused: Refused | None = None


@dataclass(frozen=True)
class Sample:
    """The other pictures of the sample of a check; the check's own picture is at `place`."""

    others: tuple[Pictured, ...] = ()
    place: int = 0

    @property
    def count(self) -> int:
        return len(self.others) + 1


ONE_PICTURE = Sample()


def parts_of(views: Views, sample: Sample) -> list[tuple[str, bytes]]:
    """Return the names and bytes of all further parts, in order."""
    found = list(_named(0, views))
    for number, other in enumerate(sample.others, 1):
        found += [(f"{number}.{PICTURE}", other.image_png), *_named(number, other.views)]
    return found


def _named(number: int, views: Views) -> Iterator[tuple[str, bytes]]:
    for name, data in ((SEEN, views.seen_png), (HEAT, views.heat_png), (THUMB, views.thumb_webp)):
        if data:
            yield f"{number}.{name}", data


def part_names(fields: Fields) -> tuple[str, ...]:
    """Return the names of the further parts of a document; none in an old record."""
    names = texts(fields, "parts") if "parts" in fields.value else ()
    if len(names) > 4 * MAX_PICTURES or len(set(names)) != len(names):
        raise EncodingError(WHAT, "it lists too many parts, or one twice")
    return names


def views_in(parts: Mapping[str, bytes], number: int) -> Views:
    """Return the further pictures of one picture.

    Raises:
        EncodingError: one of them is no PNG or no WebP.
    """
    seen, heat, thumb = (parts.get(f"{number}.{name}", b"") for name in (SEEN, HEAT, THUMB))
    for data, magic in ((seen, PNG_MAGIC), (heat, PNG_MAGIC), (thumb, WEBP_MAGIC)):
        if data and not data.startswith(magic):
            raise EncodingError(WHAT, "one of its pictures has another format")
    return Views(seen, heat, thumb)


def sample_document(sample: Sample) -> JsonValue:
    return {"place": sample.place, "others": [_pictured_document(each) for each in sample.others]}


def _pictured_document(each: Pictured) -> JsonValue:
    if each.refused is not None:
        refused = each.refused
        return {"refused": {"reason": refused.reason, "verdict": refused.verdict, "why": refused.why}}
    return {"prediction": prediction_document(each.label, each.probability, each.shares, each.kept)}


def parse_sample(fields: Fields, task: Task, parts: Mapping[str, bytes]) -> Sample:
    """Return the other pictures of a check; none in an old record or in a check of one picture."""
    if "sample" not in fields.value:
        return ONE_PICTURE
    inner = Fields(fields.mapping("sample"), WHAT)
    inner.only("place", "others")
    items = inner.value.get("others")
    if not isinstance(items, list) or not 0 < len(items) < MAX_PICTURES:
        raise EncodingError(WHAT, "its sample has no other pictures, or too many")
    place = inner.integer("place")
    if not 0 <= place <= len(items):
        raise EncodingError(WHAT, "its own picture has no place in the sample")
    others = [_parse_pictured(item, task, parts, number) for number, item in enumerate(items, 1)]
    return Sample(tuple(others), place)


def _parse_pictured(item: object, task: Task, parts: Mapping[str, bytes], number: int) -> Pictured:
    image = parts.get(f"{number}.{PICTURE}", b"")
    if not isinstance(item, dict) or len(item) != 1 or not image.startswith(PNG_MAGIC):
        raise EncodingError(WHAT, "a picture of its sample is incomplete")
    fields, views = Fields(item, WHAT), views_in(parts, number)
    if "refused" in item:
        inner = Fields(fields.mapping("refused"), WHAT)
        inner.only("reason", "verdict", "why")
        return Pictured(image, views, refused=Refused(*(inner.text(name) for name in ("reason", "verdict", "why"))))
    label, probability, shares, kept = parse_prediction(fields, task)
    return Pictured(image, views, label, probability, shares, kept)


def prediction_document(
    label: str, probability: float | None, shares: Mapping[str, float], kept: Sequence[str] | None
) -> dict[str, JsonValue]:
    return {
        "label": label,
        "probability": None if probability is None else float(probability),
        "shares": {code: float(share) for code, share in shares.items()},
        **({} if kept is None else {"kept": list(kept)}),
    }


Predicted = tuple[str, float | None, dict[str, float], tuple[str, ...] | None]
"""Label, probability, shares and kept, as in `Pictured`."""


def parse_prediction(fields: Fields, task: Task) -> Predicted:
    prediction = Fields(fields.mapping("prediction"), WHAT)
    prediction.only("label", "probability", "shares", *(name for name in ("kept",) if name in prediction.value))
    shares, codes, label = prediction.mapping("shares"), task.codes, prediction.text("label")
    if label not in codes or set(shares) != set(codes):
        raise EncodingError(WHAT, "it names a class that its task does not have")
    probability = None if prediction.value.get("probability") is None else _share(prediction, "probability")
    if (probability is None) == task.reports:
        raise EncodingError(WHAT, "it has a probability exactly when its task reports none")
    parsed = Fields(shares, WHAT)
    return label, probability, {code: _share(parsed, code) for code in codes}, _kept(prediction, codes)


def _kept(prediction: Fields, codes: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return the classes that remain, in the order of the task; None without calibration."""
    if "kept" not in prediction.value:
        return None
    kept = texts(prediction, "kept")
    if kept != tuple(code for code in codes if code in kept):
        raise EncodingError(WHAT, "the classes that remain are not classes of its task in order")
    return kept


def _share(fields: Fields, name: str) -> float:
    value = fields.number(name)
    if not 0 <= value <= 1:
        raise EncodingError(WHAT, f"{name} is not between 0 and 1")
    return value


def texts(fields: Fields, name: str) -> tuple[str, ...]:
    items = fields.value.get(name)
    if not isinstance(items, list):
        raise EncodingError(WHAT, f"{name} is not a list")
    found = tuple(item for item in items if isinstance(item, str))
    if len(found) != len(items):
        raise EncodingError(WHAT, f"{name} is not a list of texts")
    return found
