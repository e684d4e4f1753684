"""Seals a model, in parts if it is long, and puts it into the vault.

Invariant: all parts have one content key, so that one grant or one release opens them; their cores differ, so no two
bodies have the same key. The list is in the vault only after its parts.

Source: PROTOCOL.md 4 (Files in parts).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fl.crypto.envelope import new_content_key, seal
from fl.crypto.envelope_form import MAX_RECIPIENTS, Core
from fl.crypto.key_wrapping import Recipient
from fl.protocol.errors import SettingInvalid
from fl.protocol.keys.long_keys import LongKey
from fl.protocol.keys.members import MemberKey
from fl.protocol.names import Digest
from fl.protocol.ports import Vault
from fl.protocol.rounds.parts import PartList, cuts
from fl.replay.first_file import seal_first
from fl.training.model.weights import Vector, vector_view


def put_model(core: Core, recipients: Sequence[Recipient], model: Vector, part_words: int, vault: Vault) -> Digest:
    """Return the digest that the ledger names: of the model's file, or of the list of its parts.

    Raises:
        EncodingError, InvalidPoint: as `seal`; or the parts are too short for the model.
        StorageFull, VaultUnavailable: the vault.
    """
    shared = new_content_key()
    digests = tuple(
        vault.put(seal(replace(core, seq=seq), recipients, vector_view(model[place]), shared))
        for seq, place in enumerate(cuts(model.size, part_words))
    )
    if len(digests) == 1:
        return digests[0]
    return vault.put(PartList(core.context, part_words, digests).to_bytes())


def put_first(
    core: Core, digest: Digest, readers: Sequence[MemberKey | LongKey], model: Vector, part_words: int, vault: Vault
) -> Digest:
    """As `put_model`, for the model with which a ledger opens, whose digest is `digest`; with many readers a group key.

    Raises:
        SettingInvalid: it would be in parts, and has more readers than an envelope names.
    """
    if len(cuts(model.size, part_words)) == 1:
        return vault.put(seal_first(core, digest, readers, vector_view(model), vault))
    if len({reader.key_id for reader in readers}) > MAX_RECIPIENTS:
        why = f"a first model with over {MAX_RECIPIENTS} readers cannot be in parts; open the ledger with 0"
        raise SettingInvalid("--part-mib", why)
    return put_model(core, readers, model, part_words, vault)
