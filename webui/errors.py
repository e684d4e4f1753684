"""The errors that only the site raises; all others are in fl/protocol/errors.

Invariant: each is a leaf of one of the five families, so webui/http/error_pages.py handles all errors in one way.

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
    """The time is outside the doctor's hours, in the past, or too far ahead."""

    starts_at: int
    http_status = 409
    sentence = "This doctor does not offer an appointment at that time. Please choose one of the free times."


@dataclass(eq=False)
class BookingOverlaps(RefusedError):
    """The patient already has an appointment at that time."""

    starts_at: int
    http_status = 409
    sentence = "You already have an appointment at that time. Cancel it first, or choose another time."


@dataclass(eq=False)
class TooManyBookings(RefusedError):
    """The patient has reached the limit of future appointments."""

    allowed: int
    http_status = 409
    sentence = "You already have {allowed} future appointments, which is the limit. Cancel one before you book another."


@dataclass(eq=False)
class BookingFixed(RefusedError):
    """The appointment has begun, is over, or was already cancelled."""

    starts_at: int
    http_status = 409
    sentence = "You cannot cancel this appointment: it has begun, is over, or was already cancelled."


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
class StillHandled(RefusedError):
    """The same form was sent a moment ago, and the site is still handling it."""

    wait_s: int = 5
    http_status = 409
    sentence = (
        "The site is still working on your first click. Reload this page in a few seconds. Nothing happens twice."
    )


@dataclass(eq=False)
class AlreadyMade(RefusedError):
    """The same form already made a record, but the site stopped before it could answer."""

    http_status = 409
    sentence = "You already sent this, and it was saved. Look for it in your list. Nothing happens twice."


@dataclass(eq=False)
class SiteBusy(UnavailableError):
    """All places for this kind of work are taken (usecases/admission.py)."""

    what: str
    wait_s: int = 10
    sentence = "Too many people {what} at this moment. Nothing has changed. Please try again {wait}."

    def facts(self) -> dict[str, object]:
        """Return the fields, and the waiting time in words."""
        return {**super().facts(), "wait": in_words(self.wait_s)}


@dataclass(eq=False)
class NotFound(RefusedError):
    """It does not exist, or this account may not see it; from outside, both look the same."""

    http_status = 404
    sentence = "This page does not exist, or you may not see it."


@dataclass(eq=False)
class PageForbidden(RefusedError):
    """The page belongs to another role."""

    role: str
    sentence = "You are signed in as {role}, and this page is not for this role. Sign in with another account."


@dataclass(eq=False)
class WishNeeded(RefusedError):
    """The patient chose that only a quorum can open records, but does not allow the patient's own wish."""

    http_status = 409
    sentence = (
        "If only a quorum can open your records, you must allow My own wish. Otherwise you could never see them again."
    )


@dataclass(eq=False)
class ChoiceChanged(RefusedError):
    """The patient chose who may open records while one was being sealed by the earlier choice; it was not stored."""

    http_status = 409
    sentence = "The patient has just changed who may open these records. Nothing was saved. Please send it again."


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


@dataclass(eq=False)
class HoursOverlap(RefusedError):
    """Two parts of one doctor's working day overlap."""

    weekday: str
    http_status = 409
    sentence = "The working hours on {weekday} overlap. Give hours that do not overlap."


@dataclass(eq=False)
class OneADay(RefusedError):
    """The patient already has an appointment with this doctor on that day."""

    starts_at: int
    http_status = 409
    sentence = "You already have an appointment with this doctor on that day. Cancel it first, or choose another day."


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
class DatabaseUnavailable(UnavailableError):
    """The database did not answer in time."""

    why: str
    sentence = "The site's database did not answer ({why}). Nothing has changed. Please try again."


@dataclass(eq=False)
class RecordDamaged(TamperedError):
    """The sealed file of a record was changed."""

    number: str
    why: str
    sentence = "Record {number} cannot be shown: {why}"


