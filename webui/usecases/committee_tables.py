"""The ledger as tables: ceremonies, requests to trustees, answers, and the roots of records.

Invariant: a row's key is its permanent address: it follows from the ledger alone.

Source: webui/usecases/ledger_tables.py.
"""

from __future__ import annotations

from fl.audit.plain_words import without_names
from fl.protocol.keys.ceremony import Ceremony
from fl.protocol.keys.requests import DecryptionRequest, Refused, RequestPhase
from fl.protocol.names import Address
from webui.ports.ledger import History
from webui.usecases.tables import Column, Kind, Row, Table, Value

STATE, NUMBER, MOMENT = Kind.STATE, Kind.NUMBER, Kind.MOMENT


def ceremonies_table(history: History) -> Table:
    columns = (
        Column("key", filtered=True),
        Column("ceremony", NUMBER),
        Column("kind", filtered=True),
        Column("phase", STATE, filtered=True),
        Column("started", MOMENT),
        Column("threshold", NUMBER),
        Column("trustees"),
        Column("progress"),
        Column("deadline", MOMENT),
        Column("expires", MOMENT),
        Column("block", NUMBER, shown=False),
        Column("public_key", shown=False),
        Column("dealt_by_operator", shown=False),
        Column("reason", shown=False),
    )
    every = [each for use in history.federation.threshold.ceremonies.values() for each in use]
    every.sort(key=lambda each: each.started.position, reverse=True)
    return Table("ceremonies", columns, [_ceremony_row(each, history) for each in every])


def _ceremony_row(ceremony: Ceremony, history: History) -> Row:
    names = history.federation.book.name_of
    use = ceremony.use.name.lower()
    done, of = ceremony_progress(ceremony)
    values: dict[str, Value] = {
        "key": use,
        "ceremony": ceremony.number,
        "kind": ceremony.terms.kind.name.lower(),
        "phase": ceremony_state(ceremony, history),
        "started": ceremony.started.timestamp,
        "threshold": ceremony.terms.threshold,
        "trustees": ", ".join(names(account) for account in ceremony.terms.receivers),
        "progress": "" if ceremony.ended else f"{done}/{of}",
        "deadline": None if ceremony.ended else ceremony.deadline,
        "expires": ceremony.terms.expires_at,
        "block": ceremony.started.position.block,
        "public_key": ceremony.public_key.hex() or None,
        "dealt_by_operator": "yes" if ceremony.origin.name == "DEALER" else "no",
        "reason": without_names(ceremony.reason),
    }
    return Row(f"{use}-{ceremony.number}", values)


def ceremony_state(ceremony: Ceremony, history: History) -> str:
    """Return the phase in lower case; a finished ceremony whose committee is not the newest is `replaced`."""
    committee = ceremony.committee
    if committee is None:
        return ceremony.phase.name.lower()
    newest = history.federation.threshold.in_force(ceremony.use)
    return "in force" if newest is not None and newest.epoch == committee.epoch else "replaced"


def ceremony_progress(ceremony: Ceremony) -> tuple[int, int]:
    """Return how many of how many members have acted in the present phase."""
    done, who = {
        "COMMIT": (ceremony.committed, ceremony.dealers),
        "DEAL": (ceremony.dealt, ceremony.dealers),
        "CHECK": (ceremony.checked, ceremony.terms.receivers),
        "CONFIRM": (ceremony.confirmed, ceremony.terms.receivers),
    }.get(ceremony.phase.name, ((), ()))
    return len(done), len(who)


def ceremony_missing(ceremony: Ceremony) -> tuple[Address, ...]:
    """Return who has not acted in the present phase."""
    done, who = {
        "COMMIT": (ceremony.committed, ceremony.dealers),
        "DEAL": (ceremony.dealt, ceremony.dealers),
        "CHECK": (ceremony.checked, ceremony.terms.receivers),
        "CONFIRM": (ceremony.confirmed, ceremony.terms.receivers),
    }.get(ceremony.phase.name, ({}, ()))
    return tuple(account for account in who if account not in done)


