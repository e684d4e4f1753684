"""The errors of patients' records, requests to trustees, reviews and files."""

from __future__ import annotations

from dataclasses import dataclass

from fl.protocol.errors import ImageUnreadable, MalformedError, RefusedError, TamperedError


@dataclass(eq=False)
class WishNeeded(RefusedError):
    """The patient chose that only a quorum can open records, but does not allow the patient's own wish."""

    http_status = 409
    sentence = (
        "If only a quorum can open your records, you must allow My own wish. Otherwise you could never see them again."
    )


@dataclass(eq=False)
class KeptForPatients(RefusedError):
    """A program tried to delete who asked for or opened a patient's data (store/kept.py)."""

    table: str
    sentence = "Rows of the table {table} are not deleted: a patient may ask for them for at least three years."


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
class TrusteesNotReady(RefusedError):
    """The site seals for decades, and does not know a long key of each trustee now."""

    http_status = 409
    sentence = (
        "This choice is not possible now, because records cannot be encrypted to all trustees yet. Try "
        "again later, or ask the hospital."
    )


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
class NoneReadable(MalformedError):
    """No file of a sample is an acceptable image; `files` says of each which one it is and why."""

    files: tuple[ImageUnreadable, ...]
    sentence = "None of these pictures could be read. Please choose other files."


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
class TableFileUnusable(MalformedError):
    """An uploaded table of patients cannot be read."""

    why: str
    sentence = "This file cannot be used: {why}."


@dataclass(eq=False)
class ChoiceChanged(RefusedError):
    """The patient chose who may open records while one was being sealed by the earlier choice; it was not stored."""

    http_status = 409
    sentence = "The patient has just changed who may open these records. Nothing was saved. Please send it again."


@dataclass(eq=False)
class TooFewValues(MalformedError):
    """Most of a person's values in a table are not known, so an answer would be about an average person."""

    known: int
    needed: int
    columns: int
    sentence = "Only {known} of {columns} values are known. The model needs at least {needed} of them."


@dataclass(eq=False)
class KitRefused(MalformedError):
    """The public part of a kit is not well formed, or its proof does not verify."""

    sentence = "The public part of this key file does not fit this hospital. Make a new file and hand it in again."
