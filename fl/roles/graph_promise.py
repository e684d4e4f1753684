"""On which graph a member acted in a wide round: the graph follows from a block that a reorg can replace.

A hospital deals its shares to the neighbours of one graph. With shares for the neighbours of two graphs, more colluders
could put its secrets together than 5W.1 counts with, so nobody deals twice.

Invariant: a member acts on one graph in a round, also after a restart. If the block that ended ADVERTISE is another one
later, hospitals leave the round and the coordinator aborts it at once.

Source: PROTOCOL.md 5W.1 (A reorg that changes the graph).
"""

from __future__ import annotations

from fl.protocol.errors import GraphReplaced
from fl.protocol.ports import Journal
from fl.protocol.rounds.round import Round


def check_graph(current: Round, journal: Journal) -> None:
    """Journal the graph of a wide round before this member acts on it.

    Raises:
        GraphReplaced: this member saw the round with another graph before.
    """
    if current.wide is None or not current.graph_block:
        return
    key = f"graph/{current.context.hex()}"
    kept = journal.get(key) or journal.once(key, current.graph_block)
    if kept != current.graph_block:
        raise GraphReplaced(current.number)
