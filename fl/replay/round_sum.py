"""The running sum of a round's files, sealed or masked: it opens and adds them as they come.

Invariant: every file is the one that the ledger names, and is added once. `take` returns the sum of exactly the frozen
set's files, in whatever order they were added.

Source: PROTOCOL.md 5 (Unmasking: this part of the sum needs no response) and 5S, steps 3 and 4.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

import numpy as np

from fl.crypto import masking
from fl.crypto.mask_sketch import GrowingSketch, SketchMap
from fl.crypto.masking import Masked
from fl.failures import ROUND_ONLY
from fl.protocol.errors import UnavailableError, UpdateUnusable
from fl.protocol.names import Address
from fl.protocol.ports import Vault
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.rounds.round import Phase, Round
from fl.replay.expected_files import ReaderKey
from fl.replay.file_reader import FileReader
from fl.replay.round_aggregation import check_aggregation
from fl.replay.round_documents import read_config
from fl.training.aggregation.choice import Aggregation
from fl.training.aggregation.claims import Claims
from fl.training.aggregation.quantise import Words, grid_of

EARLY = (Phase.AGREE, Phase.UNMASK)
"""Phases of a masked round in which members wait for others, and have time to add files."""


@dataclass
class Total:
    """The sum of one round so far."""

    context: bytes
    """Of the round."""
    config: RoundConfig
    words: masking.Masked
    """uint32 or uint64 [d + LANES]; those of a masked round with their masks."""
    added: set[Address] = field(default_factory=set)
    begun: dict[Address, int] = field(default_factory=dict)
    """How many parts of a file are in the sum while others are missing or wrong."""
    claims: dict[Address, Claims] = field(default_factory=dict)
    """Sealed rounds: each hospital's claims."""
    each: dict[Address, Words] = field(default_factory=dict)
    """Sealed rounds whose rule looks at each update (median, krum ...): each hospital's words."""
    sketches: dict[Address, GrowingSketch] = field(default_factory=dict)
    """Checked rounds, for an auditor: the sketch of each masked file."""
    broken: bool = False
    """A file could not be used; `take` tries it again and raises its error."""


MapOf = Callable[[Round, RoundConfig], SketchMap | None]
"""The map of a checked round whose set is frozen; None for any other round (round_check.map_if_checked)."""


class RoundSum:
    """The sum of the newest round's files."""

    def __init__(self, reader: FileReader, vault: Vault, map_of: MapOf | None = None) -> None:
        """With `map_of`, also sketch the files of checked rounds as they are opened, for who judges them."""
        self.reader = reader
        self._vault = vault
        self._map_of = map_of
        self._total: Total | None = None

    def step(self, current: Round) -> bool:
        """Add one more masked file of the frozen set while the round waits; False if no file can be added now."""
        if not current.masked or current.phase not in EARLY:
            return False
        try:
            total = self._begun(current)
        except (UnavailableError, *ROUND_ONLY):
            return False
        missing = [hospital for hospital in current.hospitals if hospital not in total.added]
        if total.broken or not missing:
            return False
        try:
            self.add(current, missing[0])
        except (UnavailableError, UpdateUnusable):
            total.broken = True
        return not total.broken

    def add(self, current: Round, hospital: Address, required: Collection[ReaderKey] = ()) -> None:
        """Open and add a hospital's file, once; a masked file must name all `required` readers.

        Raises:
            UpdateUnusable: the file cannot be added.
            UnavailableError: the file is not there.
        """
        total = self._begun(current)
        if hospital in total.added:
            return
        try:
            self._add(total, current, hospital, required)
        except ROUND_ONLY as error:
            raise UpdateUnusable(hospital, error) from error
        total.begun.pop(hospital, None)
        total.added.add(hospital)

    def sketch_of(self, current: Round, hospital: Address, mapping: SketchMap) -> Masked | None:
        """Return the sketch of a masked file under `mapping`; None if it was not made here.

        A file of a proposed round is added now if it is not in the sum yet, because the replay needs it next.

        Raises:
            UpdateUnusable, UnavailableError: as `add`.
        """
        if self._map_of is None:
            return None
        if current.phase == Phase.PROPOSED:
            self.add(current, hospital)
        total = self._total
        if total is None or total.context != current.context or hospital not in total.added:
            return None
        sketch = total.sketches.get(hospital)
        return sketch.done() if sketch is not None and sketch.mapping.seed == mapping.seed else None

    def take(self, current: Round) -> Total:
        """Return the sum of the frozen set and forget it, so that the caller may change its words.

        Raises:
            UpdateUnusable, UnavailableError: as `add`.
        """
        total = self._begun(current)
        for hospital in current.hospitals:
            self.add(current, hospital)
        self._total = None
        return total

    def _begun(self, current: Round) -> Total:
        """Return the round's sum so far; begin again if it belongs to another round or has a file outside the set."""
        among = current.commitments if current.frozen is None else current.hospitals
        total = self._total
        if total is None or total.context != current.context or not total.added | total.begun.keys() <= set(among):
            config = read_config(current, self._vault)
            check_aggregation(current, config)
            words = masking.as_ring(grid_of(config).zeros(current.terms.parameters))
            total = self._total = Total(current.context, config, words)
        return total

    def _add(self, total: Total, current: Round, hospital: Address, required: Collection[ReaderKey]) -> None:
        """Add a hospital's file, part by part, or raise the error in it; parts that were added stay, and count."""
        if not current.masked:
            masking.accumulate(total.words, self._visible(total, current, hospital))
            return
        wide, done = total.words.dtype == np.uint64, total.begun.get(hospital, 0)
        mapping = self._map_of(current, total.config) if self._map_of is not None and done == 0 else None
        if mapping is not None:
            total.sketches[hospital] = mapping.growing()
        sketch = total.sketches.get(hospital)
        for place, body in self.reader.masked(current, hospital, required, done):
            part = total.words[place]
            words = masking.from_bytes(body, part.size, wide=wide)
            masking.accumulate(part, words)
            if sketch is not None:
                sketch.add(words)
            done += 1
            total.begun[hospital] = done

    def _visible(self, total: Total, current: Round, hospital: Address) -> masking.Masked:
        """Return the words of a sealed round's file, uint32 or uint64 [d + LANES], or raise the error in it."""
        words = self.reader.update(current, hospital, total.config)
        total.claims[hospital] = Claims.of(words, 1)
        if Aggregation.of(total.config.training).visible:
            total.each[hospital] = words
        return words.view(total.words.dtype)
