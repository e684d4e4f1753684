"""The port to a hospital's own part: the model to train from, uploads for its agent, the round now, the members.

Invariant: the model and every digest were checked against the ledger before they cross this port. An upload crosses it
in clear text only inside this process; what is stored is sealed to the hospital's own key.

Source: PROTOCOL.md 5 (Uploaded weights).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from fl.protocol.codec import JsonValue
from fl.protocol.names import Digest
from fl.protocol.task import Task
from fl.replay.attendance import Missed
from fl.roles.hospital.uploads import Outcome
from fl.training.aggregation.quantise import Vector
from fl.training.model.handed_in import Declared
from fl.training.model.weights import Manifest


@dataclass(frozen=True)
class ModelOrigin:
    """Where a global model is on the ledger."""

    round: int
    """0 if it is the model that opened the federation."""
    digest: Digest
    """Of names, shapes and all values (PROTOCOL.md 7, modelDigest)."""
    manifest_digest: Digest
    envelope_digest: Digest
    final_at: int
    """Seconds since 1970: when it became the model of the federation."""
    records: tuple[Mapping[str, JsonValue], ...] = ()
    """The records of the ledger that name it, for the proof."""


@dataclass(frozen=True)
class GlobalModel:
    """A global model, opened and checked."""

    origin: ModelOrigin
    manifest: Manifest
    vector: Vector
    """float32 [manifest.length]"""
    task: Task | None
    """None before the first round: only a round's configuration names it."""
    recipe: Mapping[str, JsonValue]
    """The model's spec of the newest round; empty before the first round."""
    bound: float
    """The largest L2 norm of a change that a round accepts; infinite before the first round."""
    network: str
    """The text of network.py; empty if there is none."""
    no_network: str
    """Why there is none."""
    most_samples: int
    """The largest number of training images that an upload may declare."""
    metrics: Mapping[str, float]
    """As an auditor attested them; empty if none did."""
    anchor: Mapping[str, JsonValue]
    """Which ledger: consortium, chain id, contract."""


@dataclass(frozen=True)
class CheckedUpload:
    """Weights that passed every check, before they are sealed."""

    base: Digest
    declared: Declared
    weights: Vector
    """float32 [d]"""
    norm: float
    """L2 norm of the change."""


@dataclass(frozen=True)
class PhaseView:
    """One phase of a round."""

    name: str
    """Of `fl.protocol.rounds.round.Phase`, in lower case."""
    state: str
    """`done`, `now`, `later`, or `never` in a round that was aborted before."""
    acted: tuple[str, ...]
    """Names of the members that did their part."""
    missing: tuple[str, ...]
    """Names of the members whose part the phase waits for; only of the phase now."""


@dataclass(frozen=True)
class Receipt:
    """One record of this hospital on the ledger."""

    what: str
    """The name of the record's class."""
    digest: Digest | None
    """Of the file that the record names; None if it names none."""
    block: int
    transaction: bytes
    at: int
    """Seconds since 1970."""


@dataclass(frozen=True)
class RoundNow:
    """The newest round as this hospital sees it."""

    number: int
    phase: str
    protection: str
    opened_at: int
    deadline: int | None
    """Of the phase now, in seconds since 1970; None if the round has ended."""
    phases: tuple[PhaseView, ...]
    invited: bool
    """Whether this hospital is in the round's roster."""
    commitment: Digest | None
    """Of this hospital's update."""
    counted: bool
    """Whether the frozen set has this hospital's update."""
    model_digest: Digest | None
    reason: str
    receipts: tuple[Receipt, ...]
    left_out: tuple[tuple[str, Missed], ...] = ()
    """(name, why) of the hospitals that the round goes on without."""


@dataclass(frozen=True)
class RoundPart:
    """What became of this hospital's update in one round."""

    phase: str
    commitment: Digest | None
    model_digest: Digest | None
    reason: str


@dataclass(frozen=True)
class MemberView:
    """One member of the consortium."""

    name: str
    role: str
    account: bytes
    """20 bytes"""
    own: bool
    revoked: bool
    epoch: int
    """Of its newest key; 0 without a key."""
    key_id: bytes
    key_since: int | None
    """Seconds since 1970: when that key was recorded."""


@dataclass(frozen=True)
class RoundFigures:
    """The numbers of one final round, for a curve."""

    number: int
    at: int
    metrics: Mapping[str, float]
    """On an auditor's held-out images."""
    training: Mapping[str, float]
    """Sums over the hospitals' own training."""


class HospitalService(Protocol):
    """One hospital's part in the federation. Every method may raise UnavailableError and TamperedError."""

    def model(self, number: int | None = None) -> GlobalModel:
        """Return a global model: of a final round, of the opening (0), or the one that the next round starts from.

        Raises:
            WrongRound: that round made no model.
            FederationNotOpened: there is none yet.
            NotReleased: trustees must release it first.
        """

    def signed(self, model: GlobalModel, files: Mapping[str, bytes]) -> Mapping[str, bytes]:
        """Return the files of a model with this hospital's signature (OMS 1.0: `model.sig`, `member.pem`).

        Only the files come back if this site does not have the hospital's present key.
        """

    def origin(self) -> ModelOrigin | None:
        """Return where the current model is on the ledger, without opening it; None if there is none yet."""

    def check(self, data: bytes, declared: Declared, base: str) -> CheckedUpload:
        """Return the weights in a file, after every check.

        Args:
            data: The file.
            declared: What the uploader says about the training.
            base: The digest of the model that it started from, in hexadecimal; empty if the file says so.

        Raises:
            UploadUnusable: the file, or what is declared about it.
            FederationNotOpened, NotReleased: as `model`.
        """

    def hand_over(self, name: str, upload: CheckedUpload) -> None:
        """Seal an upload to this hospital's key, and leave it for the agent; raise StorageFull."""

    def outcome(self, name: str) -> Outcome | None:
        """Return what the agent did with an upload; None while it waits."""

    def part(self, number: int) -> RoundPart | None:
        """Return this hospital's part in a round; None if there is no such round."""

    def now(self) -> RoundNow | None:
        """Return the newest round; None before the first."""

    def version(self) -> str:
        """Return a short text that changes whenever `now` may have changed."""

    def members(self) -> Sequence[MemberView]:
        """Return all members, in order of registration."""

    def figures(self) -> Sequence[RoundFigures]:
        """Return the numbers of all final rounds, the oldest first."""
