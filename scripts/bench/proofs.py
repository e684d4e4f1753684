"""How large a proof is, and how long its check takes: in a large tree, with the witnesses of ten members."""

from __future__ import annotations

import time

import click

from chain.contracts.events import encode_call, encode_log
from chain.proofs.facts import OfflineFacts
from chain.transactions.keystore import AccountKey
from fl.crypto.note_keys import NoteKey
from fl.proofs.verify import verify
from fl.protocol.codec import sha256
from fl.protocol.names import Address, Digest, Role
from fl.protocol.records import (
    DecryptionApproved,
    ModelAttested,
    Record,
    RecordsAnchored,
    RoundFinalised,
    UpdateCommitted,
)
from fl.protocol.tlog.checkpoint import Checkpoint, log_key, origin_of, witness_key
from fl.protocol.tlog.entry import LogEntry
from fl.protocol.tlog.extra import Extra
from fl.protocol.tlog.notes import Note, VerifierKey, cosign, sign_log
from fl.protocol.tlog.policy import Group, Policy
from fl.protocol.tlog.proof_file import ProofFile
from fl.protocol.tlog.tree import GrowingTree
from fl.protocol.tlog.trust import Trust, TrustedMember
from scripts.bench._table import keep, median, show

CHAIN_ID, T0 = 1, 1_800_000_000
CONSORTIUM, AUTHORITY, LEDGER = sha256(b"consortium"), Address(b"\1" * 20), Address(b"\2" * 20)
SENDER, LOG = AccountKey(sha256(b"sender")), NoteKey.of_seed(sha256(b"log"))
DIGEST = Digest(sha256(b"a file"))
TIMES = 30


@click.command()
@click.option("--records", type=click.IntRange(1, 2_000_000), default=1_000_000, show_default=True)
@click.option("--witnesses", type=click.IntRange(1, 50), default=10, show_default=True)
def main(records: int, witnesses: int) -> None:
    """Measure proofs of five kinds of records, without the part that ties a checkpoint to a block."""
    keys = [NoteKey.of_seed(sha256(b"witness %d" % place)) for place in range(witnesses)]
    named = [(Address(sha256(key.public)[:20]), key) for key in keys]
    trust = _trust(named)
    who = SENDER.address
    kinds: dict[str, Record] = {
        "model": RoundFinalised(who, 1, DIGEST),
        "update": UpdateCommitted(who, 1, DIGEST),
        "report": ModelAttested(who, 1, DIGEST, DIGEST),
        "approval": DecryptionApproved(who, 1, DIGEST),
        "root": RecordsAnchored(who, 1, DIGEST),
    }
    began = time.perf_counter()
    tree = GrowingTree(sha256(place.to_bytes(4, "big")) for place in range(records - len(kinds)))
    made = [_entry(record) for record in kinds.values()]
    for event, _ in made:
        tree.append(event.leaf())
    built_s = time.perf_counter() - began
    note = _note(Checkpoint(origin_of(CONSORTIUM), records, tree.root()), named)
    rows = []
    for place, (kind, (event, raw)) in enumerate(zip(kinds, made, strict=True)):
        index = records - len(kinds) + place
        data = ProofFile(Extra(event.encoded(), b"", raw), index, tree.inclusion(index, records), note).encoded()
        rows.append((kind, len(data), *_milliseconds(data, trust)))
    title = f"{records} records (tree built in {built_s:.1f} s), {witnesses} witnesses"
    show(title, ("proof of", "bytes", "first check, ms", "check, ms"), rows)
    keep("proofs", {kind: {"bytes": size, "first_ms": first, "ms": usual} for kind, size, first, usual in rows})


def _milliseconds(data: bytes, trust: Trust) -> tuple[float, float]:
    facts, spent = OfflineFacts(), []
    for _ in range(TIMES):
        began = time.perf_counter()
        verify(data, trust, facts)
        spent.append(1000 * (time.perf_counter() - began))
    return spent[0], median(spent)


def _entry(record: Record) -> tuple[LogEntry, bytes]:
    at = AUTHORITY if isinstance(record, DecryptionApproved | RecordsAnchored) else LEDGER
    fees = {"maxFeePerGas": 10**10, "maxPriorityFeePerGas": 10**9, "gas": 10**6, "value": 0}
    raw, tx_hash = SENDER.sign({"chainId": CHAIN_ID, "nonce": 5, "to": at, "data": encode_call(record), **fees})
    topics, data = encode_log(record)
    return LogEntry(CONSORTIUM, CHAIN_ID, at, 7, 0, T0, bytes(32), tx_hash, topics, data), raw


def _note(checkpoint: Checkpoint, named: list[tuple[Address, NoteKey]]) -> Note:
    text = checkpoint.text()
    cosigned = [cosign(_key(account, key), key.sign, text, T0 + 60) for account, key in named]
    return Note(text, (sign_log(log_key(CONSORTIUM, LOG.public), LOG.sign, text), *cosigned))


def _key(account: Address, key: NoteKey) -> VerifierKey:
    return witness_key(CONSORTIUM, account, key.public)


def _trust(named: list[tuple[Address, NoteKey]]) -> Trust:
    keys = {f"w-{account.hex()[:8]}": _key(account, key) for account, key in named}
    policy = Policy(
        (log_key(CONSORTIUM, LOG.public),),
        keys,
        {"all-witnesses": Group(len(keys) // 2 + 1, tuple(keys))},
        "all-witnesses",
    )
    members = (TrustedMember(SENDER.address, Role.COORDINATOR, "coordinator"),)
    return Trust(CONSORTIUM, CHAIN_ID, AUTHORITY, (LEDGER,), policy, (SENDER.address,), members, T0)
