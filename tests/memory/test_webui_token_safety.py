"""What a token does shows to its owner, and a token ends with an account that was taken over."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.support.api import Program
from tests.support.site_town import INES, MAYA, NOOR, OMAR, PASSWORD, Town, cell
from webui.errors import NotFound
from webui.http.second_step import FRESH_S
from webui.store.access_log import Sought
from webui.store.mail_tables import MailRow

NEW_PASSWORD = "a wholly different fox"


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


def lines(town: Town, email: str) -> list[tuple[str, str, str]]:
    """Return event, page and numbers of each line of a person, the oldest first."""
    found = town.site.access_log.lines(Sought(account_id=town.members[email].id))
    return [(each.entry.event, each.entry.what, each.entry.about) for each in reversed(found)]


def test_what_a_program_reads_and_changes_is_in_the_log_of_its_owner(town: Town) -> None:
    maya = Program(town, MAYA)
    check = maya.check(cell()).json["id"]
    assert maya.get(f"/checks/{check}").status_code == 200
    assert maya._client.get(f"/fhir/DiagnosticReport/{check}", headers=maya.headers).status_code == 200
    found = lines(town, MAYA)
    assert [event for event, *_ in found] == ["changed by a program", "read by a program", "read by a program"]
    assert [about for *_, about in found] == ["", f"check_id={check}", f"check_id={check}"]
    assert found[2][1].startswith("fhir.")
    assert "by a program with a token" in town.visitor(MAYA).text("/account/log")


def test_staff_programs_leave_a_line_for_lists_too(town: Town) -> None:
    ines, maya = Program(town, INES), town.members[MAYA].id
    town.book(MAYA, INES)
    town.add_check(MAYA)
    assert ines.get(f"/checks?patient={maya}").status_code == 200
    assert [event for event, *_ in lines(town, INES)] == ["opened", "read by a program"]


def test_a_refused_program_leaves_no_line_of_a_reading(town: Town) -> None:
    noor = Program(town, NOOR)
    assert noor.get("/checks/1").status_code == 403
    assert lines(town, NOOR) == []


def subjects(town: Town) -> list[str]:
    with town.site.database.reading() as session:
        return list(session.scalars(select(MailRow.subject).order_by(MailRow.id)))


def test_a_token_is_made_only_soon_after_the_password_and_its_owner_gets_a_mail(town: Town) -> None:
    maya = town.visitor(MAYA)
    asked = {"label": "My script", "scopes": "checks:read", "days": "30"}
    token = maya.token("/account/tokens/")
    town.federation.clock.now += FRESH_S
    page = "/account/tokens/?next=/account/tokens/"
    late = maya.post_bare(page, csrf_token=token, **asked)
    assert late.status_code == 302
    assert late.location.startswith("/account/confirm?next=/account/tokens/")
    assert town.site.tokens.of(town.members[MAYA].id) == []
    assert maya.post(late.location, password=PASSWORD).location == "/account/tokens/"
    assert subjects(town) == []
    assert "hlt_" in maya.post("/account/tokens/", **asked).text
    assert subjects(town) == ["A program got access to your account"]


def test_a_forgotten_password_that_is_replaced_ends_tokens_and_the_calendar(town: Town) -> None:
    thief, omar = Program(town, MAYA), Program(town, OMAR)
    feed = town.site.book.feeds.renew(town.members[MAYA].id)
    fields = {"email": MAYA, "password": NEW_PASSWORD, "again": NEW_PASSWORD}
    code = town.staff.start_reset(MAYA, 3600)
    assert town.visitor().post("/new-password", code=code, **fields).status_code == 302
    assert (thief.get("/me").status_code, omar.get("/me").status_code) == (401, 200)
    with pytest.raises(NotFound):
        town.site.book.feeds.owner(feed)
    assert subjects(town) == ["The password of your account was changed"]


def test_a_link_by_mail_ends_tokens_too_and_a_change_while_signed_in_does_not(town: Town) -> None:
    program, owner = Program(town, MAYA), town.members[MAYA].id
    town.site.accounts.change_password(owner, PASSWORD, NEW_PASSWORD, town.site.ways_back.changed)
    assert program.get("/me").status_code == 200
    town.site.ways_back.ask(MAYA, "/back/{}")
    with town.site.database.reading() as session:
        [mail] = session.scalars(select(MailRow).where(MailRow.subject == "A new password for your account"))
    code = re.search(r"/back/([\w-]+)", mail.text)
    assert code is not None
    town.site.ways_back.renew(code[1], PASSWORD)
    assert program.get("/me").status_code == 401
