"""The terms of the next round, as the form of the operator's page sends them in the address.

Invariant: a value that cannot be used is named, and its default takes its place.

Source: webui/usecases/round_terms.py.
"""

from __future__ import annotations

from collections.abc import Mapping

from fl.protocol.names import Protection
from webui.usecases.round_terms import NextTerms

NUMBERS = {
    "hospitals": (3, 1, 500),
    "attestations": (1, 1, 100),
    "commit_minutes": (60, 1, 10_080),
    "close_minutes": (60, 1, 10_080),
    "step_minutes": (10, 1, 1440),
    "rounds": (10, 1, 10_000),
}
"""Field -> its default, least and largest value."""
MOST_EPSILON = 1000.0


def asked_terms(asked: Mapping[str, str]) -> tuple[NextTerms, list[str]]:
    """Return the terms in the question of an address, and the names of fields whose value cannot be used."""
    problems: list[str] = []
    numbers = {name: _whole(asked, name, *bounds, problems) for name, bounds in NUMBERS.items()}
    protection = Protection.SEALED if asked.get("protection") == "sealed" else Protection.MASKED
    fewest = _whole(asked, "min_commitments", 0, 1, 500, problems)
    epsilon = asked.get("epsilon", "")
    try:
        budget = float(epsilon) if epsilon else None
    except ValueError:
        budget = -1.0
    if budget is not None and not 0 < budget <= MOST_EPSILON:
        problems.append("epsilon")
        budget = None
    hold_back = asked.get("hold_back") == "yes"
    terms = NextTerms(
        protection=protection, min_commitments=fewest or None, epsilon=budget, hold_back=hold_back, **numbers
    )
    return terms, problems


def _whole(asked: Mapping[str, str], name: str, default: int, least: int, most: int, problems: list[str]) -> int:
    text = asked.get(name, "").strip()
    if not text:
        return default
    if text.isdecimal() and len(text) < 7 and least <= int(text) <= most:  # noqa: PLR2004 digits
        return int(text)
    problems.append(name)
    return default
