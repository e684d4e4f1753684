"""Why the site alone refuses something; `SlotTaken` and everything else stands in fl/protocol/errors.

Invariant: leaves of the house's families, so webui/http/error_pages.py needs no second rule.

Source: fl/protocol/errors.
"""

from __future__ import annotations

from dataclasses import dataclass

from fl.protocol.errors import MalformedError, RefusedError, TamperedError, UnavailableError

MINUTE_S = 60
HOUR_S = 3600


def in_words(seconds: int) -> str:
    """Return `in 40 seconds`, `in 15 minutes`, `in 2 hours`: rounded up."""
    for unit_s, name in ((HOUR_S, "hour"), (MINUTE_S, "minute")):
        if seconds > unit_s:
            return f"in {-(-seconds // unit_s)} {name}s"
    return f"in {max(seconds, 1)} seconds" if seconds != 1 else "in a second"


@dataclass(eq=False)
class SlotNotOffered(RefusedError):
    """The time is outside the doctor's hours, over, or too far ahead."""

    starts_at: int
    http_status = 409
    sentence = "This doctor does not offer an appointment at that time. Please choose one of the free slots."


@dataclass(eq=False)
class BookingOverlaps(RefusedError):
    """The patient holds another appointment at that time."""

    starts_at: int
    http_status = 409
    sentence = "You already have an appointment at that time. Cancel it first, or choose another time."


@dataclass(eq=False)
class TooManyBookings(RefusedError):
    """The patient holds as many appointments ahead as one patient may."""

    allowed: int
    http_status = 409
    sentence = "You already have {allowed} appointments ahead. Cancel one before you book another."


@dataclass(eq=False)
class BookingFixed(RefusedError):
    """The appointment has begun, is over, or was cancelled already."""

    starts_at: int
    http_status = 409
    sentence = "This appointment has begun, is over, or was cancelled already."


@dataclass(eq=False)
class AccountExists(RefusedError):
    """An account with this e-mail address exists."""

    http_status = 409
    sentence = "There is already an account with this e-mail address. Sign in instead."


@dataclass(eq=False)
class SignInRefused(RefusedError):
    """E-mail address and password do not belong together; which of them is wrong is not said."""

    http_status = 401
    sentence = "E-mail address and password do not fit together."


@dataclass(eq=False)
class TooManyAttempts(RefusedError):
    """Something was tried too often."""

    wait_s: int
    http_status = 429
    sentence = "That was tried too often. Please try again {wait}."

    def facts(self) -> dict[str, object]:
        """Return the fields, and when to try again as people say it; never too early."""
        return {**super().facts(), "wait": in_words(self.wait_s)}


@dataclass(eq=False)
class StillHandled(RefusedError):
    """The same form was sent a moment ago, and is being handled."""

    wait_s: int = 5
    http_status = 409
    sentence = "Your first click is still being worked on. Reload this page in a few seconds: nothing is made twice."


@dataclass(eq=False)
class AlreadyMade(RefusedError):
    """The same form made a record before, and the site stopped before it could answer."""

    http_status = 409
    sentence = "You have sent this already, and it is kept. Look for it in your list: nothing is made twice."


@dataclass(eq=False)
class SiteBusy(UnavailableError):
    """All places for this kind of work are taken."""

    what: str
    wait_s: int = 10
    sentence = "Too many people {what} at this moment. Nothing was changed. Please try again {wait}."

    def facts(self) -> dict[str, object]:
        """Return the fields, and when to try again as people say it."""
        return {**super().facts(), "wait": in_words(self.wait_s)}


@dataclass(eq=False)
class NotFound(RefusedError):
    """There is no such thing, or it is not for this account; the two look the same from outside."""

    http_status = 404
    sentence = "There is no such page, or it is not yours to see."


@dataclass(eq=False)
class PageForbidden(RefusedError):
    """The page belongs to another role."""

    role: str
    sentence = "This page is not for accounts of the role {role}."


