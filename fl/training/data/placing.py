"""What a layout says about each file: class, part of the split, person."""

from __future__ import annotations

from dataclasses import dataclass

from fl.training.data.listing import Part
from fl.training.data.walk import FoundFile


@dataclass(frozen=True)
class Placed:
    """One file, with what its place and name say; the entry may already have a reason not to be used.

    Attributes:
        entry: The file.
        class_name: The source's own name of its class; None if it has none and is only compared with other files.
        part: Its part of the split.
        group: Its person, or the file's own name if no person is named.
        is_person: Whether `group` is a person.
    """

    entry: FoundFile
    class_name: str | None
    part: Part
    group: str
    is_person: bool


@dataclass(frozen=True)
class Arrangement:
    """A source as one layout reads it.

    Attributes:
        layout: The layout in words.
        placed: The files that have a place in it.
        left_out: The other files, each with its reason.
        notes: Facts for the user.
        refusals: Why it cannot be used.
        several: The names of all labels where a picture may have several; `class_name` then joins its own (marks.py).
        named: See `Listing.named`.
    """

    layout: str
    placed: tuple[Placed, ...] = ()
    left_out: tuple[FoundFile, ...] = ()
    notes: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()
    several: tuple[str, ...] | None = None
    named: bool = True
