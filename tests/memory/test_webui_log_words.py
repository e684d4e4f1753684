"""The words of the access log: no person reads the name of an endpoint."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.site_town import Town
from webui.presentation.log_wording import log_page
from webui.presentation.page_words import page_words
from webui.store.account_tables import AccessEntry

NEVER_LOGGED = {"static"}


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


def test_every_page_has_words_in_the_access_log(town: Town) -> None:
    with town.app.test_request_context("/"):
        for endpoint in {rule.endpoint for rule in town.app.url_map.iter_rules()} - NEVER_LOGGED:
            assert "." not in log_page(AccessEntry(what=endpoint)), endpoint
        assert page_words("of.another.version") == "of.another.version"
