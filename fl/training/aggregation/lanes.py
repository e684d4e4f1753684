"""Named lanes of integers: what a round sums that does not train.

Invariant: `pack` neither clips nor rounds. It refuses an entry outside its lane's range, so a vector that passed is
exact, and so is the sum of a round's roster (`LanePlan.check_fits`).

Source: PROTOCOL.md 5L; K. Bonawitz et al., Practical Secure Aggregation (2017): a masked sum adds any integers.
Not here: what a hospital puts into the lanes (scripts/wiring/training.py), what follows from the sums (rules.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from fl.protocol.codec import Fields, JsonValue
from fl.protocol.errors import AggregateOverflow, ClaimOutOfBounds, EncodingError
from fl.protocol.names import shown
from fl.protocol.rounds.config import FEW
from fl.training.aggregation.quantise import GRIDS, Grid

Entries = npt.NDArray[np.int64]
"""int64 [length]: the entries of one lane, or all lanes of a plan one after the other."""

MAX_LANES, MAX_WORDS = 256, 2**24
"""Of one plan: lanes, and words in all of them together (128 MiB)."""
MAX_REVEALS = 300
"""Characters of one sentence."""
SUBTRACT = "With few hospitals, each can subtract its own."
"""For sentences on what a lane reveals."""
WIDEST = max(GRIDS.values(), key=lambda grid: grid.bits).limit
"""2^43 - 1: no entry of one hospital is larger, so 1024 of them stay within ±2^53. For more the bound is smaller."""
_NAME = re.compile(r"[a-z][a-z0-9_.-]{0,63}")
_WHAT = "plan of lanes"


@dataclass(frozen=True)
class Lane:
    """Integers with one name, one range and one meaning."""

    name: str
    """`[a-z][a-z0-9_.-]*`, at most 64 characters."""
    length: int
    """How many integers each hospital enters."""
    low: int
    high: int
    """The range of one hospital's entry, both ends included, within ±(2^43 - 1)."""
    reveals: str
    """One sentence: what the sum shows to every member."""

    def __post_init__(self) -> None:
        """Raise EncodingError if a field is out of its range."""
        if not _NAME.fullmatch(self.name):
            raise EncodingError(_WHAT, f"{shown(self.name[:80])!r} is not the name of a lane")
        if not 1 <= self.length <= MAX_WORDS:
            raise EncodingError(_WHAT, f"the lane {self.name} has {self.length} entries, not 1 to {MAX_WORDS}")
        if not -WIDEST <= self.low <= self.high <= WIDEST:
            raise EncodingError(_WHAT, f"the range {self.low} to {self.high} of the lane {self.name} is impossible")
        if not self.reveals.strip() or len(self.reveals) > MAX_REVEALS or shown(self.reveals) != self.reveals:
            raise EncodingError(_WHAT, f"the lane {self.name} does not say in one sentence what it reveals")

    def check(self, entries: Entries, hospitals: int) -> tuple[int, int, int] | None:
        """Return an entry that so many hospitals cannot reach, with the range that they can; None if there is none."""
        low, high = hospitals * self.low, hospitals * self.high
        least, most = int(entries.min()), int(entries.max())
        if low <= least and most <= high:
            return None
        return (least if least < low else most), low, high

    def to_dict(self) -> dict[str, JsonValue]:
        ends: dict[str, JsonValue] = {"low": self.low, "high": self.high}
        return {"name": self.name, "length": self.length, **ends, "reveals": self.reveals}

    @classmethod
    def from_dict(cls, raw: JsonValue) -> Lane:
        """Parse what `to_dict` wrote, or raise EncodingError."""
        if not isinstance(raw, dict):
            raise EncodingError(_WHAT, "a lane is not an object")
        fields = Fields(raw, _WHAT)
        fields.only("name", "length", "low", "high", "reveals")
        ends = fields.integer("low"), fields.integer("high")
        return cls(fields.text("name"), fields.integer("length"), *ends, fields.text("reveals"))


