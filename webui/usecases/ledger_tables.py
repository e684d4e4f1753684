"""The ledger as tables: rounds, records, members, keys, ceremonies, requests, answers, roots.

Invariant: a row's key is its permanent address: it follows from the ledger alone, and the ledger never changes it. A
table is computed once for each state of the ledger.

Source: fl/protocol/federation.py (the fold), PROTOCOL.md 3, 5 and 9.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence

from fl.audit.plain_words import without_names
from fl.protocol.keys.ceremony import Ceremony
from fl.protocol.keys.members import Member
from fl.protocol.keys.requests import DecryptionRequest, Refused, RequestPhase
from fl.protocol.names import Address
from fl.protocol.records import Entry
from webui.ports.federation import AuditService, RoundView
from webui.ports.ledger import History
from webui.usecases.tables import Column, Kind, Row, Table, Value

TABLES = ("rounds", "records", "members", "keys", "ceremonies", "requests", "answers", "roots")
METRICS = ("accuracy", "sensitivity", "specificity", "auroc")
STATE, NUMBER, MOMENT = Kind.STATE, Kind.NUMBER, Kind.MOMENT


class LedgerTables:
    """The tables of one site's ledger."""

    def __init__(self, service: AuditService) -> None:
        self._service = service
        self._lock = threading.Lock()
        self._made: dict[str, tuple[object, Table]] = {}

    def table(self, name: str) -> Table:
        """Return one of `TABLES` as the ledger is now.

        Raises:
            UnavailableError: the ledger does not answer.
        """
        history = self._service.history()
        with self._lock:
            known = self._made.get(name)
            if known is not None and known[0] == history.mark:
                return known[1]
        made = rounds_table(self._service.rounds(), history) if name == "rounds" else BUILDERS[name](history)
        with self._lock:
            self._made[name] = (history.mark, made)
        return made


def record_key(entry: Entry) -> str:
    """Return `BLOCK-INDEX`."""
    return f"{entry.position.block}-{entry.position.index}"


def entry_at(history: History, key: str) -> Entry | None:
    """Return the entry of a record's key, if the ledger has it."""
    return next((entry for entry in history.entries if record_key(entry) == key), None)


def rounds_table(views: Sequence[RoundView], history: History) -> Table:
    columns = (
        Column("round", NUMBER),
        Column("phase", STATE, filtered=True),
        Column("protection", filtered=True),
        Column("opened", MOMENT),
        Column("ended", MOMENT),
        Column("hospitals", NUMBER),
        Column("committed", NUMBER),
        Column("attested_by"),
        Column("task", filtered=True, shown=False),
        *(Column(name, NUMBER, shown=name == "accuracy") for name in METRICS),
        Column("model", Kind.DIGEST),
        Column("model_before", Kind.DIGEST, shown=False),
        Column("configuration", Kind.DIGEST, shown=False),
        Column("fewest_hospitals", NUMBER, shown=False),
        Column("attestations_needed", NUMBER, shown=False),
        Column("threshold", NUMBER, shown=False),
        Column("reason", shown=False),
    )
    return Table("rounds", columns, [_round_row(view, history) for view in views])


def _round_row(view: RoundView, history: History) -> Row:
    current = next((each for each in history.federation.rounds if each.number == view.number), None)
    terms, metrics = (current.terms if current else None), view.report.metrics or {}
    values: dict[str, Value] = {
        "round": view.number,
        "phase": view.phase,
        "protection": view.protection,
        "opened": view.opened_at,
        "ended": view.ended_at,
        "hospitals": len(view.hospitals),
        "committed": sum(each.committed for each in view.hospitals),
        "attested_by": ", ".join(view.attested_by),
        "task": view.task.code if view.task else None,
        **{name: metrics.get(name) for name in METRICS},
        "model": view.model_digest.hex() if view.model_digest else None,
        "model_before": current.previous_model.hex() if current else None,
        "configuration": terms.config_digest.hex() if terms else None,
        "fewest_hospitals": terms.min_commitments if terms else None,
        "attestations_needed": terms.attestations if terms else None,
        "threshold": terms.threshold if terms else None,
        "reason": view.reason,
    }
    return Row(str(view.number), values)


def records_table(history: History) -> Table:
    columns = (
        Column("block", NUMBER),
        Column("index", NUMBER, shown=False),
        Column("recorded", MOMENT),
        Column("record", filtered=True),
        Column("sender", filtered=True),
        Column("role", filtered=True),
        Column("round", NUMBER),
        Column("account", Kind.ACCOUNT, shown=False),
        Column("transaction", Kind.DIGEST),
        Column("contract", Kind.ACCOUNT, shown=False),
        Column("digests", shown=False),
    )
    rows = [_record_row(entry, history) for entry in reversed(history.entries)]
    return Table("records", columns, rows)


