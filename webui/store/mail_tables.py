"""The table of mails that wait for delivery (a transactional outbox).

Invariant: a row is written in the transaction of the change that it reports, so there is no mail without its change.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Index, Integer, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from webui.store.base import EMAIL_CHARS, Base, Id, Seconds

SUBJECT_CHARS = 200
TEXT_BYTES = 1 << 20
"""MariaDB needs a length here; it then chooses a type that has room."""
MESSAGE_ID_CHARS = 64
WHY_CHARS = 200


class MailRow(Base):
    """A mail that waits, was delivered, or was given up."""

    __tablename__ = "mail"
    __table_args__ = (Index("ix_mail_next_at", "next_at"),)

    id: Mapped[Id]
    message_id: Mapped[str] = mapped_column(String(MESSAGE_ID_CHARS), unique=True)
    """The same at each try, so that a mailbox can recognise a repeated mail."""
    recipient: Mapped[str] = mapped_column(String(EMAIL_CHARS))
    subject: Mapped[str] = mapped_column(String(SUBJECT_CHARS))
    text: Mapped[str] = mapped_column(Text().with_variant(Text(TEXT_BYTES), "mysql", "mariadb"))
    """Empty after the mail was delivered or given up."""
    attachments: Mapped[bytes | None] = mapped_column(LargeBinary(TEXT_BYTES), deferred=True)
    """JSON of (name, media type, base64); None without attachments, and after the mail was delivered or given up."""
    created_at: Mapped[Seconds]
    next_at: Mapped[int | None] = mapped_column(BigInteger)
    """When to try next; None if there is nothing more to do."""
    tries: Mapped[int] = mapped_column(Integer, default=0)
    sent_at: Mapped[int | None] = mapped_column(BigInteger)
    why: Mapped[str | None] = mapped_column(String(WHY_CHARS))
    """Why the last try failed."""
