"""A trustee without an agent and without a command line: the browser makes the approval kit after each ceremony."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from fl.crypto.encrypted_keystore import Kit, Lockbox
from fl.crypto.group import base_mult, encode_point
from fl.protocol.names import CeremonyKind, KeyUse, Purpose, Role
from fl.protocol.records import MemberRegistered
from fl.replay.committees import committee_keys
from tests.support.approval_site import served
from tests.support.browser import PATIENCE_MS, follow
from tests.support.site_browser import flawless_page
from tests.support.site_committee import CommitteeTown, CommitteeWorld
from tests.support.site_town import INES, JONAS, MAYA
from webui.store.models import StoredRecord

START_PASSWORD, KIT_PASSWORD = "vier zufällige Wörter hier", "five other random words there"
AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"


@pytest.fixture
def world(tmp_path: Path) -> CommitteeWorld:
    return CommitteeWorld(tmp_path / "world")


@pytest.fixture
def town(world: CommitteeWorld, tmp_path: Path) -> CommitteeTown:
    (tmp_path / "site").mkdir()
    made = CommitteeTown(tmp_path / "site", world)
    made.site.request_store.link_trustee(INES, world.accounts[0])
    return made


@pytest.fixture
def page(town: CommitteeTown, chromium: Any) -> Iterator[Any]:
    """Yield a page on which Inês is signed in."""
    with served(town.app) as address, flawless_page(chromium, address, INES) as opened:
        yield opened


def number_of_record(town: CommitteeTown) -> str:
    with town.site.database.reading() as session:
        return session.scalars(select(StoredRecord)).one().number or ""


def opened_kit(file: bytes) -> Kit:
    kit = Lockbox.parse(file, "kit").unlock(KIT_PASSWORD)
    assert isinstance(kit, Kit)
    return kit


def fill(page: Any, start: bytes, password: str = START_PASSWORD, again: str = KIT_PASSWORD) -> None:
    file = {"name": "trustee-start.json", "mimeType": "application/json", "buffer": start}
    page.set_input_files("[data-file-in]", file)
    page.fill("[data-password]", password)
    page.fill("[data-next]", KIT_PASSWORD)
    page.fill("[data-again]", again)
    page.click("[data-button]")


def kit_from(page: Any, start: bytes) -> bytes:
    """Make the kit on the page, note that it is saved, and return it."""
    page.goto("/requests/")
    follow(page, "text=Make my new key file")
    fill(page, start)
    page.wait_for_selector("[data-made]:not([hidden])", timeout=PATIENCE_MS)
    with page.expect_download() as download:
        page.click("[data-file]")
    kit = Path(download.value.path()).read_bytes()
    page.check("#saved")
    follow(page, "text=Done")
    page.wait_for_selector("text=Your new kit is noted")
    return kit


def test_the_browser_makes_the_kit_of_each_ceremony_and_the_kit_answers(
    page: Any, town: CommitteeTown, world: CommitteeWorld
) -> None:
    start = world.start_file(0, START_PASSWORD)
    world.run_without(0)
    kit_from(page, start)
    world.run_without(0, CeremonyKind.REFRESH)
    sent: list[str] = []
    page.on("request", lambda one: sent.append(f"{one.url} {one.post_data}"))
    kit = kit_from(page, start)

    unlocked = opened_kit(kit)
    committee = committee_keys(world.federation().threshold, KeyUse.RECORDS, 2)
    share = unlocked.held.share
    assert encode_point(base_mult(share)) == encode_point(committee.share_of(world.accounts[0]))
    for secret in (START_PASSWORD, KIT_PASSWORD, f"{share:064x}", unlocked.account_key.hex()):
        assert secret not in "\n".join(sent)

    town.add_check(MAYA)
    town.site.record_requests.ask(town.members[JONAS], number_of_record(town), Purpose.SECOND_OPINION)
    page.goto("/requests/")
    follow(page, "text=/Dr Jonas Okafor, for / >> nth=0")
    page.set_input_files("[data-kit]", {"name": "kit.json", "mimeType": "application/json", "buffer": kit})
    page.fill("[data-password]", KIT_PASSWORD)
    page.click("[data-approve]")
    page.wait_for_selector("text=No request waits for your answer", timeout=PATIENCE_MS)


def test_axe_finds_nothing_on_the_page_of_the_share(page: Any, world: CommitteeWorld) -> None:
    world.run_without(0)
    for width in (1280, 390, 320):
        page.set_viewport_size({"width": width, "height": 844})
        page.goto("/trustee-kit/shares")
        assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
        page.evaluate(AXE.read_text(encoding="utf-8"))
        assert page.evaluate(CHECK) == []


CHECK = "async () => (await axe.run(document)).violations.map((one) => `${one.id}: ${one.nodes[0].target}`)"


def test_a_wrong_file_and_a_share_that_does_not_fit_the_ledger_are_refused_by_name(
    page: Any, world: CommitteeWorld
) -> None:
    start, other = world.start_file(0, START_PASSWORD), world.start_file(1, START_PASSWORD)
    world.run_without(0)
    page.goto("/trustee-kit/shares")
    fill(page, start, again="another password")
    page.wait_for_selector("[data-problem][data-name=PasswordsDiffer]", timeout=PATIENCE_MS)
    fill(page, other)
    page.wait_for_selector("[data-problem][data-name=WrongChain]", timeout=PATIENCE_MS)
    fill(page, world.kit(1, START_PASSWORD))
    page.wait_for_selector("[data-problem][data-name=KeystoreUnreadable]", timeout=PATIENCE_MS)
    assert page.evaluate(WITHOUT_A_PART, [start.decode(), START_PASSWORD, KIT_PASSWORD]) == "CommitteeMismatch"


WITHOUT_A_PART = """async ([file, password, next]) => {
  const block = JSON.parse(document.getElementById("shares").textContent);
  block.parcels.pop();
  const given = { kit: new TextEncoder().encode(file), password, next };
  return hemaledger.shares.makeKit(block, given).then(() => "made", (error) => error.name);
}"""


def test_a_doctor_becomes_a_trustee_in_the_browser_alone(page: Any, town: CommitteeTown, world: CommitteeWorld) -> None:
    town.site.request_store.link_trustee(INES, None)
    page.goto("/trustee-kit/")
    page.fill("[data-password]", START_PASSWORD)
    page.fill("[data-again]", START_PASSWORD)
    page.click("[data-button]")
    page.wait_for_selector("[data-made]:not([hidden])", timeout=PATIENCE_MS)
    with page.expect_download() as download:
        page.click("[data-file]")
    start = Path(download.value.path()).read_bytes()
    page.check("#saved")
    follow(page, "text=Hand in the public part >> nth=-1")
    page.wait_for_selector("text=waits for the operator")
    (waiting,) = town.site.kits.store.waiting()
    operator, account = world.consortium.operator, waiting.registration.account
    operator.append(MemberRegistered(operator.account, account, Role.TRUSTEE, "ines"))

    page.reload()
    page.set_input_files("[data-file-in]", {"name": "s.json", "mimeType": "application/json", "buffer": start})
    page.fill("[data-join] [data-password]", START_PASSWORD)
    page.click("[data-join] [data-button]")
    page.wait_for_selector("text=Your key is on the ledger", timeout=PATIENCE_MS)
    assert town.site.request_store.trustee_of(town.members[INES].id) == account
    member = world.federation().book.members[account]
    assert [key.public_key for key in member.keys] == [waiting.registration.public_key]

    world.admit(account)
    kit = opened_kit(kit_from(page, start))
    committee = committee_keys(world.federation().threshold, KeyUse.RECORDS, 1)
    assert encode_point(base_mult(kit.held.share)) == encode_point(committee.share_of(account))
