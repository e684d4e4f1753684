"""Every implementation of the site's services, with the ways to break it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from tests.support.site_federation import masked_world, real_world
from tests.support.site_services import FakeFederation
from webui.ports.federation import Services


class ServiceWorld(Protocol):
    """A federation with final rounds, and the ways to break it."""

    @property
    def services(self) -> Services:
        """The services under test; the same on every call."""

    @property
    def recorded_file(self) -> bytes:
        """A file whose digest the ledger records."""

    def stop_chain(self) -> None:
        """From now on no node answers."""

    def start_chain(self) -> None:
        """The node answers again."""

    def lose_vault(self) -> None:
        """From now on the vault is not where it was."""

    def find_vault(self) -> None:
        """It is there again."""

    def replace_model(self) -> None:
        """Put another file in the place of the model's, and forget what was cached, as after a restart."""


def fake_world(_: Path) -> ServiceWorld:
    return FakeFederation()


WORLDS: list[Callable[[Path], ServiceWorld]] = [fake_world, real_world, masked_world]
