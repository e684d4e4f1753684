"""When a record counts: after so many confirmations, or when its block is finalized.

Invariant: all members of a consortium use the same rule (consortium.json), so they read alike.

Source: execution-apis (block tags); Ethereum's consensus specifications (finality).
"""

from __future__ import annotations

from dataclasses import dataclass

from chain.rpc import shapes
from chain.rpc.node import HEADER_ONLY, Answer, Node, NodeRefusal
from chain.rpc.transport import Call
from fl.protocol.errors import ChainUnavailable, FinalityUnknown, HemaledgerError

FINALIZED = 0
"""Instead of a number of confirmations: a record counts when its block is finalized."""
TAG = "finalized"
FINAL_BLOCKS = 100
"""How many blocks Ethereum may need to finalize one, with room."""


@dataclass(frozen=True)
class Finality:
    """The rule: FINALIZED, or how many blocks confirm a record, its own included."""

    confirmations: int

    @property
    def at_once(self) -> bool:
        return self.confirmations == 1

    @property
    def depth(self) -> int:
        """Return how many blocks a record needs, its own included; for FINALIZED the most that Ethereum needs."""
        return FINAL_BLOCKS if self.confirmations == FINALIZED else self.confirmations

    @property
    def question(self) -> Call:
        """Return the request that says how far the chain counts."""
        if self.confirmations == FINALIZED:
            return "eth_getBlockByNumber", [TAG, HEADER_ONLY]
        return "eth_blockNumber", []

    def newest(self, node: Node, answer: Answer) -> int:
        """Return the newest block that counts, from the answer to `question`; negative if none does yet.

        Raises:
            FinalityUnknown: no node knows which blocks are finalized.
        """
        if self.confirmations != FINALIZED:
            head = node.parsed(shapes.quantity, node.results([answer])[0])
            node.note_head(head)
            return head - self.confirmations + 1
        try:
            block = node.parsed(shapes.block, answer())
        except NodeRefusal as refusal:
            raise _unknown(node, refusal.message) from refusal
        if block is None:
            raise _unknown(node, "it names no finalized block")
        return block.number

    def head(self, node: Node) -> int:
        """Ask for the newest block that counts; raises as `newest`."""
        return self.newest(node, node.attempt_batch(self.question)[0])


def _unknown(node: Node, why: str) -> HemaledgerError:
    """Return the error, after which another URL is asked if there is one."""
    using = node.using
    if node.change(f"it does not know which blocks are finalized ({why})"):
        return ChainUnavailable(using, why)
    return FinalityUnknown(using, why)
