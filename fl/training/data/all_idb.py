"""ALL-IDB: the names of its files, whose last digit is the label.

Invariant: the class comes from the name; a folder around it that says the opposite is not overruled silently. Persons
are not known, so each picture counts as its own.

Source: R. Donida Labati et al., "ALL-IDB: the acute lymphoblastic leukemia image database", 2011 (`Im001_1.tif`: 1 = a
lymphoblast, 0 = none).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from fl.training.data.layouts import part_of
from fl.training.data.listing import LeftOutReason, Part
from fl.training.data.placing import Arrangement, Placed
from fl.training.data.walk import FoundFile

NAME = re.compile(r"im(\d{3})_([01])\.\w+", re.IGNORECASE)
CLASSES = ("healthy", "lymphoblast")
"""What the digits 0 and 1 mean."""
_ODD_SHARE = 4
"""At most one odd name per this many others."""
_AGAINST = (
    frozenset({"all", "leukemia", "leukaemia", "blast", "blasts", "lymphoblast", "malignant"}),
    frozenset({"healthy", "normal", "hem", "benign", "negative", "non-leukemia"}),
)
"""By label, names of folders (lower case) that say the opposite."""


def arrange_all_idb(entries: Sequence[FoundFile]) -> Arrangement | None:
    """Return the entries arranged as ALL-IDB, or None unless nearly all of its pictures have such names."""
    pictures = [entry for entry in entries if entry.reason is None]
    named = sum(NAME.fullmatch(entry.parts[-1]) is not None for entry in pictures)
    if not named or (len(pictures) - named) * _ODD_SHARE > named:
        return None
    placed: list[Placed] = []
    left: list[FoundFile] = []
    for entry in entries:
        place = _place(entry)
        if isinstance(place, Placed):
            placed.append(place)
        else:
            left.append(place)
    return Arrangement("ALL-IDB, classes by the last digit of its files' names", tuple(placed), tuple(left))


def _place(entry: FoundFile) -> Placed | FoundFile:
    match = NAME.fullmatch(entry.parts[-1])
    if match is None:
        return entry.out(LeftOutReason.ODD_NAME) if entry.reason is None else entry
    label = int(match[2])
    folders = {part.casefold() for part in entry.parts[:-1]}
    if folders & _AGAINST[label] and entry.reason is None:
        return entry.out(LeftOutReason.ODD_NAME, f"its name says {CLASSES[label]}, its folder says the opposite")
    parts = {part_of(part) for part in entry.parts[:-1]} - {None}
    part = Part.TEST if Part.TEST in parts else Part.TRAIN if parts else Part.UNSPLIT
    return Placed(entry, CLASSES[label], part, "/".join(entry.parts), is_person=False)