@dataclass(eq=False)
class WishNeeded(RefusedError):
    """A quorum alone was chosen, and the patient's own wish is no purpose: nobody could open the records ever again."""

    http_status = 409
    sentence = "With a quorum alone, your own wish must be allowed; else you could never see your records again."


@dataclass(eq=False)
class EmailMalformed(MalformedError):
    """Text that cannot be an e-mail address."""

    sentence = "This is not an e-mail address. It looks like name@clinic.example."


@dataclass(eq=False)
class NameMalformed(MalformedError):
    """Text that cannot be a person's name."""

    why: str
    sentence = "{why}"


@dataclass(eq=False)
class PasswordMalformed(MalformedError):
    """Too short, too long, or with characters that nobody can see."""

    why: str
    sentence = "{why}"


@dataclass(eq=False)
class PasswordWeak(MalformedError):
    """Few guesses find it."""

    sentence = "This password is too easy to guess. Take several words that do not belong together."


@dataclass(eq=False)
class HoursOverlap(RefusedError):
    """Two stretches of one doctor's day share a minute."""

    weekday: str
    http_status = 409
    sentence = "The working hours on {weekday} overlap. Give each stretch once."


@dataclass(eq=False)
class OneADay(RefusedError):
    """The patient holds an appointment with this doctor on this day."""

    starts_at: int
    http_status = 409
    sentence = "You already have an appointment with this doctor on that day. Cancel it first, or choose another day."


@dataclass(eq=False)
class CodeRefused(RefusedError):
    """Address and one-time code do not belong together, or the code ran out or was used."""

    http_status = 401
    sentence = "E-mail address and code do not fit together, or the code ran out. Ask the hospital for a new one."


@dataclass(eq=False)
class RoleFixed(RefusedError):
    """Patients stay patients, and staff stays staff: records and appointments hang on the account."""

    role: str
    sentence = "An account of the role {role} cannot get that role. Create a new account instead."


@dataclass(eq=False)
class DatabaseUnavailable(UnavailableError):
    """The database did not answer, or was busy for too long."""

    why: str
    sentence = "The site's database did not answer ({why}). Nothing was changed; please try again."


@dataclass(eq=False)
class RecordDamaged(TamperedError):
    """A sealed record is not the file that was stored."""

    number: str
    why: str
    sentence = "Record {number} cannot be shown: {why}"


@dataclass(eq=False)
class RecordMisplaced(TamperedError):
    """A record is not under the root that the ledger has."""

    number: str
    why: str
    sentence = "Record {number} is not where the ledger has it: {why}."


@dataclass(eq=False)
class NotSealedToQuorum(RefusedError):
    """A record was made before trustees held the key, and was not sealed to them since."""

    http_status = 409
    sentence = "This record is not sealed to the trustees yet, so they cannot open it. Try again in a few minutes."


@dataclass(eq=False)
class AnswerMismatch(RefusedError):
    """What a trustee handed in does not belong together."""

    why: str
    sentence = "The signed answer was not accepted: {why}."


@dataclass(eq=False)
class NoTrustee(RefusedError):
    """The account is not linked to a trustee of the ledger."""

    sentence = "Your account is not linked to a trustee's account on the ledger. Ask the hospital's staff to link it."


@dataclass(eq=False)
class OwnRequest(RefusedError):
    """Nobody answers a request of one's own on this site."""

    sentence = "You asked for this record yourself, so another trustee must answer."


@dataclass(eq=False)
class TrusteeTaken(RefusedError):
    """One trustee's account belongs to one doctor."""

    http_status = 409
    sentence = "Another doctor's account is linked to this trustee already."


@dataclass(eq=False)
class ReplayRunning(RefusedError):
    """One replay at a time: it takes a processor for itself."""

    http_status = 409
    sentence = "Another round is being replayed just now. Wait a few seconds and try again."
