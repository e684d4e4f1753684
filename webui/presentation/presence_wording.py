"""The words for members now: for whom a round waits, whom it left out and why, and what to look at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _l

from fl.protocol.names import Role
from fl.replay.presence import ConsortiumNow, Fault, MemberNow
from webui.presentation.hospital_wording import left_out_why as left_out_why  # noqa: PLC0414 - the page says it too
from webui.presentation.operator_wording import how_long

WAITS: Mapping[str, Any] = {
    "setup": _l("The first round cannot open yet. It waits for the keys of %(names)s."),
    "between": _l("No round is running. The next one is opened by %(names)s."),
    "open": _l("Round %(number)s waits for the updates of %(names)s."),
    "advertise": _l("Round %(number)s waits for the keys of %(names)s."),
    "share": _l("Round %(number)s waits for the shares of %(names)s."),
    "complain": _l("Round %(number)s waits until %(names)s have checked their shares."),
    "mask": _l("Round %(number)s waits for the masked updates of %(names)s."),
    "frozen": _l("Round %(number)s waits for the sum, which %(names)s computes."),
    "agree": _l("Round %(number)s waits until %(names)s have signed the set."),
    "unmask": _l("Round %(number)s waits for the answers of %(names)s."),
    "proposed": _l("Round %(number)s waits until %(names)s have confirmed the new model."),
}
REASONS: Mapping[str, Any] = {
    "chain": _l("Its chain does not answer."),
    "vault": _l("Its vault does not answer."),
    "file": _l("It waits for a file in the vault."),
    "clock": _l("Its clock is wrong."),
    "disk": _l("Its disk is full."),
    "training": _l("Its training was stopped."),
    "other": _l("Its program waits."),
}
FAULTS: Mapping[Fault, Any] = {
    Fault.OVERDUE: _l("The time of this phase is over. If the round does not go on, see whether the coordinator runs."),
    Fault.ABORTED: _l("The newest round ended without a model. The reason is below."),
    Fault.LEFT_OUT: _l("The newest round leaves somebody out. The names and reasons are below."),
    Fault.SILENT: _l("Somebody who gave signs of life gives none any more. Ask them whether their program runs."),
    Fault.KEYLESS: _l("Somebody was registered and has no key. They must run their join command."),
}


def waits(now: ConsortiumNow) -> str:
    """Return for whom the consortium waits, as a sentence."""
    names = ", ".join(now.name_of(account) for account in now.waiting.who) or str(gettext("nobody"))
    return str(WAITS[now.waiting.phase]) % {"names": names, "number": now.waiting.round}


def fault(which: Fault) -> str:
    return str(FAULTS[which])


def seen(now: ConsortiumNow, member: MemberNow) -> str:
    """Return how long ago a member gave its last sign of life."""
    if member.seen_at is None:
        return str(gettext("never"))
    return str(gettext("%(time)s ago", time=how_long(now.at - member.seen_at)))


def state(member: MemberNow) -> tuple[str, str]:
    """Return tone and text of a member's state; an operator has no agent that gives signs, so its text is empty."""
    tests = (
        (member.revoked, "plain", _l("revoked")),
        (member.keyless, "bad", _l("no key")),
        (member.silent, "bad", _l("silent")),
        (bool(member.sign and member.sign.waits), "wait", _l("has a problem")),
        (member.awaited, "wait", _l("awaited")),
        (member.role == Role.OPERATOR, "plain", ""),
        (member.sign is None, "plain", _l("no sign yet")),
    )
    return next(((tone, str(text)) for found, tone, text in tests if found), ("good", str(gettext("well"))))


def detail(member: MemberNow) -> str:
    """Return why a member has a problem, or why a round left it out; empty if there is nothing to say."""
    if member.sign and member.sign.waits and not member.revoked:
        return str(REASONS[member.sign.waits])
    if member.left_out:
        number, why = member.left_out[0]
        return str(gettext("Left out of round %(number)s: %(why)s", number=number, why=left_out_why(why)))
    return ""
