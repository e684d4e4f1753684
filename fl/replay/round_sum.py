"""The files of a round, sealed or masked, opened and added up as they come.

Invariant: each file is checked and opened as the ledger names it, and added once. What `take` returns is the sum of the
frozen set's files and of no other, whenever they were added.

Source: PROTOCOL.md 5 (Unmasking: this part of the sum needs no answer) and 5S, steps 3 and 4.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np

from fl.crypto import masking
from fl.failures import ROUND_ONLY
from fl.protocol.errors import UnavailableError, UpdateUnusable
from fl.protocol.keys.members import MemberKey
from fl.protocol.names import Address
from fl.protocol.ports import Vault
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.rounds.round import Phase, Round
from fl.replay.expected_files import FileReader, read_config
from fl.training.aggregation.claims import Claims
from fl.training.aggregation.quantise import GRIDS

EARLY = (Phase.AGREE, Phase.UNMASK)
"""Phases of a masked round in which members wait for others, and have time to add files."""


@dataclass
class Total:
    """What was added up of one round so far."""

    context: bytes
    """Of the round."""
    config: RoundConfig
    words: masking.Masked
    """uint32 or uint64 [d + LANES]; those of a masked round with their masks."""
    added: set[Address] = field(default_factory=set)
    claims: dict[Address, Claims] = field(default_factory=dict)
    """What each hospital claims, where that can be seen: in a sealed round."""
    broken: bool = False
    """A file could not be used, so its turn comes when the sum is needed, and says why."""


class RoundSum:
    """The sum of the newest round's files."""

    def __init__(self, reader: FileReader, vault: Vault) -> None:
        self.reader = reader
        self._vault = vault
        self._total: Total | None = None

    def step(self, current: Round) -> bool:
        """Add one more masked file of the frozen set while there is time; False when nothing can be added now."""
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

    def add(self, current: Round, hospital: Address, due: Collection[MemberKey] = ()) -> None:
        """Open and add a hospital's file unless it was added; a masked one must name all who are `due` as its readers.

        Raises:
            UpdateUnusable: it cannot be added.
            UnavailableError: it is not there.
        """
        total = self._begun(current)
        if hospital in total.added:
            return
        try:
            masking.accumulate(total.words, self._words(total, current, hospital, due))
        except ROUND_ONLY as error:
            raise UpdateUnusable(hospital, error) from error
        total.added.add(hospital)

    def take(self, current: Round) -> Total:
        """Return the sum of the frozen set, and forget it: the caller may change its words.

        Raises:
            UpdateUnusable, UnavailableError: as `add`.
        """
        total = self._begun(current)
        for hospital in current.hospitals:
            self.add(current, hospital)
        self._total = None
        return total

    def _begun(self, current: Round) -> Total:
        """Return the round's sum so far, or an empty one where there is none or it holds a file from elsewhere."""
        among = current.commitments if current.frozen is None else current.hospitals
        total = self._total
        if total is None or total.context != current.context or not total.added <= set(among):
            config = read_config(current, self._vault)
            words = masking.as_ring(GRIDS[config.word_bits].zeros(current.terms.parameters))
            total = self._total = Total(current.context, config, words)
        return total

    def _words(self, total: Total, current: Round, hospital: Address, due: Collection[MemberKey]) -> masking.Masked:
        """Return the words of a hospital's file, uint32 or uint64 [d + LANES], or raise why it cannot be used."""
        if current.masked:
            wide = total.words.dtype == np.uint64
            return masking.from_bytes(self.reader.masked(current, hospital, due), total.words.size, wide=wide)
        words = self.reader.update(current, hospital, total.config)
        total.claims[hospital] = Claims.of(words, 1)
        return words.view(total.words.dtype)
