"""People's names, stored as people write them.

Invariant: a name is in NFC, on one line, at most 120 characters as people count them, and has no invisible characters.
Nothing else is changed: not case, spelling or order.

Source: Unicode UAX #15 (NFC), UAX #29 (graphemes), UTS #39, 3.1.1 (joiners); RFC 5892, appendix A; W3C, "Personal
names around the world".
"""

from __future__ import annotations

import unicodedata

import regex

from fl.protocol.errors import Why
from webui.errors import NameMalformed
from webui.store.base import NAME_CHARS, NAME_UNITS

JOINERS = "\u200c\u200d"
_SPACES = regex.compile(r"\p{Zs}+")
_GRAPHEME = regex.compile(r"\X")
_LETTER = regex.compile(r"\p{L}")
_UNSEEN = regex.compile(r"[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]")
_SELECTED = regex.compile(r"(?<=\p{Han})[\uFE00-\uFE0F\U000E0100-\U000E01EF]")
"""A variant selector of a Chinese character: the one invisible code point that Japanese names need."""
_CURSIVE = r"\p{Arabic}\p{Syriac}\p{Mongolian}\p{Nko}\p{Mandaic}\p{Manichaean}\p{Phags_Pa}\p{Adlam}"
_INDIC = (
    r"\p{Devanagari}\p{Bengali}\p{Gurmukhi}\p{Gujarati}\p{Oriya}\p{Tamil}\p{Telugu}\p{Kannada}\p{Malayalam}\p{Sinhala}"
    r"\p{Khmer}\p{Myanmar}\p{Tibetan}\p{Balinese}\p{Javanese}\p{Limbu}\p{Meetei_Mayek}\p{Newa}\p{Grantha}\p{Tirhuta}"
)
_JOINING = regex.compile(
    rf"(?<=[{_CURSIVE}]\p{{Mn}}*)[{JOINERS}](?=[{_CURSIVE}])"
    rf"|(?<=[{_INDIC}])[{JOINERS}](?=[{_INDIC}])"
    rf"|(?<=[{_INDIC}](?<=\p{{Ccc=Virama}}))[{JOINERS}](?=\P{{L}}|$)"
)


def person_name(text: str) -> str:
    """Return the stored form of a name.

    Raises:
        NameMalformed: it has no letter, is too long, or has invisible characters.
    """
    if len(text) > 2 * NAME_UNITS:
        raise NameMalformed(Why("It is longer than {most} characters.", most=NAME_CHARS))
    name: str = _SPACES.sub(" ", unicodedata.normalize("NFC", text).strip())
    if not _LETTER.search(name):
        raise NameMalformed("Please enter your name.")
    if len(name) > NAME_UNITS or len(_GRAPHEME.findall(name)) > NAME_CHARS:
        raise NameMalformed(Why("It is longer than {most} characters.", most=NAME_CHARS))
    if _UNSEEN.search(_SELECTED.sub("", _JOINING.sub("", name))):
        raise NameMalformed("It has an invisible character. Please type the name instead of pasting it.")
    return name
