"""Masks: pseudorandom vectors that hide each hospital's words and cancel in the sum.

Invariant: words are whole numbers mod 2^32 (or 2^64), so a sum is exact. Functions change the caller's array in place;
they need three chunks of working memory for any number of hospitals.

PRG(seed) = AES-256-CTR keystream of the 32-byte seed, initial counter block 0^16, read as little-endian unsigned words.
y_i = x_i + PRG(self_i) + Σ_{j>i} PRG(seed_ij) - Σ_{j<i} PRG(seed_ij)

Source: PROTOCOL.md 5 (Masking, Unmasking); Bonawitz et al., CCS 2017; SP 800-38A 6.5 (CTR).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes

from fl.crypto.group import base_mult
from fl.crypto.round_keys import Participant, RoundKeys, pair_seed, self_seed
from fl.protocol.errors import CommitmentMismatch, EncodingError, ReconstructMismatch, SetMismatch
from fl.protocol.names import Address, Blob, Digest
from fl.timing import timed

Signed = npt.NDArray[np.int32] | npt.NDArray[np.int64]
"""Words as the quantiser makes them; the width chooses the ring."""
Masked = npt.NDArray[np.uint32] | npt.NDArray[np.uint64]
"""Words mod 2^32 or mod 2^64."""

CHUNK_BYTES = 1 << 18
"""Words, keystream and zeros of one chunk stay in a 1 MiB cache while all masks pass over them."""
_ZEROS = bytes(CHUNK_BYTES)
BLOCK_BYTES = 16
"""Of AES, and so of its counter."""
_RINGS: dict[np.dtype[np.generic], np.dtype[np.generic]] = {
    np.dtype(np.int32): np.dtype(np.uint32),
    np.dtype(np.int64): np.dtype(np.uint64),
    np.dtype(np.uint32): np.dtype(np.uint32),
    np.dtype(np.uint64): np.dtype(np.uint64),
}


@dataclass(frozen=True)
class Masks:
    """Seeds whose expansions are added to, or subtracted from, a vector."""

    added: tuple[bytes, ...] = field(repr=False)
    taken: tuple[bytes, ...] = field(repr=False)


# --- Which masks -----------------------------------------------------------------------------------------------


def hospital_masks(keys: RoundKeys, own: Address, participants: Sequence[Participant], context: Digest) -> Masks:
    """Return the masks of hospital `own` with the other participants, its neighbours in U2; `context` is ctx2.

    Raises:
        SetMismatch: the hospital is not among the participants.
        CommitmentMismatch: the ledger records other keys, so these masks would never cancel.
    """
    holder = _find(own, participants)
    if (base_mult(keys.mask_secret), base_mult(keys.self_secret)) != (holder.mask_key, holder.self_key):
        raise CommitmentMismatch(own)
    later: list[bytes] = []
    earlier: list[bytes] = []
    for other in participants:
        if other.account != own:
            seed = pair_seed(keys.mask_secret, holder, other, context)
            (later if other.index > holder.index else earlier).append(seed)
    return Masks((self_seed(keys.self_secret, holder, context), *later), tuple(earlier))


def all_joined(_one: Address, _other: Address) -> bool:
    """Say that two hospitals have a common mask: in a complete graph all have."""
    return True


def remaining_masks(
    participants: Sequence[Participant],
    self_secrets: Mapping[Address, int],
    mask_secrets: Mapping[Address, int],
    context: Digest,
    joined: Callable[[Address, Address], bool] = all_joined,
) -> Masks:
    """Return the masks that turn the survivors' sum into Σ x: the opposite of those that remain in it.

    Args:
        participants: U2, ascending.
        self_secrets: b of every survivor (U3).
        mask_secrets: s of every dropped hospital (U2 without U3).
        context: ctx2.
        joined: Whether two of the participants have a common mask.

    Raises:
        SetMismatch: the two sets together are not U2.
        ReconstructMismatch: a secret does not fit the hospital's public key.
    """
    _check_secrets(participants, self_secrets, mask_secrets)
    survivors = [each for each in participants if each.account in self_secrets]
    taken = [self_seed(self_secrets[each.account], each, context) for each in survivors]
    added: list[bytes] = []
    for gone in participants:
        if gone.account not in mask_secrets:
            continue
        for survivor in survivors:
            if not joined(gone.account, survivor.account):
                continue
            seed = pair_seed(mask_secrets[gone.account], gone, survivor, context)
            (taken if gone.index > survivor.index else added).append(seed)
    return Masks(tuple(added), tuple(taken))


def _check_secrets(
    participants: Sequence[Participant], self_secrets: Mapping[Address, int], mask_secrets: Mapping[Address, int]
) -> None:
    known = {each.account for each in participants}
    for account in (*self_secrets, *mask_secrets):
        if account not in known:
            raise SetMismatch(account)
    for each in participants:
        if (each.account in self_secrets) == (each.account in mask_secrets):
            raise SetMismatch(each.account)  # both secrets of one hospital would reveal its words
        secret, key = (
            (self_secrets[each.account], each.self_key)
            if each.account in self_secrets
            else (mask_secrets[each.account], each.mask_key)
        )
        if base_mult(secret) != key:
            raise ReconstructMismatch(each.account)


def _find(account: Address, participants: Sequence[Participant]) -> Participant:
    for each in participants:
        if each.account == account:
            return each
    raise SetMismatch(account)


# --- Vectors ---------------------------------------------------------------------------------------------------


def apply(words: Signed | Masked, masks: Masks, first: int = 0) -> Masked:
    """Apply `masks` to `words` in place; return the same memory as words of the ring.

    Args:
        words: int32, uint32 (Z_2^32) or int64, uint64 (Z_2^64), [d + lanes], contiguous and writeable.
        masks: Seeds of 32 bytes.
        first: Where `words` begin in the whole vector; a whole number of blocks of the keystream (16 bytes).
    """
    ring = as_ring(words)
    keystream = np.empty(CHUNK_BYTES, np.uint8)
    expanded = keystream.view(ring.dtype.newbyteorder("<"))
    counter = _counter(first * ring.itemsize)
    added, taken = ([_expander(seed, counter) for seed in seeds] for seeds in (masks.added, masks.taken))
    step = CHUNK_BYTES // ring.itemsize
    for start in range(0, ring.size, step):
        part = ring[start : start + step]
        zeros, stream, mask = memoryview(_ZEROS)[: part.nbytes], keystream[: part.nbytes], expanded[: part.size]
        for expander in added:
            expander.update_into(zeros, stream.data)
            np.add(part, mask, out=part)
        for expander in taken:
            expander.update_into(zeros, stream.data)
            np.subtract(part, mask, out=part)
    return ring


@timed("sum")
def accumulate(total: Masked, masked: Masked) -> None:
    """Add one hospital's masked words to the running sum, in place; another shape raises EncodingError."""
    if total.shape != masked.shape or total.dtype != masked.dtype:
        raise EncodingError("masked update", f"it has {masked.size} words, {total.size} were expected")
    np.add(total, masked, out=total)


