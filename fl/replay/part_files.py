"""The files of a long vector: the one envelope that the ledger names, or those that a list of parts names.

Invariant: each expectation has a digest that follows from the ledger, through the list; a part is checked and opened
like any other file, and its number is the sequence number in its head.

Source: PROTOCOL.md 4 (Files in parts).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from fl.crypto.envelope_form import MAX_RECIPIENTS, Expected, sealed_size
from fl.protocol.errors import EncodingError, VaultMissing
from fl.protocol.ports import Vault
from fl.protocol.rounds.parts import PartList, cuts, is_list, list_bytes
from fl.replay.vault_files import read_document


@dataclass(frozen=True)
class Part:
    """One envelope of a vector."""

    place: slice
    """Of its words in the vector."""
    expected: Expected


@dataclass(frozen=True)
class Length:
    """How long a vector is."""

    words: int
    width: int
    """Bytes of a word."""


def whole(expected: Expected, length: Length) -> tuple[Part, ...]:
    """Return the only part of a vector in one file."""
    return (Part(slice(0, length.words), expected),)


def parts_of(expected: Expected, length: Length, part_words: int, vault: Vault) -> tuple[Part, ...]:
    """Return the envelopes of a vector, in order; `expected` is what its file is if it has one.

    Raises:
        VaultMissing, TooLarge, HashMismatch: the list.
        EncodingError, WrongContext: the list is not that of this vector.
    """
    places = cuts(length.words, part_words)
    if len(places) == 1:
        return whole(expected, length)
    data = read_document(vault, expected.digest, list_bytes(len(places)))
    found = PartList.from_bytes(data, expected.core.context, length.words)
    if found.part_words != part_words:
        raise EncodingError("list of parts", f"its parts have {found.part_words} words, and the round's {part_words}")
    return listed(expected, length, found)


def parts_if_listed(expected: Expected, length: Length, vault: Vault) -> tuple[tuple[Part, ...], bytes]:
    """Return the envelopes of a vector whose parts no configuration names: the file itself says what it is.

    The second value is that file if it is the only envelope, so that nobody reads it twice; b"" if it is a list.

    Raises:
        VaultMissing, TooLarge, HashMismatch, EncodingError, WrongContext: as `parts_of`.
    """
    data = read_document(vault, expected.digest, expected.cap)
    if not is_list(data):
        return whole(expected, length), data
    return listed(expected, length, PartList.from_bytes(data, expected.core.context, length.words)), b""


def listed(expected: Expected, length: Length, found: PartList) -> tuple[Part, ...]:
    """Return the envelopes that a list names."""
    places = cuts(length.words, found.part_words)
    return tuple(Part(place, _expected(expected, seq, place, length.width, found)) for seq, place in enumerate(places))


def _expected(of: Expected, seq: int, place: slice, width: int, found: PartList) -> Expected:
    cap = sealed_size(width * (place.stop - place.start), MAX_RECIPIENTS, 1, of.core.suite)
    return Expected(replace(of.core, seq=seq), found.digests[seq], cap)


def check_there(parts: tuple[Part, ...], vault: Vault) -> None:
    """Raise VaultMissing unless each part of several is in the vault, before the first one is opened."""
    for each in parts if len(parts) > 1 else ():
        if not vault.has(each.expected.digest):
            raise VaultMissing(each.expected.digest)
