"""A doctor's pages in a real browser: a key file is made, the viewer obeys the keyboard, focus is visible."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chain.transactions.keystore import AccountKey
from fl.crypto.encrypted_keystore import KitChain
from fl.crypto.group import random_scalar, scalar_bytes
from fl.crypto.start_kit import StartKit, lock_start, open_start
from fl.protocol.names import Address
from tests.support.approval_site import served
from tests.support.browser import PATIENCE_MS, says, seen, until
from tests.support.site_browser import flawless_page, sign_in
from tests.support.site_town import INES, MAYA, Town

KIT_PASSWORD = "vier zufällige Wörter hier"
CHAIN = KitChain(7357, Address(bytes.fromhex("b2") * 20), bytes(32))


@pytest.fixture
def town(tmp_path: Path) -> Town:
    made = Town(tmp_path)
    made.federation.probability = 0.91
    made.book(MAYA, INES)
    made.add_check(MAYA)
    return made


@pytest.fixture
def page(town: Town, chromium: Any) -> Iterator[Any]:
    """Yield a page on which Inês is signed in."""
    with served(town.app) as address, flawless_page(chromium, address, INES) as opened:
        yield opened


def test_a_doctor_makes_a_key_file_that_python_opens_and_hands_in_its_public_part(page: Any, town: Town) -> None:
    sent: list[str] = []
    page.on("request", lambda one: sent.append(f"{one.url} {one.post_data}"))
    page.goto("/trustee-kit/")
    page.fill("[data-password]", KIT_PASSWORD)
    page.fill("[data-again]", "another password")
    page.click("[data-button]")
    page.wait_for_selector("[data-problem][data-name=PasswordsDiffer]")
    until(page, "document.title.startsWith('Error: Become a trustee')")
    page.fill("[data-password]", KIT_PASSWORD)
    page.fill("[data-again]", KIT_PASSWORD)
    page.click("[data-button]")
    page.wait_for_selector("[data-made]:not([hidden])", timeout=PATIENCE_MS)
    with page.expect_download() as download:
        page.click("[data-file]")
    kit = open_start(Path(download.value.path()).read_bytes(), KIT_PASSWORD, "kit")
    shown = page.inner_text("[data-digest]")
    page.check("#saved")
    page.click("text=Hand in the public part >> nth=-1")
    page.wait_for_selector("text=waits for the operator")
    says(page, shown)
    (waiting,) = town.site.kits.store.waiting()
    assert (waiting.email, waiting.registration.account) == (INES, kit.account)
    assert waiting.registration.public_key == kit.hpke_key.public_key
    assert AccountKey(kit.account_key).address == kit.account
    assert kit.site == CHAIN
    for secret in (KIT_PASSWORD, kit.member_key.hex(), kit.account_key.hex()):
        assert secret not in "\n".join(sent)


def test_the_browser_opens_a_key_file_that_python_made(page: Any) -> None:
    account = AccountKey(b"\7" * 32)
    kit = StartKit(account.address, CHAIN, scalar_bytes(random_scalar()), account.secret)
    page.goto("/trustee-kit/")
    opened = page.evaluate(OPEN, [lock_start(kit, KIT_PASSWORD).decode(), KIT_PASSWORD])
    assert opened == ["start", kit.member_key.hex(), kit.account_key.hex()]


OPEN = """async ([file, password]) => {
  const { encoding, group, lockboxes } = hemaledger;
  const box = lockboxes.parseLockbox(new TextEncoder().encode(file));
  const { share, accountKey } = await lockboxes.unlock(box, password);
  return [box.kind, encoding.toHex(group.scalarBytes(share)), encoding.toHex(accountKey)];
}"""


def test_keyboard_and_buttons_move_and_zoom_the_picture(page: Any) -> None:
    page.goto("/viewer/1")
    page.focus("[data-stage]")
    for key, expected in (("+", "125 %"), ("+", "156 %"), ("-", "125 %"), ("0", "100 %")):
        page.keyboard.press(key)
        seen(page, "[data-out=zoom]").to_have_text(expected)
    page.click("[data-do=in]")
    page.focus("[data-stage]")
    before = page.evaluate(PLACE)
    page.keyboard.press("ArrowLeft")
    until(page, f"{PLACE} != {before!r}")
    page.click("[data-do=reset]")
    page.locator("[data-range=brightness]").fill("200")
    until(page, "document.querySelector('[data-picture]').style.filter.includes('brightness(200%)')")


PLACE = "document.querySelector('[data-picture]').style.transform"


def test_the_heat_map_is_switched_by_its_key_and_by_its_button(page: Any) -> None:
    page.goto("/viewer/1")
    hidden = "document.querySelector('[data-heat]').hidden"
    assert page.evaluate(hidden)
    page.focus("[data-stage]")
    page.keyboard.press("h")
    until(page, f"!{hidden}")
    seen(page, "[data-do=heat]").to_have_attribute("aria-pressed", "true")
    page.click("[data-do=heat]")
    until(page, hidden)


def test_without_a_script_the_viewer_shows_the_plain_picture(town: Town, chromium: Any) -> None:
    with served(town.app) as address:
        context = chromium.new_context(java_script_enabled=False, base_url=address)
        plain = context.new_page()
        sign_in(plain, "", INES)
        plain.goto("/viewer/1")
        assert plain.is_visible("[data-picture]")
        assert not plain.is_visible("[data-tools]")
        context.close()


def test_a_quiet_button_shows_its_focus(page: Any) -> None:
    page.goto("/worklist/")
    page.focus(".work-actions .btn-quiet")
    page.keyboard.press("Tab")
    until(page, RING)


RING = """(() => {
  const look = getComputedStyle(document.activeElement);
  return look.outlineStyle === 'solid' && look.outlineWidth === '3px';
})()"""


def test_a_failed_review_takes_the_focus_to_the_summary_and_changes_the_title(page: Any) -> None:
    page.goto("/reviews/1")
    page.check("#decision-1")
    page.click("#submit")
    page.wait_for_selector(".note.note-bad.error-summary:focus", timeout=PATIENCE_MS)
    until(page, "document.title.startsWith('Error: ')")
