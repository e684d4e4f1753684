"""Each record of the ledger in words: a title, one sentence that says what it means, and its fields.

Invariant: a record without words of its own gets general ones, so no record breaks a page.

Source: fl/protocol/records.py; PROTOCOL.md 3, 5, 5S and 9.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from typing import Any

from flask_babel import gettext

from fl.audit.plain_words import without_names
from fl.protocol.keys.ceremony import CeremonyPhase
from fl.protocol.names import ADDRESS_BYTES, DIGEST_BYTES, NO_ADDRESS, NO_DIGEST, Address, Protection, StatementKind
from fl.protocol.records import ClusterTerms, Entry, ModelReverted, Record, StatementMade
from fl.protocol.rounds.round import Phase
from fl.protocol.steps import COMPLAINT_BYTES
from webui.http.error_words import translated
from webui.presentation.record_texts import (
    CLUSTER_FIELDS,
    FIELDS,
    FIRST_MODEL,
    LEAVES,
    NAMED,
    NO_LOG,
    NO_POLICY,
    NO_WITNESS,
    SENTENCES,
    STATEMENTS,
    TITLES,
    UNKNOWN,
)
from webui.presentation.request_wording import REFUSALS
from webui.usecases.tables import Kind

Names = Callable[[Address], str]
_SAME = {"WideOpening": "RoundOpened", "ClustersClosed": "PhaseClosed", "ClustersFrozen": "RoundFrozen"}
"""In a wide round some records have more fields, and the same words."""
MOMENTS = {"close_deadline", "commit_deadline", "deadline", "expires_at"}


@dataclass(frozen=True)
class Shown:
    """One field of a record or row, for a page."""

    label: str
    kind: str
    value: Any
    """As webui/usecases/tables.py gives values of that kind."""
    name: str = ""
    """Of a member, behind an account."""


def record_title(kind: str) -> str:
    """Return the title of a record type."""
    kind = _SAME.get(kind, kind)
    return str(TITLES.get(kind, kind))


def record_sentence(record: Record, names: Names) -> str:
    """Return what a record means."""
    kind = _SAME.get(type(record).__name__, type(record).__name__)
    if kind == "OperatorProposed" and record.account == NO_ADDRESS:  # type: ignore[union-attr]
        return str(gettext("%(sender)s withdrew its proposal of a next operator.", sender=names(record.sender)))
    if isinstance(record, StatementMade):
        return str(_statement(record)) % _Facts(record, names)
    if isinstance(record, ModelReverted) and record.round == 0:
        return str(FIRST_MODEL) % _Facts(record, names)
    return str(SENTENCES.get(kind, UNKNOWN)) % _Facts(record, names)


def _statement(record: StatementMade) -> Any:  # noqa: ANN401 - a lazy text
    """Return the sentence of a statement, which can depend on what it does not say."""
    match record:
        case StatementMade(kind=StatementKind.POLICY, digest=digest) if digest == NO_DIGEST:
            return NO_POLICY
        case StatementMade(kind=StatementKind.CHECKED, text=text) if text:
            return NAMED
        case StatementMade(kind=StatementKind.WITHDRAWAL, text="hospital"):
            return LEAVES
        case StatementMade(kind=StatementKind.WITNESS, text=""):
            return NO_WITNESS
        case StatementMade(kind=StatementKind.LOG, text=""):
            return NO_LOG
    return STATEMENTS.get(record.kind, SENTENCES["StatementMade"])


class _Facts(dict[str, Any]):
    """The words that a sentence may name."""

    def __init__(self, record: Record, names: Names) -> None:
        super().__init__()
        for field in fields(record):
            self[field.name] = _word(field.name, getattr(record, field.name), record, names)
        crowd = next((getattr(record, name) for name in CROWDS if hasattr(record, name)), ())
        terms = getattr(record, "terms", None)
        self.setdefault("count", len(crowd))
        self["next_round"] = getattr(record, "last_round", 0) + 1
        self["fewest"] = terms.min_commitments if terms else ""
        self["protection"] = protection_word(terms.protection) if terms else ""


CROWDS = ("receivers", "roster", "hospitals", "dealers")


def protection_word(protection: Protection) -> str:
    return str(gettext("sealed") if protection == Protection.SEALED else gettext("masked"))


def _word(name: str, value: Any, record: Record, names: Names) -> Any:  # noqa: ANN401 - a field of any type
    if isinstance(value, bytes) and len(value) == ADDRESS_BYTES:
        return names(Address(value))
    if name == "complaints":
        return len(value) // COMPLAINT_BYTES
    if name == "phase":
        phases = CeremonyPhase if type(record).__name__.startswith("Ceremony") else Phase
        return phases(value).name.lower()
    if name in {"reason", "text"}:
        return str(REFUSALS[value]) if value in REFUSALS else without_names(value)
    if isinstance(value, Enum):
        return translated(value.name.lower().replace("_", " "))
    return value


def record_fields(entry: Entry, names: Names) -> list[Shown]:
    """Return every field of a record except its sender, terms unfolded, accounts by name."""
    return _fields(entry.record, entry.record, names)


def _fields(part: Any, record: Record, names: Names) -> list[Shown]:  # noqa: ANN401 - a record or its terms
    shown: list[Shown] = []
    for field in fields(part):
        name, value = field.name, getattr(part, field.name)
        if name == "sender" or value is None:
            continue
        if is_dataclass(value):
            shown += _fields(value, record, names)
            continue
        label = _label(name, CLUSTER_FIELDS if isinstance(part, ClusterTerms) else FIELDS)
        values = value if isinstance(value, tuple) else (value,)
        shown += [_shown((label, name), each, record, names) for each in values]
    return shown


def _label(name: str, words: Mapping[str, Any]) -> str:
    return str(words.get(name, name.replace("_", " ").capitalize()))


def _shown(of: tuple[str, str], value: Any, record: Record, names: Names) -> Shown:  # noqa: ANN401 - a field of any type
    label, name = of
    if isinstance(value, bytes):
        return _bytes(label, name, value, names)
    word = _word(name, value, record, names)
    kind = Kind.MOMENT if name in MOMENTS else Kind.NUMBER if isinstance(word, int) else Kind.TEXT
    return Shown(label, kind, word)


def _bytes(label: str, name: str, value: bytes, names: Names) -> Shown:
    if value in (NO_ADDRESS, NO_DIGEST, b""):
        return Shown(label, Kind.TEXT, gettext("none"))
    if len(value) == ADDRESS_BYTES:
        return Shown(label, Kind.ACCOUNT, value.hex(), names(Address(value)))
    if name == "complaints":
        return Shown(label, Kind.NUMBER, len(value) // COMPLAINT_BYTES)
    return Shown(label, Kind.DIGEST if len(value) == DIGEST_BYTES else Kind.TEXT, value.hex())
