"""A person's account: links by mail, sessions, address, preferences, the access log."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from tests.support.authenticator import Authenticator
from tests.support.second_steps import add_passkey, use_passkey
from tests.support.site_town import INES, MAYA, NOOR, OMAR, PASSWORD, Town, Visitor, cell, words
from webui.account_errors import AccessLogChanged
from webui.config import Limit, Limits
from webui.store.access_log import SETTLE_S, Sought
from webui.store.account_tables import AccessBatch
from webui.store.mail_tables import MailRow
from webui.store.models import SiteRole
from webui.store.new_accounts import NewAccount
from webui.store.preferences import Preferences

OPERATOR = "operator@clinic.example"
NEW = "several unrelated words indeed"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


def mails(town: Town) -> list[tuple[str, str, str]]:
    with town.site.database.reading() as session:
        rows = session.query(MailRow).order_by(MailRow.id)
        return [(row.recipient, row.subject, row.text) for row in rows]


def link_in(mail: str) -> str:
    found = re.search(r"http://localhost(/\S+)", mail)
    assert found is not None, mail
    return found[1]


def forgot(town: Town, email: str) -> Visitor:
    visitor = town.visitor()
    assert visitor.post("/forgot-password", email=email).location == "/forgot-password/sent"
    return visitor


def set_new(visitor: Visitor, link: str, password: str = NEW) -> int:
    return visitor.post(link, password=password, again=password).status_code


def run(town: Town, work: Callable[[Session], object]) -> None:
    town.site.database.write(work)


def test_a_link_by_mail_sets_a_new_password_and_ends_all_sessions(town: Town) -> None:
    before = town.visitor(MAYA)
    visitor = forgot(town, MAYA)
    ((to, subject, body),) = mails(town)
    assert (to, subject) == (MAYA, "A new password for your account")
    assert set_new(visitor, link_in(body)) == 302
    assert visitor.get("/checks/").status_code == 200
    assert before.get("/checks/").status_code == 302
    assert town.visitor().sign_in(MAYA).status_code == 401
    assert town.visitor().sign_in(MAYA, NEW).status_code == 302
    assert mails(town)[-1][1] == "The password of your account was changed"


def test_an_unknown_address_gets_the_same_answer_and_no_mail(town: Town) -> None:
    known, unknown = forgot(town, MAYA), forgot(town, "nobody@patients.example")
    assert known.text("/forgot-password/sent") == unknown.text("/forgot-password/sent")
    assert [to for to, _, _ in mails(town)] == [MAYA]


def test_a_link_works_once_and_ends_the_others(town: Town) -> None:
    forgot(town, MAYA)
    forgot(town, MAYA)
    first, second = (link_in(body) for _, _, body in mails(town))
    visitor = town.visitor()
    assert visitor.get(first).status_code == 200
    assert visitor.get(first).status_code == 200, "looking at it must not use it up"
    assert set_new(visitor, first) == 302
    assert town.visitor().get(first).status_code == 404
    assert town.visitor().get(second).status_code == 404


def test_a_link_is_too_old_after_half_an_hour(town: Town) -> None:
    visitor = forgot(town, MAYA)
    town.federation.clock.now += 30 * 60
    answer = visitor.get(link_in(mails(town)[0][2]))
    assert (answer.status_code, "too old" in words(answer)) == (404, True)


def test_a_weak_password_does_not_use_the_link_up(town: Town) -> None:
    visitor = forgot(town, MAYA)
    link = link_in(mails(town)[0][2])
    assert set_new(visitor, link, "passwordpassword") == 400
    assert set_new(visitor, link) == 302


def test_the_database_does_not_hold_the_link(town: Town) -> None:
    forgot(town, MAYA)
    code = link_in(mails(town)[0][2]).rpartition("/")[2]
    run(town, lambda session: session.execute(text("UPDATE mail SET text = ''")))
    town.site.database.empty_log()
    assert code.encode() not in town.stored_bytes()


@pytest.mark.parametrize("code", ["x", "A" * 43, "é" * 43, "A" * 4000])
def test_made_up_links_open_nothing(town: Town, code: str) -> None:
    assert town.visitor().get(f"/new-password/{code}").status_code == 404


def test_nobody_can_fill_a_mailbox_with_links(tmp_path: Path) -> None:
    town = Town(tmp_path, limits=Limits(mailed_links=Limit(2, 3600)))
    codes = [town.visitor().post("/forgot-password", email=MAYA).status_code for _ in range(4)]
    assert codes == [302, 302, 429, 429]
    assert len(mails(town)) == 2


def test_a_locked_account_tells_its_owner_once_a_day(town: Town) -> None:
    for _ in range(9):
        town.visitor().sign_in(MAYA, "not this password")
        town.visitor().sign_in("nobody@patients.example", "not this password")
    assert [(to, subject) for to, subject, _ in mails(town)] == [(MAYA, "Too many wrong passwords for your account")]


def test_somebody_who_is_signed_in_cannot_sign_up(town: Town) -> None:
    visitor = town.visitor(MAYA)
    assert visitor.get("/sign-up").location == "/checks/"
    fields = {"name": "Ada", "date_of_birth": "1990-12-10", "password": PASSWORD, "again": PASSWORD}
    assert visitor.post("/sign-up", page="/account", email="ada@x.example", **fields).location == "/checks/"
    assert town.visitor().sign_in("ada@x.example").status_code == 401


def test_sessions_are_listed_with_their_browser_and_network_and_can_be_ended(town: Town) -> None:
    here = town.visitor(MAYA)
    there = Visitor(town.app, "198.51.100.77")
    there._client.environ_base["HTTP_USER_AGENT"] = FIREFOX
    there.sign_in(MAYA)
    page = here.text("/account")
    assert "Firefox on Linux" in page
    assert "Network 198.51.100.0/24" in page
    assert "198.51.100.77" not in page
    row = next(each for each in town.site.sessions.of(town.members[MAYA]) if each.browser == "Firefox on Linux")
    assert town.visitor(OMAR).post(f"/account/sessions/{row.id}/end", page="/account").status_code == 404
    assert there.get("/checks/").status_code == 200
    assert here.post(f"/account/sessions/{row.id}/end", page="/account").status_code == 302
    assert there.get("/checks/").status_code == 302
    assert here.get("/checks/").status_code == 200


def test_all_other_sessions_end_at_once(town: Town) -> None:
    here, others = town.visitor(MAYA), [town.visitor(MAYA) for _ in range(3)]
    stranger = town.visitor(OMAR)
    here.post("/account/sessions/end-others", page="/account")
    assert [other.get("/checks/").status_code for other in others] == [302] * 3
    assert (here.get("/checks/").status_code, stranger.get("/checks/").status_code) == (200, 200)


def test_signing_out_ends_this_session_only(town: Town) -> None:
    here, there = town.visitor(MAYA), town.visitor(MAYA)
    copied = here.cookie()
    here.post("/sign-out", page="/account")
    thief = town.visitor()
    thief.use_cookie(copied)
    assert thief.get("/checks/").status_code == 302
    assert there.get("/checks/").status_code == 200


def test_a_new_address_counts_when_its_link_is_used(town: Town) -> None:
    visitor, new = town.visitor(MAYA), "maya@new.example"
    visitor.post("/account/email", email=new)
    ((to, _, body),) = mails(town)
    assert to == new
    assert town.visitor().sign_in(new).status_code == 401
    link = link_in(body)
    assert town.visitor(OMAR).post(link).status_code == 302
    assert town.visitor().sign_in(new).status_code == 401, "the link of one account must not change another"


def test_the_old_address_reads_about_the_new_one(town: Town) -> None:
    visitor, new = town.visitor(MAYA), "maya@new.example"
    visitor.post("/account/email", email=new)
    visitor.post(link_in(mails(town)[0][2]))
    assert town.visitor().sign_in(new).status_code == 302
    assert [(to, subject) for to, subject, _ in mails(town)][1:] == [
        (MAYA, "The e-mail address of your account was changed")
    ]


def test_an_address_that_somebody_has_is_refused_at_the_end(town: Town) -> None:
    visitor = town.visitor(MAYA)
    visitor.post("/account/email", email=OMAR)
    visitor.post(link_in(mails(town)[0][2]))
    assert "already an account" in visitor.text("/account")


def test_language_zone_and_dates_are_kept_per_account(town: Town) -> None:
    visitor = town.visitor(MAYA)
    chosen = {"language": "en", "zone": "Europe/Lisbon", "dates": "year-month-day"}
    assert visitor.post("/account/preferences", page="/account", **chosen).status_code == 302
    assert town.site.preferences.of(town.members[MAYA].id) == Preferences(*chosen.values())
    assert visitor.post("/account/preferences", page="/account", zone="Moon/Crater").status_code == 400
    assert town.site.preferences.of(town.members[OMAR].id) == Preferences()


def events(town: Town, email: str) -> list[tuple[str, str, str]]:
    shown = town.site.access_log.lines(Sought(town.members[email].id))
    return [(line.entry.event, line.entry.what, line.entry.about) for line in reversed(shown)]


def test_the_log_has_sign_ins_openings_downloads_and_changes(town: Town) -> None:
    visitor = town.visitor(MAYA)
    location = visitor.check(cell()).location
    visitor.get(location)
    visitor.get(location)
    visitor.post("/sign-out", page="/account")
    number = location.rpartition("/")[2]
    assert events(town, MAYA) == [
        ("signed in", "password", ""),
        ("changed", "checks.new", ""),
        ("opened", "checks.result", f"check_id={number}"),
        ("signed out", "", ""),
    ]


def test_every_page_of_staff_is_in_the_log(town: Town) -> None:
    visitor = town.visitor(INES)
    visitor.get("/doctor/")
    assert ("opened", "doctor.agenda", "") in events(town, INES)


def test_failed_sign_ins_are_in_the_log_of_their_owner(town: Town) -> None:
    town.visitor().sign_in(MAYA, "not this password")
    visitor = town.visitor(MAYA)
    assert events(town, MAYA)[0] == ("sign-in refused", "password", "")
    assert "Wrong password or code" in visitor.text("/account/log")
    assert "Wrong password or code" not in town.visitor(OMAR).text("/account/log")


def test_changes_by_the_staff_are_in_the_log(town: Town) -> None:
    town.staff.disable(OMAR)
    (line,) = [each.entry for each in town.site.access_log.lines(Sought()) if each.entry.what == "staff.disable"]
    assert (line.role, line.about) == ("staff", f"account_id={town.members[OMAR].id}")


def test_the_log_has_no_network_address(town: Town) -> None:
    Visitor(town.app, "198.51.100.77").sign_in(MAYA)
    with town.site.database.reading() as session:
        rows = session.execute(text("SELECT * FROM access_entry")).all()
    assert not any("198.51" in str(value) for row in rows for value in row)
    assert len({row.network for row in rows}) == len(rows) == 1


def test_the_code_of_a_link_never_gets_into_the_log(town: Town) -> None:
    visitor = town.visitor(MAYA)
    visitor.post("/account/email", email="maya@new.example")
    link = link_in(mails(town)[0][2])
    visitor.get(link)
    visitor.post(link)
    assert all(link.rpartition("/")[2] not in about for _, _, about in events(town, MAYA))


def sealed(town: Town) -> AccessBatch:
    town.visitor(MAYA)
    town.visitor(NOOR).get("/auditor/")
    town.federation.clock.now += SETTLE_S
    anchored = town.site.anchoring.anchor()
    assert anchored is not None
    return town.site.access_log.batches()[0]


def test_the_daily_root_covers_the_log_and_is_on_the_ledger(town: Town) -> None:
    batch = sealed(town)
    town.site.access_log.check(batch)
    with town.site.database.reading() as session:
        leaf = session.execute(text("SELECT batch, place FROM leaf WHERE id = :id"), {"id": batch.leaf_id}).one()
    roots = {root.batch: root.root for root in town.site.services.records.roots()}
    assert leaf.batch in roots
    assert not town.site.anchoring.due()
    assert batch.size == 3


def test_the_log_and_the_records_of_a_day_have_one_root(town: Town) -> None:
    town.add_check(MAYA)
    sealed(town)
    assert [root.batch for root in town.site.services.records.roots()] == [1]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE access_entry SET account_id = 2 WHERE id = 1",
        "UPDATE access_entry SET at = at + 1 WHERE id = 2",
        "DELETE FROM access_entry WHERE id = 1",
        "UPDATE access_batch SET size = 2, last_id = 2",
    ],
)
def test_a_log_that_was_changed_later_is_noticed(town: Town, change: str) -> None:
    sealed(town)
    run(town, lambda session: session.execute(text(change)))
    with pytest.raises(AccessLogChanged):
        town.site.access_log.check(town.site.access_log.batches()[0])


def test_fresh_lines_wait_for_the_next_root(town: Town) -> None:
    town.visitor(MAYA)
    assert town.site.anchoring.anchor() is None
    assert not town.site.access_log.waiting()


@pytest.fixture
def operated(tmp_path: Path) -> Town:
    """A site that has an operator."""
    town = Town(tmp_path)
    town.site.accounts.create(NewAccount(SiteRole.OPERATOR, OPERATOR, "Site operator", PASSWORD))
    return town


@pytest.mark.parametrize("path", ["/operator/access-log", "/operator/access-log/lines.csv"])
def test_the_whole_log_is_for_the_operator_only(operated: Town, path: str) -> None:
    assert [operated.visitor(email).get(path).status_code for email in (MAYA, INES, NOOR)] == [403] * 3
    assert operated.visitor().get(path).status_code == 302
    assert operated.visitor(OPERATOR).get(path).status_code == 200


def test_the_operator_finds_lines_by_person_kind_and_day(operated: Town) -> None:
    operated.visitor(MAYA)
    operated.visitor(INES).get("/doctor/")
    visitor = operated.visitor(OPERATOR)
    assert "Dr Inês Carvalho" in visitor.text("/operator/access-log")
    of_ines = visitor.text(f"/operator/access-log?who={INES}&event=opened")
    assert "Dr Inês Carvalho" in of_ines
    assert "Maya Lindqvist" not in of_ines
    assert "No line fits" in visitor.text("/operator/access-log?who=nobody@x.example")
    assert "No line fits" in visitor.text("/operator/access-log?until=2001-01-01")
    assert visitor.get("/operator/access-log?since=never&page=x&event=strange").status_code == 200
    rows = visitor.get(f"/operator/access-log/lines.csv?who={MAYA}").text.splitlines()
    assert len(rows) == 2
    assert ",patient,signed in,password," in rows[1]


def test_the_operator_checks_the_log_against_the_ledger(operated: Town) -> None:
    sealed(operated)
    visitor = operated.visitor(OPERATOR)
    page = words(visitor.post("/operator/access-log/check", page="/operator/access-log"))
    assert "The log is as it was written" in page
    assert "block " in page
    run(operated, lambda session: session.execute(text("UPDATE access_entry SET role = 'doctor' WHERE id = 1")))
    page = words(visitor.post("/operator/access-log/check", page="/operator/access-log"))
    assert "The log was changed" in page
    assert "a line is not as it was written" in page


def test_the_check_says_when_the_ledger_has_another_root(operated: Town) -> None:
    sealed(operated)
    run(operated, lambda session: session.execute(text("UPDATE batch SET root = :root"), {"root": bytes(32)}))
    assert "does not lead to the root" in operated.site.access_audit.check()[0].problem


def test_a_changed_password_tells_the_owner_and_ends_open_links(town: Town) -> None:
    visitor = town.visitor(MAYA)
    forgot(town, MAYA)
    link = link_in(mails(town)[0][2])
    assert visitor.post("/password", old=PASSWORD, password=NEW, again=NEW).status_code == 302
    assert town.visitor().get(link).status_code == 404
    assert mails(town)[-1][:2] == (MAYA, "The password of your account was changed")


def test_a_mail_of_the_site_names_nobody_who_reads_over_a_shoulder(town: Town) -> None:
    location = town.visitor(MAYA).check(cell()).location
    forgot(town, MAYA)
    everything = " ".join(part for mail in mails(town) for part in mail[1:]).casefold()
    assert not any(word in everything for word in ("leuk", "cell", "result", location))


def test_the_staff_remove_lost_second_steps_and_end_the_sessions(town: Town) -> None:
    device, visitor = Authenticator(), town.visitor(INES)
    add_passkey(visitor, device)
    town.staff.remove_second_steps(INES)
    assert visitor.get("/doctor/").status_code == 302
    assert use_passkey(town.visitor(), device).status_code == 401
    assert town.visitor().sign_in(INES).location == "/doctor/"


def test_the_database_does_not_hold_the_token_of_a_session(town: Town) -> None:
    fields = {"name": "Ada Moreau", "date_of_birth": "1990-12-10", "password": PASSWORD, "again": PASSWORD}
    visitor = town.visitor()
    visitor.post("/sign-up", email="ada@patients.example", **fields)
    with visitor._client.session_transaction() as session:
        token = session["_user_id"].rpartition(":")[2]
    assert len(token) > 40
    assert token.encode() not in town.stored_bytes()
