"""Private predictions as a site offers them: real trustees and the real public network over a ledger in memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from fl.protocol.errors import NoAnswer
from fl.roles.serving.model_facts import State
from tests.support.federation import memory_folder
from tests.support.private_site import NAMES, PrivateWorld
from tests.support.site_town import cell_pixels
from webui.errors import NoHeadAnnounced, NoPrivateAnswersLeft, PrivateWayFailed, TrusteesSilent

CELL = cell_pixels(size=(450, 450))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateWorld]:
    with memory_folder(tmp_path_factory.mktemp("private")) as folder:
        yield PrivateWorld(folder)


def forget(world: PrivateWorld) -> None:
    """Let time pass, so that the servers are asked again how they are."""
    world.private._alive = (-1e9, frozenset())


def test_the_way_from_no_head_to_no_answers_left(world: PrivateWorld) -> None:
    with pytest.raises(NoHeadAnnounced):
        world.private.offer()
    head = world.announce()
    with pytest.raises(NoPrivateAnswersLeft):
        world.private.offer()
    number = world.buy(3)
    offer = world.private.offer()
    assert (offer.left, offer.needed, offer.model.round) == (3, 2, 1)
    with pytest.raises(NoAnswer):
        world.private.predict(np.zeros((128, 128, 3), np.uint8))
    assert world.private.offer().left == 3

    found, normal = world.private.predict(CELL), world.normal(CELL)
    assert found.shares == pytest.approx(normal.shares, abs=0.01)
    assert (found.label, found.kept, found.seen) == (normal.label, None, None)
    assert (found.model.round, found.model.model_digest) == (normal.model.round, normal.model.model_digest)
    assert found.model.envelope_digest == normal.model.envelope_digest
    assert (found.model.verification.ledger.state, found.model.verification.file) == (State.CHECKED, None)
    way = found.private
    assert way is not None
    assert (way.head, way.request, set(way.trustees), way.wrong) == (head, number, set(NAMES), ())

    world.servers["ada"].up = world.servers["ben"].up = False
    forget(world)
    asked = world.network.asked
    with pytest.raises(TrusteesSilent, match="servers of 1 trustees answer and 2 are needed"):
        world.private.predict(CELL)
    assert world.network.asked == asked
    world.servers["ada"].up = world.servers["ben"].up = True
    world.servers["ada"].refuses = world.servers["ben"].refuses = True
    forget(world)
    assert world.private.offer().left == 2
    with pytest.raises(PrivateWayFailed, match="1 trustees gave a right part of the answer and 2 are needed"):
        world.private.predict(CELL)
    world.servers["ada"].refuses = False
    again = world.private.predict(CELL)
    assert again.shares == found.shares
    assert again.private is not None
    assert set(again.private.trustees) == {"ada", "cleo"}
    with pytest.raises(NoPrivateAnswersLeft):
        world.private.predict(CELL)

    world.servers["ben"].refuses = False
    world.buy(5)
    desk = world.servers["ben"].desk
    desk._share = world.servers["ada"].desk._share  # another one's share
    found = world.private.predict(CELL)
    assert found.private is not None
    assert (found.private.wrong, set(found.private.trustees)) == (("ben",), {"ada", "cleo"})


def test_the_servers_are_not_asked_for_every_page(world: PrivateWorld) -> None:
    world.private.offer()
    before = [each.probed for each in world.servers.values()]
    for _ in range(5):
        world.private.offer()
    assert [each.probed for each in world.servers.values()] == before


def test_a_newer_model_needs_a_newer_head(world: PrivateWorld) -> None:
    assert world.private.offer().model.round == 1
    world.train()
    with pytest.raises(NoHeadAnnounced):
        world.private.offer()
    world.announce()
    world.buy(1)
    assert world.private.offer().model.round == 2
