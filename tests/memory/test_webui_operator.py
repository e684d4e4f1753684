"""The operator's pages: accounts of staff, members, orders, the next round, ceremonies, health."""

from __future__ import annotations

import io
import re
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import select

from fl.protocol.errors import ChainUnavailable, EncodingError
from fl.protocol.names import Protection
from tests.support.site_federation import RealTown, forget_worlds
from tests.support.site_town import INES, MAYA, NOOR, PASSWORD, Town, words
from webui.ports.federation import Services
from webui.ports.health import Backup, Disk, NodeAnswer
from webui.ports.orders import Order, OrderKind
from webui.store.mail_tables import MailRow
from webui.store.models import SiteRole
from webui.store.new_accounts import NewAccount
from webui.usecases.round_orders import terms_of

OLGA = "olga@clinic.example"
CODE = re.compile(r"[A-Z2-9]{5}(?:-[A-Z2-9]{5}){3}")
NEW = "0x" + "ab" * 20
PAGES = ("", "staff", "members", "round", "ceremonies", "health", "orders/register", "orders/ceremony")


AnyTown = TypeVar("AnyTown", bound=Town)


def with_operator(town: AnyTown) -> AnyTown:
    town.members[OLGA] = town.site.accounts.create(NewAccount(SiteRole.OPERATOR, OLGA, "Olga Perez", PASSWORD))
    return town


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return with_operator(Town(tmp_path))


def test_the_operators_pages_are_for_the_operator_alone(town: Town) -> None:
    operator = town.visitor(OLGA)
    for page in PAGES:
        assert operator.get(f"/operator/{page}").status_code == 200, page
        for email in (MAYA, INES, NOOR):
            expected = 200 if (email, page) == (NOOR, "health") else 403
            assert town.visitor(email).get(f"/operator/{page}").status_code == expected, (email, page)
    number = town.members[INES].id
    for path in ("code", "disable", "enable"):
        other = town.visitor(NOOR)
        answer = other.post_bare(f"/operator/staff/{number}/{path}", csrf_token=other.token("/"))
        assert answer.status_code == 403


def test_the_list_of_accounts_names_the_role_of_each(town: Town) -> None:
    operator = town.visitor(OLGA)
    page = operator.get("/operator/staff").text
    for role in ("auditor", "doctor", "operator", "hospital"):
        assert f">{role}</td>" in page, role
    assert "doctor" in words(operator.get(f"/operator/staff/{town.members[INES].id}"))


def test_a_new_account_gets_a_one_time_code_and_no_password(town: Town) -> None:
    operator = town.visitor(OLGA)
    fields = {"role": "doctor", "name": "Dr Lena Roth", "email": "lena@clinic.example", "room": "Room 9"}
    answer = operator.post("/operator/staff", opens="09:00", closes="12:00", **fields)
    assert answer.status_code == 302
    page = answer.location
    shown = operator.post(f"{page}/code", page=page)
    code = CODE.search(words(shown))
    assert code is not None
    assert CODE.search(operator.text(page)) is None
    password = "quiet rivers under seven bridges"
    visitor = town.visitor()
    given = {"email": "lena@clinic.example", "code": code[0], "password": password, "again": password}
    assert visitor.post("/new-password", **given).status_code == 302
    assert town.visitor().sign_in("lena@clinic.example", password).status_code == 302
    assert town.visitor().post("/new-password", **given).status_code == 401
    assert code[0].encode() not in town.stored_bytes()


def test_a_wrong_account_is_refused_beside_its_field(town: Town) -> None:
    operator = town.visitor(OLGA)
    for fields, text in (
        ({"role": "auditor", "name": "", "email": "x@y.example"}, "Please enter the name."),
        ({"role": "auditor", "name": "Noor", "email": NOOR}, "There is already an account"),
        ({"role": "doctor", "name": "A B", "email": "a@b.example", "opens": "12:00", "closes": "09:00"}, "earlier one"),
    ):
        answer = operator.post("/operator/staff", **fields)
        assert answer.status_code in (400, 409)
        assert text in words(answer)
        assert "<title>Error: " in answer.text
    assert operator.post("/operator/staff", role="patient", name="A B", email="p@b.example").status_code == 400