@dataclass(frozen=True)
class LanePlan:
    """What one round sums, and why. The vector holds the lanes in this order."""

    purpose: str
    """The name of the purpose, e.g. `data-card`."""
    lanes: tuple[Lane, ...]

    def __post_init__(self) -> None:
        """Raise EncodingError if there is no lane, two have one name, or there are too many words."""
        if not _NAME.fullmatch(self.purpose):
            raise EncodingError(_WHAT, f"{shown(self.purpose[:80])!r} is not the name of a purpose")
        if not 1 <= len(self.lanes) <= MAX_LANES:
            raise EncodingError(_WHAT, f"it has {len(self.lanes)} lanes, not 1 to {MAX_LANES}")
        for one, other in pairwise(sorted(lane.name for lane in self.lanes)):
            if one == other:
                raise EncodingError(_WHAT, f"two lanes are named {one}")
        if self.length > MAX_WORDS:
            raise EncodingError(_WHAT, f"it has {self.length} words, more than {MAX_WORDS}")

    @cached_property
    def length(self) -> int:
        """Return the number of words of all lanes."""
        return sum(lane.length for lane in self.lanes)

    @cached_property
    def word_bits(self) -> int:
        """Return the width of words that the ranges need in a round of at most 1024 hospitals: 32, or 64."""
        return self.bits_for(FEW)

    @cached_property
    def largest(self) -> int:
        """Return the largest magnitude of one hospital's entry."""
        return max(max(-lane.low, lane.high) for lane in self.lanes)

    def bits_for(self, hospitals: int) -> int:
        """Return the width of words that so many hospitals need, or raise AggregateOverflow."""
        found = [bits for bits in GRIDS if self.largest <= Grid.of(bits, hospitals).limit]
        if not found:
            raise AggregateOverflow(hospitals, self._most(max(GRIDS)))
        return min(found)

    def check_fits(self, bits: int, hospitals: int) -> None:
        """Raise AggregateOverflow if the sums of so many hospitals could overflow words of `bits` bits."""
        if self.largest > Grid.of(bits, hospitals).limit:
            raise AggregateOverflow(hospitals, self._most(bits))

    def _most(self, bits: int) -> int:
        """Return how many hospitals words of `bits` bits have room for; 0 for none."""
        return FEW * GRIDS[bits].scale >> self.largest.bit_length() if self.largest <= GRIDS[bits].limit else 0

    def pack(self, values: Mapping[str, Entries]) -> Entries:
        """Return one hospital's entries as int64 [length].

        `values`: lane's name -> int64 [lane.length].

        Raises:
            EncodingError: a lane is missing or unknown, or its entries have another shape or are no int64.
            ClaimOutOfBounds: an entry is outside its lane's range.
        """
        unknown = sorted(set(values) - {lane.name for lane in self.lanes})
        if unknown:
            raise EncodingError("lanes", f"the plan has no lane {unknown[0]}")
        packed = np.concatenate([_entries(lane, values.get(lane.name)) for lane in self.lanes])
        self.check_one(packed)
        return packed

    def unpack(self, packed: Entries) -> dict[str, Entries]:
        """Return lane's name -> int64 [lane.length] of a vector or a sum, int64 [length].

        Raises:
            EncodingError: the vector has another length or type.
        """
        if packed.dtype != np.int64 or packed.shape != (self.length,):
            raise EncodingError("lanes", f"{packed.dtype} {list(packed.shape)} instead of int64 [{self.length}]")
        ends = np.cumsum([lane.length for lane in self.lanes])
        return dict(zip((lane.name for lane in self.lanes), np.split(packed, ends[:-1]), strict=True))

    def broken(self, packed: Entries, hospitals: int) -> tuple[str, int, int, int] | None:
        """Return the first lane's name, entry, low and high that so many hospitals cannot reach together."""
        values = self.unpack(packed)
        for lane in self.lanes:
            found = lane.check(values[lane.name], hospitals)
            if found:
                return lane.name, *found
        return None

    def check_one(self, packed: Entries) -> None:
        """Raise ClaimOutOfBounds if an entry of one hospital, int64 [length], is outside its lane's range."""
        found = self.broken(packed, 1)
        if found:
            raise ClaimOutOfBounds(*found)

    def to_dict(self) -> dict[str, JsonValue]:
        return {"purpose": self.purpose, "lanes": [lane.to_dict() for lane in self.lanes]}

    @classmethod
    def from_dict(cls, raw: Mapping[str, JsonValue]) -> LanePlan:
        """Parse what `to_dict` wrote, or raise EncodingError."""
        fields = Fields(dict(raw), _WHAT)
        fields.only("purpose", "lanes")
        lanes = fields.value.get("lanes")
        if not isinstance(lanes, list) or len(lanes) > MAX_LANES:
            raise EncodingError(_WHAT, f"lanes is not a list of at most {MAX_LANES}")
        return cls(fields.text("purpose"), tuple(Lane.from_dict(lane) for lane in lanes))


def _entries(lane: Lane, entries: Entries | None) -> Entries:
    if entries is None:
        raise EncodingError("lanes", f"the lane {lane.name} is missing")
    if entries.dtype != np.int64 or entries.shape != (lane.length,):
        why = f"{entries.dtype} {list(entries.shape)} instead of int64 [{lane.length}]"
        raise EncodingError("lanes", f"the lane {lane.name} has {why}")
    return entries
