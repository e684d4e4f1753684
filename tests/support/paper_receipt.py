"""A receipt with its proof, of a consortium that exists on paper only (proof_world.py), and a site that trusts it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fl.protocol.codec import JsonValue, write_document
from fl.protocol.names import show
from fl.protocol.records import RecordsAnchored
from fl.protocol.tlog.entry import parse_entry
from fl.protocol.tlog.extra import InnerLeaf
from tests.support.proof_world import AUTHORITY, CHAIN_ID, FACTS, T0, ProofWorld
from tests.support.site_town import Town, cell
from webui.ports.federation import Services
from webui.ports.proofs import NoProofs
from webui.usecases.receipts import FORMAT, leaf_of, picture_digest

SALT = bytes(range(32))
PICTURE = cell()
CLASSES: dict[str, JsonValue] = {"blast": "leukemic blast", "healthy": "healthy cell"}


@dataclass(frozen=True)
class PaperReceipt:
    """A receipt, and the trust file with which it holds."""

    document: dict[str, JsonValue]
    trust: bytes

    @property
    def data(self) -> bytes:
        return write_document(self.document)


def core_in(world: ProofWorld) -> dict[str, JsonValue]:
    """Return what a receipt of the world's coordinator proves, with numbers that JavaScript writes differently."""
    answer: dict[str, JsonValue] = {
        "label": "blast",
        "probability": 0.87,
        "shares": {"blast": 1.0, "healthy": 1e-05},
        "kept": ["blast", "healthy"],
    }
    return {
        "hospital": show(world.coordinator.address),
        "record": "00" * 16,
        "checked_at": T0,
        "task": "blood cells: \u00e4 \U0001f52c \uffee",
        "classes": CLASSES,
        "answer": answer,
        "pictures": [{"digest": show(picture_digest(PICTURE, SALT)), "answer": answer}],
        "model": {"round": 7, "model_digest": show(bytes(32)), "final_at": T0 - 5},
        "pipeline": {"software": "hemaledger 1", "preparation": "plain"},
    }


def paper_receipt(seed: int = 5) -> PaperReceipt:
    """Return a receipt whose proof holds."""
    core = core_in(ProofWorld(seed))
    leaf = leaf_of(core, SALT)
    world = ProofWorld(seed, inner="leaf", leaf=leaf)
    proof = world.proof()
    event, inner = parse_entry(proof.extra.entry), proof.extra.inner
    record = FACTS.record_of(event, of_authority=True)
    assert isinstance(record, RecordsAnchored)
    assert isinstance(inner, InnerLeaf)
    ledger: dict[str, JsonValue] = {
        "consortium": show(world.consortium),
        "chain_id": CHAIN_ID,
        "key_authority": show(AUTHORITY),
        "hospital": show(record.sender),
        "batch": record.batch,
        "root": show(record.root),
        "block": event.block,
        "transaction": show(event.transaction),
        "index": inner.path.index,
        "size": inner.path.size,
        "path": [show(node) for node in inner.path.nodes],
    }
    document: dict[str, JsonValue] = {
        "format": FORMAT,
        "core": core,
        "salt": show(SALT),
        "leaf": show(leaf),
        "ledger": ledger,
        "proof": {"state": "there", "tlog_proof": proof.encoded().decode()},
        "software": "hemaledger 1",
        "issued_at": T0,
    }
    return PaperReceipt(document, world.trust.encoded())


class PaperTrust(NoProofs):
    """The public log of a site that has a trust file and makes no proofs."""

    def __init__(self, trust: bytes) -> None:
        self._trust = trust

    def trust_file(self) -> bytes | None:
        return self._trust


class TrustingTown(Town):
    """A site whose trust file is that of `paper_receipt()`."""

    def __init__(self, folder: Path, **changes: Any) -> None:
        self.receipt = paper_receipt()
        super().__init__(folder, **changes)

    def services(self) -> Services:
        return replace(super().services(), proofs=PaperTrust(self.receipt.trust))
