"""Mails about doctors' work: that a review arrived, that a request waits, that it was answered.

Invariant: a mail names no result, no patient to others, and no purpose; it says where to sign in.

Source: webui/store/records.py (results are only in sealed records).
"""

from __future__ import annotations

from sqlalchemy.orm import Session

from webui.store.accounts import SignedInUser
from webui.store.models import StoredRecord
from webui.store.worklist import After


def review_letter(_row: StoredRecord, _doctor: SignedInUser) -> After:
    """Return what puts the mail to the patient about a new review into the outbox."""

    def queue(_session: Session) -> None:
        """The outbox comes with the accounts' part."""

    return queue
