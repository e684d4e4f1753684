"""Mails to patients about their data: somebody asked, somebody opened, a receipt is on the ledger, its proof is there.

Invariant: a mail says that there is news and where to look; no name, result or record. A patient can switch each kind
off.

Source: EHDS (EU) 2025/327, Art. 9; webui/store/patient_notices.py.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy.orm import Session

from webui.store.patient_notices import News, PatientNoticeStore, Queue
from webui.usecases.mail import Mail
from webui.usecases.readers import writing_to
from webui.usecases.request_notices import Message


class PatientNotices:
    """The notices of one hospital's site."""

    def __init__(self, store: PatientNoticeStore, mail: Mail, proven: Callable[[], int]) -> None:
        """Write mails; `proven` returns the hospital's newest root with a proof."""
        self._proven = proven
        self.store = store
        self._mail = mail

    def keep_up(self, said: Callable[[News], Message]) -> int:
        """Tell every patient the news of each kind, for the upkeep; return how many mails that makes.

        Args:
            said: Returns the words of a mail in the language of its reader.
        """
        proven = self._proven()
        return sum(self.store.tell(kind, self._queue(kind, said), proven) for kind in News)

    def _queue(self, kind: News, said: Callable[[News], Message]) -> Queue:
        def queue(session: Session, account_id: int, email: str) -> None:
            with writing_to(session, account_id):
                message = said(kind)
            self._mail.queue(session, email, message.subject, message.text)

        return queue
