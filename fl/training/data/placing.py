"""What a layout makes of the files: class, side of the split and person of each.

Source: none.
Not here: the layouts themselves (layouts.py, cnmc.py).
"""

from __future__ import annotations

from dataclasses import dataclass

from fl.training.data.listing import Part
from fl.training.data.walk import FoundFile


@dataclass(frozen=True)
class Placed:
    """One file with what its place and name say; the entry may be left out already.

    Attributes:
        entry: The file.
        class_name: The source's own name of its class; None if it has none and is only compared with the others.
        part: Its side of the split.
        group: Its person, or the file's own name where no person is named.
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
        left_out: Those that have none, each with its reason.
        notes: What a person should know.
        refusals: Why it cannot be used.
    """

    layout: str
    placed: tuple[Placed, ...] = ()
    left_out: tuple[FoundFile, ...] = ()
    notes: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()
