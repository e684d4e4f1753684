"""The port to private predictions: the model's last layer stays encrypted, and trustees open the answer alone.

Invariant: an answer is used up only after the picture was found fit and enough trustees' servers answered. Nothing that
crosses this port has a weight of the last layer.

Source: PROTOCOL.md 9P.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from fl.protocol.names import Digest
from fl.training.pictures.field import Frame
from fl.training.pictures.images import Pixels

if TYPE_CHECKING:  # federation.py holds the services, this one among them
    from webui.ports.federation import Prediction, ServedModel


@dataclass(frozen=True)
class PrivateOffer:
    """What a private prediction would use now."""

    model: ServedModel
    left: int
    """Bought answers of this hospital that are unused."""
    needed: int
    """How many trustees together could read the last layer and the answers."""


@dataclass(frozen=True)
class PrivateWay:
    """How a private answer came."""

    head: Digest
    """Of the encrypted last layer."""
    request: int
    """The request on the ledger that bought the answer."""
    trustees: tuple[str, ...]
    """Whose parts were right."""
    wrong: tuple[str, ...]
    """Whose parts were wrong; they were not used."""
    ms: int
    """Milliseconds from the network's numbers to the answer."""


class PrivateService(Protocol):
    """Private predictions of the newest model."""

    def offer(self) -> PrivateOffer:
        """Return what is offered now.

        Raises:
            FederationNotOpened: no round is final yet.
            NoHeadAnnounced, NoPrivateAnswersLeft, TrusteesSilent: there is none now; nothing is used up.
            UnavailableError, TamperedError: the chain or the vault does not answer, or a file contradicts the ledger.
        """

    def predict(self, pixels: Pixels, frame: Frame | None = None) -> Prediction:
        """Judge one decoded picture, uint8 [H, W, 3], and use one bought answer.

        Raises:
            NoAnswer: the picture is not one that the model may judge; nothing is used up.
            PrivateWayFailed: too few trustees answered rightly; one answer is used up.
            As `offer`.
        """
