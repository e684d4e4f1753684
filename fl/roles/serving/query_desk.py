"""A hospital's side of a question: check who asks, open it, let the model judge, seal the answer.

Invariant: a picture is in memory only while it is judged. Who is not a hospital of the consortium gets an error, and
the picture stays sealed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fl.crypto.sealed_query import open_query, seal_answer
from fl.protocol.errors import NoAnswer
from fl.protocol.federation import Federation
from fl.protocol.names import Address
from fl.replay.ledger_view import Keyring
from fl.roles.serving.query_messages import PictureAnswer, PictureQuestion, refusal_bytes


@dataclass(frozen=True)
class QueryDesk:
    """Answers sealed questions for one hospital."""

    account: Address
    keyring: Keyring
    federation: Callable[[], Federation]
    judge: Callable[[PictureQuestion], PictureAnswer]
    """Ask the verified model; raises NoAnswer if it may not judge the picture."""
    now: Callable[[], int]
    """Seconds since 1970."""

    def handle(self, data: bytes) -> bytes:
        """Return the sealed answer to a sealed question.

        Raises:
            MalformedError, RefusedError, TamperedError: the question is not from a hospital, or not for this one.
            UnavailableError, TamperedError: as the model.
        """
        opened = open_query(data, self.federation().book, self.account, self.keyring.keys, self.now())
        question = PictureQuestion.from_bytes(opened.body)
        try:
            body = self.judge(question).to_bytes()
        except NoAnswer as refused:
            body = refusal_bytes(refused)
        return seal_answer(opened, body)
