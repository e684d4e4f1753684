"""Questions of pages to the ledger, each asked once per request.

Invariant: an answer is kept only for the current request (flask.g).
"""

from __future__ import annotations

from contextlib import suppress
from enum import StrEnum

from flask import g, has_app_context

from fl.crypto.capsule import NO_KEY
from fl.protocol.errors import UnavailableError
from fl.roles.serving.model_facts import Verification
from webui.http.sessions import visitor
from webui.ports.federation import GoneBack, ServedModel
from webui.ports.records import CommitteeFacts
from webui.site import site
from webui.store.models import SiteRole, StoredRecord
from webui.store.worklist import Counts


class KeyMaker(StrEnum):
    """Who made the threshold key that a record is sealed to."""

    OPERATOR = "operator"
    """The operator dealt the key, and so knew it."""
    TRUSTEES = "trustees"
    """Also if the record is not sealed to a threshold key."""
    UNKNOWN = "unknown"
    """The ledger does not answer."""


def look_again(model: ServedModel) -> Verification:
    """Return what the ledger says now about a model that answered earlier."""
    known: dict[bytes, Verification] = g.setdefault("models_now", {})
    if model.envelope_digest not in known:
        known[model.envelope_digest] = site().services.predictions.again(model)
    return known[model.envelope_digest]


def gone_back(table: str = "") -> GoneBack | None:
    """Return which models of pictures, or of a table, are no longer in use; None if all are."""
    if not has_app_context():
        return None
    known: dict[str, GoneBack | None] = g.setdefault("gone_back", {})
    if table not in known:
        known[table] = site().models_in_use.gone_back(table)
    return known[table]


def is_ended(number: int, table: str = "") -> bool:
    """Return whether the coordinator went back to an earlier model than that of a round."""
    back = gone_back(table)
    return back is not None and number in back.superseded


def is_superseded(model: ServedModel, table: str = "") -> bool:
    """Return whether the coordinator went back to an earlier model than the one that gave an answer."""
    return is_ended(model.round, table)


def key_maker(row: StoredRecord) -> KeyMaker:
    if not any(row.key_id or NO_KEY):
        return KeyMaker.TRUSTEES
    dealt = _dealt_keys()
    if dealt is None:
        return KeyMaker.UNKNOWN
    return KeyMaker.OPERATOR if row.key_id in dealt else KeyMaker.TRUSTEES


def _dealt_keys() -> frozenset[bytes] | None:
    """Return the ids of the keys that the operator dealt; None while the ledger does not answer."""
    if "dealt_keys" not in g:
        g.dealt_keys = None
        with suppress(UnavailableError):
            g.dealt_keys = site().services.records.dealt_keys()
    dealt: frozenset[bytes] | None = g.dealt_keys
    return dealt


def hospital_called(ledger_name: str) -> str:
    """Return the name of a hospital for people; the ledger's name if the site knows no other, or outside a site."""
    return site().config.hospitals.get(ledger_name, ledger_name) if has_app_context() else ledger_name


def trustee_name(account: bytes, ledger_name: str) -> str:
    """Return the name of the person who answers with a ledger account; the ledger's name if the site knows nobody."""
    if "trustee_names" not in g:
        g.trustee_names = {}
        with suppress(UnavailableError):
            g.trustee_names = site().request_store.trustee_names()
    names: dict[bytes, str] = g.trustee_names
    return names.get(account, ledger_name)


def committee_names(committee: CommitteeFacts) -> list[str]:
    """Return the names of the people who hold the shares of a key."""
    accounts = committee.accounts or (b"",) * len(committee.trustees)
    return [trustee_name(account, name) for account, name in zip(accounts, committee.trustees, strict=True)]


def menu_count(endpoint: str) -> int:
    """Return how much waits for a doctor behind a link of the menu; 0 also if the database does not answer."""
    counts = _counts()
    return {"worklist.index": counts.unread, "requests.mine": counts.requests}.get(endpoint, 0)


def _counts() -> Counts:
    if "menu_counts" not in g:
        g.menu_counts, user = Counts(), visitor()
        if user is not None and user.role is SiteRole.DOCTOR:
            with suppress(UnavailableError):
                g.menu_counts = site().work.counts(user.id)
    counts: Counts = g.menu_counts
    return counts
