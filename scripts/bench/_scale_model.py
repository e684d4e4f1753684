"""What coordinator and auditor of a wide round do for n hospitals: counted operations, and bytes.

Pure: it knows the protocol's formats, and measures nothing. `make bench ARGS=scale` compares these counts with those of
rounds that are really played, and multiplies them with costs that it measures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from fl.crypto.share_delivery import SEALED_BYTES
from fl.protocol.cluster_index import index_cap
from fl.protocol.names import ADDRESS_BYTES, DIGEST_BYTES
from fl.protocol.parcels import posted_cap, received_cap
from fl.protocol.records import ClusterTerms

SIGNATURES, DEALINGS, FILES, SECRETS, WRAPS = "signatures", "dealings parsed", "files opened", "secrets", "key wraps"
PARSED_KEPT = 1024
"""So many parsed dealings a process keeps (fl/replay/participants.py); with more hospitals each pass parses all."""
PASSES = {"coordinator": 4, "auditor": 3}
"""How often a role goes through all dealings."""
STEP_HEAD, BATCH_HEAD = 20 + 4 + 65, 12 + 32 + 1 + 2
ANSWER_ENTRY = 20 + 1 + 32
BODIES = {"advertise": 66, "share": 32, "complain": 0, "mask": 32, "agree": 32 + 65, "unmask": 64}
"""Bytes of a step's body; in SHARE without the points."""
OF_PARTNERS = ("advertise", "complain")
"""With clusters a hospital reads these of the clusters beside its own, too."""


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
    fewest: int
    """How many hospitals must sign the set."""
    clusters: ClusterTerms | None = None

    @property
    def parts(self) -> tuple[int, ...]:
        """Return the sizes of the clusters; without clusters there is one part."""
        n, count = self.hospitals, 1 if self.clusters is None else self.clusters.count
        return tuple((g + 1) * n // count - g * n // count for g in range(count))

    @property
    def holders(self) -> int:
        """Return how many hospitals hold shares of a hospital, itself included; with clusters at most."""
        return min(self.degree + 1, max(self.parts))


def operations(role: str, shape: Shape) -> dict[str, int]:
    """Return how many operations of each kind a round costs a coordinator or an auditor.

    The coordinator checks each signature twice, on the board and in its own batch, and on the board also those of the
    set. An auditor checks each once, and those of the set up to the fewest that are needed; a few more if a cluster has
    not enough among these.
    """
    n, kept = shape.hospitals, shape.hospitals <= PARSED_KEPT
    steps = 6 * n + shape.attesting
    passes = 1 if kept else PASSES[role]
    signatures = 2 * steps + n if role == "coordinator" else steps + shape.fewest
    wraps = n + 2 if role == "coordinator" else 0
    return {SIGNATURES: signatures, DEALINGS: passes * n, FILES: 2 * n, SECRETS: n, WRAPS: wraps}


def seconds(counts: Mapping[str, int], unit_s: Mapping[str, float], rest_s: float) -> float:
    """Return counted operations times their costs, and what the rest of a role's work costs."""
    return sum(count * unit_s[what] for what, count in counts.items()) + rest_s


def batch_bytes(shape: Shape) -> dict[str, int]:
    """Return the size of each batch, in bytes, without complaints; with clusters of the index and all files."""
    return {phase: sum(_sizes(shape, phase, shape.parts)) for phase in (*BODIES, "proposed")}


def seen_bytes(shape: Shape) -> dict[str, int]:
    """Return what one hospital reads of each batch, if it is in a largest cluster and so are those beside it."""
    if shape.clusters is None:
        return batch_bytes(shape)
    own = {phase: sum(_sizes(shape, phase, (max(shape.parts),))) for phase in (*BODIES, "proposed")}
    beside = min(2, shape.clusters.count - 1)
    return own | {phase: sum(_sizes(shape, phase, (max(shape.parts),) * (1 + beside))) for phase in OF_PARTNERS}


def _sizes(shape: Shape, phase: str, parts: tuple[int, ...]) -> list[int]:
    """Return the sizes of the files of a phase with so many steps each, and of the index."""
    if phase == "proposed":
        return [BATCH_HEAD + shape.attesting * (1 + STEP_HEAD + 64)]
    body = BODIES[phase] + (66 * shape.threshold if phase == "share" else 0)
    files = [BATCH_HEAD + part * (1 + STEP_HEAD + body) for part in parts]
    if shape.clusters is None:
        return files
    received = DIGEST_BYTES * sum(parts) if phase == "share" else 0
    return [*files, received, index_cap(shape.clusters.count)]


def opening_bytes(shape: Shape) -> int:
    """Return the size of the opening's file, in bytes: the roster, and one key file for each 1,024 readers."""
    plain = 14 + 2 + 20 * shape.hospitals + 65 + 2 + 32 * -(-(shape.hospitals + 2) // 1024)
    return plain if shape.clusters is None else plain + 1 + 3 * 2


def parcel_bytes(shape: Shape) -> int:
    """Return what a hospital reads to get its shares, in bytes.

    Without clusters it reads each neighbour's file whole, though one parcel is for it; with clusters one file with the
    parcels for it and their paths, here of mean length.
    """
    if shape.clusters is not None:
        return received_bytes(max(shape.parts)) // max(shape.parts)
    joined = min(shape.degree, shape.hospitals - 1)
    return joined * posted_cap(joined)


def received_bytes(part: int) -> int:
    """Return the size of all receivers' files of a cluster of so many, in bytes."""
    mates = part - 1
    entry = ADDRESS_BYTES + SEALED_BYTES + 1
    return part * (received_cap(0) + mates * entry + DIGEST_BYTES * path_nodes(mates))


@cache
def path_nodes(leaves: int) -> int:
    """Return how many nodes the paths of all leaves of a tree have together (RFC 9162, 2.1.3)."""
    if leaves <= 1:
        return 0
    left = 1 << (leaves - 1).bit_length() - 1
    return leaves + path_nodes(left) + path_nodes(leaves - left)


def read_bytes(role: str, shape: Shape, masked_file: int, answer_head: int) -> int:
    """Return what coordinator or auditor read of vault and board, but for files that do not grow with n.

    `masked_file`: size of one masked update; `answer_head`: of an answer without entries. The coordinator reads steps
    on the board and in its batch, and the files of shares to see that they are whole; with clusters again to sort them.
    """
    n, joined = shape.hospitals, shape.holders - 1
    batches = sum(batch_bytes(shape).values()) + opening_bytes(shape)
    holders = [(part, min(shape.degree + 1, part)) for part in shape.parts]
    answers = sum(part * (answer_head + 2 + ANSWER_ENTRY * each) for part, each in holders)
    total = batches + n * masked_file + answers
    if role != "coordinator":
        return total
    dealt = sum(part * posted_cap(min(joined, part - 1)) for part in shape.parts) * (1 if shape.clusters is None else 2)
    return total + sum(batch_bytes(shape).values()) + dealt


def written_bytes(shape: Shape) -> int:
    """Return what the coordinator writes that grows with n: batches, opening, and receivers' files of shares."""
    received = 0 if shape.clusters is None else sum(received_bytes(part) for part in shape.parts)
    return sum(batch_bytes(shape).values()) + opening_bytes(shape) + received


def growth(values: Mapping[int, float]) -> dict[str, float]:
    """Return by how much a cost grows from each size to the next larger one, as "from to": ratio."""
    sizes = sorted(values)
    return {f"{a:,} to {b:,}": values[b] / values[a] for a, b in pairwise(sizes) if values[a]}
