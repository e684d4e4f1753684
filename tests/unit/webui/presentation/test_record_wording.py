"""Every record of the ledger has words: a title, a sentence, and a label for each field."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from flask import Flask
from flask_babel import Babel

from fl.protocol.names import Address, CeremonyKind, Digest, KeyUse, Purpose, Refusal, Role, StatementKind
from fl.protocol.records import (
    KEY_RECORDS,
    LEDGER_RECORDS,
    ClustersClosed,
    ClustersFrozen,
    ClusterTerms,
    Entry,
    ModelReverted,
    Position,
    Record,
    StatementMade,
    Terms,
    WideOpening,
    WideTerms,
)
from tests.support.protocol.scene import TERMS
from webui.presentation.record_texts import FIELDS, TITLES
from webui.presentation.record_wording import record_fields, record_sentence, record_title

KINDS = (*KEY_RECORDS, *LEDGER_RECORDS)
VALUES: dict[str, Any] = {
    "str": "Harbour",
    "bytes": b"\x02" * 33,
    "int": 3,
    "Address": Address(b"\x11" * 20),
    "Digest": Digest(b"\x22" * 32),
    "tuple[Address, ...]": (Address(b"\x11" * 20),),
    "Purpose": Purpose.RESEARCH,
    "Refusal": Refusal.CONSENT,
    "Terms": TERMS,
}


def record_of(kind: type[Any]) -> Any:
    more = {"Role": Role.HOSPITAL, "KeyUse": KeyUse.RECORDS, "CeremonyKind": CeremonyKind.GENERATE}
    more |= {"StatementKind": StatementKind.DECLINE}
    return kind(*[(VALUES | more)[str(field.type)] for field in fields(kind)])


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_record_has_a_title_a_sentence_and_labels(kind: type[Any]) -> None:
    app = Flask("words")
    Babel(app)
    record = record_of(kind)
    with app.test_request_context():
        assert record_title(kind.__name__) != kind.__name__
        sentence = record_sentence(record, lambda account: f"member {account[0]}")
        assert sentence.endswith((".", "Harbour"))
        assert "%(" not in sentence
        assert kind.__name__ not in sentence
        entry = Entry(record, Position(1, 0), bytes(32), 0, bytes(32), Address(bytes(20)))
        shown = record_fields(entry, lambda account: f"member {account[0]}")
    expected = len(fields(kind)) - 1
    expected += len(fields(Terms)) - 1 if any(field.name == "terms" for field in fields(kind)) else 0
    assert len(shown) == expected


def test_what_readers_make_of_a_round_with_clusters_has_the_words_of_other_rounds() -> None:
    someone, digest = VALUES["Address"], VALUES["Digest"]
    wide = WideTerms(4, 3, b"\4" * 65, (digest,), ClusterTerms(2, 3, 1))
    made: list[Record] = [
        WideOpening(someone, 1, TERMS, (someone,), digest, wide),
        ClustersClosed(someone, 1, 2, (someone,), digest),
        ClustersFrozen(someone, 1, (someone,), digest, digest),
    ]
    app = Flask("words")
    Babel(app)
    with app.test_request_context():
        for record, title in zip(made, ["RoundOpened", "PhaseClosed", "RoundFrozen"], strict=True):
            assert record_title(type(record).__name__) == record_title(title) != title
            assert "%(" not in record_sentence(record, lambda account: f"member {account[0]}")
            entry = Entry(record, Position(1, 0), bytes(32), 0, bytes(32), someone)
            labels = {
                shown.label: shown.value for shown in record_fields(entry, lambda account: f"member {account[0]}")
            }
            if isinstance(record, WideOpening):
                names = ("Clusters", "Fewest of each cluster", "Masks with the next cluster")
                assert [labels[name] for name in names] == [2, 3, 1]
            assert "Viewer" not in labels


def test_no_words_are_left_over() -> None:
    names = {kind.__name__ for kind in KINDS}
    assert set(TITLES) == names
    used = {field.name for kind in (*KINDS, Terms) for field in fields(kind)}
    assert set(FIELDS) <= used
    assert used - set(FIELDS) == {"sender", "terms"}


@pytest.mark.parametrize("kind", [kind for kind in StatementKind if kind != StatementKind.NONE])
def test_each_kind_of_statement_has_a_sentence(kind: StatementKind) -> None:
    app = Flask("words")
    Babel(app)
    sentences = set()
    with app.test_request_context():
        for text in ("", "hospital", "words"):
            made = StatementMade(Address(bytes(20)), 3, kind, Digest(b"\1" * 32), text)
            sentences.add(record_sentence(made, lambda _account: "Harbour"))
    assert all(each.startswith("Harbour") and "%(" not in each for each in sentences)
    assert "made a statement" not in "".join(sentences)


def test_a_return_to_the_first_model_says_so() -> None:
    app = Flask("words")
    Babel(app)
    with app.test_request_context():
        first, third = (
            record_sentence(ModelReverted(Address(bytes(20)), number, Digest(bytes(32))), lambda _account: "Harbour")
            for number in (0, 3)
        )
    assert "first model" in first
    assert "model of round 3" in third
