"""Which names members may have: on the ledger by bytes, and at registration by what a reader can tell apart.

Invariant: `check_bytes` refuses what Members.sol refuses, no more and no less; a name is given once, for good.

Source: PROTOCOL.md 3 (Names); Unicode Standard Annex 15 (NFC, NFKC).
Not here: how a name is printed (names.shown).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from fl.protocol.errors import NameInvalid, NameTaken, SettingInvalid
from fl.protocol.names import UNSEEN, Address

MAX_NAME_BYTES = 64
OPERATOR_NAME = "operator"
"""Nobody registers the operator; the name is taken from the start."""


def check_bytes(name: str, account: Address, taken: Iterable[str]) -> None:
    """Check a name as the contract does.

    Raises:
        NameInvalid: not 1 to 64 bytes of UTF-8, or a control character (U+0000 to U+001F, U+007F to U+009F).
        NameTaken: the same bytes name another member, or did.
    """
    size = len(name.encode("utf-8", "surrogatepass"))
    if not 1 <= size <= MAX_NAME_BYTES or any(unicodedata.category(each) in ("Cc", "Cs") for each in name):
        raise NameInvalid(account)
    if name in taken:
        raise NameTaken(account)


def proper(name: str, taken: Iterable[str]) -> str:
    """Return a name in NFC as it should be registered.

    Raises:
        SettingInvalid: a reader cannot see all of it, or cannot tell it from a name that was given.
    """
    name = unicodedata.normalize("NFC", name.strip())
    if any(unicodedata.category(each) in UNSEEN for each in name):
        raise SettingInvalid("name", "it has characters that nobody sees, such as marks of direction")
    if not 1 <= len(name.encode("utf-8")) <= MAX_NAME_BYTES:
        raise SettingInvalid("name", f"it needs 1 to {MAX_NAME_BYTES} bytes")
    for other in taken:
        if _folded(other) == _folded(name):
            raise SettingInvalid("name", f"a member is or was called {other}, which looks the same")
    return name


def _folded(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold()).split())
