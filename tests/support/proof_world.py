"""Proofs of a consortium that exists on paper only: real keys, transactions, blocks and trees, but no chain.

Everything is drawn from a seed, so the same seed gives the same bytes: `python -m tests.support.proof_world` writes
tests/vectors/tlog.json.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import rlp
from eth_utils.crypto import keccak

from chain.contracts.events import encode_call, encode_log
from chain.proofs.facts import OfflineFacts
from chain.proofs.headers import parse_header
from chain.proofs.trie import proof_of, root_of
from chain.transactions.keystore import AccountKey
from fl.crypto.note_keys import NoteKey
from fl.protocol import merkle
from fl.protocol.batches import Step, leaf
from fl.protocol.names import Address, Digest, Role
from fl.protocol.records import (
    KEY_RECORDS,
    CheckpointAnchored,
    Record,
    RecordsAnchored,
    RoundFinalised,
    StepsAnchored,
)
from fl.protocol.rounds.round import Phase
from fl.protocol.tlog.checkpoint import Checkpoint, log_key, origin_of, witness_key
from fl.protocol.tlog.entry import LogEntry
from fl.protocol.tlog.extra import Extra, Inner, InnerClusterStep, InnerLeaf, InnerLine, InnerStep, ReceiptBinding
from fl.protocol.tlog.extra import Path as TreePath
from fl.protocol.tlog.notes import Note, cosign, sign_log
from fl.protocol.tlog.policy import Group, Policy
from fl.protocol.tlog.proof_file import ProofFile
from fl.protocol.tlog.tree import GrowingTree
from fl.protocol.tlog.trust import Trust, TrustedMember

TARGET = Path(__file__).resolve().parents[1] / "vectors" / "tlog.json"
CHAIN_ID, T0 = 7357, 1_800_000_000
AUTHORITY, LEDGER = Address(b"\xa1" * 20), Address(b"\xa2" * 20)
FACTS = OfflineFacts()
KINDS = ("none", "step", "leaf", "line", "cluster")


@dataclass
class ProofWorld:
    """A log of `size` entries with one that is proven, and who signs it."""

    seed: int
    size: int = 40
    witnesses: int = 4
    quorum: int = 2
    inner: str = "none"
    bound: bool = True
    validators: int = 0
    """More than 0: the header of the binding is one of QBFT, sealed by all of them."""
    leaf: Digest | None = None
    """With `inner` leaf: the leaf that is proven, in place of a drawn one."""
    random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)  # noqa: S311 - the same bytes each time
        self.consortium = self._bytes(32)
        self.coordinator = AccountKey(self._bytes(32))
        self.log = NoteKey.of_seed(self._bytes(32))
        self.cosigners = [
            (AccountKey(self._bytes(32)).address, NoteKey.of_seed(self._bytes(32))) for _ in range(self.witnesses)
        ]
        self.sealers = [AccountKey(self._bytes(32)) for _ in range(self.validators)]

    def _bytes(self, count: int) -> bytes:
        return self.random.randbytes(count)

    @property
    def trust(self) -> Trust:
        keys = {
            f"w-{account.hex()[:8]}": witness_key(self.consortium, account, key.public)
            for account, key in self.cosigners
        }
        group = {"all-witnesses": Group(self.quorum, tuple(keys))} if keys else {}
        members = [TrustedMember(self.coordinator.address, Role.COORDINATOR, "coordinator")]
        members += [
            TrustedMember(account, Role.HOSPITAL, f"hospital {place}")
            for place, (account, _) in enumerate(self.cosigners)
        ]
        return Trust(
            self.consortium,
            CHAIN_ID,
            AUTHORITY,
            (LEDGER,),
            Policy((log_key(self.consortium, self.log.public),), keys, group, "all-witnesses" if keys else "none"),
            (self.coordinator.address,),
            tuple(members),
            T0,
            "qbft" if self.sealers else "none",
            tuple(each.address for each in self.sealers),
        )

    def signed(self, record: Record, nonce: int) -> bytes:
        """Return the coordinator's raw transaction that makes a record."""
        fields = {"chainId": CHAIN_ID, "nonce": nonce, "gas": 1_000_000, "value": 0, "to": home_of(record)}
        fees = {"maxFeePerGas": 10, "maxPriorityFeePerGas": 1}
        return self.coordinator.sign({**fields, **fees, "data": encode_call(record)})[0]

    def entry_of(self, record: Record, raw: bytes, block: int = 7) -> LogEntry:
        topics, data = encode_log(record)
        return LogEntry(
            self.consortium,
            CHAIN_ID,
            home_of(record),
            block,
            0,
            T0 + block,
            self._bytes(32),
            bytes(keccak(raw)),
            topics,
            data,
        )

    def proof(self) -> ProofFile:
        """Return a proof of one record, at a random place of the log, cosigned by everybody."""
        record, inner = self._record()
        raw = self.signed(record, 3)
        event = self.entry_of(record, raw)
        index = self.random.randrange(self.size)
        tree = GrowingTree(event.leaf() if place == index else self._bytes(32) for place in range(self.size))
        checkpoint = Checkpoint(origin_of(self.consortium), self.size, tree.root())
        binding = self._binding(checkpoint) if self.bound else None
        extra = Extra(event.encoded(), event.data if event.data_are_hashed else b"", raw, inner, binding)
        return ProofFile(extra, index, tree.inclusion(index, self.size), self.note(checkpoint))

    def note(self, checkpoint: Checkpoint, cosigners: int | None = None) -> Note:
        text = checkpoint.text()
        lines = [sign_log(log_key(self.consortium, self.log.public), self.log.sign, text)]
        for account, key in self.cosigners[:cosigners]:
            lines.append(cosign(witness_key(self.consortium, account, key.public), key.sign, text, T0 + 100))
        return Note(text, tuple(lines))

    def _record(self) -> tuple[Record, Inner | None]:
        who, digest = self.coordinator.address, Digest(self._bytes(32))
        if self.inner == "none":
            return RoundFinalised(who, 3, digest), None
        if self.inner == "step":
            steps = [Step(Address(self._bytes(20)), self._bytes(32), self._bytes(65)) for _ in range(5)]
            leaves = [leaf(each, goes_on=True) for each in steps]
            inner = InnerStep(steps[2].to_bytes(), 1, TreePath(2, 5, merkle.inclusion_path(leaves, 2)))
            return StepsAnchored(who, 3, Phase.MASK, 5, 5, merkle.root_of(leaves), digest), inner
        if self.inner == "cluster":
            return self._clustered(digest)
        leaves = [Digest(self._bytes(32)) for _ in range(9)]
        if self.inner == "leaf":
            leaves[4] = self.leaf or leaves[4]
            path = TreePath(4, 9, merkle.inclusion_path(leaves, 4))
            return RecordsAnchored(who, 2, merkle.root_of(leaves)), InnerLeaf(leaves[4], path)
        line = (
            b"hemaledger-access-line-1\n"
            + json.dumps([7, T0, 3, "doctor", "opened", "checks.result", "check_id=7", "00"]).encode()
        )
        lines = [Digest(self._bytes(32)), Digest(hashlib.sha256(line).digest())]
        batch = b"hemaledger-access-batch-1\n" + json.dumps([1, 6, 7, 2, merkle.root_of(lines).hex()]).encode()
        leaves[4] = Digest(hashlib.sha256(batch).digest())
        paths = [TreePath(at, len(each), merkle.inclusion_path(each, at)) for each, at in ((lines, 1), (leaves, 4))]
        return RecordsAnchored(who, 2, merkle.root_of(leaves)), InnerLine(line, paths[0], batch, paths[1])

    def _clustered(self, digest: Digest) -> tuple[Record, Inner]:
        """Return the record of three clusters of four, and the second step of the third one."""
        clusters = [
            [Step(Address(self._bytes(20)), self._bytes(32), self._bytes(65)) for _ in range(4)] for _ in range(3)
        ]
        leaves = [[leaf(each, goes_on=True) for each in steps] for steps in clusters]
        roots = [merkle.root_of(each) for each in leaves]
        path = TreePath(1, 4, merkle.inclusion_path(leaves[2], 1))
        above = TreePath(2, 3, merkle.inclusion_path(roots, 2))
        record = StepsAnchored(self.coordinator.address, 3, Phase.MASK, 12, 12, merkle.root_of(roots), digest)
        return record, InnerClusterStep(clusters[2][1].to_bytes(), 1, path, above)

    def _binding(self, checkpoint: Checkpoint) -> ReceiptBinding:
        """Return the binding in a block of three transactions, of which the second anchors the checkpoint."""
        record = CheckpointAnchored(self.coordinator.address, checkpoint.size, checkpoint.root)
        sent = [self.signed(replace(record, size=record.size + place - 1), 10 + place) for place in range(3)]
        receipts = []
        for place in range(3):
            topics, data = encode_log(replace(record, size=record.size + place - 1))
            receipts.append(b"\2" + rlp.encode([1, 50_000 * (place + 1), bytes(256), [[LEDGER, list(topics), data]]]))
        header = self._header(root_of(sent), root_of(receipts))
        return ReceiptBinding(header, 1, 0, proof_of(receipts, 1), proof_of(sent, 1))

    def _header(self, transactions: bytes, receipts: bytes) -> bytes:
        numbers = [b"\1", b"\x0b", b"\x01\xc9\xc3\x80", b"\x01\x00", (T0 + 11).to_bytes(4, "big")]
        fields = [self._bytes(32), self._bytes(32), bytes(20), self._bytes(32), transactions, receipts, bytes(256)]
        header = [*fields, *numbers, b"", self._bytes(32), bytes(8), b"\x07"]
        return sealed(header, self.sealers) if self.sealers else bytes(rlp.encode(header))


