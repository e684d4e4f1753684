"""The ClientApp: calls this hospital's agent for one round, waits for the round's end, and says how it went.

Invariant: a fault of the agent becomes an answer with its name; it never ends the SuperNode or stops another hospital.
Nothing that only the hospital knows (number of images, loss, weights) is in the answer.
"""

from __future__ import annotations

import time
from typing import Any

from flwr.app import ConfigRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

from .talk import Agent, AgentAwayError, text, whole

PATIENCE_S = 120.0
"""How long the agent may be away, as while it is started again."""
app = ClientApp()


@app.train()  # type: ignore[untyped-decorator]  # mypy runs where flwr is not installed
def begin_round(message: Message, context: Context) -> Message:
    """Take part in the round that the message names."""
    call = message.content.config_records["call"]
    number, seconds = int(call["round"]), float(call["seconds"])
    began = time.monotonic()
    name = str(context.node_config.get("name", ""))
    try:
        agent = Agent(str(context.node_config["socket"]))
        answer = agent.until_ended("join", number, began + seconds, min(PATIENCE_S, seconds))
    except (AgentAwayError, KeyError):
        answer = {"name": name, "round": number, "state": "away", "reason": "its agent does not answer"}
    return Message(_content(answer, number, time.monotonic() - began), reply_to=message)


def _content(answer: dict[str, Any], number: int, seconds: float) -> RecordDict:
    """Return the records of an answer: `status` for people, `metrics` for Flower's tools."""
    status = {field: text(answer, field) for field in ("name", "account", "version", "state", "reason", "model")}
    took_part = int(answer.get("took_part") is True)
    metrics = MetricRecord({"round": number, "took-part": took_part, "seconds": round(seconds, 3)})
    metrics["hospitals"] = whole(answer, "hospitals")
    return RecordDict({"status": ConfigRecord(dict(status)), "metrics": metrics})
