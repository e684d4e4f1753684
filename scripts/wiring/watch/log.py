"""The log of an agent: one line for each event, for people or for programs.

Invariant: a line has the date and time (UTC), and nothing of a member's text can end it or begin another one.

Source: RFC 3339 (time), RFC 8259 (JSON); one object a line is often called JSON Lines.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import click

from fl.audit.plain_words import without_names
from fl.events import Event, Notify
from fl.protocol.names import shown

WARNINGS = frozenset(
    {
        Event.WAITING,
        Event.REORG_SEEN,
        Event.NODE_CHANGED,
        Event.STILL_WAITING,
        Event.HOSPITAL_LEFT_OUT,
        Event.GOES_ON_WITHOUT,
        Event.TRAINING_FAILED,
        Event.ROUND_ABORTED,
        Event.ROUND_REFUSED,
        Event.MISSING_IN_SET,
        Event.TOO_LATE,
        Event.UPLOAD_REFUSED,
        Event.KEY_ORDER_REFUSED,
        Event.WITHDRAWAL_REFUSED,
        Event.ANSWER_LEFT_OUT,
        Event.MODEL_NOT_ATTESTED,
        Event.MASK_OPENED,
        Event.UPDATES_SUSPECT,
        Event.CEREMONY_STUCK,
        Event.CEREMONY_ABORTED,
        Event.SHARE_MISSED,
        Event.SUCCESSOR_UNUSABLE,
        Event.CALIBRATION_WEAK,
        Event.WITNESS_FAILED,
    }
)
ERRORS = frozenset({Event.ALARM, Event.ENDED})


@dataclass(frozen=True)
class Speaker:
    """Who writes a log."""

    member: str
    role: str


def level_of(what: Event) -> str:
    return "error" if what in ERRORS else "warning" if what in WARNINGS else "info"


def line_of(name: str, what: Event, facts: Mapping[str, object], moment: float) -> str:
    """Return an event as one line for a person."""
    details = ", ".join(f"{key} {_short(value)}" for key, value in facts.items() if value is not None)
    text = f"{name}: {what}{' (' + details + ')' if details else ''}"
    stamp = datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return shown(without_names(f"{stamp} {text}"))


def object_of(speaker: Speaker, what: Event, facts: Mapping[str, object], moment: float) -> str:
    """Return an event as one JSON object on one line.

    Its fields: time (RFC 3339, UTC), level (info, warning or error), role, member, event (the name in fl/events.py in
    small letters), message (the sentence), round (only if the event belongs to one), facts (the rest).
    """
    shown_facts = {key: _plain(key, value) for key, value in facts.items() if value is not None}
    number = shown_facts.pop("round", None)
    line: dict[str, object] = {
        "time": datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": level_of(what),
        "role": speaker.role,
        "member": speaker.member,
        **({"round": number} if number is not None else {}),
        "event": what.name.lower(),
        "message": _message(what, shown_facts),
        "facts": shown_facts,
    }
    return json.dumps(line, ensure_ascii=True)


def writer(speaker: Speaker, log_format: str, clock: Callable[[], float]) -> Notify:
    """Return what writes each event as a line on standard output."""

    def notify(what: Event, facts: Mapping[str, object]) -> None:
        moment = clock()
        if log_format == "json":
            sys.stdout.write(object_of(speaker, what, facts, moment) + "\n")
            sys.stdout.flush()
        else:
            click.echo(line_of(speaker.member, what, facts, moment))

    return notify


def _message(what: Event, facts: Mapping[str, object]) -> str:
    details = ", ".join(f"{key} {value}" for key, value in facts.items())
    return f"{what} ({details})" if details else str(what)


def _plain(key: str, value: object) -> object:
    """Return a fact for JSON; a reason may begin with the name of an error, which is for programs."""
    if isinstance(value, bool | int | float):
        return value
    text = shown(str(value))
    return without_names(text) if key == "reason" else text


def _short(value: object) -> object:
    return f"{value:.4g}" if isinstance(value, float) else value
