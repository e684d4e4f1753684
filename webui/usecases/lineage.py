"""Where two models come from: the chain of models behind each, their common ancestor, and what differs.

Source: PROTOCOL.md 5S (each round starts from the model before it).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fl.protocol.codec import JsonValue
from fl.protocol.errors import WrongRound
from fl.protocol.names import Digest
from fl.protocol.rounds.round import Phase, Round
from webui.ports.federation import AuditService, RoundView
from webui.ports.ledger import History


@dataclass(frozen=True)
class Ancestor:
    """One model of a chain."""

    digest: Digest
    round: int | None
    """The round that made it; None for the model with which a ledger began."""


@dataclass(frozen=True)
class Difference:
    """One fact that differs between two rounds."""

    what: str
    """`members`, `terms`, `task`, `training` or `metrics`."""
    name: str
    one: JsonValue
    """None: the round does not have this fact."""
    other: JsonValue


@dataclass(frozen=True)
class Comparison:
    """Two rounds side by side."""

    one: RoundView
    other: RoundView
    chains: tuple[tuple[Ancestor, ...], tuple[Ancestor, ...]]
    """From each round's model back to the first one."""
    common: Ancestor | None
    """The newest model in both chains."""
    differences: tuple[Difference, ...]
    same: tuple[str, ...]
    """The parts in which nothing differs."""


def compare(audits: AuditService, one: int, other: int) -> Comparison:
    """Compare two rounds.

    Raises:
        WrongRound: the ledger has no such round.
    """
    history = audits.history()
    views = {view.number: view for view in audits.rounds()}
    for number in (one, other):
        if number not in views:
            raise WrongRound(max(views, default=0), number)
    chains = chain_of(history, one), chain_of(history, other)
    later = {ancestor.digest for ancestor in chains[1]}
    common = next((ancestor for ancestor in chains[0] if ancestor.digest in later), None)
    parts = {
        name: (_part(name, one, history, audits, views), _part(name, other, history, audits, views)) for name in PARTS
    }
    differences = tuple(
        Difference(what, name, first.get(name), second.get(name))
        for what, (first, second) in parts.items()
        for name in sorted({*first, *second})
        if first.get(name) != second.get(name)
    )
    differing = {each.what for each in differences}
    return Comparison(
        views[one], views[other], chains, common, differences, tuple(p for p in PARTS if p not in differing)
    )


PARTS = ("members", "terms", "task", "training", "metrics")


def chain_of(history: History, number: int) -> tuple[Ancestor, ...]:
    """Return the models behind a round, its own first; an aborted round begins with the model it started from."""
    makers = {
        each.proposal.model_digest: each
        for each in history.federation.rounds
        if each.phase == Phase.FINAL and each.proposal is not None
    }
    current: Round | None = next((each for each in history.federation.rounds if each.number == number), None)
    if current is None:
        return ()
    chain: list[Ancestor] = []
    if current.proposal is not None:
        chain.append(Ancestor(current.proposal.model_digest, current.number))
    while current is not None:
        before: Digest = current.previous_model
        maker = makers.get(before)
        if maker is not None and maker.number >= current.number:  # a round that kept its model
            maker = None
        chain.append(Ancestor(before, maker.number if maker else None))
        current = maker
    return tuple(chain)


def _part(
    what: str, number: int, history: History, audits: AuditService, views: Mapping[int, RoundView]
) -> Mapping[str, JsonValue]:
    view = views[number]
    if what == "members":
        return {each.name: each.committed for each in view.hospitals}
    if what == "metrics":
        return {name: round(value, 4) for name, value in (view.report.metrics or {}).items()}
    if what == "task":
        return {} if view.task is None else {"task": view.task.name, "classes": [*view.task.codes]}
    if what == "training":
        return audits.training_of(number)
    current = next((each for each in history.federation.rounds if each.number == number), None)
    if current is None:
        return {}
    terms = current.terms
    return {
        "protection": terms.protection.name.lower(),
        "fewest hospitals": terms.min_commitments,
        "attestations needed": terms.attestations,
        "threshold": terms.threshold,
        "numbers in an update": terms.parameters,
        "seconds for training": terms.commit_deadline - current.opened.timestamp,
        "seconds per step": terms.step_timeout,
    }
