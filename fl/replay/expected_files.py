"""Rebuilds from the ledger what a file must be: its header, digest, size cap and readers.

Invariant: an expectation is a function of the folded federation alone; it never depends on the file.

Source: PROTOCOL.md 4 (step 3: the expected core) and 5S (recipients).
"""

from __future__ import annotations

from collections.abc import Mapping

from fl.crypto.envelope_form import MAX_RECIPIENTS, Core, Expected, Kind, sealed_size
from fl.crypto.key_wrapping import Recipient
from fl.crypto.pair_sketches import tags_bytes
from fl.crypto.threshold import ThresholdKey
from fl.protocol.errors import KeyEpochMismatch, NotInRoster, NotInSet
from fl.protocol.federation import LedgerOpening
from fl.protocol.grants import MODEL_READERS
from fl.protocol.keys.long_keys import LongKey
from fl.protocol.keys.members import KeyBook, MemberKey
from fl.protocol.names import NO_DIGEST, Address, Digest, Role, Suite
from fl.protocol.ports import Vault
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.rounds.round import Round
from fl.replay.first_file import HEAD_CAP
from fl.replay.group_key import group_key
from fl.replay.part_files import Length, Part, parts_if_listed, parts_of, whole
from fl.replay.round_documents import read_config, suite_of
from fl.training.aggregation.quantise import LANES, body_bytes

UPDATE_READERS = (Role.COORDINATOR, Role.AUDITOR)
"""Who may open one hospital's update in a sealed round."""
ANSWER_CAP = 2 + 53 * 1024 + tags_bytes(1024)
"""With the tags of a checked round (PROTOCOL.md 5C)."""
ReaderKey = MemberKey | LongKey
ReaderKeys = Mapping[Address, MemberKey] | Mapping[Address, LongKey]
"""The keys to which the files of a round are sealed (long_keys.reader_keys)."""


def update_core(current: Round, hospital: Address, suite: Suite = Suite.P256) -> Core:
    if hospital not in current.keys or hospital not in current.roster:
        raise NotInRoster(hospital)
    epoch = current.keys[hospital].epoch
    return Core(Kind.UPDATE, current.anchor, hospital, current.number, epoch, current.context, suite=suite)


def update_recipients(current: Round, book: KeyBook, keys: ReaderKeys | None = None) -> list[ReaderKey]:
    """Return who may open an update of a sealed round: the coordinator and the auditors."""
    return _keys(keys or current.keys, book, UPDATE_READERS)


def expected_update(current: Round, hospital: Address, suite: Suite = Suite.P256) -> Expected:
    cap = sealed_size(body_bytes(current.terms.parameters), MAX_RECIPIENTS, suite=suite)
    return Expected(update_core(current, hospital, suite), current.commitments.get(hospital, NO_DIGEST), cap)


def masked_core(current: Round, hospital: Address, kind: Kind, suite: Suite = Suite.P256) -> Core:
    """Return the header of a hospital's MASKED or UNMASK file; its context is ctx2."""
    if hospital not in current.sharers:
        raise NotInSet(hospital)
    epoch = current.keys[hospital].epoch
    return Core(kind, current.anchor, hospital, current.number, epoch, current.mask_context, suite=suite)


def masked_recipients(current: Round, book: KeyBook, keys: ReaderKeys | None = None) -> list[ReaderKey]:
    """Return who may open the masked files of a round: all its hospitals, the coordinator and the auditors.

    In a wide round they have its group key.
    """
    group = group_key(current)
    if group is not None:
        return [group]
    readers = (*current.roster, *(account for account, member in book.members.items() if member.role in UPDATE_READERS))
    named = (keys or current.keys).items()
    return [key for account, key in named if account in readers and not book.members[account].revoked]


def expected_masked(current: Round, hospital: Address, suite: Suite = Suite.P256) -> Expected:
    cap = sealed_size(body_bytes(current.terms.parameters), MAX_RECIPIENTS, suite=suite)
    digest = current.commitments.get(hospital, NO_DIGEST)
    return Expected(masked_core(current, hospital, Kind.MASKED, suite), digest, cap)


