"""The ledger as tables: rounds and records.

Invariant: a row's key is its permanent address: it follows from the ledger alone.

Source: webui/usecases/ledger_tables.py.
"""

from __future__ import annotations

from collections.abc import Sequence

from fl.protocol.records import Entry
from webui.ports.federation import RoundView
from webui.ports.ledger import History
from webui.usecases.member_tables import role_name
from webui.usecases.tables import Column, Kind, Row, Table, Value

STATE, NUMBER, MOMENT = Kind.STATE, Kind.NUMBER, Kind.MOMENT
METRICS = ("accuracy", "sensitivity", "specificity", "auroc")


def record_key(entry: Entry) -> str:
    """Return `BLOCK-INDEX`."""
    place = entry.position
    return f"{place.block}-{place.index}" + (f"-{place.part}" if place.part else "")


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
        "phase": "superseded" if view.superseded else view.phase,
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
