"""A table's network on encrypted values: CKKS, an approximate homomorphic encryption, by the library SEAL in tenseal.

The asker encrypts each number of a patient's row under a key of its own, made for this question alone. The host, which
has the network, computes on the ciphertexts, and returns one ciphertext from which the asker reads one number.

Invariant: parameters are fixed here; nobody sends any. No secret key leaves `AskerKey`, and a question has none: its
layout has only ciphertexts and relinearisation keys. Before SEAL reads a part, its length is checked, and by the heads
of its compressed blocks how large it can become (zstd_frame.py). SEAL itself then checks that it fits the parameters.
What the asker decrypts is random but for the mean of the slots (`_blinded`). The ciphertext's second polynomial follows
from question and weights, and nothing hides it: an asker who does not follow the protocol can read weights from it.

Parameters: N = 8192, moduli of 34, 7 × 21 and 34 bits, together 215 of the 218 that 128 bits of security allow.

Layout (big-endian):
    question = "BAFL/1/ckksask" ‖ H(card)[32] ‖ inputs:u16 ‖ (length:u32 ‖ relinearisation keys)
               ‖ (length:u32 ‖ ciphertext)[inputs]
    answer   = "BAFL/1/ckksans" ‖ length:u32 ‖ ciphertext
    keys and ciphertexts as SEAL 4 writes them: magic 0xA15E, header size 0x10, 4, minor version, 2 (zstd), 0:u16,
    length:u64 (little-endian), one zstd frame

Source: J. Cheon et al., "Homomorphic Encryption for Arithmetic of Approximate Numbers", 2017; B. Li, D. Micciancio, "On
the Security of Homomorphic Encryption on Approximate Numbers", 2021 (why nobody but the asker may see a decryption);
HomomorphicEncryption.org, "Homomorphic Encryption Standard", 2018 (the table of moduli).
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt

from fl.crypto.ckks_seal import DEGREE, LOCK, SLOTS, Seal, load_seal
from fl.crypto.zstd_frame import check_frame
from fl.protocol.codec import Reader, Writer
from fl.protocol.errors import CiphertextInvalid, EncodingError
from fl.protocol.names import DIGEST_BYTES, LABEL_PREFIX, Digest

Reals = npt.NDArray[np.float64]
SCALE = 2.0**21
MAX_INPUTS, MAX_UNITS = 256, 128
CIPHERTEXT_CAP, KEYS_CAP = 800_000, 6_000_000
"""Bytes; a fresh ciphertext has about 0.48 million, and the keys about 4.5 million."""
CIPHERTEXT_BLOCKS, KEYS_BLOCKS = 16, 112
"""Blocks of at most 128 KiB; a fresh ciphertext has 10, and the keys have 87."""
_ASK, _ANSWER = LABEL_PREFIX + b"ckksask", LABEL_PREFIX + b"ckksans"
ANSWER_CAP = len(_ANSWER) + 4 + CIPHERTEXT_CAP
_WHAT = "encrypted row"
_HEADER = bytes((0x5E, 0xA1, 0x10, 4))
_HEADER_BYTES, _ZSTD_AT, _ZSTD = 16, 5, 2
_MOST = 1024.0
"""An answer beyond this is no log-odds."""


def question_cap(inputs: int = MAX_INPUTS) -> int:
    """Return the largest number of bytes of a question about a row of so many numbers."""
    return len(_ASK) + DIGEST_BYTES + 2 + 4 + KEYS_CAP + inputs * (4 + CIPHERTEXT_CAP)


class PolynomialWeights(Protocol):
    """What the host computes with: fl/training/tables/polynomial.py."""

    @property
    def first(self) -> Reals: ...
    @property
    def first_bias(self) -> Reals: ...
    @property
    def mixes(self) -> Reals: ...
    @property
    def mix_bias(self) -> Reals: ...
    @property
    def last(self) -> Reals: ...
    @property
    def last_bias(self) -> float: ...


@dataclass(frozen=True)
class AskerKey:
    """The asker's secret of one question. It is never written anywhere."""

    secret: Any = field(repr=False)
    card: Digest

    @classmethod
    def ask(cls, card: Digest, row: Sequence[float]) -> tuple[Self, bytes]:
        """Return a fresh key, and the question about a row.

        Args:
            card: SHA-256 of the host's card.
            row: The numbers of the design's row without its intercept.

        Raises:
            ToolMissing: tenseal is not installed here.
            EncodingError: there are too many numbers.
        """
        if not 1 <= len(row) <= MAX_INPUTS:
            raise EncodingError(_WHAT, f"it has {len(row)} numbers, not 1 to {MAX_INPUTS}")
        with LOCK:
            seal = load_seal()
            maker = seal.api.KeyGenerator(seal.context)
            secret, keys = maker.secret_key(), seal.api.RelinKeys()
            maker.create_relin_keys(keys)
            encryptor, parts = seal.api.Encryptor(seal.context, secret), [seal.write(keys)]
            for value in row:
                plain, made = seal.api.Plaintext(), seal.api.Ciphertext()
                seal.encoder.encode(float(value), SCALE, plain)
                encryptor.encrypt_symmetric(plain, made)
                parts.append(seal.write(made))
        writer = Writer().raw(_ASK, len(_ASK)).raw(card, DIGEST_BYTES).u16(len(row))
        for part in parts:
            writer = writer.text(part)
        return cls(secret, card), writer.bytes()

    def read(self, answer: bytes) -> float:
        """Return the log-odds in an answer.

        Raises:
            EncodingError, CiphertextInvalid: it is no answer, or no number that a network gives.
        """
        reader = Reader(answer, _WHAT)
        if len(answer) > ANSWER_CAP or reader.raw(len(_ANSWER)) != _ANSWER:
            raise EncodingError(_WHAT, "the answer does not begin like one")
        part = _part(reader, CIPHERTEXT_CAP, CIPHERTEXT_BLOCKS)
        reader.end()
        with LOCK:
            seal = load_seal()
            made, plain = seal.read("Ciphertext", part), seal.api.Plaintext()
            seal.api.Decryptor(seal.context, self.secret).decrypt(made, plain)
            total = float(np.mean(seal.encoder.decode_double(plain)))
        if not abs(total) < _MOST:
            raise CiphertextInvalid("the answer is no number that a network gives")
        return total