def requests_table(history: History) -> Table:
    columns = (
        Column("request", NUMBER),
        Column("asked", MOMENT),
        Column("requester", filtered=True),
        Column("key", filtered=True),
        Column("purpose", filtered=True),
        Column("state", STATE, filtered=True),
        Column("approvals", NUMBER),
        Column("refusals", NUMBER),
        Column("threshold", NUMBER),
        Column("deadline", MOMENT),
        Column("block", NUMBER, shown=False),
        Column("committee", NUMBER, shown=False),
        Column("label", Kind.DIGEST, shown=False),
        Column("capsule", Kind.DIGEST, shown=False),
    )
    rows = [_request_row(each, history) for each in reversed(history.federation.threshold.requests)]
    return Table("requests", columns, rows)


def _request_row(request: DecryptionRequest, history: History) -> Row:
    asked = request.record
    values: dict[str, Value] = {
        "request": request.number,
        "asked": request.requested.timestamp,
        "requester": history.federation.book.name_of(request.requester),
        "key": request.key_use.name.lower(),
        "purpose": asked.purpose.name.lower().replace("_", " "),
        "state": REQUEST_STATES[request.phase],
        "approvals": len(request.approvals),
        "refusals": len(request.refusals),
        "threshold": request.committee.threshold,
        "deadline": asked.deadline,
        "block": request.requested.position.block,
        "committee": request.epoch,
        "label": asked.label.hex(),
        "capsule": asked.capsule_digest.hex(),
    }
    return Row(str(request.number), values)


REQUEST_STATES = {
    RequestPhase.NONE: "none",
    RequestPhase.OPEN: "open",
    RequestPhase.APPROVED: "approved",
    RequestPhase.FULFILLED: "opened",
    RequestPhase.REFUSED: "refused",
}


def answers_table(history: History) -> Table:
    columns = (
        Column("request", NUMBER),
        Column("answered", MOMENT),
        Column("trustee", filtered=True),
        Column("answer", STATE, filtered=True),
        Column("reason", filtered=True),
        Column("seconds", NUMBER),
        Column("block", NUMBER),
        Column("account", Kind.ACCOUNT, shown=False),
        Column("transaction", Kind.DIGEST, shown=False),
        Column("file", Kind.DIGEST, shown=False),
    )
    rows = []
    for request in reversed(history.federation.threshold.requests):
        for account, given in request.answers.items():
            refused = isinstance(given, Refused)
            values: dict[str, Value] = {
                "request": request.number,
                "answered": given.entry.timestamp,
                "trustee": history.federation.book.name_of(account),
                "answer": "refused" if refused else "approved",
                "reason": given.reason.name.lower() if isinstance(given, Refused) else None,
                "seconds": given.entry.timestamp - request.requested.timestamp,
                "block": given.entry.position.block,
                "account": account.hex(),
                "transaction": given.entry.transaction.hex(),
                "file": None if isinstance(given, Refused) else given.digest.hex(),
            }
            rows.append(Row(f"{request.number}-{account.hex()}", values))
    return Table("answers", columns, rows)


def roots_table(history: History) -> Table:
    columns = (
        Column("hospital", filtered=True),
        Column("batch", NUMBER),
        Column("recorded", MOMENT),
        Column("root", Kind.DIGEST),
        Column("block", NUMBER),
        Column("transaction", Kind.DIGEST, shown=False),
        Column("account", Kind.ACCOUNT, shown=False),
    )
    rows = [
        Row(
            f"{account.hex()}-{root.batch}",
            {
                "hospital": history.federation.book.name_of(account),
                "batch": root.batch,
                "recorded": root.entry.timestamp,
                "root": root.root.hex(),
                "block": root.entry.position.block,
                "transaction": root.entry.transaction.hex(),
                "account": account.hex(),
            },
        )
        for account, roots in history.federation.threshold.roots.items()
        for root in reversed(roots)
    ]
    rows.sort(key=lambda row: int(row.values["block"] or 0), reverse=True)
    return Table("roots", columns, rows)
