"""The list of a source's files: which are used, and why the others are not.

Invariant: `used` and `left_out` together count every file exactly once; names of files are safe to print.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

_EXAMPLES = 3
_NAME_LENGTH = 200


class Part(StrEnum):
    """The part of the split that a source gives a picture; validation counts as training."""

    TRAIN = "train"
    TEST = "test"
    UNSPLIT = "not divided"


class LeftOutReason(StrEnum):
    """Why a file is not used, as the list says it."""

    JUNK = "files that an operating system leaves behind"
    THUMBNAIL = "thumbnails and bins of a network drive"
    HIDDEN = "hidden files"
    SIDE = "tables and texts, not pictures"
    UNSUPPORTED = "a type that is not read"
    NO_EXTENSION = "no extension in the name"
    LINK = "links, which are not followed"
    SPECIAL = "neither a file nor a folder"
    EMPTY_FOLDER = "folders without a file"
    EMPTY = "empty files"
    DAMAGED = "damaged or not readable as a picture"
    TOO_LARGE = "too large"
    CHANGED = "changed while being read"
    UNREADABLE = "the system does not let us read it"
    TOO_DEEP = "folders that lie too deep"
    BAD_NAME = "a name that is not valid text"
    LOOSE = "in no class folder"
    ODD_NAME = "a name that is not one of C-NMC or ALL-IDB"
    NO_LABEL = "no label is known"
    COPY = "the same picture again in the same class"
    TWO_CLASSES = "the same picture in two classes (no copy is used)"
    BOTH_SIDES = "the same picture in training and in test (no copy is used)"
    PERSON_BOTH_SIDES = "test pictures of a person who is also in training"

    @property
    def stops(self) -> bool:
        """Return whether a picture is probably lost, so that loading stops unless the user allows it."""
        return self in _STOPS

    @property
    def picture(self) -> bool:
        """Return whether such a file may be meant as a picture of the data set."""
        return self not in _NO_PICTURE


_STOPS = frozenset(
    {
        LeftOutReason.EMPTY,
        LeftOutReason.DAMAGED,
        LeftOutReason.TOO_LARGE,
        LeftOutReason.CHANGED,
        LeftOutReason.UNREADABLE,
        LeftOutReason.TOO_DEEP,
        LeftOutReason.BAD_NAME,
    }
)
_NO_PICTURE = frozenset(
    {
        LeftOutReason.JUNK,
        LeftOutReason.THUMBNAIL,
        LeftOutReason.HIDDEN,
        LeftOutReason.SIDE,
        LeftOutReason.SPECIAL,
        LeftOutReason.EMPTY_FOLDER,
    }
)


@dataclass(frozen=True)
class LeftOut:
    """One file (or folder) that is not used."""

    name: str
    """Its path below the source, unchanged."""
    reason: LeftOutReason
    detail: str = ""

    def __str__(self) -> str:
        return shown(self.name) + (f" ({shown(self.detail)})" if self.detail else "")


@dataclass(frozen=True)
class Used:
    """How many pictures of one class are used in one part of the split."""

    class_name: str
    part: Part
    pictures: int


@dataclass(frozen=True)
class Listing:
    """The list of one source.

    Attributes:
        source: Its name.
        layout: How its folders or arrays were understood.
        used: Pictures by class and part.
        persons: How many persons the source distinguishes; 0 if it names none.
        left_out: Every file that is not used.
        notes: Other facts for the user, one sentence each.
        refusals: Why it cannot be used, one sentence each without a full stop.
        images: How many pictures are used, where one may have several labels; else 0, and `used` counts them.
        named: Whether a label has a name only where a picture has it, so that one without pictures is absent.
    """

    source: str
    layout: str
    used: tuple[Used, ...] = ()
    persons: int = 0
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()
    images: int = 0
    named: bool = True

    @property
    def pictures(self) -> int:
        return self.images or sum(row.pictures for row in self.used)

    @property
    def stopping(self) -> tuple[LeftOut, ...]:
        """Return the files that stop the loading until the user allows it."""
        return tuple(item for item in self.left_out if item.reason.stops)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Return the source's own class names, sorted."""
        return tuple(sorted({row.class_name for row in self.used}))

    def counts(self) -> Counter[LeftOutReason]:
        """Return the number of unused files for each reason."""
        return Counter(item.reason for item in self.left_out)

    def lines(self) -> Iterator[str]:
        """Yield the list line by line; it names every file that stops the loading."""
        persons = f" of {self.persons} persons" if self.persons else ", each counted as its own person"
        yield f"{shown(self.source)}: {self.layout}"
        yield f"  used: {self.pictures} pictures{persons if self.pictures else ''}"
        for row in self.used:
            yield f"    {shown(row.class_name)}, {row.part}: {row.pictures}"
        yield from self.left_out_lines()
        yield from (f"  note: {note}" for note in self.notes)
        yield from (f"  cannot be used: {refusal}" for refusal in self.refusals)

    def left_out_lines(self) -> Iterator[str]:
        if self.left_out:
            yield f"  not used: {len(self.left_out)}"
        for reason, count in sorted(self.counts().items(), key=lambda row: (not row[0].stops, row[0])):
            items = [item for item in self.left_out if item.reason == reason]
            yield f"    {count}: {reason}"
            named = items if reason.stops else items[:_EXAMPLES]
            yield from (f"      {item}" for item in named)
            if len(named) < count:
                yield f"      and {count - len(named)} more"


def shown(text: str) -> str:
    """Return `text` in a form that a terminal prints as it is: one line, no control codes, at most 200 characters."""
    safe = "".join(each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in text)
    return safe if len(safe) <= _NAME_LENGTH else f"{safe[:_NAME_LENGTH]}…"


def some(names: Iterable[str]) -> str:
    """Return the first few of `names`, safe to print, and how many more there are."""
    ordered = sorted(set(names))
    more = f" and {len(ordered) - _EXAMPLES} more" if len(ordered) > _EXAMPLES else ""
    return ", ".join(shown(name) for name in ordered[:_EXAMPLES]) + more
