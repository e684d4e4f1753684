"""The group key of a wide round: one HPKE key that all readers of its model have, so that a file needs one wrap.

A ledger's first model with more readers than one file names has such a key too (first_file.py).

The coordinator draws it when it opens the round, seals its private key to everybody who may read the model, and keeps
nothing: it opens its own wrap as everybody does.

Invariant: a private key counts only if it gives the public key in the round's terms. It is kept in memory only.

Layout (big-endian):
    context of a key file = H("BAFL/1/groupkey" ‖ model the round starts from[32] ‖ group key[65])
    plaintext             = d[32], with group key = d·G
    seq                   = number of the file, from 0
Readers ascend by the identity of their key, over all files: so a reader finds its file in a few looks.

Source: PROTOCOL.md 5W.3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec

from fl.crypto.curve import SCALAR_BYTES
from fl.crypto.envelope import open_file, seal
from fl.crypto.envelope_form import MAX_RECIPIENTS, Core, Expected, Kind, Parts, sealed_size
from fl.crypto.group import parse_key, scalar_bytes
from fl.crypto.hpke_keys import PrivateKey
from fl.crypto.key_wrapping import Recipient
from fl.protocol.codec import Writer
from fl.protocol.errors import GroupKeyUnusable, InvalidScalar, KeyEpochMismatch, MalformedError, RecipientNotFound
from fl.protocol.keys.members import PUBLIC_KEY_BYTES, MemberKey
from fl.protocol.names import Address, Blob, Digest
from fl.protocol.ports import Anchor, Vault
from fl.protocol.rounds.round import Round
from fl.replay.vault_files import read_document

KEY_FILE_CAP = sealed_size(SCALAR_BYTES, MAX_RECIPIENTS)
_REMEMBERED = 8
"""Rounds whose keys a member keeps in memory."""
_EPOCH = 1
"""A group key has one epoch: its round."""


@dataclass(frozen=True)
class Drawn:
    """A new group key and its files."""

    public_key: bytes
    """65 bytes."""
    files: tuple[Blob, ...]


@dataclass(frozen=True)
class Opening:
    """What is known before a round, or a ledger, is opened."""

    anchor: Anchor
    sender: Address
    epoch: int
    """Of the sender's key."""
    round: int
    """For a first model: the last round before it."""
    previous_model: Digest
    """For a first model: that model."""


@dataclass(frozen=True)
class GroupTerms:
    """A group key, and where its private key is."""

    opening: Opening
    public_key: bytes
    """65 bytes."""
    files: tuple[Digest, ...]

    @property
    def key_id(self) -> bytes:
        return public_member(self.public_key).key_id

    def expected(self, seq: int) -> Expected:
        """Return what a key file must be."""
        return Expected(core_of(self.opening, self.public_key, seq), self.files[seq], KEY_FILE_CAP)

    def readers(self, vault: Vault) -> frozenset[bytes]:
        """Return the identities of the keys that the files name; raises as `read_document`."""
        files = (_read(self, seq, vault) for seq in range(len(self.files)))
        return frozenset(key_id for file in files for key_id in Parts.of(file).wraps)


def public_member(public_key: bytes) -> MemberKey:
    """Return a group key as the reader of a file."""
    return MemberKey(_EPOCH, public_key)


def draw(opening: Opening, readers: Sequence[MemberKey]) -> Drawn:
    """Draw the key of a round and seal it to all readers."""
    key = PrivateKey.generate(_EPOCH)
    plaintext = scalar_bytes(key.secret.private_numbers().private_value)
    ordered = sorted({reader.key_id: reader for reader in readers}.values(), key=lambda reader: reader.key_id)
    parts = [ordered[start : start + MAX_RECIPIENTS] for start in range(0, len(ordered), MAX_RECIPIENTS)]
    files = [seal(core_of(opening, key.public_key, seq), part, plaintext) for seq, part in enumerate(parts)]
    return Drawn(key.public_key, tuple(files))


