"""The words of the ledger's tables: titles, heads of columns, values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from flask_babel import gettext
from flask_babel import lazy_gettext as _l

from webui.presentation.code_words import code_word
from webui.presentation.numbers_and_dates import decimal, per_cent, whole
from webui.presentation.record_wording import record_title
from webui.usecases.tables import Column, Kind, Query, Value

TABLE_TITLES: Mapping[str, tuple[Any, Any]] = {
    "rounds": (_l("Rounds"), _l("Every round of training: who took part, how it ended, and which model it made.")),
    "records": (_l("Records"), _l("Everything that anybody ever put on the ledger, the newest first.")),
    "members": (_l("Members"), _l("Who was admitted to the consortium, and who takes part now.")),
    "keys": (_l("Members' keys"), _l("The encryption key of each member, and the keys before it.")),
    "ceremonies": (
        _l("Ceremonies and committees"),
        _l("How trustees got their shares of a common key, and which committee holds it now."),
    ),
    "requests": (_l("Requests to trustees"), _l("Who asked the trustees to open a file, for which purpose.")),
    "answers": (_l("Trustees' answers"), _l("Each approval and each refusal, and how long it took.")),
    "roots": (_l("Roots of patient records"), _l("The common fingerprints that hospitals recorded.")),
}
ONE: Mapping[str, Any] = {
    "rounds": _l("Round"),
    "records": _l("Record"),
    "members": _l("Member"),
    "keys": _l("Key"),
    "ceremonies": _l("Ceremony"),
    "requests": _l("Request"),
    "answers": _l("Answer"),
    "roots": _l("Root"),
}
HEADS: Mapping[str, Any] = {
    "account": _l("Account"),
    "accuracy": _l("Accuracy"),
    "admitted": _l("Admitted"),
    "answer": _l("Answer"),
    "answered": _l("Answered"),
    "approvals": _l("Approvals"),
    "asked": _l("Asked"),
    "attestations_needed": _l("Attestations needed"),
    "attested_by": _l("Attested by"),
    "auroc": _l("AUROC"),
    "batch": _l("Batch"),
    "block": _l("Block"),
    "capsule": _l("Capsule"),
    "ceremony": _l("Ceremony"),
    "committed": _l("Updates"),
    "committee": _l("Committee"),
    "configuration": _l("Configuration"),
    "contract": _l("Contract"),
    "deadline": _l("Deadline"),
    "dealt_by_operator": _l("Dealt by the operator"),
    "digests": _l("Fingerprints in it"),
    "ended": _l("Ended"),
    "epoch": _l("Epoch"),
    "expires": _l("Shares valid until"),
    "fewest_hospitals": _l("Fewest hospitals"),
    "file": _l("File"),
    "hospital": _l("Hospital"),
    "hospitals": _l("Hospitals"),
    "index": _l("Place in the block"),
    "key": _l("Key for"),
    "key_epoch": _l("Key epoch"),
    "key_id": _l("Key number"),
    "kind": _l("Kind"),
    "label": _l("Label"),
    "last_record": _l("Last record"),
    "member": _l("Member"),
    "model": _l("Model"),
    "model_before": _l("Model it starts from"),
    "name": _l("Name"),
    "opened": _l("Opened"),
    "phase": _l("Phase"),
    "progress": _l("Done"),
    "protection": _l("Protection"),
    "public_key": _l("Public key"),
    "purpose": _l("Purpose"),
    "reason": _l("Reason"),
    "record": _l("Record"),
    "recorded": _l("Recorded"),
    "records": _l("Records"),
    "refusals": _l("Refusals"),
    "registered": _l("Registered"),
    "request": _l("Request"),
    "requester": _l("Asked by"),
    "role": _l("Role"),
    "root": _l("Root"),
    "round": _l("Round"),
    "seconds": _l("Seconds until the answer"),
    "sender": _l("Sender"),
    "sensitivity": _l("Sensitivity"),
    "specificity": _l("Specificity"),
    "started": _l("Started"),
    "state": _l("State"),
    "task": _l("Task"),
    "threshold": _l("Threshold"),
    "transaction": _l("Transaction"),
    "trustee": _l("Trustee"),
    "trustees": _l("Trustees"),
}
TONES = {
    "final": "good",
    "active": "good",
    "in use": "good",
    "in force": "good",
    "approved": "good",
    "opened": "good",
    "aborted": "bad",
    "revoked": "bad",
    "refused": "bad",
    "no key": "wait",
    "open": "wait",
    "commit": "wait",
    "deal": "wait",
    "check": "wait",
    "confirm": "wait",
}
CODED = {"role", "protection", "key", "kind", "purpose", "reason", "dealt_by_operator"}
"""Columns of codes, besides those of states."""
SHARES = {"accuracy", "sensitivity", "specificity"}


def table_title(name: str) -> str:
    return str(TABLE_TITLES[name][0])


def table_text(name: str) -> str:
    return str(TABLE_TITLES[name][1])


def thing_title(name: str) -> str:
    """Return what one row of a table is called."""
    return str(ONE[name])


def head(name: str) -> str:
    """Return the head of a column."""
    return str(HEADS.get(name, name.replace("_", " ").capitalize()))


def cell_text(column: Column, value: Value) -> str:
    """Return a value of a column without a page of its own."""
    if value is None or value == "":
        return "–"
    if isinstance(value, float):
        return per_cent(value, 1) if column.name in SHARES else decimal(value, 3)
    if isinstance(value, int):
        return whole(value)
    if column.name == "record":
        return record_title(value)
    return code_word(value) if column.kind is Kind.STATE or column.name in CODED else value


def state_tone(value: str) -> str:
    return TONES.get(value, "plain")


def sorted_by(query: Query, arguments: Mapping[str, str], column: Column) -> tuple[str, str]:
    """Return the address that sorts by a column, and how the rows are sorted by it now: ascending, descending, none."""
    now = "none" if query.sort != column.name else "descending" if query.descending else "ascending"
    order = f"-{column.name}" if now == "ascending" else column.name
    return changed(arguments, sort=order, page=""), now


def changed(arguments: Mapping[str, str], **changes: object) -> str:
    """Return an address's arguments with some of them changed; an empty value removes one."""
    kept = {name: value for name, value in {**arguments, **changes}.items() if value not in ("", None)}
    return "?" + urlencode(kept)


def counted(count: int, page: int, pages: int) -> str:
    """Return how many rows there are."""
    shown = whole(count)
    if count == 0:
        return str(gettext("Nothing fits these filters."))
    if pages == 1:
        return str(gettext("%(count)s in all.", count=shown) if count != 1 else gettext("One in all."))
    return str(gettext("%(count)s in all; page %(page)s of %(pages)s.", count=shown, page=page + 1, pages=pages))
