"""What both processes of models do: answer the site's questions, one after another, until it ends.

Invariant: the process ends when its standard input ends, and when one question takes too long.
"""

from __future__ import annotations

import signal
import socket
import sys
from collections.abc import Callable

from fl.training.model.device import use_threads
from scripts.predictor.messages import Message, receive, send

LONGEST_S = 300
"""The process ends itself if one question takes longer."""


def answer_all(answer: Callable[[Message], Message], body_cap: int) -> None:
    """Answer every question that comes over the socket at standard input; a body has `body_cap` bytes at most."""
    use_threads(1)
    with socket.socket(fileno=sys.stdin.fileno()) as site:
        while True:
            try:
                question = receive(site, body_cap)
                signal.alarm(LONGEST_S)
                send(site, answer(question))
                signal.alarm(0)
            except (EOFError, ConnectionError):
                return
