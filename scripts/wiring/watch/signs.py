"""Writes this agent's signs of life into the vault, and reads those of the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from chain.ledger import EthereumLedger
from chain.transactions.eip712 import signer_of
from fl.protocol.errors import VaultUnavailable
from fl.protocol.federation import Federation
from fl.protocol.names import Address, Role
from fl.replay.signs_of_life import SLOTS, Sign, names_of, newest_sign, note_of, sealed
from fl.storage.sign_board import SignBoard, open_board
from scripts.wiring.home import Home

READERS = 8


@dataclass
class SignWriter:
    """Writes a sign whenever a new name is due."""

    board: SignBoard
    version: str
    _written: frozenset[str] = field(default_factory=frozenset)

    def write(self, ledger: EthereumLedger, federation: Federation, waits: str, at: int) -> bool:
        """Write a sign of this moment under each name that is due; return whether there was one.

        Raises:
            VaultUnavailable, VaultForbidden, StorageFull: it could not be written; the next call tries again.
        """
        due = frozenset(names_of(at)) - self._written
        if not due:
            return False
        sign = Sign(ledger.account, at, self.version, federation.last_round, waits)
        document = sign.to_bytes()
        file = sealed(document, ledger.sign_note(note_of(ledger.anchor, document)))
        for name in sorted(due):
            self.board.write(ledger.account, name, file)
        self._written = frozenset(names_of(at))
        self.board.keep(ledger.account, kept(at))
        return True


def kept(at: int) -> frozenset[str]:
    """Return the names that somebody may still look for; at most 62."""
    return frozenset(f"{prefix}{at // seconds - place}" for prefix, seconds, back in SLOTS for place in range(-1, back))


def read_signs(home: Home, federation: Federation, at: int) -> Mapping[Address, Sign]:
    """Return the newest sign of each member that has one; a vault that does not answer gives none."""
    deployment = home.deployment
    board = open_board(deployment.vault, home.folder, deployment.anchor.consortium)
    accounts = [each.account for each in federation.book.members.values() if each.role != Role.OPERATOR]
    look: Callable[[Address], Sign | None] = partial(_look, board, federation, at)
    try:
        with ThreadPoolExecutor(READERS) as pool:
            found = dict(zip(accounts, pool.map(look, accounts), strict=True))
    except VaultUnavailable:
        return {}
    return {account: sign for account, sign in found.items() if sign is not None}


def _look(board: SignBoard, federation: Federation, at: int, account: Address) -> Sign | None:
    return newest_sign(federation.anchor, account, at, board.read, signer_of)