def home_of(record: Record) -> Address:
    """Return the contract on which a record is made."""
    return AUTHORITY if isinstance(record, KEY_RECORDS) else LEDGER


def sealed(header: list[Any], sealers: list[AccountKey], turn: bytes = b"\1") -> bytes:
    """Return a QBFT header with the seals of some validators."""
    parts: list[Any] = [bytes(32), [each.address for each in sealers], [], turn, []]
    signed = keccak(rlp.encode([*header[:12], rlp.encode(parts), *header[13:]]))
    seals = [each.sign_digest(signed) for each in sealers]
    parts[4] = [seal[:64] + bytes([seal[64] - 27]) for seal in seals]
    raw = bytes(rlp.encode([*header[:12], rlp.encode(parts), *header[13:]]))
    assert parse_header(raw, "qbft").sealers == {each.address for each in sealers}
    return raw


def vectors() -> dict[str, Any]:
    """Return a few good proofs of each kind, with what they show."""
    cases = []
    sizes = (1, 2, 3, 5, 8, 100, 1000, 5000, 6, 64)
    kinds = (*KINDS[:4], *KINDS[:4], "cluster", "cluster")
    for place, size in enumerate(sizes):
        witnesses = place % 8
        kind = kinds[place]
        bound = place % 2 == 0
        world = ProofWorld(
            1000 + place, size, witnesses, (witnesses + 1) // 2 or 1, kind, bound, validators=4 * (place == 4)
        )
        proof = world.proof()
        cases.append(
            {
                "inner": kind,
                "bound": bound,
                "size": size,
                "index": proof.index,
                "leaf": hashlib.sha256(b"\0" + proof.extra.entry).hexdigest(),
                "root": proof.checkpoint.root.hex(),
                "trust": world.trust.encoded().decode(),
                "proof": proof.encoded().decode(),
            }
        )
    world = ProofWorld(2000, 5, 2, 2, "leaf")
    proof = world.proof()
    wrong = [{"what": what, "error": error, "proof": text} for what, error, text in broken(proof)]
    return {"proofs": cases, "broken": {"trust": world.trust.encoded().decode(), "proofs": wrong}}