def test_a_blocked_account_cannot_sign_in_until_it_is_unblocked(town: Town) -> None:
    operator, page = town.visitor(OLGA), f"/operator/staff/{town.members[NOOR].id}"
    auditor = town.visitor(NOOR)
    assert operator.post(f"{page}/disable", page=page).status_code == 302
    assert auditor.get("/auditor/").status_code == 302
    assert town.visitor().sign_in(NOOR).status_code == 401
    assert operator.post(f"{page}/enable", page=page).status_code == 302
    assert town.visitor().sign_in(NOOR).status_code == 302


def test_a_blocked_doctors_appointments_are_cancelled_unless_they_are_kept(town: Town) -> None:
    town.book(MAYA, INES)
    operator, page = town.visitor(OLGA), f"/operator/staff/{town.members[INES].id}"
    operator.post(f"{page}/disable", page=page, keep="y")
    operator.post(f"{page}/enable", page=page)
    operator.post(f"{page}/disable", page=page)
    assert "1 appointments were cancelled" in operator.text(page)


def test_a_blocked_doctors_patients_get_a_mail_and_the_page_says_whom_to_call(town: Town) -> None:
    town.book(MAYA, INES)
    operator, page = town.visitor(OLGA), f"/operator/staff/{town.members[INES].id}"
    assert "Patients to call" not in operator.text(page)
    operator.post(f"{page}/disable", page=page)
    assert f"Maya Lindqvist ({MAYA})" in operator.text(page)
    with town.site.database.reading() as session:
        _, mail = session.scalars(select(MailRow).where(MailRow.recipient == MAYA).order_by(MailRow.id))
    assert mail.subject.startswith("Cancelled by the hospital: your appointment on")
    assert "sign in or call the hospital" in mail.text
    operator.post(f"{page}/enable", page=page)
    assert "Maya" not in operator.text(page)


def test_nobody_blocks_the_own_account_or_opens_a_patients(town: Town) -> None:
    operator, own = town.visitor(OLGA), town.members[OLGA].id
    assert "you cannot block it" in operator.text(f"/operator/staff/{own}")
    token = operator.token("/operator/staff")
    assert operator.post_bare(f"/operator/staff/{own}/disable", csrf_token=token).status_code == 404
    patient = f"/operator/staff/{town.members[MAYA].id}"
    assert operator.get(patient).status_code == 404
    for deed in ("code", "disable", "enable"):
        assert operator.post_bare(f"{patient}/{deed}", csrf_token=token).status_code == 404, deed
    assert town.visitor().sign_in(MAYA).status_code == 302


