"""The sum of a sealed round: updates opened and added as they come, and those of the frozen set handed out.

Invariant: an update is added once, as the ledger names it, and the sum is that of the frozen set and nobody else.

Source: PROTOCOL.md 5S, steps 3 and 4.
Not here: who gets into the set (freezing.py); masked rounds (ahead.py, unmask.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from fl.protocol.errors import UpdateUnusable, VaultMissing
from fl.protocol.federation import Federation
from fl.protocol.names import Address
from fl.protocol.round import Round
from fl.roles.artefacts import Reader, read_config
from fl.roles.stops import CONTENT, refusal_of
from fl.roles.view import Ports
from fl.training.aggregate import Sum


@dataclass
class _Opened:
    context: bytes
    """Of the round."""
    total: Sum
    added: set[Address] = field(default_factory=set)


class SealedSum:
    """Opens and sums the updates of the newest sealed round."""

    def __init__(self, ports: Ports, reader: Reader, abort: Callable[[Round, str], bool]) -> None:
        self._ports = ports
        self._reader = reader
        self._abort = abort
        self._opened: _Opened | None = None

    def admit(self, current: Round, hospital: Address) -> None:
        """Open and add an update unless it was added.

        Raises:
            UpdateUnusable: it cannot be added.
        """
        config = read_config(current, self._ports.vault)
        if self._opened is None or self._opened.context != current.context:
            self._opened = _Opened(current.context, Sum(current.terms.parameters, config.word_bits))
        if hospital in self._opened.added:
            return
        try:
            words = self._reader.update(current, hospital, config)
            self._opened.total.add(words)
        except CONTENT as error:
            raise UpdateUnusable(hospital, error) from error
        self._opened.added.add(hospital)

    def take(self, federation: Federation, current: Round) -> Sum | None:
        """Return the sum of the frozen set and forget it, or None when an update made the round end aborted.

        Raises:
            VaultMissing: a file is gone that may come back before the close deadline.
        """
        if self._opened is not None and not self._opened.added <= set(current.hospitals):
            self._opened = None  # it holds an update that the set does not
        for hospital in current.hospitals:
            try:
                self._demand(current, hospital)
            except UpdateUnusable as error:
                self._abort(current, refusal_of(error, federation.book))
                return None
            except VaultMissing as error:
                if self._ports.now() <= current.terms.close_deadline:
                    raise
                self._abort(current, refusal_of(UpdateUnusable(hospital, error), federation.book))
                return None
        opened, self._opened = self._opened, None
        return opened.total if opened is not None else None

    def _demand(self, current: Round, hospital: Address) -> None:
        """Add an update, also when it was opened before; raises VaultMissing when its file is gone since."""
        if not self._ports.vault.has(current.commitments[hospital]):
            raise VaultMissing(current.commitments[hospital])
        self.admit(current, hospital)