def broken(proof: ProofFile) -> Iterator[tuple[str, str, str]]:
    """Yield proofs with one thing wrong, each with a seal that fits, and the error that it gives."""
    extra, note, binding, inner = proof.extra, proof.note, proof.extra.binding, proof.extra.inner
    assert binding is not None
    assert isinstance(inner, InnerLeaf)
    checkpoint, lines = proof.checkpoint, note.lines
    other = replace(checkpoint, root=Digest(flip(checkpoint.root)))
    wrong: dict[tuple[str, str], ProofFile] = {
        ("index", "ProofChanged"): replace(proof, index=proof.index ^ 1),
        ("node of the path", "ProofChanged"): replace(proof, path=(flip(proof.path[0]), *proof.path[1:])),
        ("longer path", "ProofChanged"): replace(proof, path=(*proof.path, bytes(32))),
        ("shorter path", "ProofChanged"): replace(proof, path=proof.path[:-1]),
        ("size", "LogSignatureInvalid"): replace(proof, note=Note(replace(checkpoint, size=6).text(), lines)),
        ("root", "LogSignatureInvalid"): replace(proof, note=Note(other.text(), lines)),
        ("log signature", "LogSignatureInvalid"): replace(proof, note=_with_line(note, 0)),
        ("no log signature", "LogSignatureInvalid"): replace(proof, note=Note(note.text, lines[1:])),
        ("cosignature", "CosignatureInvalid"): replace(proof, note=_with_line(note, 1)),
        ("cosignature twice", "CosignatureInvalid"): replace(proof, note=Note(note.text, (*lines, lines[1]))),
        ("few cosignatures", "WitnessesMissing"): replace(proof, note=Note(note.text, lines[:2])),
        ("entry", "ProofChanged"): replace(proof, extra=replace(extra, entry=flip(extra.entry))),
        ("transaction", "ProofChanged"): replace(proof, extra=replace(extra, transaction=flip(extra.transaction))),
        ("leaf", "ProofChanged"): replace(proof, extra=replace(extra, inner=replace(inner, leaf=flip(inner.leaf)))),
        ("receipt", "BindingInvalid"): replace(
            proof, extra=replace(extra, binding=replace(binding, receipts=(flip(binding.receipts[0]),)))
        ),
        ("place in the block", "BindingInvalid"): replace(
            proof, extra=replace(extra, binding=replace(binding, transaction_index=2))
        ),
    }
    for (what, error), each in wrong.items():
        yield what, error, each.encoded().decode()
    good = proof.encoded().decode()
    yield "seal", "ProofChanged", good.replace("\nindex ", "\nindex 1")
    yield "no end", "ProofChanged", good[:-1]
    yield "other first line", "ProofMalformed", good.replace("@v1", "@v2", 1)


def flip(raw: bytes) -> bytes:
    """Return bytes whose last one has another lowest bit."""
    return raw[:-1] + bytes([raw[-1] ^ 1])


def _with_line(note: Note, place: int) -> Note:
    """Return a note whose line at a place has another signature."""
    line = note.lines[place]
    changed = replace(line, payload=flip(line.payload))
    return Note(note.text, (*note.lines[:place], changed, *note.lines[place + 1 :]))


if __name__ == "__main__":
    TARGET.write_text(json.dumps(vectors(), indent=1) + "\n", encoding="utf-8")
