"""Says by name which hospitals a round goes on without, for logs and for the reason of an abort on the ledger."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from fl.protocol.keys.members import KeyBook
from fl.protocol.names import Address
from fl.protocol.rounds.clusters import terms_of, thinnest
from fl.protocol.rounds.round import Round

MOST_CHARS = 160
"""Of names in one sentence; the ledger keeps reasons for ever."""


def named(book: KeyBook, accounts: Iterable[Address]) -> str | None:
    """Return the names of `accounts`, sorted, as "beta, gamma and 3 more"; None if there are none."""
    names = sorted(book.name_of(account) for account in accounts)
    shown = names[:1]
    for name in names[1:]:
        if len(", ".join([*shown, name])) > MOST_CHARS:
            break
        shown.append(name)
    rest = len(names) - len(shown)
    return (", ".join(shown) + (f" and {rest} more" if rest else "")) or None


def without(book: KeyBook, accounts: Iterable[Address]) -> str:
    """Return "; missing: beta, gamma", or "" if nobody is missing."""
    names = named(book, accounts)
    return f"; missing: {names}" if names else ""


def short_cluster(current: Round, present: Collection[Address]) -> str:
    """Return in which cluster too few go on when only `present` do; "" if each cluster of the round has enough."""
    terms, found = terms_of(current), thinnest(current, present)
    if terms is None or found is None or found[0] >= terms.fewest:
        return ""
    return f"{found[0]} of {terms.fewest} hospitals of cluster {found[1] + 1} can go on"
