"""The body of the process's answer about one picture: the answer, and what the network saw if the site asked for it.

Invariant: the length of the body is known before it is read, from the number of classes and the side of the input.

Layout: length:u32 ‖ answer ‖ nothing, or picture [S, S, 3] ‖ heat [S, S], both uint8.
"""

from __future__ import annotations

import numpy as np

from fl.protocol.errors import EncodingError
from fl.training.calibration.answer import Answer
from fl.training.model.spec import ModelSpec
from fl.training.pictures.heat import Seen

LENGTH_BYTES = 4
LAYERS = 4
"""Three colours of the picture, and the heat."""


def packed(answer: Answer, seen: Seen | None) -> bytes:
    row = answer.to_bytes()
    parts = b"" if seen is None else seen.picture.tobytes() + seen.heat.tobytes()
    return len(row).to_bytes(LENGTH_BYTES, "big") + row + parts


def body_cap(spec: ModelSpec) -> int:
    """Return the largest number of bytes of a body."""
    return LENGTH_BYTES + Answer.cap(spec.classes) + LAYERS * spec.size_px**2


def unpacked(body: bytes, spec: ModelSpec) -> tuple[Answer, Seen | None]:
    """Parse what `packed` wrote.

    Raises:
        EncodingError, NonFinite: it is no answer of such a model.
    """
    head, side = int.from_bytes(body[:LENGTH_BYTES], "big"), spec.size_px
    row, rest = body[LENGTH_BYTES : LENGTH_BYTES + head], body[LENGTH_BYTES + head :]
    answer = Answer.from_bytes(row, spec.classes, several=spec.several)
    if not rest:
        return answer, None
    if len(rest) != LAYERS * side * side:
        raise EncodingError("answer", f"it has {len(rest)} bytes of pictures for a side of {side}")
    pixels = np.frombuffer(rest, np.uint8)
    heat = pixels[3 * side * side :].reshape(side, side)
    return answer, Seen(pixels[: 3 * side * side].reshape(side, side, 3), heat)