@dataclass(eq=False)
class RecordMisplaced(TamperedError):
    """The root on the ledger does not cover this record."""

    number: str
    why: str
    sentence = "Record {number} does not agree with the ledger: {why}."


@dataclass(eq=False)
class NotSealedToQuorum(RefusedError):
    """The record was sealed before trustees held the key, and was not sealed again yet."""

    http_status = 409
    sentence = "This record is not encrypted to the trustees yet, so they cannot open it. Try again in a few minutes."


@dataclass(eq=False)
class AnswerMismatch(RefusedError):
    """The parts of a trustee's answer do not belong together."""

    why: str
    sentence = "The site did not accept your signed answer: {why}. Reload the page and answer again."


@dataclass(eq=False)
class NoTrustee(RefusedError):
    """The account is not linked to a trustee of the ledger."""

    sentence = "Your account is not linked to a trustee on the ledger. Ask the hospital's staff to link it."


@dataclass(eq=False)
class OwnRequest(RefusedError):
    """The person who made a request cannot answer it."""

    sentence = "You asked for this record yourself, so another trustee must answer."


@dataclass(eq=False)
class TrusteeTaken(RefusedError):
    """Another doctor already has this trustee's account."""

    http_status = 409
    sentence = "Another doctor's account is already linked to this trustee. Remove that link first."


@dataclass(eq=False)
class ReplayRunning(RefusedError):
    """Another replay is running; each one needs a whole processor."""

    http_status = 409
    sentence = "This site is checking another round now. Wait a few seconds and try again."


@dataclass(eq=False)
class TooManyPictures(MalformedError):
    """One sample has more pictures, or pages, than one check may have."""

    count: int
    most: int
    http_status = 413
    sentence = (
        "These are {count} pictures or pages, and one check may have {most}. Choose fewer of them, and send the others "
        "in another check."
    )


@dataclass(eq=False)
class ReviewMalformed(MalformedError):
    """A review does not fit the check that it is about."""

    why: str
    sentence = "This review was not saved: {why}. Go back and change it."


@dataclass(eq=False)
class MailNotSent(UnavailableError):
    """A mail could not be delivered now; the site tries again later."""

    why: str
    sentence = "The mail could not be sent now: {why}. The site tries again later."


@dataclass(eq=False)
class MailUndeliverable(RefusedError):
    """No server will ever take this mail."""

    why: str
    sentence = "The mail cannot be delivered: {why}."


@dataclass(eq=False)
class KitRefused(MalformedError):
    """The public part of a kit is not well formed, or its proof does not verify."""

    sentence = "The public part of this key file does not fit this hospital. Make a new file and hand it in again."


@dataclass(eq=False)
class TableFileUnusable(MalformedError):
    """An uploaded table of patients cannot be read."""

    why: str
    sentence = "This file cannot be used: {why}."


@dataclass(eq=False)
class TooFewValues(MalformedError):
    """Most of a person's values in a table are not known, so an answer would be about an average person."""

    known: int
    needed: int
    columns: int
    sentence = "Only {known} of {columns} values are known. The model needs at least {needed} of them."


@dataclass(eq=False)
class AuditRunning(RefusedError):
    """A full audit is running; each one needs a whole processor."""

    http_status = 409
    sentence = "A full audit is running now. Watch it, or stop it before you start another one."


@dataclass(eq=False)
class AuditImpossible(RefusedError):
    """This site was started without the means for a full audit."""

    http_status = 409
    sentence = "This site cannot make a full audit. Run hemaledger audit on a machine of the consortium instead."


@dataclass(eq=False)
class NoHospital(RefusedError):
    """This site belongs to no hospital of the consortium."""

    http_status = 404
    sentence = "This site does not belong to a hospital that takes part in the training, so it has no such page."


@dataclass(eq=False)
class TrainingRunning(RefusedError):
    """A training on this machine has not ended."""

    http_status = 409
    sentence = "A training is running on this machine. Wait until it ends, or stop it first."
