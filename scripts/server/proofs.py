"""The public log for a site: it reads the chain once, then only what is new, and makes proofs for receipts.

Invariant: without a checkpoint file nothing is read from the chain. Proofs are checked before they are handed out
(fl/proofs/make.py).

Source: webui/ports/proofs.py (the port).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from threading import Lock

from fl.proofs.finding import Records
from fl.proofs.make import Maker
from fl.proofs.trusting import settled_at, trust_of
from fl.protocol.errors import RecordMissing, SettingInvalid, WitnessesMissing
from fl.protocol.federation import Federation
from fl.protocol.names import Address, Digest
from fl.protocol.tlog.checkpoint import parse_checkpoint
from fl.protocol.tlog.extra import InnerLeaf, Path
from scripts.wiring.home import Home
from scripts.wiring.proofs import CHECKPOINT, maker_of, read_note
from webui.ports.proofs import Place


@dataclass
class LogProofs:
    """Implements ProofService over the run's folder, where a keeper of the log leaves the newest checkpoint."""

    home: Home
    account: Address
    """The hospital whose roots these are."""
    federation: Callable[[], Federation]
    _maker: Maker | None = None
    _lock: Lock = field(default_factory=Lock)

    def of_leaf(self, place: Place, leaf: Digest, path: Sequence[Digest]) -> str | None:
        file = self.home.folder / CHECKPOINT
        if not file.exists():
            return None
        note, federation = read_note(file), self.federation()
        with self._lock:
            if self._maker is None:
                self._maker = maker_of(self.home, note, None)[1]
            maker = replace(self._maker, trust=trust_of(federation, settled_at(federation)), note=note)
            maker.view.refresh()
        try:
            root = Records(maker.view.entries, federation, self.home.vault).root(self.account, place.batch).entry
            if maker.view.index_of(root.position) >= parse_checkpoint(note.text).size:
                return None
            return maker.proof_of(root, InnerLeaf(leaf, Path(place.index, place.size, tuple(path)))).decode()
        except (RecordMissing, WitnessesMissing):
            return None

    def trust_file(self) -> bytes | None:
        federation = self.federation()
        try:
            return trust_of(federation, settled_at(federation)).encoded()
        except SettingInvalid:  # nobody keeps the log, or too few witnesses stated a key
            return None
