"""The masked files of a frozen set, added up while its hospitals still sign and reveal.

Invariant: each file is checked and opened as the ledger names it; what `take` returns is the sum of all of the set's
files, whether they were added before or not.

Source: PROTOCOL.md 5 (Unmasking): this part of the sum needs no answer.
Not here: the masks (unmask.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from fl.crypto import masking
from fl.protocol.errors import MalformedError, RefusedError, TamperedError, UnavailableError
from fl.protocol.names import Address
from fl.protocol.round import Phase, Round

EARLY = (Phase.AGREE, Phase.UNMASK)


@dataclass
class _Partial:
    set_of: tuple[bytes, bytes]
    """Round context and set digest."""
    total: masking.Masked
    added: int = 0
    broken: bool = False
    """A file could not be used, so its turn comes when the sum is needed, and says why."""


@dataclass
class MaskedSum:
    """The sum of the newest frozen set's masked files."""

    no_sum: Callable[[Round], masking.Masked]
    open_masked: Callable[[Round, Address], bytes]
    add: Callable[[masking.Masked, bytes], None]
    _partial: _Partial | None = field(default=None)

    def step(self, current: Round) -> bool:
        """Add one more file when there is time for it; False when nothing can be added now."""
        if not current.masked or current.phase not in EARLY:
            return False
        partial = self._begun(current)
        if partial.broken or partial.added == len(current.hospitals):
            return False
        try:
            self._add_next(current, partial)
        except (TamperedError, MalformedError, RefusedError, UnavailableError):
            partial.broken = True
        return not partial.broken

    def take(self, current: Round) -> masking.Masked:
        """Return the whole sum, uint32 or uint64 [d + LANES], and forget it; or raise why a file cannot be used."""
        partial = self._begun(current)
        while partial.added < len(current.hospitals):
            self._add_next(current, partial)
        self._partial = None
        return partial.total

    def _begun(self, current: Round) -> _Partial:
        key = (current.context, bytes(current.set_digest))
        if self._partial is None or self._partial.set_of != key:
            self._partial = _Partial(key, self.no_sum(current))
        return self._partial

    def _add_next(self, current: Round, partial: _Partial) -> None:
        self.add(partial.total, self.open_masked(current, current.hospitals[partial.added]))
        partial.added += 1
