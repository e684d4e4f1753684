"""The public log of a site without a chain: real proofs of a consortium on paper, as far as a test lets it reach."""

from __future__ import annotations

from dataclasses import dataclass, field

from fl.proofs.verify import Proven, verify
from fl.protocol.codec import sha256
from fl.protocol.names import Digest, KeyUse, Purpose
from fl.protocol.records import DecryptionRequested, KeyRegistered, Record, RecordsAnchored, RoundFinalised
from fl.protocol.tlog.checkpoint import Checkpoint, origin_of
from fl.protocol.tlog.entry import leaf_hash
from fl.protocol.tlog.extra import Extra, Inner, InnerLeaf, InnerLine
from fl.protocol.tlog.proof_file import ProofFile
from fl.protocol.tlog.tree import GrowingTree, root_from
from tests.support.proof_world import FACTS, T0, ProofWorld
from webui.ports.proofs import Reach

NO_DIGEST = Digest(bytes(32))


@dataclass
class PaperProofs:
    """Implements ProofService; nothing is covered until `now` says so."""

    now: Reach = field(default_factory=Reach)
    models: bool = False
    """Whether models and keys are covered."""
    key: tuple[int, bytes] = (1, b"\4" + bytes(64))
    """Epoch and public key of the hospital."""
    world: ProofWorld = field(default_factory=lambda: ProofWorld(7))
    _known: dict[tuple[Record, Inner | None], str] = field(default_factory=dict)

    def reach(self) -> Reach:
        return self.now

    def of_root(self, batch: int, inner: InnerLeaf | InnerLine) -> str | None:
        if batch > self.now.root:
            return None
        leaf, path = (inner.leaf, inner.path) if isinstance(inner, InnerLeaf) else (sha256(inner.batch), inner.above)
        root = root_from(leaf_hash(leaf), path.index, path.size, path.nodes)
        return self.made(RecordsAnchored(self.world.coordinator.address, batch, root), inner)

    def of_request(self, number: int) -> str | None:
        if number > self.now.request:
            return None
        who, purpose = self.world.coordinator.address, Purpose.TREATMENT
        return self.made(DecryptionRequested(who, number, KeyUse.RECORDS, 1, NO_DIGEST, NO_DIGEST, purpose, T0 + 9))

    def of_model(self, number: int, digest: Digest) -> str | None:
        return self.made(RoundFinalised(self.world.coordinator.address, number, digest)) if self.models else None

    def of_key(self) -> str | None:
        who = self.world.coordinator.address
        return self.made(KeyRegistered(who, *self.key, bytes(64))) if self.models else None

    def trust_file(self) -> bytes | None:
        return self.world.trust.encoded()

    def trust_code(self) -> str:
        return self.world.trust.code

    def proven(self, text: str) -> Proven:
        """Check a proof as anybody would who has the trust file."""
        return verify(text.encode(), self.world.trust, FACTS)

    def made(self, record: Record, inner: Inner | None = None) -> str:
        """Return the proof of a record, the same one each time."""
        if (record, inner) not in self._known:
            self._known[record, inner] = self._new(record, inner)
        return self._known[record, inner]

    def _new(self, record: Record, inner: Inner | None) -> str:
        raw = self.world.signed(record, 3)
        event = self.world.entry_of(record, raw)
        tree = GrowingTree([event.leaf(), bytes(32)])
        note = self.world.note(Checkpoint(origin_of(self.world.consortium), 2, tree.root()))
        extra = Extra(event.encoded(), event.data if event.data_are_hashed else b"", raw, inner, None)
        return ProofFile(extra, 0, tree.inclusion(0, 2), note).encoded().decode()