def test_an_order_is_a_sentence_and_a_file_and_changes_nothing(town: Town) -> None:
    operator = town.visitor(OLGA)
    query = f"check=yes&account={NEW}&role=hospital&name=Lake+Clinic"
    page = operator.text(f"/operator/orders/register?{query}")
    assert f"Admit the account {NEW} as hospital with the name Lake Clinic." in page
    assert "hemaledger consortium carry-out order-register.json" in page
    order = Order.from_bytes(operator.get(f"/operator/orders/register.json?{query}").data)
    assert (order.kind, order.facts["name"], order.made_by) == (OrderKind.REGISTER, "Lake Clinic", "Olga Perez")
    assert order.consortium == bytes(range(32))
    assert "Lake Clinic" not in operator.text("/operator/members")


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("register?account=12&role=hospital&name=Lake", "This is not an account"),
        ("register?account=" + "01" * 20 + "&role=hospital&name=Lake", "is or was a member"),
        (f"register?account={NEW}&role=operator&name=Lake", "Choose a role"),
        (f"register?account={NEW}&role=coordinator&name=Lake", "there can be only one"),
        (f"register?account={NEW}&role=hospital&name=ST+ELISABETH", "looks the same"),
        ("revoke?account=" + "05" * 20 + "&reason=gone", "Choose a member"),
        ("revoke?account=" + "03" * 20 + "&reason=", "Say why"),
        ("ceremony?use=records&kind=dealer&days=365", "Choose a kind"),
        ("ceremony?use=records&kind=generate&days=0", "number of days"),
        ("ceremony?use=records&kind=generate&days=9&trustees=nobody", "that of a trustee"),
        ("ceremony?use=records&kind=generate&days=9&threshold=1", "from 2 to 32"),
        ("hold-rounds?reason=", "Say why"),
        ("abort-round?reason=late", "No round is running now"),
        ("open-rounds?protection=masked&rounds=0", "Give a number in its range"),
        ("open-rounds?protection=masked&hold_back=yes", "Too few hospitals have a key"),
        ("abort-ceremony?use=records&reason=late", "No ceremony of this key is running"),
    ],
)
def test_a_wrong_order_is_explained_beside_its_field_and_is_no_file(town: Town, query: str, text: str) -> None:
    operator, (kind, arguments) = town.visitor(OLGA), query.split("?")
    answer = operator.get(f"/operator/orders/{kind}?check=yes&{arguments}")
    assert answer.status_code == 400
    assert text in words(answer)
    assert "Error:" in answer.text
    assert operator.get(f"/operator/orders/{kind}.json?{arguments}").status_code == 404


@pytest.mark.parametrize(
    ("kind", "query", "text"),
    [
        ("hold-rounds", "reason=new+images+at+alpha", "Open no further round"),
        ("go-on", "", "Open rounds again."),
        (
            "open-rounds",
            "protection=sealed&hospitals=2&rounds=4&hold_back=yes",
            "until 4 are final. Protection: sealed.",
        ),
    ],
)
def test_an_order_about_rounds_is_for_the_coordinators_machine(
    tmp_path: Path, kind: str, query: str, text: str
) -> None:
    operator = with_operator(RealTown(tmp_path, Protection.MASKED)).visitor(OLGA)
    page = operator.text(f"/operator/orders/{kind}?check=yes&{query}")
    assert text in page
    assert "On the machine with the coordinator's key, run: hemaledger consortium carry-out order-" in page
    order = Order.from_bytes(operator.get(f"/operator/orders/{kind}.json?{query}").data)
    assert order.kind == kind
    assert text in order.sentence


def test_the_terms_of_the_page_are_those_of_the_order(tmp_path: Path) -> None:
    operator = with_operator(RealTown(tmp_path, Protection.MASKED)).visitor(OLGA)
    page = operator.get("/operator/round?protection=sealed&hospitals=2&commit_minutes=45&epsilon=2.5").text
    link = re.search(r'href="(/operator/orders/open-rounds[^"]+)"', page)
    assert link
    address = link[1].replace("&amp;", "&").replace("open-rounds?", "open-rounds.json?")
    order = Order.from_bytes(operator.get(address).data)
    assert (order.facts["commit_minutes"], order.facts["epsilon"], order.facts["hospitals"]) == ("45", "2.5", "2")
    assert "--commit-timeout 2700" in terms_of(order).command


def test_an_order_with_other_facts_is_refused() -> None:
    order = Order(OrderKind.REVOKE, {"account": NEW, "name": "A", "reason": "gone"}, bytes(32), 0, "Olga")
    data = order.to_bytes()
    assert Order.from_bytes(data) == order
    for changed in (data.replace(b"revoke", b"remove"), data.replace(b"reason", b"raeson"), data[:-1], b"x" * 99_999):
        with pytest.raises(EncodingError):
            Order.from_bytes(changed)


def test_an_invitation_is_one_file_without_a_secret(town: Town) -> None:
    answer = town.visitor(OLGA).get("/operator/invitation?role=hospital&name=Lake+Clinic")
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        text = archive.read("README.txt").decode()
    assert "as hospital, with the name Lake Clinic" in text
    assert "hemaledger hospital init --name lake-clinic" in text
    assert town.visitor(OLGA).get("/operator/invitation?role=operator&name=Lake").status_code == 302


