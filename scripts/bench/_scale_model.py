"""What coordinator and auditor of a wide round do for n hospitals: counted operations, and bytes.

Pure: it knows the protocol's formats, and measures nothing. `make bench ARGS=scale` compares these counts with those of
rounds that are really played, and multiplies them with costs that it measures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from fl.crypto.share_delivery import SEALED_BYTES

SIGNATURES, DEALINGS, FILES, SECRETS, WRAPS = "signatures", "dealings parsed", "files opened", "secrets", "key wraps"
PARSED_KEPT = 1024
"""So many parsed dealings a process keeps (fl/replay/participants.py); with more hospitals each pass parses all."""
PASSES = {"coordinator": 4, "auditor": 3}
"""How often a role goes through all dealings."""
STEP_HEAD, BATCH_HEAD = 20 + 4 + 65, 12 + 32 + 1 + 2
ANSWER_ENTRY = 20 + 1 + 32


@dataclass(frozen=True)
class Shape:
    """A wide round in which nobody drops out."""

    hospitals: int
    """n"""
    degree: int
    """k"""
    threshold: int
    """t"""
    attesting: int
    """How many members attest: drawn hospitals and auditors."""


def operations(role: str, shape: Shape) -> dict[str, int]:
    """Return how many operations of each kind a round costs a coordinator or an auditor.

    The coordinator checks each signature twice, on the board and in its own batch, and on the board also those of the
    set. An auditor checks each once, and those of the set up to the fewest commitments: with the product's plan a tenth
    of the hospitals may be missing.
    """
    n, kept = shape.hospitals, shape.hospitals <= PARSED_KEPT
    steps = 6 * n + shape.attesting
    passes = 1 if kept else PASSES[role]
    signatures = 2 * steps + n if role == "coordinator" else steps + n - n // 10
    wraps = n + 2 if role == "coordinator" else 0
    return {SIGNATURES: signatures, DEALINGS: passes * n, FILES: 2 * n, SECRETS: n, WRAPS: wraps}


def seconds(counts: Mapping[str, int], unit_s: Mapping[str, float], rest_s: float) -> float:
    """Return counted operations times their costs, and what the rest of a role's work costs."""
    return sum(count * unit_s[what] for what, count in counts.items()) + rest_s


def batch_bytes(shape: Shape) -> dict[str, int]:
    """Return the size of each batch, in bytes, without complaints."""
    bodies = {
        "advertise": 66,
        "share": 66 * shape.threshold + 32,
        "complain": 0,
        "mask": 32,
        "agree": 32 + 65,
        "unmask": 64,
        "proposed": 64,
    }
    many = dict.fromkeys(bodies, shape.hospitals) | {"proposed": shape.attesting}
    return {phase: BATCH_HEAD + many[phase] * (1 + STEP_HEAD + body) for phase, body in bodies.items()}


def opening_bytes(shape: Shape) -> int:
    """Return the size of the opening's file, in bytes: the roster, and one key file for each 1,024 readers."""
    return 14 + 2 + 20 * shape.hospitals + 65 + 2 + 32 * -(-(shape.hospitals + 2) // 1024)


def neighbour_bytes(shape: Shape) -> int:
    """Return what a hospital reads of its neighbours' files of shares: each whole, though one parcel is for it."""
    joined = min(shape.degree, shape.hospitals - 1)
    return joined * (2 + SEALED_BYTES * joined)


def read_bytes(role: str, shape: Shape, masked_file: int, answer_head: int) -> int:
    """Return what coordinator or auditor read of vault and board, but for files that do not grow with n.

    `masked_file`: size of one masked update; `answer_head`: of an answer without entries. The coordinator reads steps
    on the board and in its batch, and the files of shares to see that they are whole.
    """
    n, joined = shape.hospitals, min(shape.degree, shape.hospitals - 1)
    batches = sum(batch_bytes(shape).values()) + opening_bytes(shape)
    answers = n * (answer_head + 2 + ANSWER_ENTRY * (joined + 1))
    total = batches + n * masked_file + answers
    if role != "coordinator":
        return total
    return total + sum(batch_bytes(shape).values()) + n * (2 + SEALED_BYTES * joined)


def growth(values: Mapping[int, float]) -> dict[str, float]:
    """Return by how much a cost grows from each size to the next larger one, as "from to": ratio."""
    sizes = sorted(values)
    return {f"{a:,} to {b:,}": values[b] / values[a] for a, b in pairwise(sizes) if values[a]}
