"""Removes repeated pictures, and persons on both sides of a split.

Invariant: in the result no two pictures are equal, no picture has two labels, and no person is in both training and
test. Pictures are equal if their decoded pixels are equal, in any file format.

Source: the C-NMC data set, which contains the same picture under several subjects (the data's README).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from fl.training.data.listing import LeftOutReason, Part
from fl.training.data.placing import Placed
from fl.training.data.walk import FoundFile


@dataclass(frozen=True)
class Seen:
    """A decoded picture: its place, the SHA-256 of its pixels, and its row."""

    placed: Placed
    digest: bytes
    row: int
    plain: bool
    """It has only one colour; equal pictures of one colour do not mean equal persons."""


def sort_out(pictures: Sequence[Seen]) -> tuple[list[Seen], list[FoundFile], int]:
    """Return the pictures to use, the rejected ones with reasons, and how many persons were joined with others.

    Persons that share a picture of one class cannot be told apart, so they become one group.
    """
    sided = _with_sides(pictures)
    same: defaultdict[bytes, list[Seen]] = defaultdict(list)
    for seen in sided:
        same[seen.digest].append(seen)
    left: list[FoundFile] = []
    kept: list[Seen] = []
    links: dict[str, str] = {}
    for each in same.values():
        chosen = _choose(each, left)
        if chosen is None:
            continue
        kept.append(chosen)
        if not chosen.plain:
            _link([seen.placed.group for seen in each if seen.placed.is_person], links)
    linked = [replace(seen, placed=replace(seen.placed, group=_root(seen.placed.group, links))) for seen in kept]
    used, persons = _without_persons_of_both(linked)
    return sorted(used, key=lambda seen: seen.row), left + persons, sum(name != root for name, root in links.items())


def _with_sides(pictures: Sequence[Seen]) -> list[Seen]:
    """If a source has a test part, put its undivided pictures into training."""
    if all(seen.placed.part != Part.TEST for seen in pictures):
        return list(pictures)
    return [
        replace(seen, placed=replace(seen.placed, part=Part.TRAIN)) if seen.placed.part == Part.UNSPLIT else seen
        for seen in pictures
    ]


def _choose(equal: Sequence[Seen], left: list[FoundFile]) -> Seen | None:
    """Return which of several equal pictures is used, or None; add the others to `left`."""
    labelled = [seen for seen in equal if seen.placed.class_name is not None]
    sides = {seen.placed.part for seen in labelled}
    if len({seen.placed.class_name for seen in labelled}) > 1:
        _leave(equal, LeftOutReason.TWO_CLASSES, left)
    elif len(sides) > 1:
        _leave(equal, LeftOutReason.BOTH_SIDES, left)
    elif not labelled:
        _leave(equal, LeftOutReason.ODD_NAME, left)
    else:
        others = [seen for seen in equal if seen is not labelled[0]]
        left += [seen.placed.entry.out(LeftOutReason.COPY, f"of {labelled[0].placed.entry.name}") for seen in others]
        return labelled[0]
    return None


def _leave(equal: Sequence[Seen], reason: LeftOutReason, left: list[FoundFile]) -> None:
    for seen in equal:
        others = [other.placed.entry.name for other in equal if other is not seen][:1]
        left.append(seen.placed.entry.out(reason, "".join(f"as {name}" for name in others)))


def _link(groups: Sequence[str], links: dict[str, str]) -> None:
    """Join persons in `links`, a forest in which every person points to its representative."""
    for group in groups:
        first, second = sorted((_root(groups[0], links), _root(group, links)))
        if first != second:
            links[second] = first


def _root(group: str, links: dict[str, str]) -> str:
    while group in links:
        group = links[group]
    return group


def _without_persons_of_both(pictures: Sequence[Seen]) -> tuple[list[Seen], list[FoundFile]]:
    """Remove test pictures whose person is also in training; return the rest and the removed ones."""
    people = {seen.placed.group for seen in pictures if seen.placed.is_person and seen.placed.part == Part.TRAIN}
    both = [seen for seen in pictures if seen.placed.part == Part.TEST and seen.placed.group in people]
    rows = {seen.row for seen in both}
    left = [seen.placed.entry.out(LeftOutReason.PERSON_BOTH_SIDES, seen.placed.group) for seen in both]
    return [seen for seen in pictures if seen.row not in rows], left
