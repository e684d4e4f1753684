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
    """A number is not a scalar of P-256, or is 0 where a key is needed (PROTOCOL.md 2)."""

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
    """An image is empty or cut off, has a format that is not accepted, or lacks a field that is needed."""

    name_of_file: str
    why: str
    pages: int = 0
    """The number of pages, when the caller must choose one; else 0."""
    bits: bool = False
    """Whether the image can be read once the caller says how many bits of each value are used."""
    sentence = "The image {name_of_file} could not be read: {why}."


@dataclass(eq=False)
class NoAnswer(MalformedError):
    """The picture is readable, but the model may not judge what it shows; there is no percentage and no record."""

    reason: str
    """`fl.training.pictures.gate.Reason`: the check that failed."""
    verdict: str
    why: str
    sentence = "{verdict}: {why}. No answer was made, and nothing was kept."
    http_status = 422


@dataclass(eq=False)
class DatasetUnusable(MalformedError):
    """A model cannot be trained on a data set (one class only, no images, arrays of other shapes...)."""

    source: str
    why: str
    sentence = "The data in {source} cannot be used: {why}."


@dataclass(eq=False)
class LabelsUnknown(MalformedError):
    """A hospital's data have class names that no class of the task matches."""

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
    """Weights and manifest differ in a name, shape, dtype or number."""

    why: str
    sentence = "The weights do not fit the model: {why}."


@dataclass(eq=False)
class NonFinite(MalformedError):
    """Weights or an update have NaN or infinite values (PROTOCOL.md 9)."""

    what: str
    count: int
    sentence = "The {what} has {count} values that are NaN or infinite; nothing was sent."


@dataclass(eq=False)
class WeightsTooLarge(MalformedError):
    """Weights are finite, but so large that a model would compute infinities (PROTOCOL.md 4, step 5)."""

    what: str
    count: int
    bound: int
    sentence = "The {what} has {count} values outside ±{bound}; a model cannot compute with them."


@dataclass(eq=False)
class UploadUnusable(MalformedError):
    """A file of weights that a hospital trained with its own tools is not one that a round could use."""

    why: str
    sentence = "This file of weights was refused: {why}."


@dataclass(eq=False)
class BackupUnusable(MalformedError):
    """A backup cannot be made or read."""

    path: str
    why: str
    sentence = "The backup {path} cannot be used: {why}. Nothing was changed."
