"""The tables of doctors' work: what they have read and reviewed, why they asked, and who was told about requests.

Invariant: none of these columns reveals the contents of a record. The sentence of a request is a sealed file.

Source: webui/store/records.py (no column reveals the contents of a record).
"""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, Integer, LargeBinary, SmallInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from webui.store.base import DIGEST_BYTES, Base, RawDigest, Seconds

REASON_FILE_BYTES = 16 * 1024
STATE_CHARS = 16
KEY_BYTES = 65
PROOF_BYTES = 128


class CheckRead(Base):
    """A doctor has opened a check since it was made; without this row the check is unread for this doctor.

    A row with the check's own patient means that the patient has opened it since the newest review.
    """

    __tablename__ = "check_read"

    doctor_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"), primary_key=True)
    check_row: Mapped[int] = mapped_column(ForeignKey("record.id", ondelete="CASCADE"), primary_key=True, index=True)
    read_at: Mapped[Seconds]


class ReviewMark(Base):
    """A doctor has reviewed a check. What the doctor decided is in the sealed record `record_row`."""

    __tablename__ = "review_mark"

    record_row: Mapped[int] = mapped_column(ForeignKey("record.id", ondelete="CASCADE"), primary_key=True)
    check_row: Mapped[int] = mapped_column(ForeignKey("record.id", ondelete="CASCADE"), index=True)
    doctor_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"), index=True)
    made_at: Mapped[Seconds]


class RequestReason(Base):
    """Why somebody asked for a record: a reason from a list, and a sealed sentence. The ledger has neither."""

    __tablename__ = "request_reason"

    request_row: Mapped[int] = mapped_column(ForeignKey("decryption_request.id", ondelete="CASCADE"), primary_key=True)
    reason: Mapped[int] = mapped_column(SmallInteger)
    """ports/decryption_requests.AskReason."""
    file: Mapped[bytes | None] = mapped_column(LargeBinary(REASON_FILE_BYTES))
    """The sentence, sealed like a record; None if there is none, or if the record was erased."""
    salt: Mapped[bytes | None] = mapped_column(LargeBinary(DIGEST_BYTES))
    leaf: Mapped[bytes | None] = mapped_column(LargeBinary(DIGEST_BYTES))
    record_id: Mapped[bytes | None] = mapped_column(LargeBinary(16))
    consent: Mapped[int | None] = mapped_column(Integer)
    key_id: Mapped[bytes | None] = mapped_column(LargeBinary(16))
    key_epoch: Mapped[int | None] = mapped_column(BigInteger)


class RequestNotice(Base):
    """The last state of a request that its asker was told about."""

    __tablename__ = "request_notice"

    request_row: Mapped[int] = mapped_column(ForeignKey("decryption_request.id", ondelete="CASCADE"), primary_key=True)
    state: Mapped[str] = mapped_column(String(STATE_CHARS))
    """ports/decryption_requests.RequestState."""


class TrusteeNotice(Base):
    """A doctor who is a trustee was told about a request that waits for an answer."""

    __tablename__ = "trustee_notice"

    doctor_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    """On the ledger."""
    told_at: Mapped[Seconds]
    waiting: Mapped[bool]
    """Whether the request still waited for this doctor at the last look."""


class TrusteeRegistration(Base):
    """The public part of a kit that a doctor made in the browser; it waits for the operator."""

    __tablename__ = "trustee_registration"

    doctor_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"), primary_key=True)
    account: Mapped[bytes] = mapped_column(LargeBinary(20))
    """On the ledger."""
    public_key: Mapped[bytes] = mapped_column(LargeBinary(KEY_BYTES))
    """P-256, uncompressed: the first member key."""
    proof: Mapped[bytes] = mapped_column(LargeBinary(PROOF_BYTES))
    """That the doctor has the private key of `public_key`."""
    digest: Mapped[RawDigest]
    """SHA-256 of account and key, to compare by telephone."""
    made_at: Mapped[Seconds]