def _record_row(entry: Entry, history: History) -> Row:
    record, book = entry.record, history.federation.book
    member = book.members.get(record.sender)
    return Row(
        record_key(entry),
        {
            "block": entry.position.block,
            "index": entry.position.index,
            "recorded": entry.timestamp,
            "record": type(record).__name__,
            "sender": book.name_of(record.sender),
            "role": role_name(member),
            "round": getattr(record, "round", None),
            "account": record.sender.hex(),
            "transaction": entry.transaction.hex(),
            "contract": entry.contract.hex(),
            "digests": " ".join(_digests(record)),
        },
    )


def _digests(record: object) -> list[str]:
    """Return every field of 32 bytes, and those of the terms of a round."""
    found = [value.hex() for value in vars(record).values() if isinstance(value, bytes) and len(value) == 32]  # noqa: PLR2004 SHA-256
    terms = getattr(record, "terms", None)
    return [*found, *(_digests(terms) if terms is not None else [])]


def role_name(member: Member | None) -> str:
    return member.role.name.lower() if member is not None else ""


def members_table(history: History) -> Table:
    columns = (
        Column("name"),
        Column("role", filtered=True),
        Column("state", STATE, filtered=True),
        Column("admitted", MOMENT),
        Column("last_record", MOMENT),
        Column("records", NUMBER),
        Column("key_epoch", NUMBER),
        Column("account", Kind.ACCOUNT),
    )
    admitted, last, counts = _activity(history.entries)
    rows = [
        Row(
            member.account.hex(),
            {
                "name": member.name,
                "role": role_name(member),
                "state": member_state(member),
                "admitted": admitted.get(member.account),
                "last_record": last.get(member.account),
                "records": counts.get(member.account, 0),
                "key_epoch": member.key.epoch if member.key else None,
                "account": member.account.hex(),
            },
        )
        for member in history.federation.book.members.values()
    ]
    return Table("members", columns, rows)


def member_state(member: Member) -> str:
    """Return `revoked`, `no key` (it takes no part yet), or `active`."""
    if member.revoked:
        return "revoked"
    return "active" if member.key is not None or role_name(member) == "operator" else "no key"


def _activity(
    entries: Sequence[Entry],
) -> tuple[Mapping[Address, int], Mapping[Address, int], Mapping[Address, int]]:
    """Return, by account, when it was admitted, when it last made a record, and how many it made."""
    admitted: dict[Address, int] = {}
    last: dict[Address, int] = {}
    counts: dict[Address, int] = {}
    for entry in entries:
        sender, member = entry.record.sender, getattr(entry.record, "member", None)
        admitted.setdefault(sender if member is None else member, entry.timestamp)
        last[sender] = entry.timestamp
        counts[sender] = counts.get(sender, 0) + 1
    return admitted, last, counts


def keys_table(history: History) -> Table:
    columns = (
        Column("member", filtered=True),
        Column("role", filtered=True),
        Column("epoch", NUMBER),
        Column("registered", MOMENT),
        Column("state", STATE, filtered=True),
        Column("block", NUMBER),
        Column("key_id"),
        Column("public_key", shown=False),
        Column("account", Kind.ACCOUNT, shown=False),
    )
    places = {
        (entry.record.sender, entry.record.epoch): entry  # type: ignore[union-attr]
        for entry in history.entries
        if type(entry.record).__name__ in ("KeyRegistered", "KeyRotated")
    }
    rows = []
    for member in history.federation.book.members.values():
        for key in reversed(member.keys):
            entry = places.get((member.account, key.epoch))
            current = "revoked" if member.revoked else "in use" if key == member.key else "replaced"
            values: dict[str, Value] = {
                "member": member.name,
                "role": role_name(member),
                "epoch": key.epoch,
                "registered": entry.timestamp if entry else None,
                "state": current,
                "block": entry.position.block if entry else None,
                "key_id": key.key_id.hex(),
                "public_key": key.public_key.hex(),
                "account": member.account.hex(),
            }
            rows.append(Row(f"{member.account.hex()}-{key.epoch}", values))
    return Table("keys", columns, rows)


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


BUILDERS: Mapping[str, Callable[[History], Table]] = {
    "records": records_table,
    "members": members_table,
    "keys": keys_table,
    "ceremonies": ceremonies_table,
    "requests": requests_table,
    "answers": answers_table,
    "roots": roots_table,
}
