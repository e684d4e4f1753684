"""Which doctor answers as which trustee."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.site_decryption_requests import ACCOUNTS
from tests.support.site_town import INES, JONAS, MAYA, NOOR, Town
from webui.errors import NotFound, TrusteeTaken


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


def test_a_doctor_is_linked_and_unlinked(town: Town) -> None:
    requests, ines = town.site.request_store, town.members[INES].id
    assert requests.trustee_of(ines) is None
    requests.link_trustee(INES, ACCOUNTS[0])
    assert requests.trustee_of(ines) == ACCOUNTS[0]
    requests.link_trustee(INES, None)
    assert requests.trustee_of(ines) is None


@pytest.mark.parametrize("email", [MAYA, NOOR, "nobody@x.example"])
def test_only_doctors_are_linked(town: Town, email: str) -> None:
    with pytest.raises(NotFound):
        town.site.request_store.link_trustee(email, ACCOUNTS[0])


def test_one_trustee_is_one_doctor(town: Town) -> None:
    town.site.request_store.link_trustee(INES, ACCOUNTS[0])
    with pytest.raises(TrusteeTaken):
        town.site.request_store.link_trustee(JONAS, ACCOUNTS[0])
    town.site.request_store.link_trustee(INES, ACCOUNTS[0])
