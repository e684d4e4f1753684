"""The facts of orders about rounds: checked on the site before there is a file, and again where they are carried out.

Source: webui/ports/orders.py; webui/usecases/round_terms.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fl.protocol.errors import EncodingError
from webui.ports.ledger import History
from webui.ports.orders import Order, OrderKind
from webui.usecases.round_form import asked_terms
from webui.usecases.round_terms import NextTerms, meaning_of

MAX_ROUND_DIGITS = 9


def facts_of(terms: NextTerms) -> dict[str, str]:
    """Return terms as the facts of an order."""
    return {
        "protection": terms.protection.name.lower(),
        "hospitals": str(terms.hospitals),
        "min_commitments": str(terms.min_commitments or ""),
        "attestations": str(terms.attestations),
        "commit_minutes": str(terms.commit_minutes),
        "close_minutes": str(terms.close_minutes),
        "step_minutes": str(terms.step_minutes),
        "epsilon": f"{terms.epsilon:g}" if terms.epsilon is not None else "",
        "rounds": str(terms.rounds),
        "hold_back": "yes" if terms.hold_back else "no",
    }


def terms_of(order: Order) -> NextTerms:
    """Return the terms of an order to open rounds.

    Raises:
        EncodingError: the site would not have written them so.
    """
    terms, problems = asked_terms(order.facts)
    if problems or facts_of(terms) != dict(order.facts):
        raise EncodingError("order", "its terms are none that a site can prepare")
    return terms


def round_of(order: Order) -> int:
    """Return the number of the round that an order ends.

    Raises:
        EncodingError: it is not a number.
    """
    text = order.facts["round"]
    if not text.isdecimal() or len(text) > MAX_ROUND_DIGITS:
        raise EncodingError("order", "it names no round")
    return int(text)


def model_of(order: Order) -> int:
    """Return the round to whose model an order goes back, 0 for the first model.

    Raises:
        EncodingError: it is not a number.
    """
    text = order.facts["to"]
    if not text.isdecimal() or len(text) > MAX_ROUND_DIGITS:
        raise EncodingError("order", "it names no model")
    return int(text)


def _open(facts: dict[str, str], history: History) -> Mapping[str, str]:
    terms, problems = asked_terms(facts)
    facts.update(facts_of(terms))
    obstacles = meaning_of(terms, history).obstacles
    return {**dict.fromkeys(problems, "no number"), **({"terms": obstacles[0]} if obstacles else {})}


def _hold(facts: dict[str, str], _history: History) -> Mapping[str, str]:
    return {} if facts["reason"] else {"reason": "no reason"}


def _go_on(_facts: dict[str, str], _history: History) -> Mapping[str, str]:
    return {}


def _abort(facts: dict[str, str], history: History) -> Mapping[str, str]:
    """The order is for the round that runs now, whatever the address says."""
    running = history.federation.active_round
    problems = {} if running is not None else {"round": "no round"}
    facts["round"] = str(running.number) if running is not None else ""
    return problems if facts["reason"] else {**problems, "reason": "no reason"}


def _go_back(facts: dict[str, str], history: History) -> Mapping[str, str]:
    """The model must be one from which the current model comes."""
    federation, text = history.federation, facts["to"]
    if federation.active_round is not None:
        return {"to": "round runs"}
    behind = [each.number for each in federation.lineage.ancestors()] if federation.openings else []
    facts["to"] = text.lstrip("0") or text[:1]
    return {} if facts["to"] in {"0", *map(str, behind[1:])} and behind else {"to": "no model"}


ROUND_CHECKS: Mapping[OrderKind, Callable[[dict[str, str], History], Mapping[str, str]]] = {
    OrderKind.OPEN_ROUNDS: _open,
    OrderKind.HOLD_ROUNDS: _hold,
    OrderKind.GO_ON: _go_on,
    OrderKind.ABORT_ROUND: _abort,
    OrderKind.GO_BACK: _go_back,
}