def to_signed(total: Masked) -> Signed:
    """Return an unmasked sum as signed words, the same memory."""
    if total.dtype == np.uint32:
        return total.view(np.int32)
    return total.view(np.int64)


def to_bytes(masked: Masked) -> memoryview:
    """Return the words as little-endian bytes, without copying where the machine is little-endian."""
    return masked.astype(masked.dtype.newbyteorder("<"), copy=False).data.cast("B")


def from_bytes(body: Blob, words: int, *, wide: bool = False) -> Masked:
    """Return the words of a masked body (read-only, not copied): uint32, or uint64 when `wide`.

    Raises:
        EncodingError: the body does not have 4 (8) bytes for each of `words` words.
    """
    width = 8 if wide else 4
    if len(body) != width * words:
        raise EncodingError("masked update", f"it has {len(body)} bytes, {width * words} were expected")
    if wide:
        return np.frombuffer(body, "<u8").astype(np.uint64, copy=False)
    return np.frombuffer(body, "<u4").astype(np.uint32, copy=False)


def as_ring(words: Signed | Masked) -> Masked:
    """Return the same memory as words mod 2^32 or mod 2^64; other arrays are a programming error."""
    ring = _RINGS.get(words.dtype)
    if ring is None or words.ndim != 1 or not words.flags.c_contiguous or not words.flags.writeable:
        raise TypeError("masks need contiguous, writeable words [d] of 32 or 64 bits")
    if ring.itemsize == np.dtype(np.uint32).itemsize:
        return words.view(np.uint32)
    return words.view(np.uint64)


def _counter(offset: int) -> bytes:
    """Return the counter block of the keystream's byte `offset`."""
    if offset % BLOCK_BYTES:
        raise ValueError("a part of a masked vector begins with a whole block of its keystream")
    return (offset // BLOCK_BYTES).to_bytes(BLOCK_BYTES, "big")


def _expander(seed: bytes, counter: bytes) -> CipherContext:
    return Cipher(algorithms.AES256(seed), modes.CTR(counter)).encryptor()
