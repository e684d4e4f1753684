"""The masked files of a round, added up before their sum is needed.

Invariant: each file is checked and opened as the ledger names it; what `take` returns is the sum of the frozen set's
files and of no other, whether they were added before or not.

Source: PROTOCOL.md 5 (Unmasking): this part of the sum needs no answer.
Not here: the masks (unmask.py); who gets into the set (freezing.py).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from fl.crypto import masking
from fl.protocol.errors import UnavailableError, UpdateUnusable
from fl.protocol.keys import MemberKey
from fl.protocol.names import Address
from fl.protocol.round import Phase, Round
from fl.roles.stops import CONTENT

EARLY = (Phase.AGREE, Phase.UNMASK)


OpenMasked = Callable[[Round, Address, Collection[MemberKey]], bytes]
"""Return the body of a hospital's masked file, or raise why it cannot be used; it must name all who are due."""


@dataclass
class _Partial:
    context: bytes
    """Of the round."""
    total: masking.Masked
    added: set[Address] = field(default_factory=set)
    broken: bool = False
    """A file could not be used, so its turn comes when the sum is needed, and says why."""


@dataclass
class MaskedSum:
    """The sum of the newest round's masked files."""

    no_sum: Callable[[Round], masking.Masked]
    open_masked: OpenMasked
    add: Callable[[masking.Masked, bytes], None]
    _partial: _Partial | None = field(default=None)

    def step(self, current: Round) -> bool:
        """Add one more file of the frozen set when there is time for it; False when nothing can be added now."""
        if not current.masked or current.phase not in EARLY:
            return False
        try:
            partial = self._begun(current, current.hospitals)
        except (UnavailableError, *CONTENT):
            return False
        missing = [hospital for hospital in current.hospitals if hospital not in partial.added]
        if partial.broken or not missing:
            return False
        try:
            self._add(partial, current, missing[0])
        except (UnavailableError, *CONTENT):
            partial.broken = True
        return not partial.broken

    def admit(self, current: Round, hospital: Address, due: Collection[MemberKey]) -> None:
        """Add a file before the set is frozen, or raise why it cannot be in the set."""
        self._add(self._begun(current, current.commitments), current, hospital, due)

    def take(self, current: Round) -> masking.Masked:
        """Return the whole sum, uint32 or uint64 [d + LANES], and forget it.

        Raises:
            UpdateUnusable: a file cannot be added.
            UnavailableError: a file is not there.
        """
        partial = self._begun(current, current.hospitals)
        for hospital in current.hospitals:
            self._add(partial, current, hospital)
        self._partial = None
        return partial.total

    def _begun(self, current: Round, among: Collection[Address]) -> _Partial:
        """Return the round's sum so far, or an empty one where there is none or it holds a file from elsewhere."""
        partial = self._partial
        if partial is None or partial.context != current.context or not partial.added <= set(among):
            partial = self._partial = _Partial(current.context, self.no_sum(current))
        return partial

    def _add(self, partial: _Partial, current: Round, hospital: Address, due: Collection[MemberKey] = ()) -> None:
        if hospital in partial.added:
            return
        try:
            self.add(partial.total, self.open_masked(current, hospital, due))
        except CONTENT as error:
            raise UpdateUnusable(hospital, error) from error
        partial.added.add(hospital)
