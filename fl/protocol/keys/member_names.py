"""Which names members may have: the ledger checks bytes; registration also checks what a reader can tell apart.

Invariant: `check_bytes` refuses exactly the names that Members.sol refuses; a name is given only once.

Source: PROTOCOL.md 3 (Names); Unicode Standard Annex 15 (NFC, NFKC); Unicode Technical Standard 39 (confusables).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from fl.protocol.errors import NameInvalid, NameTaken, SettingInvalid
from fl.protocol.names import UNSEEN, Address

MAX_NAME_BYTES = 64
OPERATOR_NAME = "operator"
"""The operator's name; it is taken from the start."""
_EAST_ASIAN = frozenset(("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO", "IDEOGRAPHIC"))
_OF_ALL = frozenset(("MODIFIER",))
_LATIN_SHAPES = str.maketrans(
    "\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0423\u0425\u0405\u0406\u0408\u04ba\u051a\u051c"
    "\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7",
    "ABEKMHOPCTYXSIJHQW" + "ABEZHIKMNOPTYX",
)
"""Cyrillic capitals, then Greek ones, that look like a Latin capital."""


def check_bytes(name: str, account: Address, taken: Iterable[str]) -> None:
    """Check a name as the contract does.

    Raises:
        NameInvalid: not 1 to 64 bytes of UTF-8, or a control character (U+0000 to U+001F, U+007F to U+009F).
        NameTaken: another member has or had the same name.
    """
    size = len(name.encode("utf-8", "surrogatepass"))
    if not 1 <= size <= MAX_NAME_BYTES or any(unicodedata.category(each) in ("Cc", "Cs") for each in name):
        raise NameInvalid(account)
    if name in taken:
        raise NameTaken(account)


def proper(name: str, taken: Iterable[str]) -> str:
    """Return a name in NFC, ready to register.

    Raises:
        SettingInvalid: the name has invisible characters, or looks like a name that was given before.
    """
    name = unicodedata.normalize("NFC", name.strip())
    if any(unicodedata.category(each) in UNSEEN for each in name):
        raise SettingInvalid("name", "it has invisible characters, such as direction marks")
    if not 1 <= len(name.encode("utf-8")) <= MAX_NAME_BYTES:
        raise SettingInvalid("name", f"it needs 1 to {MAX_NAME_BYTES} bytes")
    if len(_scripts(name)) > 1:
        raise SettingInvalid("name", "it mixes letters of several scripts; such letters may look the same")
    for other in taken:
        if _folded(other) == _folded(name):
            raise SettingInvalid("name", f"a member is or was called {other}, which looks the same")
    return name


def _folded(name: str) -> str:
    """Return a name as a hasty reader sees it: in capitals, with one letter for all capitals of the same shape."""
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return " ".join(plain.upper().translate(_LATIN_SHAPES).split())


def _scripts(name: str) -> set[str]:
    """Return the scripts of a name's letters, from their Unicode names; the scripts of East Asia count as one.

    Real East Asian names mix in Latin letters, which look like none of theirs.
    """
    letters = (each for each in unicodedata.normalize("NFKC", name) if each.isalpha())
    scripts = {unicodedata.name(each, "").split(" ")[0].split("-")[0] for each in letters}
    return scripts - _EAST_ASIAN - _OF_ALL
