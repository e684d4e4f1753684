"""The coordinator's part of a sealed round: open the updates before the set is frozen, and sum those of the set.

Invariant: an update is added once, as the ledger names it, and the sum is that of the frozen set and nobody else. Who
is left out is left out for a reason that every auditor can find again.

Source: PROTOCOL.md 5S, steps 3 and 4.
Not here: masked rounds (ahead.py, unmask.py), where nobody can judge one update.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from fl.protocol.errors import HemaledgerError, MalformedError, RefusedError, TamperedError, VaultMissing
from fl.protocol.federation import Federation
from fl.protocol.names import Address
from fl.protocol.round import Round
from fl.roles.artefacts import Reader, read_config
from fl.roles.view import Ports
from fl.training.aggregate import Sum

UNUSABLE = (TamperedError, MalformedError, RefusedError)
"""Why an update cannot be used; a file that is not there may still come."""


@dataclass
class _Opened:
    context: bytes
    total: Sum
    added: set[Address] = field(default_factory=set)
    refused: dict[Address, HemaledgerError] = field(default_factory=dict)


class SealedSum:
    """Opens, judges and sums the updates of the newest sealed round."""

    def __init__(self, ports: Ports, reader: Reader, abort: Callable[[Round, str], bool]) -> None:
        self._ports = ports
        self._reader = reader
        self._abort = abort
        self._opened: _Opened | None = None

    def judge(self, federation: Federation, current: Round, present: Sequence[Address]) -> dict[Address, str]:
        """Return which of the updates whose files are there cannot be used, and why."""
        opened = self._open(current, present)
        refused = {hospital: opened.refused[hospital] for hospital in present if hospital in opened.refused}
        return {hospital: _reason(federation, hospital, error) for hospital, error in refused.items()}

    def take(self, federation: Federation, current: Round) -> Sum | None:
        """Return the sum of the frozen set and forget it, or None when an update made the round end aborted.

        Raises:
            VaultMissing: a file is gone that may come back before the close deadline.
        """
        for hospital in current.hospitals:
            if not self._ports.vault.has(current.commitments[hospital]):
                gone = VaultMissing(current.commitments[hospital])
                if self._ports.now() <= current.terms.close_deadline:
                    raise gone
                self._abort(current, _reason(federation, hospital, gone))
                return None
        if self._opened is not None and not self._opened.added <= set(current.hospitals):
            self._opened = None  # it holds an update that the set does not
        opened, self._opened = self._open(current, current.hospitals), None
        for hospital, error in opened.refused.items():
            if hospital in current.hospitals:
                self._abort(current, _reason(federation, hospital, error))
                return None
        return opened.total

    def _open(self, current: Round, hospitals: Sequence[Address]) -> _Opened:
        """Open and add the updates that were not yet."""
        config = read_config(current, self._ports.vault)
        if self._opened is None or self._opened.context != current.context:
            self._opened = _Opened(current.context, Sum(current.terms.parameters, config.word_bits))
        opened = self._opened
        for hospital in hospitals:
            if hospital in opened.added or hospital in opened.refused:
                continue
            try:
                words = self._reader.update(current, hospital, config)
            except UNUSABLE as error:
                opened.refused[hospital] = error
                continue
            with self._ports.watch("sum"):
                opened.total.add(words)
            opened.added.add(hospital)
        return opened


def _reason(federation: Federation, hospital: Address, error: HemaledgerError) -> str:
    return f"{error.name}: the update of {federation.book.name_of(hospital)} was refused"
