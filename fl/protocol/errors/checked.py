"""Leaves about rounds whose updates are checked under their masks (PROTOCOL.md 5C)."""

from __future__ import annotations

from dataclasses import dataclass

from fl.protocol.errors.families import RefusedError, TamperedError


@dataclass(eq=False)
class SketchMissing(TamperedError):
    """The file with a hospital's sketches does not open for the auditors (PROTOCOL.md 5C)."""

    hospital: bytes
    sentence = "The auditors cannot open the file of {hospital} with the sketches of its masks."


@dataclass(eq=False)
class SketchInvalid(TamperedError):
    """A hospital's sketches have another layout, or do not give its own tags (PROTOCOL.md 5C)."""

    hospital: bytes
    sentence = "The sketches that {hospital} gave to the auditors are not those that it promised to all."


@dataclass(eq=False)
class SketchFalse(TamperedError):
    """A hospital's tag is not that of the mask that its partner opened (PROTOCOL.md 5C)."""

    hospital: bytes
    sentence = "{hospital} promised a false sketch of a mask. Its partner opened that mask, so everybody can see it."


@dataclass(eq=False)
class SketchDisputed(TamperedError):
    """Two hospitals say different things about their mask, and neither opened it in time (PROTOCOL.md 5C)."""

    hospital: bytes
    sentence = (
        "{hospital} and another hospital say different things about the mask that they have in common, and neither "
        "opened it. So nobody knows which of them is wrong."
    )


@dataclass(eq=False)
class UpdateTooLong(TamperedError):
    """The sketch of an update is longer than that of any honest one (PROTOCOL.md 5C)."""

    times: float
    sentence = "The update is {times} times as long as an honest update can look."


@dataclass(eq=False)
class UpdateAgainstOthers(TamperedError):
    """On the mean of several rounds a hospital's updates point against the sum of the others' (PROTOCOL.md 5C)."""

    rounds: int
    sentence = "Over the last {rounds} rounds its updates pointed against those of all the other hospitals."


@dataclass(eq=False)
class UpdatesSuspect(RefusedError):
    """An auditor found something wrong with an update under its mask, so nobody attests the model (PROTOCOL.md 5C)."""

    round: int
    why: str
    sentence = "The updates of round {round} were checked under their masks. {why}"


@dataclass(eq=False)
class CheckUnusable(RefusedError):
    """A round cannot be checked under its masks with these terms or this model (PROTOCOL.md 5C)."""

    why: str
    sentence = "The updates of this round cannot be checked under their masks: {why}."


@dataclass(eq=False)
class CheckMissing(TamperedError):
    """A round became final without the statements of its auditors about its updates (PROTOCOL.md 5C)."""

    round: int
    found: int
    needed: int
    sentence = "Round {round} became final although only {found} of {needed} auditors had stated that all is well."


@dataclass(eq=False)
class SketchVerdictWrong(TamperedError):
    """An auditor's statement about the updates of a round does not follow from the files (PROTOCOL.md 5C)."""

    round: int
    auditor: bytes
    why: str
    sentence = "The statement of {auditor} about the updates of round {round} does not follow from the files: {why}."