def group_key(current: Round) -> MemberKey | None:
    """Return the key to which a wide round's files are sealed; None in any other round."""
    return public_member(current.wide.group_key) if current.wide is not None else None


def group_terms(current: Round) -> GroupTerms:
    """Return the group key of a wide round.

    Raises:
        KeyEpochMismatch: who opened the round had no key then.
    """
    if current.wide is None or current.opener not in current.keys:
        raise KeyEpochMismatch(1, 0)
    epoch = current.keys[current.opener].epoch
    opening = Opening(current.anchor, current.opener, epoch, current.number, current.previous_model)
    return GroupTerms(opening, current.wide.group_key, current.wide.key_files)


def expected_key_file(current: Round, seq: int) -> Expected:
    """Return what a key file of a wide round must be; raises as `group_terms`."""
    return group_terms(current).expected(seq)


def with_group_key(current: Round, readers: Sequence[Recipient], vault: Vault) -> list[Recipient]:
    """Return the readers of a model with the group key in place of all who have it.

    Who got another key between the coordinator's last look at the ledger and the opening is named itself.
    """
    group = group_key(current)
    if group is None:
        return [*readers]
    named = group_terms(current).readers(vault)
    return [group, *(reader for reader in readers if reader.key_id not in named)]


class GroupKeys:
    """The group keys of the rounds that one member opened files of."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._known: dict[GroupTerms, PrivateKey] = {}

    def of(self, current: Round, own: Callable[[], PrivateKey]) -> PrivateKey:
        """Return the key of a wide round; `own` returns this member's key when the round opened; raises as `held`."""
        return self.held(group_terms(current), own)

    def held(self, terms: GroupTerms, own: Callable[[], PrivateKey]) -> PrivateKey:
        """Return the private key of a group key; `own` returns this member's key when it was drawn.

        Raises:
            RecipientNotFound: no file is sealed to this member.
            GroupKeyUnusable: its file has another key.
            VaultMissing, ...: as envelope.receive and the vault.
        """
        if terms not in self._known:
            if len(self._known) >= _REMEMBERED:
                del self._known[next(iter(self._known))]
            self._known[terms] = _open(terms, own(), self._vault)
        return self._known[terms]


def _open(terms: GroupTerms, own: PrivateKey, vault: Vault) -> PrivateKey:
    for seq, file in _candidates(terms, own.member_key.key_id, vault):
        plaintext = open_file(file, terms.expected(seq).core, own)
        found = _parsed(plaintext, terms.opening.sender)
        if found.public_key != terms.public_key:
            raise GroupKeyUnusable(terms.opening.sender, "it holds another key than the round's terms name")
        return found
    raise RecipientNotFound


def _candidates(terms: GroupTerms, key_id: bytes, vault: Vault) -> Iterator[tuple[int, bytes]]:
    """Yield the file that names a key, found by halving; nothing if no file does."""
    low, high = 0, len(terms.files)
    while low < high:
        middle = (low + high) // 2
        file = _read(terms, middle, vault)
        named = Parts.of(file).wraps.keys()
        if key_id in named:
            yield middle, file
            return
        low, high = (low, middle) if key_id < min(named) else (middle + 1, high)


def _read(terms: GroupTerms, seq: int, vault: Vault) -> bytes:
    expected = terms.expected(seq)
    return read_document(vault, expected.digest, expected.cap)


def _parsed(plaintext: bytes, sender: Address) -> PrivateKey:
    try:
        secret = parse_key(plaintext)
    except (InvalidScalar, MalformedError) as error:
        raise GroupKeyUnusable(sender, "it does not hold a key") from error
    return PrivateKey(_EPOCH, ec.derive_private_key(secret, ec.SECP256R1()))


def core_of(opening: Opening, public_key: bytes, seq: int) -> Core:
    """Return the header of a key file, from what is known before the round is opened."""
    context = Writer("groupkey").raw(opening.previous_model, 32).raw(public_key, PUBLIC_KEY_BYTES).digest()
    return Core(Kind.GROUP, opening.anchor, opening.sender, opening.round, opening.epoch, context, seq)
