"""Writes tests/vectors/mask_sketch.json from the definition in PROTOCOL.md 5C, in whole numbers and without NumPy.

python -m tests.support.make_sketch_vectors
"""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

TARGET = Path(__file__).parents[1] / "vectors" / "mask_sketch.json"
ROWS, PLAIN = 4, 4


def keystream(seed: bytes, count: int) -> bytes:
    return Cipher(algorithms.AES256(seed), modes.CTR(bytes(16))).encryptor().update(bytes(count))


def sketch(seed: bytes, buckets: int, words: int, mask_seed: bytes, width: int) -> bytes:
    stream = keystream(mask_seed, width * (words + PLAIN))
    values = [int.from_bytes(stream[at : at + width], "little") for at in range(0, len(stream), width)]
    found: list[int] = []
    for row in range(ROWS):
        key, sums = hashlib.sha256(b"BAFL/1/sketchrow" + seed + bytes([row])).digest(), [0] * buckets
        places = keystream(key, 2 * words)
        for number in range(words):
            drawn = int.from_bytes(places[2 * number : 2 * number + 2], "little")
            sums[drawn % buckets] += -values[number] if drawn >= 1 << 15 else values[number]
        found += sums
    return b"".join((each % (1 << 8 * width)).to_bytes(width, "little") for each in (*found, *values[words:]))


def hkdf(secret: bytes, salt: bytes, info: bytes) -> bytes:
    key = hmac.new(salt, secret, "sha256").digest()
    return hmac.new(key, info + b"\x01", "sha256").digest()


def main() -> None:
    context, chosen, block = (bytes([number]) * 32 for number in (1, 2, 3))
    seed = hashlib.sha256(b"BAFL/1/sketch" + context + chosen + block).digest()
    low, high, mask_seed = b"\x0a" * 20, b"\x0b" * 20, b"\x04" * 32
    maps = [
        {
            "name": f"{width * 8} bits, {buckets} buckets",
            "seed": seed.hex(),
            "buckets": buckets,
            "words": words,
            "wide": width == 8,
            "mask_seed": mask_seed.hex(),
            "sketch": sketch(seed, buckets, words, mask_seed, width).hex(),
        }
        for width, buckets, words in ((4, 64, 300), (4, 128, 1), (8, 64, 77))
    ]
    given = bytes.fromhex(str(maps[0]["sketch"]))
    salt = hkdf(mask_seed, context, b"BAFL/1/sketchsalt" + chosen)
    pair = {
        "context": context.hex(),
        "set_digest": chosen.hex(),
        "freeze_block": block.hex(),
        "map_seed": seed.hex(),
        "low": low.hex(),
        "high": high.hex(),
        "mask_seed": mask_seed.hex(),
        "salt": salt.hex(),
        "tag": hashlib.sha256(b"BAFL/1/sketchtag" + low + high + salt + given).hexdigest(),
    }
    TARGET.write_text(json.dumps({"maps": maps, "pair": pair}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
