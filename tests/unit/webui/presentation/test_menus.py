"""The menus: every role has one, and every link of it leads to a page of that role."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.site_town import INES, MAYA, NOOR, PASSWORD, TOVE, Town
from webui.presentation.menus import MENUS
from webui.store.models import SiteRole
from webui.store.new_accounts import NewAccount

OTTO = "otto@clinic.example"
PEOPLE = {
    SiteRole.PATIENT: MAYA,
    SiteRole.DOCTOR: INES,
    SiteRole.AUDITOR: NOOR,
    SiteRole.OPERATOR: OTTO,
    SiteRole.HOSPITAL: TOVE,
}


@pytest.mark.parametrize("role", list(SiteRole))
def test_every_link_of_a_menu_opens_for_its_role(role: SiteRole, tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.site.accounts.create(NewAccount(SiteRole.OPERATOR, OTTO, "Otto Brandt", PASSWORD))
    browser = town.visitor(PEOPLE[role])
    with town.app.test_request_context():
        paths = [town.app.url_for(endpoint) for endpoint, _ in MENUS[role.value]]
    assert paths
    assert [browser.get(path).status_code for path in paths] == [200] * len(paths)
