"""The file of the model with which a ledger opens: an envelope; with more readers than that holds, also a group key.

Invariant: up to 1,024 readers the file is the envelope and nothing else. With more it is sealed to a key of its own,
and names that key and the files with its private key, as the terms of a wide round do.

Layout (big-endian), with more than 1,024 readers:
    file = "BAFL/1/firstmodel" ‖ group key[65] ‖ m:u16 ‖ m·H(key file)[32] ‖ envelope

Source: PROTOCOL.md 6 and 5W.3.
"""

from __future__ import annotations

from collections.abc import Sequence

from fl.crypto.envelope import seal
from fl.crypto.envelope_form import MAX_RECIPIENTS, Core
from fl.protocol.batches import MAX_KEY_FILES
from fl.protocol.codec import Reader, Writer
from fl.protocol.errors import EncodingError, KeyEpochMismatch
from fl.protocol.keys.long_keys import LongKey
from fl.protocol.keys.members import PUBLIC_KEY_BYTES, MemberKey
from fl.protocol.names import DIGEST_BYTES, LABEL_PREFIX, Blob, Digest
from fl.protocol.opening import LedgerOpening
from fl.protocol.ports import Vault
from fl.replay.group_key import GroupTerms, Opening, draw, public_member

_LABEL = "firstmodel"
_HEAD = LABEL_PREFIX + _LABEL.encode()
HEAD_CAP = len(_HEAD) + PUBLIC_KEY_BYTES + 2 + DIGEST_BYTES * MAX_KEY_FILES
"""Bytes in front of the envelope, at most."""


def seal_first(
    core: Core, model: Digest, readers: Sequence[MemberKey | LongKey], plaintext: Blob, vault: Vault
) -> Blob:
    """Return the file of a ledger's first model; the files of its group key are in the vault then.

    Args:
        core: Of the envelope.
        model: The digest of the model.
        readers: Everybody who may open it.
        plaintext: Its weights.
        vault: Where the key files go.

    Raises:
        EncodingError: more than 1,024 readers with long keys; their group key would have suite 1.
    """
    if len({reader.key_id for reader in readers}) <= MAX_RECIPIENTS:
        return seal(core, readers, plaintext)
    members = [reader for reader in readers if isinstance(reader, MemberKey)]
    if len(members) < len(readers):
        raise EncodingError("first model", f"suite 2 has room for {MAX_RECIPIENTS} readers, not {len(readers)}")
    drawn = draw(Opening(core.anchor, core.sender, core.epoch, core.round, model), members)
    writer = Writer(_LABEL).raw(drawn.public_key, PUBLIC_KEY_BYTES).u16(len(drawn.files))
    for file in drawn.files:
        writer.raw(vault.put(file), DIGEST_BYTES)
    return writer.bytes() + seal(core, [public_member(drawn.public_key)], plaintext)


def opened_first(opening: LedgerOpening, file: bytes) -> tuple[GroupTerms | None, bytes]:
    """Return the group key of a first model's file, None without one, and its envelope.

    Raises:
        EncodingError: the file begins as one with a group key, and is none.
        KeyEpochMismatch: its sender had no key at that time.
    """
    if not file.startswith(_HEAD):
        return None, file
    reader = Reader(file, "first model")
    reader.raw(len(_HEAD))
    key, count = reader.raw(PUBLIC_KEY_BYTES), reader.u16()
    if not 1 <= count <= MAX_KEY_FILES:
        raise EncodingError("first model", f"it names {count} key files, not 1 to {MAX_KEY_FILES}")
    files = tuple(Digest(reader.raw(DIGEST_BYTES)) for _ in range(count))
    record, keys = opening.record, opening.keys
    if record.sender not in keys:
        raise KeyEpochMismatch(1, 0)
    drawn = Opening(opening.anchor, record.sender, keys[record.sender].epoch, record.last_round, record.model_digest)
    return GroupTerms(drawn, key, files), file[reader.position :]