@dataclass(frozen=True)
class HiddenRow:
    """A question, after its lengths and heads were checked."""

    card: Digest
    keys: bytes = field(repr=False)
    inputs: tuple[bytes, ...] = field(repr=False)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Parse a question without SEAL, or raise EncodingError."""
        reader = Reader(data, _WHAT)
        if len(data) > question_cap() or reader.raw(len(_ASK)) != _ASK:
            raise EncodingError(_WHAT, "it does not begin like one")
        card, count = Digest(reader.raw(DIGEST_BYTES)), reader.u16()
        if not 1 <= count <= MAX_INPUTS:
            raise EncodingError(_WHAT, f"it has {count} numbers, not 1 to {MAX_INPUTS}")
        keys = _part(reader, KEYS_CAP, KEYS_BLOCKS)
        inputs = tuple(_part(reader, CIPHERTEXT_CAP, CIPHERTEXT_BLOCKS) for _ in range(count))
        reader.end()
        return cls(card, keys, inputs)


def answer_row(weights: PolynomialWeights, question: HiddenRow) -> bytes:
    """Return the network's answer to an encrypted row; it takes seconds of one core.

    Raises:
        ToolMissing: tenseal is not installed here.
        CiphertextInvalid: the question does not fit the network, or a part does not fit the parameters.
    """
    units, inputs = weights.first.shape
    if len(question.inputs) != inputs or max(units, weights.mixes.shape[1]) > MAX_UNITS:
        raise CiphertextInvalid(f"the encrypted row has {len(question.inputs)} numbers, not {inputs}")
    with LOCK:
        seal = load_seal()
        keys = seal.read("RelinKeys", question.keys)
        row = [seal.read("Ciphertext", part) for part in question.inputs]
        if any(each.parms_id() != seal.context.first_parms_id() or each.size() != 2 for each in row):  # noqa: PLR2004
            raise CiphertextInvalid("a number of the encrypted row is not a fresh ciphertext")
        try:
            made = seal.write(_computed(seal, weights, row, keys))
        except (RuntimeError, ValueError) as error:
            raise CiphertextInvalid("the encrypted row cannot be computed with") from error
    return Writer().raw(_ANSWER, len(_ANSWER)).text(made).bytes()


def _computed(seal: Seal, weights: PolynomialWeights, row: Sequence[Any], keys: Any) -> Any:  # noqa: ANN401
    """Return the encrypted log-odds. The first layer's units are single ciphertexts, and the second's are slots."""
    wide = SLOTS // (1 << (len(weights.mix_bias) - 1).bit_length())
    ready = [
        _powers(seal, _sum(seal, list(zip(row, line.tolist(), strict=True)), bias), keys)
        for line, bias in zip(weights.first, weights.first_bias.tolist(), strict=True)
    ]
    terms = [
        (power, _spread(weights.mixes[place, :, unit], wide))
        for unit, powers in enumerate(ready)
        for place, power in enumerate(powers)
    ]
    second = _powers(seal, _sum(seal, terms, _spread(weights.mix_bias, wide)), keys)
    # The mean over all slots is what the asker reads, so each unit's share is multiplied by the number of units.
    lanes = SLOTS // wide
    last = [(power, _spread(line * lanes, wide)) for power, line in zip(second, weights.last, strict=True)]
    return _blinded(seal, _sum(seal, last, weights.last_bias))


def _spread(values: Reals, times: int) -> list[float]:
    """Return numbers for all slots: those of the units, zeros up to a power of two, and all this again and again."""
    lanes = np.zeros(SLOTS // times)
    lanes[: len(values)] = values
    spread: list[float] = np.tile(lanes, times).tolist()
    return spread


def _sum(seal: Seal, terms: Sequence[tuple[Any, Any]], bias: Any) -> Any:  # noqa: ANN401
    """Return the sum of products of ciphertexts at one level with plain numbers, rescaled to SCALE, plus `bias`."""
    drop = seal.dropped(terms[0][0])
    total: Any = None
    for ciphertext, weight in terms:
        scale = SCALE * drop / ciphertext.scale
        plain, product = seal.plain(_visible(weight, scale), ciphertext, scale), seal.api.Ciphertext()
        seal.evaluator.multiply_plain(ciphertext, plain, product)
        product.scale = SCALE * drop
        if total is None:
            total = product
        else:
            seal.evaluator.add_inplace(total, product)
    seal.evaluator.rescale_to_next_inplace(total)
    total.scale = SCALE
    seal.evaluator.add_plain_inplace(total, seal.plain(bias, total, SCALE))
    return total


def _visible(weight: Any, scale: float) -> Any:  # noqa: ANN401
    """Return a weight that does not round to 0, since SEAL refuses products that are known to be 0."""
    if isinstance(weight, float):
        return weight if abs(weight) * scale >= 1 else 1 / scale
    return weight if max(map(abs, weight)) * scale >= SLOTS else [SLOTS / scale, *weight[1:]]


def _powers(seal: Seal, value: Any, keys: Any) -> list[Any]:  # noqa: ANN401
    """Return a ciphertext, its square and its fourth power, all at the level of the last."""
    square = _squared(seal, value, keys)
    fourth = _squared(seal, square, keys)
    for each in (value, square):
        seal.evaluator.mod_switch_to_inplace(each, fourth.parms_id())
    return [value, square, fourth]


def _squared(seal: Seal, value: Any, keys: Any) -> Any:  # noqa: ANN401
    made = seal.api.Ciphertext()
    seal.evaluator.square(value, made)
    seal.evaluator.relinearize_inplace(made, keys)
    seal.evaluator.rescale_to_next_inplace(made)
    return made


def _blinded(seal: Seal, value: Any) -> Any:  # noqa: ANN401
    """Add a random polynomial, uniform but for its constant coefficient, which is 0.

    The mean of the slots is the constant coefficient, so the asker reads this and nothing of the others: no single
    share and no imaginary part, however it made its question.
    """
    modulus = int(seal.dropped(value))  # the only one that is left
    drawn = np.array([secrets.randbelow(modulus) - modulus // 2 for _ in range(DEGREE)])
    drawn[0] = 0
    for part in (drawn // 2, drawn - drawn // 2):  # SEAL encodes no coefficient above a quarter of the modulus
        slots = (_slots_of(part) / value.scale).tolist()
        seal.evaluator.add_plain_inplace(value, seal.plain(slots, value, value.scale))
    return value


def _slots_of(coefficients: npt.NDArray[np.int64]) -> npt.NDArray[np.complex128]:
    """Return a polynomial's values at ζ^(3^j), ζ = e^(πi/N): the order of SEAL's slots. In another one SEAL refuses."""
    roots = np.exp(-1j * np.pi * np.arange(DEGREE) / DEGREE)
    values = np.conj(np.fft.fft(coefficients * roots))  # at ζ^(2i+1)
    powers = [1]
    while len(powers) < SLOTS:
        powers.append(powers[-1] * 3 % (2 * DEGREE))
    at: npt.NDArray[np.complex128] = values[(np.array(powers) - 1) // 2]
    return at


def _part(reader: Reader, cap: int, blocks: int) -> bytes:
    """Return a part that SEAL 4 wrote, by its length and heads alone."""
    length = reader.u32()
    if not _HEADER_BYTES < length <= cap:
        raise EncodingError(_WHAT, f"a part has {length} bytes")
    data = reader.raw(length)
    known = data.startswith(_HEADER) and data[_ZSTD_AT] == _ZSTD and not any(data[6:8])
    if not known or int.from_bytes(data[8:_HEADER_BYTES], "little") != length:
        raise EncodingError(_WHAT, "a part does not begin like one of SEAL 4")
    check_frame(data[_HEADER_BYTES:], blocks)
    return data