def test_the_preview_says_what_terms_mean_and_what_stops_them(tmp_path: Path) -> None:
    forget_worlds()  # it says who is a member, and another test of this process may have changed that
    town = with_operator(RealTown(tmp_path, Protection.MASKED))
    operator = town.visitor(OLGA)
    page = operator.text("/operator/round")
    named = re.search(r"3 hospitals would take part: (\w+), (\w+) and (\w+)\.", page)
    assert named is not None
    assert set(named.groups()) == {"alpha", "beta", "gamma"}
    assert "All of them must stay to the end" in page
    assert "Auditors: 1. Hospitals: 3." in page
    assert "--rounds 10 --hospitals 3 --protection masked" in page
    page = operator.text("/operator/round?protection=sealed&min_commitments=2&epsilon=8&hospitals=4&hold_back=yes")
    for text in (
        "Up to 1 of them may drop out",
        "Too few hospitals have a key",
        "--epsilon 8 --hold-back",
        "The coordinator and the auditors can read each hospital's update",
    ):
        assert text in page
    wrong = operator.get("/operator/round?hospitals=many&epsilon=-1")
    assert wrong.status_code == 400
    assert "Hospitals to wait for: give a number in its range." in words(wrong)


@dataclass
class Machine:
    up: bool = True

    def node(self) -> NodeAnswer:
        if not self.up:
            raise ChainUnavailable("http://ledger.example", "connection refused")
        return NodeAnswer(1300, 1_795_435_000, 12.3)

    def vault_ms(self) -> float:
        return 0.4

    def disks(self) -> tuple[Disk, ...]:
        return (Disk("site", 5_000_000_000, 100_000_000_000),)

    def backups(self) -> tuple[Backup, ...]:
        return (Backup("/backups", 1_795_000_000), Backup("/empty", None))

    def consortium_file(self) -> bytes | None:
        return b'{"ledger": "0x"}'


class MeasuredTown(Town):
    def services(self) -> Services:
        self.machine = Machine()
        return replace(super().services(), machine=self.machine)


def test_the_health_of_machine_and_ledger_is_shown_and_a_silent_part_hides_no_other(tmp_path: Path) -> None:
    town = with_operator(MeasuredTown(tmp_path))
    operator = town.visitor(OLGA)
    page = operator.text("/operator/health")
    for text in ("1,300", "12 ms", "below 1 ms", "5.0 GB free of 100.0 GB nearly full", "Newest backup in /empty none"):
        assert text in page
    assert "Newest backup in /backups 5 days ago old" in page
    town.machine.up = False
    town.federation.stop_chain()
    page = operator.text("/operator/health")
    assert "the ledger does not answer" in page
    assert "below 1 ms" in page
    assert "This site" not in town.visitor(NOOR).text("/operator/health")


def test_an_invitation_holds_the_consortiums_file_if_the_site_has_it(tmp_path: Path) -> None:
    town = with_operator(MeasuredTown(tmp_path))
    answer = town.visitor(OLGA).get("/operator/invitation?role=trustee&name=ada")
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        assert set(archive.namelist()) == {"consortium.json", "README.txt"}


def test_two_models_are_compared_back_to_their_common_ancestor(tmp_path: Path) -> None:
    town = RealTown(tmp_path, Protection.MASKED)
    auditor = town.visitor(NOOR)
    page = auditor.text("/auditor/audit/compare?a=1&b=2")
    assert "Both models come from the model of round 1" in page
    assert "First model" in page
    assert re.search("No difference in: members, (terms, )?task, training", page)
    assert auditor.get("/auditor/audit/compare?a=1&b=9").status_code == 404
    assert auditor.get("/auditor/audit/compare").status_code == 200


def test_what_differs_between_two_rounds_is_listed(town: Town) -> None:
    page = town.visitor(NOOR).text("/auditor/audit/compare?a=4&b=5")
    assert "Training Passes over the pictures 2 3" in page
    assert "Members Harbour Hospital update no update" in page
