"""The entry `training.branch` of a configuration: from which model the rounds after a return go on.

Invariant: all rounds of one branch have the same entry, and no other branch has it. So trainings of a branch draw other
random numbers than the rounds that it replaces, and who has model and entry draws the same ones again.

Source: PROTOCOL.md 5X.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fl.protocol.codec import Fields, JsonValue
from fl.protocol.errors import EncodingError
from fl.protocol.names import DIGEST_BYTES, Digest

BRANCH = "branch"
"""The name of the entry."""
MOST = 2**32 - 1
_WHAT = "branch of a round"


@dataclass(frozen=True)
class Branch:
    """Where a branch begins."""

    base: Digest
    """Of the model from which it goes on."""
    number: int
    """1..MOST: which branch of the consortium it is."""
    after: int
    """0..MOST: the round that made the base, 0 for the first model. The learning rates go on from there."""

    def to_dict(self) -> dict[str, JsonValue]:
        """Return the entry."""
        return {"after": self.after, "base": self.base.hex(), "number": self.number}

    @classmethod
    def of(cls, training: Mapping[str, JsonValue]) -> Branch | None:
        """Return the entry in the `training` part of a configuration, None without one; or raise EncodingError."""
        if BRANCH not in training:
            return None
        fields = Fields(Fields(dict(training), _WHAT).mapping(BRANCH), _WHAT)
        fields.only("after", "base", "number")
        after, number, text = fields.integer("after"), fields.integer("number"), fields.text("base")
        if len(text) != 2 * DIGEST_BYTES or not set(text) <= set("0123456789abcdef"):
            raise EncodingError(_WHAT, "its base is not a digest in lower-case hexadecimal digits")
        if not 1 <= number <= MOST or not 0 <= after <= MOST:
            raise EncodingError(_WHAT, "a number is out of its range")
        return cls(Digest(bytes.fromhex(text)), number, after)


def without_branch(training: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Return the `training` part of a configuration without the entry."""
    return {name: value for name, value in training.items() if name != BRANCH}


@dataclass(frozen=True)
class Turn:
    """When a round trains, for seeds and learning rates."""

    round: int
    """Which round of the schedule of learning rates it is, from 1."""
    seed: str = ""
    """What seeds have in place of the round's number; empty outside branches."""


def turn_of(number: int, place: int, branch: Branch | None) -> Turn:
    """Return the turn of round `number`, which is the `place`-th of its branch, counted from 1 with aborted ones."""
    return Turn(number) if branch is None else Turn(branch.after + place, f"{branch.number}/{place}")
