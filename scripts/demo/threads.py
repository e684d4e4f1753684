"""Runs several roles as threads of one process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from fl.events import Notify
from fl.roles.runner import Agent, Run, run


def run_together(leader: Agent, done: Callable[[], bool], others: Sequence[Agent], notify: Notify) -> None:
    """Run `leader` until `done()`, with `others` beside it; raise the first error of any of them."""
    stop = threading.Event()
    errors: list[BaseException] = []

    def work(agent: Agent, finished: Callable[[], bool]) -> None:
        try:
            run(agent, Run(stop, notify, done=finished))
        except BaseException as error:  # noqa: BLE001 - raised again below, in the caller's thread
            errors.append(error)
            stop.set()

    first = threading.Thread(target=work, args=(leader, done), name="leader", daemon=True)
    rest = [threading.Thread(target=work, args=(agent, lambda: False), daemon=True) for agent in others]
    for thread in (*rest, first):
        thread.start()
    try:
        first.join()
    finally:
        stop.set()
    for thread in rest:
        thread.join()
    if errors:
        raise errors[0]
