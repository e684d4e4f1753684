"""Pictures that another hospital's server judges: the same answer, and nothing lost when a server dies."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from fl.crypto.sealed_query import Asker
from fl.protocol.errors import NoAnswer
from fl.protocol.keys.members import KeyBook
from fl.protocol.names import Digest
from fl.replay.ledger_view import Keyring
from fl.roles.serving.query_desk import QueryDesk
from fl.roles.serving.query_messages import PictureAnswer, PictureQuestion
from fl.roles.serving.router import Router, Waits
from fl.roles.serving.routing import Health, Server
from fl.transport.http_server import HttpServer
from scripts.server.queries import QueryApplication
from scripts.server.request import Bounds
from scripts.server.server import Server as HttpListener
from tests.support.federation import Party
from tests.support.site_federation import RealWorld, real_world
from tests.support.site_town import cell_pixels
from webui.federation.predictions import FederationPredictions
from webui.federation.routed import Here, RoutedPredictions

NAMES = ("alpha", "beta", "gamma")
PATIENT = Waits(60.0, 60.0, 120.0)
"""No second server is asked because a machine is slow."""


class Listener:
    """One hospital's server for questions, on loopback."""

    def __init__(self, world: RealWorld, party: Party) -> None:
        predictions = FederationPredictions(world.reader, world.consortium.vault)

        def judge(asked: PictureQuestion) -> PictureAnswer:
            found = predictions.look(asked.pixels)
            digest = self.model or found.model.model_digest
            heat = b"" if found.seen is None else found.seen.heat.tobytes()
            label = self.label or found.label
            return PictureAnswer(found.model.round, digest, label, found.shares, found.kept, heat)

        def state() -> Health:
            model = predictions.model()
            return Health(model.round, model.model_digest, 0)

        self.label = ""
        """What it claims as the likeliest class; empty for the true one."""
        self.model: Digest | None = None
        """What it claims as its model; None for the true one."""
        now = lambda: int(time.time())  # noqa: E731
        desk = QueryDesk(party.account, Keyring(party.keys), world.reader.federation, judge, now)
        self.app = QueryApplication(desk, state)
        self._server = HttpListener(self.app, Bounds(), None, host="127.0.0.1", port=0)
        self.url = f"http://127.0.0.1:{self._server.effective_port}"
        threading.Thread(target=self._server.run, daemon=True).start()

    def stop(self) -> None:
        self._server.shut()


class Scene:
    """The site of alpha, and the servers of beta and gamma."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.world = real_world(folder)
        assert isinstance(self.world, RealWorld)
        parties = dict(zip(NAMES, self.world.consortium.hospitals, strict=False))
        self.names = {name: self.book.name_of(party.account) for name, party in parties.items()}
        self.listeners = {name: Listener(self.world, parties[name]) for name in NAMES[1:]}
        for listener in self.listeners.values():
            stack.callback(listener.stop)
        own = FederationPredictions(self.world.reader, self.world.consortium.vault)
        here, me = Here(own), parties["alpha"]
        lines = {self.names[name]: HttpServer(self.names[name], each.url) for name, each in self.listeners.items()}
        servers = [Server(self.names["alpha"], "", "EU")]
        servers += [Server(name, line.url, "EU") for name, line in lines.items()]
        self.router = Router(servers, {self.names["alpha"]: here, **lines}, time.monotonic, PATIENT)
        stack.callback(self.router.close)
        asker = Asker(self.book.consortium, me.account, me.keys[max(me.keys)])
        self.site = RoutedPredictions(
            own,
            here,
            self.router,
            lambda: asker,
            lines,
            lambda: self.book,
            self.names["alpha"],
            {"EU"},
            lambda: int(time.time()),
        )
        self.router.poll()

    @property
    def book(self) -> KeyBook:
        return self.world.reader.federation().book


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with ExitStack() as stack:
        yield Scene(tmp_path, stack)


def test_every_server_gives_the_same_answer_to_the_last_digit(scene: Scene) -> None:
    pixels = cell_pixels()
    found = [scene.site.predict(pixels, server=scene.names[name]) for name in NAMES]
    assert [each.route.server for each in found if each.route] == [scene.names[name] for name in NAMES]
    assert [each.route.why for each in found if each.route] == ["wish"] * 3
    assert len({tuple(each.shares.items()) for each in found}) == 1
    assert len({each.seen.heat.tobytes() for each in found if each.seen}) == 1


def test_a_server_that_dies_loses_no_question(scene: Scene) -> None:
    pixels, wished = cell_pixels(), scene.names["beta"]
    first = scene.site.predict(pixels, server=wished).route
    assert first is not None
    assert first.server == wished
    scene.listeners["beta"].stop()
    route = scene.site.predict(pixels, server=wished).route
    assert route is not None
    assert route.server == scene.names["alpha"]


def test_a_server_with_another_model_is_not_believed(scene: Scene) -> None:
    scene.listeners["beta"].model = Digest(b"x" * 32)
    route = scene.site.predict(cell_pixels(), server=scene.names["beta"]).route
    assert route is not None
    assert route.server == scene.names["alpha"]


def test_a_picture_that_the_model_may_not_judge_gets_the_same_refusal(scene: Scene) -> None:
    with pytest.raises(NoAnswer):
        scene.site.predict(cell_pixels() * 0, server=scene.names["beta"])


def test_an_answer_that_contradicts_itself_is_not_believed(scene: Scene) -> None:
    true = scene.site.predict(cell_pixels())
    scene.listeners["beta"].label = min(true.shares, key=true.shares.__getitem__)
    found = scene.site.predict(cell_pixels(), server=scene.names["beta"])
    assert found.route is not None
    assert (found.route.server, found.label) == (scene.names["alpha"], true.label)
