"""Folders by class: which folder names are classes, which are parts of a split, which are persons.

Invariant: no folder becomes a class or a person by accident. An unclear layout is refused, with the names of the
folders and the accepted layouts.

Source: the layouts of public data sets (MedMNIST's parts, Kaggle's train/val/test, folds of cross-validation).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from fl.training.data.known_names import CLASS_WORDS, PART_FILLERS, PARTS, WRAPPER_WORDS
from fl.training.data.listing import LeftOutReason, Part, some
from fl.training.data.placing import Arrangement, Placed
from fl.training.data.walk import FoundFile

MAX_CLASSES = 1024
UNDERSTOOD = (
    "accepted are a folder per class (with folders per person in it, if you like), such folders inside train, val and "
    "test or the other way round, a table of labels (file,label) beside the pictures, ALL-IDB, and C-NMC as downloaded "
    "(see docs/data.md)"
)
_FOLD = re.compile(r"(fold|split|cv)[-_ ]?\d+", re.IGNORECASE)
_PERSON = re.compile(
    r"(p|pat|patients?|person|subj|subject|sub|case|id|uid|slide|sample|donor)[-_ ]?\d+\w*", re.IGNORECASE
)
_NUMBER = re.compile(r"\d+")
_MAX_NUMBERS = 32
"""More than this many folders with numbers as names are persons, not classes."""


def arrange_by_class(entries: Sequence[FoundFile]) -> Arrangement:
    """Arrange the entries (pictures, and files that may be meant as pictures) as folders by class."""
    depth = _descend(entries)
    loose, inside = _loose(entries, depth)
    names = _names(inside, depth)
    parts = {name for name in names if part_of(name)}
    if parts and parts != names:
        return _refused(f"there are other folders beside the split folders {some(parts)}: {some(names - parts)}")
    if parts:
        more, inside = _loose(inside, depth + 1)
        return _placed(inside, loose + more, depth + 1, depth)
    if names and all(_FOLD.fullmatch(name) for name in names):
        more, inside = _loose(inside, depth + 1)
        return _placed(inside, loose + more, depth + 1, None)
    return _with_parts_below(inside, loose, depth)


def part_of(name: str) -> Part | None:
    """Return the part of a split that a folder's name means (in any case), or None."""
    words = [word for word in re.split(r"[^a-z]+", name.casefold()) if word and word not in PART_FILLERS]
    if len(words) != 1 or re.search(r"\d", name):
        return None
    word = re.sub(r"(?<=.)(data|set|dataset|images)$", "", words[0])
    return PARTS.get(word)


def _descend(entries: Sequence[FoundFile]) -> int:
    """Return how many single folders contain the class or split folders."""
    depth = 0
    while True:
        loose, inside = _loose(entries, depth)
        names = _names(inside, depth)
        if len(names) != 1 or any(entry.reason is None for entry in loose):
            return depth
        name, below = names.pop(), _names(_loose(inside, depth + 1)[1], depth + 1)
        if part_of(name) or _FOLD.fullmatch(name) or not _is_wrapper(name, below):
            return depth
        depth += 1


def _is_wrapper(name: str, below: set[str]) -> bool:
    if any(part_of(each) or _FOLD.fullmatch(each) or _is_class_word(each) for each in below):
        return True
    if below and all(each.casefold() in WRAPPER_WORDS for each in below):
        return True
    words = set(re.split(r"[^a-z]+", name.casefold()))
    return bool(below) and bool(words & WRAPPER_WORDS) and not any(re.search(r"\d", each) for each in below)


def _is_class_word(name: str) -> bool:
    return re.sub(r"[^a-z0-9]", "", name.casefold()) in CLASS_WORDS


def _loose(entries: Iterable[FoundFile], depth: int) -> tuple[list[FoundFile], list[FoundFile]]:
    loose: list[FoundFile] = []
    inside: list[FoundFile] = []
    for entry in entries:
        (inside if len(entry.parts) > depth + 1 else loose).append(entry)
    return loose, inside


def _names(inside: Iterable[FoundFile], depth: int) -> set[str]:
    return {entry.parts[depth] for entry in inside}


def _with_parts_below(inside: list[FoundFile], loose: list[FoundFile], depth: int) -> Arrangement:
    """Place entries whose folders at `depth` are classes; either all or none of them contain split folders."""
    below = [(entry, _folder_at(entry, depth + 1)) for entry in inside]
    divided = {entry.parts[depth] for entry, name in below if part_of(name)}
    if not divided:
        return _placed(inside, loose, depth, None)
    odd = {entry.parts[depth] for entry, name in below if not part_of(name) and entry.reason is None}
    if odd:
        return _refused(f"{some(divided)} has split folders, but some pictures of {some(odd)} are not in one")
    return _placed([entry for entry, name in below if part_of(name)], loose, depth, depth + 1)


def _folder_at(entry: FoundFile, depth: int) -> str:
    return entry.parts[depth] if len(entry.parts) > depth + 1 else ""


def _placed(inside: list[FoundFile], loose: list[FoundFile], class_at: int, part_at: int | None) -> Arrangement:
    """Place entries: folders at these depths give class and part, deeper folders give the person."""
    names = _names(inside, class_at)
    why = _why_no_classes(names, inside, class_at)
    if why:
        return _refused(why)
    start = max(class_at, part_at if part_at is not None else 0) + 1
    placed = []
    for entry in inside:
        part = part_of(entry.parts[part_at]) if part_at is not None else None
        person = "/".join(entry.parts[start:-1])
        group = person or "/".join(entry.parts)
        placed.append(Placed(entry, entry.parts[class_at], part or Part.UNSPLIT, group, bool(person)))
    left = [entry.out(LeftOutReason.LOOSE) if entry.reason is None else entry for entry in loose]
    layout = "a folder per class" + (", divided by folders" if part_at is not None else "")
    if not any(entry.reason is None for entry in inside):
        refusals: tuple[str, ...] = (f"none of its pictures is in a class folder; {UNDERSTOOD}",)
        return Arrangement(layout, left_out=tuple(left + inside), refusals=refusals)
    return Arrangement(layout, tuple(placed), tuple(left))


def _why_no_classes(names: set[str], inside: Sequence[FoundFile], depth: int) -> str:
    """Return why the folders at `depth` cannot be classes; empty if they can."""
    if len(names) > MAX_CLASSES:
        return f"it has {len(names)} folders; at most {MAX_CLASSES} classes are accepted"
    numbers = {name for name in names if _NUMBER.fullmatch(name)}
    if len(names) > 1 and (all(_PERSON.fullmatch(name) for name in names) or len(numbers) > _MAX_NUMBERS):
        return f"its folders {some(names)} look like persons, not classes"
    divided = {name for name in names if part_of(name) or _FOLD.fullmatch(name)}
    if divided:
        return f"the folders {some(divided)} are where class folders were expected"
    below = {_folder_at(entry, depth + 1) for entry in inside} - {""}
    classes = {name for name in below if _is_class_word(name)}
    if len(classes) > 1:
        return f"the folders {some(names)} hold folders that look like the classes: {some(classes)}. Give one of them"
    if len(names) == 1 and below:
        return f"all its pictures are in one class folder, {some(names)}. If its folders are classes, give that folder"
    return ""


def _refused(why: str) -> Arrangement:
    return Arrangement("not understood", refusals=(f"{why}; {UNDERSTOOD}",))
