"""The ledger as tables for auditors: search, filters, pages, downloads, and one permanent page for each row."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from fl.protocol.names import Address
from webui.errors import NotFound
from webui.http.headers import page_number
from webui.http.sessions import only
from webui.ports.ledger import History
from webui.presentation import record_wording, table_wording
from webui.site import site
from webui.store.models import SiteRole
from webui.usecases.ledger_tables import TABLES
from webui.usecases.round_tables import entry_at
from webui.usecases.tables import Query, Selection, Table, select, to_csv, to_json

blueprint = Blueprint("ledger", __name__, url_prefix="/auditor/ledger")
ANY = f"any({', '.join(TABLES)})"
FORMS = {"csv": (to_csv, "text/csv"), "json": (to_json, "application/json")}
RELATED: Mapping[str, tuple[tuple[str, str, str], ...]] = {
    "members": (
        ("records", "account", "account"),
        ("keys", "account", "account"),
        ("answers", "account", "account"),
        ("roots", "account", "account"),
    ),
    "keys": (("records", "account", "account"),),
    "requests": (("answers", "request", "request"),),
    "ceremonies": (("requests", "committee", "ceremony"),),
}
"""Table -> links on the page of a row: the other table, its column, and the row's column with the value."""


@blueprint.get("/")
@only(SiteRole.AUDITOR, SiteRole.OPERATOR)
def index() -> ResponseReturnValue:
    """List the tables, with the number of rows in each."""
    tables = [site().ledger_tables.table(name) for name in TABLES]
    return render_template("ledger/index.html", tables=tables, words=table_wording)


@blueprint.get(f"/<{ANY}:name>")
@only(SiteRole.AUDITOR, SiteRole.OPERATOR)
def table(name: str) -> ResponseReturnValue:
    """Show the rows of a table that fit the query in the address."""
    chosen = _selection(name, page_number())
    if chosen.query.page >= chosen.pages:
        raise NotFound
    arguments = {key: value for key, value in request.args.items() if key != "page"}
    return render_template("ledger/table.html", chosen=chosen, arguments=arguments, words=table_wording)


@blueprint.get(f"/<{ANY}:name>.<any(csv, json):form>")
@only(SiteRole.AUDITOR, SiteRole.OPERATOR)
def download(name: str, form: str) -> ResponseReturnValue:
    """Return all rows that fit the query, as a file."""
    write, mimetype = FORMS[form]
    response = Response(write(_selection(name)), mimetype=mimetype)
    response.headers["Content-Disposition"] = f"attachment; filename={name}.{form}"
    return response


@blueprint.get(f"/<{ANY}:name>/<key>")
@only(SiteRole.AUDITOR, SiteRole.OPERATOR)
def thing(name: str, key: str) -> ResponseReturnValue:
    """Show one row with all its facts; its address stays the same for ever."""
    whole = site().ledger_tables.table(name)
    row = whole.row(key)
    if row is None:
        raise NotFound
    if name == "rounds":
        return redirect(url_for("auditor.one_round", number=int(key)))
    history = site().services.audits.history()
    return render_template(
        "ledger/thing.html",
        table=whole,
        row=row,
        story=_story(history, key) if name == "records" else None,
        related=_related(name, whole, key),
        words=table_wording,
    )


def _selection(name: str, page: int = 0) -> Selection:
    return select(site().ledger_tables.table(name), Query.parse(request.args, page))


def _story(history: History, key: str) -> dict[str, object]:
    """Return a record in words."""
    entry = entry_at(history, key)
    if entry is None:
        raise NotFound
    names = history.federation.book.name_of

    def named(account: Address) -> str:
        return names(account)

    return {
        "title": record_wording.record_title(type(entry.record).__name__),
        "sentence": record_wording.record_sentence(entry.record, named),
        "fields": record_wording.record_fields(entry, named),
        "block_hash": entry.block_hash.hex(),
        "type": type(entry.record).__name__,
    }


def _related(name: str, whole: Table, key: str) -> list[tuple[str, str]]:
    """Return the other tables with rows about this one, and the address of these rows."""
    row = whole.row(key)
    return [
        (other, f"{url_for('ledger.table', name=other)}?{urlencode({column: str(row.values[own])})}")
        for other, column, own in RELATED.get(name, ())
        if row is not None
    ]
