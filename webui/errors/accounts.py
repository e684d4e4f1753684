"""The errors of accounts: signing in, passwords, roles, limits."""

from __future__ import annotations

from dataclasses import dataclass

from fl.protocol.errors import MalformedError, RefusedError
from webui.errors.waits import in_words


@dataclass(eq=False)
class AccountExists(RefusedError):
    """An account with this e-mail address exists."""

    http_status = 409
    sentence = "There is already an account with this e-mail address. Sign in instead."


@dataclass(eq=False)
class SignInRefused(RefusedError):
    """E-mail address and password do not match; the error does not say which of them is wrong."""

    http_status = 401
    sentence = "The e-mail address or the password is wrong. Check both and try again."


@dataclass(eq=False)
class TooManyAttempts(RefusedError):
    """A limit of config.Limits is reached."""

    wait_s: int
    http_status = 429
    sentence = "You have tried this too often. Please try again {wait}."

    def facts(self) -> dict[str, object]:
        """Return the fields, and the waiting time in words, rounded up."""
        return {**super().facts(), "wait": in_words(self.wait_s)}


@dataclass(eq=False)
class CodeRefused(RefusedError):
    """E-mail address and one-time code do not match, or the code expired or was used."""

    http_status = 401
    sentence = "The e-mail address or the code is wrong, or the code has expired. Ask the hospital for a new code."


@dataclass(eq=False)
class RoleFixed(RefusedError):
    """A patient cannot become staff, nor staff a patient: records and appointments belong to the account."""

    role: str
    sentence = "An account with the role {role} cannot change to that role. Create a new account instead."


@dataclass(eq=False)
class EmailMalformed(MalformedError):
    """The text cannot be an e-mail address."""

    sentence = "This is not an e-mail address. Write it like name@clinic.example."


@dataclass(eq=False)
class NameMalformed(MalformedError):
    """The text cannot be a person's name."""

    why: str
    sentence = "{why}"


@dataclass(eq=False)
class PasswordMalformed(MalformedError):
    """The password is too short, too long, or has invisible characters."""

    why: str
    sentence = "{why}"


@dataclass(eq=False)
class PasswordWeak(MalformedError):
    """An attacker needs only few guesses."""

    sentence = "This password is too easy to guess. Use several unrelated words."
