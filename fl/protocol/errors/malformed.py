"""Leaves of MalformedError: bytes from outside that do not parse."""

from __future__ import annotations

from dataclasses import dataclass

from fl.protocol.errors.families import MalformedError


@dataclass(eq=False)
class EncodingError(MalformedError):
    """A record, header or document is not in its canonical encoding (PROTOCOL.md 2)."""

    what: str
    why: str
    sentence = "The {what} could not be read: {why}."


@dataclass(eq=False)
class InvalidPoint(MalformedError):
    """A P-256 public key is not a valid point (PROTOCOL.md 2)."""

    why: str
    sentence = "A public key is not a valid P-256 point: {why}."


@dataclass(eq=False)
class InvalidScalar(MalformedError):
    """A number is no scalar of P-256, or 0 where a key is meant (PROTOCOL.md 2)."""

    why: str
    sentence = "A number is not a valid P-256 scalar: {why}."


@dataclass(eq=False)
class TooLarge(MalformedError):
    """A file exceeds the cap for its kind (PROTOCOL.md 4, step 1)."""

    size: int
    cap: int
    sentence = "The file has {size} bytes; at most {cap} are accepted."


@dataclass(eq=False)
class ImageUnreadable(MalformedError):
    """An image is empty, cut off, of no accepted format, or does not say what it must say."""

    name_of_file: str
    why: str
    pages: int = 0
    """How many pages there are to choose from, where nobody said which one; else 0."""
    bits: bool = False
    """Whether it could be read if somebody said how many bits of each value are used."""
    sentence = "The image {name_of_file} could not be read: {why}."


@dataclass(eq=False)
class NoAnswer(MalformedError):
    """A picture that could be read shows nothing that the model may judge; there is no percentage and no record."""

    reason: str
    """`fl.training.pictures.gate.Reason`: which check it failed."""
    verdict: str
    why: str
    sentence = "{verdict}: {why}. No answer was made, and nothing was kept."
    http_status = 422


@dataclass(eq=False)
class DatasetUnusable(MalformedError):
    """A data set cannot be trained on (one class only, no images, arrays of other shapes...)."""

    source: str
    why: str
    sentence = "The data in {source} cannot be used: {why}."


@dataclass(eq=False)
class LabelsUnknown(MalformedError):
    """Names of classes in a hospital's own data do not say which class of the task they mean."""

    source: str
    names: str
    classes: str
    how: str
    sentence = (
        "The data in {source} have labels whose meaning is not known: {names}. "
        "The classes of the task: {classes}. {how}"
    )


@dataclass(eq=False)
class WeightsMismatch(MalformedError):
    """Weights do not fit the manifest: another name, shape, dtype or number."""

    why: str
    sentence = "The weights do not fit the model: {why}."


@dataclass(eq=False)
class NonFinite(MalformedError):
    """NaN or infinity in weights or in an update (PROTOCOL.md 9)."""

    what: str
    count: int
    sentence = "The {what} holds {count} values that are NaN or infinite; nothing was sent."


@dataclass(eq=False)
class WeightsTooLarge(MalformedError):
    """Weights are numbers, but so large that a model computes infinities with them (PROTOCOL.md 4, step 5)."""

    what: str
    count: int
    bound: int
    sentence = "The {what} holds {count} values outside ±{bound}; no model can be computed with them."
