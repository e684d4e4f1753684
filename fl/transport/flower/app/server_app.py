"""The ServerApp: has the coordinator open a round, calls every node that is there, and says how the round went.

Invariant: one message a round goes to each node. The round's end is what the coordinator's agent reads on the ledger,
so a node that is silent, slow or lies changes a line of the log and nothing else. A node that appears later is called
in the round that runs, and in those that follow.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from flwr.app import ConfigRecord, Context, Message, MetricRecord, RecordDict
from flwr.serverapp import Grid, ServerApp

from .talk import WAIT_S, Agent, AgentAwayError, text, whole

LOG = logging.getLogger("flwr")
app = ServerApp()
LOOK_S = 2
"""How often nodes and replies are looked for while a round runs."""


@dataclass
class Exchange:
    """The messages of one round."""

    grid: Grid
    number: int
    seconds: float
    """How long a node may take."""
    pending: dict[str, int] = field(default_factory=dict)
    """Node by message."""
    called: set[int] = field(default_factory=set)
    replies: dict[int, Message] = field(default_factory=dict)

    def call_new_nodes(self) -> None:
        """Send one message to each node that is there and was not called in this round."""
        new = [node for node in self.grid.get_node_ids() if node not in self.called]
        call = {"round": self.number, "seconds": self.seconds}
        messages = [
            Message(RecordDict({"call": ConfigRecord(dict(call))}), dst_node_id=node, message_type="train")
            for node in new
        ]
        if messages:
            self.called.update(new)
            self.pending.update(zip(self.grid.push_messages(messages), new, strict=True))

    def collect(self) -> None:
        """Take the replies that are there."""
        waiting = [message for message, node in self.pending.items() if node not in self.replies]
        for reply in self.grid.pull_messages(waiting) if waiting else ():
            self.replies[self.pending[reply.metadata.reply_to_message_id]] = reply

    @property
    def silent(self) -> set[int]:
        return self.called - self.replies.keys()


@app.main()  # type: ignore[untyped-decorator]  # mypy runs where flwr is not installed
def main(grid: Grid, context: Context) -> None:
    """Run the rounds that the run's configuration asks for, or all that the coordinator's plan has."""
    config = context.run_config
    coordinator = Agent(str(config["coordinator"]))
    wanted, fewest = int(config["rounds"]), int(config["min-nodes"])
    grace_s, seconds = float(config["grace-seconds"]), float(config["round-seconds"])
    done = 0
    while not wanted or done < wanted:
        _await_nodes(grid, fewest)
        number = _open(coordinator)
        if not number:
            LOG.info("The coordinator's plan is done.")
            break
        exchange = Exchange(grid, number, seconds)
        began = time.monotonic()
        outcome = _follow(coordinator, exchange)
        _last_replies(exchange, grace_s)
        _report(context, exchange, outcome, time.monotonic() - began)
        done += 1
        if outcome.get("done") is True:
            LOG.info("The coordinator's plan is done.")
            break
    context.state["rounds"] = MetricRecord({"rounds": done})


def _await_nodes(grid: Grid, fewest: int) -> None:
    """Wait until enough nodes are there; say once how many are missing."""
    said = -1
    while (there := len(list(grid.get_node_ids()))) < fewest:
        if there != said:
            LOG.info("%d of %d SuperNodes are there; waiting for more.", there, fewest)
        said = there
        time.sleep(LOOK_S)


def _open(coordinator: Agent) -> int:
    """Return the number of the round that runs or opens, however long that takes; 0 if the plan is done."""
    said = ""
    while True:
        try:
            answer = coordinator.ask("open", 0, WAIT_S)
            reason = text(answer, "reason").rstrip(".")
        except AgentAwayError as error:
            answer, reason = {}, str(error)
            time.sleep(LOOK_S)
        if number := whole(answer, "round"):
            return number
        if answer.get("done") is True:
            return 0
        if reason and reason != said:
            LOG.info("The coordinator opens no round yet: %s.", reason)
        said = reason


def _follow(coordinator: Agent, exchange: Exchange) -> dict[str, Any]:
    """Call nodes and take replies until the round has ended; return what the coordinator says of it."""
    while True:
        exchange.call_new_nodes()
        exchange.collect()
        try:
            answer = coordinator.ask("follow", exchange.number, LOOK_S)
        except AgentAwayError as error:
            LOG.warning("Round %d: %s; trying again.", exchange.number, error)
            time.sleep(LOOK_S)
            continue
        if answer.get("state") in ("final", "aborted"):
            return answer


def _last_replies(exchange: Exchange, grace_s: float) -> None:
    ends = time.monotonic() + grace_s
    exchange.collect()
    while exchange.silent and time.monotonic() < ends:
        time.sleep(0.5)
        exchange.collect()


def _report(context: Context, exchange: Exchange, outcome: dict[str, Any], seconds: float) -> None:
    """Log a line for the round and one for each node that failed; keep the figures in the run's state."""
    number, state = exchange.number, text(outcome, "state")
    figures = {name: float(value) for name, value in _figures(outcome)}
    shown = "".join(f", {name.replace('_', ' ')} {value:.4g}" for name, value in figures.items())
    took_part, roster = whole(outcome, "hospitals"), whole(outcome, "roster")
    LOG.info("Round %d: %s, %d of %d hospitals%s, %.1f s.", number, state, took_part, roster, shown, seconds)
    for field_, words in (("left_out", "went on without"), ("reason", "ended because")):
        if outcome.get(field_):
            LOG.warning("Round %d %s: %s.", number, words, text(outcome, field_).rstrip("."))
    for node, words in _failures(exchange):
        LOG.warning("Round %d: %s: %s.", number, _name(exchange, node), words)
    context.state[f"round-{number}"] = MetricRecord(
        {"hospitals": took_part, "seconds": round(seconds, 3), "final": int(state == "final"), **figures}
    )
    context.state[f"round-{number}-model"] = ConfigRecord({"model": text(outcome, "model"), "state": state})


def _failures(exchange: Exchange) -> Iterable[tuple[int, str]]:
    """Return what went wrong at which node."""
    for node in sorted(exchange.silent):
        yield node, "no answer; its SuperNode may be gone"
    for node, reply in sorted(exchange.replies.items()):
        if reply.has_error():
            yield node, f"Flower reports error {reply.error.code} ({str(reply.error.reason)[:200]})"
            continue
        status = reply.content.config_records["status"]
        took_part, state = reply.content.metric_records["metrics"]["took-part"], status["state"]
        if not took_part and (status["reason"] or state != "aborted"):
            yield node, str(status["reason"] or f"did not take part ({state or 'no state'})")[:300]


def _name(exchange: Exchange, node: int) -> str:
    reply = exchange.replies.get(node)
    if reply is not None and not reply.has_error():
        name = str(reply.content.config_records["status"]["name"])
        if name:
            return name[:100]
    names = {each.node_id: each.name for each in exchange.grid.get_nodes()}
    return names.get(node) or f"node {node}"


def _figures(outcome: dict[str, Any]) -> Iterable[tuple[str, float]]:
    figures = outcome.get("figures")
    for name, value in figures.items() if isinstance(figures, dict) else ():
        if isinstance(value, int | float):
            yield str(name), value
