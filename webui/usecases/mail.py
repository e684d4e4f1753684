"""Mail: queue one with a change, and deliver what waits.

Invariant: a mail says that there is news and asks to sign in; it has no result, no diagnosis and no record.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from sqlalchemy.orm import Session

from webui.errors import MailNotSent, MailUndeliverable
from webui.ports.mail import Attachment, Carrier, Letter
from webui.store.mail import MailStore

TURN = 100
"""Mails of one turn of the upkeep at most."""
LOG = logging.getLogger("hemaledger.site")


class Mail:
    """The mails of one site."""

    def __init__(self, store: MailStore, carrier: Carrier | None) -> None:
        """Deliver by `carrier`; without one, mails wait in the database."""
        self.store = store
        self._carrier = carrier

    def queue(
        self,
        session: Session,
        to: str,
        subject: str,
        text: str,
        attachments: Iterable[Attachment] = (),
        *,
        name: str = "",
    ) -> None:
        """Store a mail in the caller's transaction; it leaves the site only if this transaction succeeds.

        Args:
            session: of the change that the mail reports.
            to: one e-mail address.
            subject: one line of at most 200 characters, already in the language of the reader.
            text: plain text of at most 20,000 characters. It says that there is news, and no medical contents.
            attachments: at most 256 KiB together.
            name: of this mail alone, so that it can be found again; random without one.
        """
        self.store.put(session, Letter(to, subject, text, tuple(attachments)), name)

    def deliver(self) -> int:
        """Deliver the mails whose time has come, and return how many; one failure ends the turn."""
        carrier, done = self._carrier, 0
        while carrier is not None and done < TURN:
            claimed = self.store.claim()
            if claimed is None:
                break
            row_id, letter = claimed
            try:
                carrier.carry(letter)
            except MailUndeliverable as error:
                self.store.failed(row_id, error.why, for_ever=True)
                LOG.warning("mail %d cannot be delivered: %s", row_id, error.why)
                continue
            except MailNotSent as error:
                given_up = self.store.failed(row_id, error.why)
                LOG.warning("mail %d was %s: %s", row_id, "given up" if given_up else "not delivered yet", error.why)
                break
            self.store.delivered(row_id)
            done += 1
        return done

    def keep_up(self) -> None:
        """Deliver mails and forget old ones, for the upkeep."""
        self.deliver()
        self.store.forget_old()
