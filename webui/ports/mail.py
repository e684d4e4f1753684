"""What the site needs in order to send mail.

Source: RFC 5321 and 5322 (SMTP and messages); RFC 8314 (TLS); the pattern "transactional outbox".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

SUBJECT_CHARS = 200
MAX_TEXT_CHARS = 20_000
MAX_ATTACHMENT_BYTES = 256 * 1024
"""Of all attachments of one mail together."""


@dataclass(frozen=True)
class Attachment:
    """A file of a mail."""

    name: str
    """ASCII, such as `appointment.ics`."""
    media_type: str
    """Such as `text/calendar`."""
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class Letter:
    """One mail; it says that there is news, and has no medical contents."""

    to: str
    subject: str
    text: str = field(repr=False)
    attachments: tuple[Attachment, ...] = ()
    message_id: str = ""
    """Without angle brackets; empty until the mail is stored."""

    def __post_init__(self) -> None:
        """Refuse what cannot be a mail; these are mistakes of the program, not of a person."""
        if not self.subject.isprintable() or not 0 < len(self.subject) <= SUBJECT_CHARS:
            raise ValueError("a subject is one line of printable text")
        if len(self.text) > MAX_TEXT_CHARS:
            raise ValueError("the text is too long")
        if sum(len(each.data) for each in self.attachments) > MAX_ATTACHMENT_BYTES:
            raise ValueError("the attachments are too large")
        for each in self.attachments:
            if not each.name.isascii() or not each.name.isprintable() or each.media_type.count("/") != 1:
                raise ValueError("an attachment has an ASCII name and a media type")


class Carrier(Protocol):
    """Takes mails away from the site."""

    def carry(self, letter: Letter) -> None:
        """Deliver one mail, or hand it to a server that does.

        Raises:
            MailUndeliverable: this mail can never be delivered.
            MailNotSent: it could not be delivered now.
        """
