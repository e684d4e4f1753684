"""Makes tests/vectors/parts.json: lists of parts (PROTOCOL.md 4), and a mask by offset (5, phase 3).

    python -m tests.support.protocol.make_parts_vectors > tests/vectors/parts.json

It shares no code with what it tests: bytes come from struct and hashlib, the keystream from single AES blocks.
"""

from __future__ import annotations

import hashlib
import json
import struct
import sys

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

ABOUT = [
    "Files in parts of PROTOCOL.md 4, by tests/support/protocol/make_parts_vectors.py. `lists`: the file of a list and",
    "its SHA-256, from the context, the words of the vector, the words of a part and the parts' digests. `places` are",
    "the words of each part. `refused`: a file for the same context and words, and the error. `keystream`: the mask of",
    "a part whose first word is `first`, as words.",
]
CONTEXT = hashlib.sha256(b"a round").digest()


def file_of(part_words: int, digests: list[bytes], context: bytes = CONTEXT, label: bytes = b"BAFL/1/parts") -> bytes:
    return label + context + struct.pack(">IH", part_words, len(digests)) + b"".join(digests)


def digests_of(count: int) -> list[bytes]:
    return [hashlib.sha256(b"part %d" % number).digest() for number in range(count)]


def right(words: int, part_words: int) -> dict[str, object]:
    starts = list(range(0, words, part_words))
    digests = digests_of(len(starts))
    file = file_of(part_words, digests)
    return {
        "context": CONTEXT.hex(),
        "words": words,
        "part_words": part_words,
        "places": [[start, min(start + part_words, words)] for start in starts],
        "digests": [each.hex() for each in digests],
        "file": file.hex(),
        "digest": hashlib.sha256(file).hexdigest(),
    }


def refused() -> list[dict[str, object]]:
    words, part_words, three = 2049, 1024, digests_of(3)
    good = file_of(part_words, three)
    cases = {
        "a part is missing": (file_of(part_words, three[:2]), "EncodingError"),
        "a part too many": (file_of(part_words, digests_of(4)), "EncodingError"),
        "a part twice": (file_of(part_words, [three[0], three[1], three[0]]), "EncodingError"),
        "it is cut": (good[:-1], "EncodingError"),
        "bytes follow": (good + b"\0", "EncodingError"),
        "one part is no list": (file_of(4096, three[:1]), "EncodingError"),
        "parts of no whole step": (file_of(1000, three), "EncodingError"),
        "parts of no words": (file_of(0, three), "EncodingError"),
        "another label": (file_of(part_words, three, label=b"BAFL/1/party"), "EncodingError"),
        "another round": (file_of(part_words, three, context=bytes(32)), "WrongContext"),
    }
    return [
        {"why": why, "words": words, "context": CONTEXT.hex(), "file": file.hex(), "error": error}
        for why, (file, error) in cases.items()
    ]


def keystream(first: int, count: int, width: int) -> dict[str, object]:
    seed = hashlib.sha256(b"a seed").digest()
    blocks = range(first * width // 16, (first + count) * width // 16 + 1)
    aes = Cipher(algorithms.AES256(seed), modes.ECB()).encryptor()  # noqa: S305 - the counter's blocks, one by one
    stream = b"".join(aes.update(block.to_bytes(16, "big")) for block in blocks)[: count * width]
    words = struct.unpack(f"<{count}{'I' if width == 4 else 'Q'}", stream)
    return {"seed": seed.hex(), "first": first, "bits": 8 * width, "words": [str(each) for each in words]}


def make_vectors() -> str:
    vectors = {
        "about": ABOUT,
        "lists": [right(2048, 1024), right(2049, 1024), right(5 * 4096 + 4, 4096)],
        "refused": refused(),
        "keystream": [keystream(first, 5, width) for first in (0, 1024, 2**27) for width in (4, 8)],
    }
    return json.dumps(vectors, indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    sys.stdout.write(make_vectors())
