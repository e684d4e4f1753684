"""Passwords: which are acceptable, and their Argon2id hash.

Invariant: verifying takes the same time whether or not the account exists. Passwords are prepared as RFC 8265 says, so
the same password from two keyboards has the same form.

Source: RFC 8265, 4.2 (OpaqueString); RFC 9106; NIST SP 800-63B, 3.1.1.2 (length over composition, a list of common
ones, words of the context); OWASP Authentication Cheat Sheet.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from threading import BoundedSemaphore

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError
from precis_i18n import get_profile

from fl.protocol.errors import Why
from webui.config import PasswordCost
from webui.errors import PasswordMalformed, PasswordWeak

MIN_CHARS = 12
MAX_CHARS = 128
"""A limit, so that strangers cannot make the site hash long texts."""
MAX_TYPED = 4 * MAX_CHARS
"""Code points before normalisation."""
MIN_GUESSES = 10**8
"""With the throttle, this takes centuries; it is zxcvbn's score 3."""
MIN_GUESSES_BESIDE = 10**6
"""For the rest of a password that contains a known word: a year or "123" is not enough."""
JUDGED_CHARS = 64
"""Only the first characters are judged: the time grows with the square of the length."""
SHORTEST_WORD = 3


class Passwords:
    """Hashes and verifies, a few at once: each hash takes memory and a processor."""

    def __init__(self, cost: PasswordCost, house_words: Iterable[str] = ()) -> None:
        """Compute a hash for accounts that do not exist; `house_words` are easy to guess on this site."""
        self._house_words = tuple(house_words)
        self._few = BoundedSemaphore(cost.at_once)
        self._hasher = PasswordHasher(
            time_cost=cost.time_cost,
            memory_cost=cost.memory_kib,
            parallelism=cost.parallelism,
            type=Type.ID,
        )
        self._nobody = self._hasher.hash("nobody has this password")

    def accept(self, password: str, about: Iterable[str]) -> str:
        """Return the hash of a new password; `about` are the name and address of its owner.

        Raises:
            PasswordMalformed, PasswordWeak: the site does not accept it.
        """
        prepared = prepare(password)
        check_guesses(prepared, (*about, *self._house_words))
        return self.hash(prepared)

    def hash(self, prepared: str) -> str:
        with self._few:
            return self._hasher.hash(prepared)

    def matches(self, stored: str | None, password: str) -> bool:
        """Return whether `password` has the hash `stored`; None (no such account) takes the same time and is False."""
        try:
            with self._few:
                self._hasher.verify(stored or self._nobody, password)
        except (VerificationError, InvalidHashError):
            return False
        return stored is not None

    def outdated(self, stored: str) -> bool:
        """Return whether `stored` was made at another cost than the current one."""
        return self._hasher.check_needs_rehash(stored)


def prepare(password: str) -> str:
    """Return the form of a password that is hashed.

    Raises:
        PasswordMalformed: it is too short, too long, or has invisible characters.
    """
    if len(password) <= MAX_TYPED:
        try:
            prepared = str(get_profile("OpaqueString").enforce(password)) if password else ""
        except UnicodeError as error:
            raise PasswordMalformed("Use only characters that you can see and type.") from error
        if MIN_CHARS <= len(prepared) <= MAX_CHARS:
            return prepared
    raise PasswordMalformed(Why("Use between {least} and {most} characters.", least=MIN_CHARS, most=MAX_CHARS))


def typed_form(password: str) -> str:
    """Return the form in which a typed password is compared; an invalid one becomes "", which matches no hash."""
    if not password or len(password) > MAX_TYPED:
        return ""
    try:
        return str(get_profile("OpaqueString").enforce(password))
    except UnicodeError:
        return ""


def check_guesses(password: str, known: Iterable[str]) -> None:
    """Check a password against lists of common ones, and against known words about its owner and this site.

    Raises:
        PasswordWeak: it takes few guesses to find.
    """
    words = sorted({part for text in known for part in _words(text)}, key=len, reverse=True)
    judged = password[:JUDGED_CHARS]
    closed_up = _close(judged)
    rest = re.sub("|".join(map(re.escape, words)), "", closed_up) if words else closed_up
    if min(_guesses(judged), _guesses(closed_up)) < MIN_GUESSES or (
        rest != closed_up and _guesses(rest) < MIN_GUESSES_BESIDE
    ):
        raise PasswordWeak


def _guesses(text: str) -> float:
    from zxcvbn import zxcvbn  # noqa: PLC0415  # its lists of words take 20 MiB

    return float(zxcvbn(text)["guesses"]) if text else 0.0


def _words(text: str) -> list[str]:
    parts = re.split(r"[\W_]+", text.casefold())
    plain = [unicodedata.normalize("NFKD", part).encode("ascii", "ignore").decode() for part in parts]
    return [part for part in (*parts, *plain) if len(part) >= SHORTEST_WORD]


def _close(text: str) -> str:
    return "".join(re.findall(r"\w+", text.casefold()))
