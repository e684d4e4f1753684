"""Forms that are sent at the same moment, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tests.support.site_town import Town
from webui.errors import StillHandled
from webui.store.handled import FormOutcome, HandledForms

CROWD = 12


def test_of_many_that_send_one_form_at_once_one_handles_it(any_town: Town) -> None:
    """Each has a `HandledForms` of its own, as in as many processes of the site: the unique key alone decides."""
    sites = [HandledForms(any_town.site.database, any_town.federation.clock) for _ in range(CROWD)]

    def click(handled: HandledForms) -> bool:
        try:
            return handled.begin(b"k" * 32) is None
        except StillHandled:
            return False

    with ThreadPoolExecutor(CROWD) as pool:
        won = [handled for handled, ours in zip(sites, pool.map(click, sites), strict=True) if ours]
    assert len(won) == 1
    won[0].finish(b"k" * 32, FormOutcome(302, "/made"))
    assert {handled.begin(b"k" * 32) for handled in sites} == {FormOutcome(302, "/made")}
