"""Tells trustees that a request waits, and askers that it was answered: by mail, and by a count in the menu.

Invariant: each trustee gets one mail for a request, each asker one for a state. What a person has just seen on a page
is not mailed. Nobody is told about a request of their own as a trustee.

Source: PROTOCOL.md 9, Requests.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.orm import Session

from webui.ports.decryption_requests import RequestFacts, RequestService, RequestState
from webui.store.decryption_requests import RequestStore
from webui.store.request_notices import LinkedTrustee, NoticeStore, Queue
from webui.usecases.mail import Mail
from webui.usecases.readers import writing_to_address

ENDED = (RequestState.FULFILLED, RequestState.REFUSED, RequestState.EXPIRED, RequestState.STALE)
MAILED = {RequestState.READY, RequestState.REFUSED, RequestState.EXPIRED, RequestState.STALE}
"""The asker opens a record and so knows FULFILLED."""


@dataclass(frozen=True)
class Message:
    """What a mail says."""

    subject: str
    text: str


@dataclass(frozen=True)
class Messages:
    """The mails about requests."""

    waiting: Message
    """To a trustee."""
    answered: Message
    """To somebody who asked."""


class RequestNotices:
    """The notices of one hospital's site."""

    def __init__(self, store: NoticeStore, requests: RequestStore, service: RequestService, mail: Mail) -> None:
        self._store = store
        self._requests = requests
        self._service = service
        self._mail = mail

    def keep_up(self, messages: Callable[[], Messages]) -> int:
        """Tell everybody who does not know yet, for the upkeep; return how many mails that makes.

        Raises:
            UnavailableError: the ledger or the database does not answer; the next turn tries again.
        """
        trustees, watched = self._store.trustees(), self._store.watched([state.value for state in ENDED])
        if not trustees and not watched:
            return 0
        told = 0
        for trustee in trustees:
            told += bool(self._look(trustee, self._queue(lambda: messages().waiting)))
        facts = self._service.facts([request.number for request in watched])
        for request in watched:
            state = facts[request.number].state if request.number in facts else None
            if state is None or state == RequestState.OPEN or request.told == state.value:
                continue
            mailed = state in MAILED
            self._store.tell(request, state.value, self._queue(lambda: messages().answered) if mailed else None)
            told += mailed
        return told

    def waiting_for(self, doctor_id: int) -> list[RequestFacts]:
        """Return the requests that wait for this doctor's answer, and note that the doctor sees them.

        Raises:
            UnavailableError: the ledger does not answer.
        """
        trustee = next((one for one in self._store.trustees() if one.doctor_id == doctor_id), None)
        if trustee is None:
            return []
        waiting = self._waiting(trustee)
        self._store.wait_for(trustee, [facts.number for facts in waiting], None)
        return waiting

    def _look(self, trustee: LinkedTrustee, queue: Queue) -> int:
        return self._store.wait_for(trustee, [facts.number for facts in self._waiting(trustee)], queue)

    def _waiting(self, trustee: LinkedTrustee) -> list[RequestFacts]:
        waiting = self._service.waiting_for(trustee.account)
        made_here = self._requests.askers([facts.number for facts in waiting])
        return [facts for facts in waiting if made_here.get(facts.number) != trustee.doctor_id]

    def _queue(self, message: Callable[[], Message]) -> Queue:
        def queue(session: Session, email: str) -> None:
            with writing_to_address(session, email):
                said = message()
            self._mail.queue(session, email, said.subject, said.text)

        return queue