def update_files(
    current: Round, hospital: Address, vault: Vault, config: RoundConfig | None = None
) -> tuple[Part, ...]:
    """Return the envelopes of a hospital's update: one, or in a masked round perhaps parts of it (PROTOCOL.md 4).

    Args:
        current: The round.
        hospital: Whose update.
        vault: Where a list of parts is.
        config: The round's configuration, if the caller has read it.

    Raises:
        VaultMissing, TooLarge, HashMismatch, EncodingError, WrongContext: the configuration, or the list of parts.
    """
    words, config = current.terms.parameters + LANES, config or read_config(current, vault)
    if not current.masked:
        return whole(expected_update(current, hospital, config.suite), Length(words, 0))
    length = Length(words, config.word_bits // 8)
    return parts_of(expected_masked(current, hospital, config.suite), length, config.part_words, vault)


def expected_answer(current: Round, hospital: Address, suite: Suite = Suite.P256) -> Expected:
    cap = sealed_size(ANSWER_CAP, MAX_RECIPIENTS, suite=suite)
    digest = current.revealed[hospital].digest if hospital in current.revealed else NO_DIGEST
    return Expected(masked_core(current, hospital, Kind.UNMASK, suite), digest, cap)


def sketch_recipients(current: Round, book: KeyBook) -> list[MemberKey]:
    """Return who may open the sketches of a checked round: its auditors alone."""
    members = ((book.members[account], key) for account, key in current.keys.items())
    return [key for member, key in members if member.role == Role.AUDITOR and not member.revoked]


def expected_sketch(current: Round, hospital: Address, digest: Digest, body: int) -> Expected:
    """Return what the file with a hospital's sketches must be; its answer names the digest, `body` is its size."""
    return Expected(masked_core(current, hospital, Kind.SKETCH), digest, sealed_size(body, MAX_RECIPIENTS))


def model_core(source: Round | LedgerOpening, suite: Suite = Suite.P256) -> Core:
    """Return the header of a round's proposed model, or of the model with which the ledger opened.

    Raises:
        KeyEpochMismatch: its sender had no key at that time.
    """
    if isinstance(source, Round):
        sender, number = source.opener, source.number
    else:
        sender, number = source.record.sender, source.record.last_round
    if sender not in source.keys:
        raise KeyEpochMismatch(1, 0)
    return Core(Kind.MODEL, source.anchor, sender, number, source.keys[sender].epoch, source.context, suite=suite)


def model_recipients(
    source: Round, book: KeyBook, held_by: ThresholdKey | None, keys: ReaderKeys | None = None
) -> list[Recipient]:
    """Return who may open a new global model: coordinator, auditors, and hospitals with a key when the round opened.

    With `held_by`, K_MODEL, hospitals cannot open it until trustees release it.
    """
    if held_by is not None:
        return [*_keys(source.keys, book, UPDATE_READERS), held_by]
    return [*_keys(keys or source.keys, book, MODEL_READERS)]


def expected_model(source: Round | LedgerOpening, parameters: int, suite: Suite = Suite.P256) -> Expected:
    cap = sealed_size(4 * parameters, MAX_RECIPIENTS, 1, suite)
    if isinstance(source, Round):
        digest = source.proposal.envelope_digest if source.proposal else NO_DIGEST
    else:
        digest, cap = source.record.envelope_digest, cap + HEAD_CAP
    return Expected(model_core(source, suite), digest, cap)


def model_files(source: Round | LedgerOpening, parameters: int, vault: Vault) -> tuple[Part, ...]:
    """Return the envelopes of a model, float32 [parameters]: one, or its parts; raises as `update_files`."""
    return model_read(source, parameters, vault)[0]


def model_read(source: Round | LedgerOpening, parameters: int, vault: Vault) -> tuple[tuple[Part, ...], bytes]:
    """Return `model_files`, and the file of the first one if it had to be read to find them; else b""."""
    expected, length = expected_model(source, parameters, suite_of(source, vault)), Length(parameters, 4)
    if isinstance(source, Round):
        return parts_of(expected, length, read_config(source, vault).part_words, vault), b""
    return parts_if_listed(expected, length, vault)


def _keys(keys: ReaderKeys, book: KeyBook, roles: tuple[Role, ...]) -> list[ReaderKey]:
    """Return the keys of members with these roles, except those revoked since the round opened."""
    members = ((book.members[account], key) for account, key in keys.items())
    return [key for member, key in members if member.role in roles and not member.revoked]
