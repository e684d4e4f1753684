"""A trustee answers in a real browser: Python opens what it approved; what it must not do, it refuses by name."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from eth_account import Account

from chain.transactions.keystore import AccountKey
from fl.crypto import long_partials
from fl.crypto.capsule import key_anchor
from fl.crypto.envelope import open_with, receive
from fl.crypto.envelope_form import Core, Expected, Kind
from fl.crypto.group import encode_point, scalar_bytes
from fl.crypto.partial_decryption import approve, combine, partial_core
from fl.crypto.threshold import encapsulate
from fl.protocol.codec import sha256
from fl.protocol.names import Digest
from scripts.bench._request import KEY_EPOCH, RECORD, Scene
from tests.support.approval_site import PASSWORD, Place, Visit
from tests.support.browser import says, seen, until
from tests.support.make_transaction_vectors import call_data


def test_python_opens_what_the_browser_approved(place: Place, visit: Callable[[], Visit]) -> None:
    scene, there = place.scene, visit()
    there.answer(scene.kit(0, PASSWORD))
    there.page.wait_for_url("**/sign-in")
    (answer,) = place.answers
    envelope, raw = bytes.fromhex(answer["envelope"]), bytes.fromhex(answer["transaction"])

    trustee = scene.accounts[0]
    core = partial_core(scene.anchor, trustee.address, KEY_EPOCH, scene.binding, 1)
    partial = receive(envelope, Expected(core, sha256(envelope), 1024), scene.requester_key)
    partials = {
        trustee.address: partial,
        scene.accounts[1].address: approve(scene.capsule, scene.binding, scene.committee.key, scene.shares[1]),
    }
    opening = combine(partials, scene.committee, scene.binding, scene.capsule.ciphertext)
    assert opening.wrong == ()
    record = Core(Kind.RECORD, key_anchor(scene.anchor), scene.hospital, 0, 1, scene.capsule.header.context)
    assert (
        open_with(scene.file, Expected(record, sha256(scene.file), 4096), scene.committee.key, opening.secret) == RECORD
    )

    assert Account.recover_transaction(raw) == "0x" + Account.from_key(trustee.secret).address[2:]
    assert raw == signed(trustee, place, call_data(scene.binding.number, sha256(envelope), None))
    assert there.complaints == []


def test_python_opens_what_the_browser_approved_for_decades(place: Place, visit: Callable[[], Visit]) -> None:
    scene = Scene.draw(long=True)
    place.scene, place.block = scene, scene.block(0, int(time.time()))
    there = visit()
    there.answer(scene.kit(0, PASSWORD))
    there.page.wait_for_url("**/sign-in")
    (answer,) = place.answers
    envelope, trustee = bytes.fromhex(answer["envelope"]), scene.accounts[0]
    assert scene.requester_long is not None
    core = partial_core(scene.anchor, trustee.address, KEY_EPOCH, scene.binding, 1)
    body = receive(envelope, Expected(core, sha256(envelope), 2048), scene.requester_long)
    key, own = scene.committee.key, scene.long_keys[1:2]
    other = long_partials.approve(scene.capsule, scene.binding, key, scene.shares[1], own)
    answers = {trustee.address: body, scene.accounts[1].address: other}
    opening = long_partials.combine(answers, scene.committee, scene.binding, scene.capsule)
    assert opening.wrong == ()
    assert scene.capsule.policy is not None
    assert scene.capsule.half is not None
    seats = scene.capsule.half.seats(key)
    record = scene.capsule.policy.core(scene.anchor, scene.hospital, 1, seats)
    assert open_with(scene.file, Expected(record, sha256(scene.file), 8192), seats, opening.secret) == RECORD
    assert there.complaints == []


def test_a_kit_without_a_long_key_says_what_to_do(place: Place, visit: Callable[[], Visit]) -> None:
    scene = Scene.draw(long=True)
    place.scene, place.block = replace(scene, long_keys=()), scene.block(0, int(time.time()))
    there = visit()
    there.answer(place.scene.kit(0, PASSWORD))
    assert there.refusal() == "KeystoreUnreadable"
    assert "make a new approval kit" in there.page.inner_text("[data-problem-text]")
    assert place.answers == []


def signed(key: AccountKey, place: Place, data: bytes) -> bytes:
    fields = {"chainId": place.block["chain_id"], "nonce": place.block["nonce"], "gas": place.block["fees"]["gas"]}
    free = {"maxFeePerGas": 0, "maxPriorityFeePerGas": 0, "value": 0}
    return key.sign({**fields, **free, "to": place.scene.anchor.authority, "data": data})[0]


def test_no_secret_leaves_the_browser(place: Place, visit: Callable[[], Visit]) -> None:
    scene, there = place.scene, visit()
    kit = scene.kit(0, PASSWORD)
    there.answer(kit)
    there.page.wait_for_url("**/sign-in")
    sent = "\n".join(there.sent)
    share = scalar_bytes(scene.shares[0].value)
    for secret in (PASSWORD, "zuf", share.hex(), scene.accounts[0].secret.hex(), json.loads(kit)["sealed"]):
        assert secret not in sent
    assert all(line.startswith(place.address) for line in there.sent)
    assert set(place.answers[0]) == {"envelope", "transaction"}


def test_what_holds_the_secrets_has_no_name_and_is_emptied(place: Place, visit: Callable[[], Visit]) -> None:
    there = visit()
    named = "[...document.querySelector('form[data-approval]').elements].map((one) => one.name).filter(Boolean)"
    assert there.page.evaluate(named) == ["csrf_token"]
    there.answer(place.scene.kit(0, PASSWORD), "another password")
    assert there.refusal() == "KeystoreUnreadable"
    seen(there.page, "[data-password]").to_have_value("")
    assert place.answers == []


def test_the_thread_with_the_secrets_reaches_no_network(place: Place, visit: Callable[[], Visit]) -> None:
    there = visit()
    with there.page.expect_worker() as found:
        there.page.evaluate("window.kept = new Worker(document.querySelector('script[integrity]').src)")
    for address in ("/", place.address, "https://example.org/"):
        tried = f"fetch({address!r}).then(() => 'reached', () => 'stopped')"
        assert found.value.evaluate(tried) == "stopped"


def test_a_changed_script_does_not_run(place: Place, chromium: Any) -> None:
    page = chromium.new_page()

    def change(route: Any) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=answer.text() + "\n// one line more")

    page.route("**/approve.js*", change)
    page.goto(f"{place.address}/approval")
    seen(page, "[data-approve]").to_be_disabled()
    assert page.evaluate("typeof hemaledger") == "undefined"
    page.close()


Change = Callable[[Scene, dict[str, Any]], dict[str, Any]]


def mauled(scene: Scene, _block: dict[str, Any]) -> dict[str, Any]:
    """A stranger's ciphertext in the record's capsule."""
    file = scene.capsule.to_bytes()
    other, _ = encapsulate(scene.committee.key, Digest(bytes(32)))
    forged = file[:154] + other.to_bytes() + file[284:]
    return {"capsule": forged.hex(), "capsule_digest": sha256(forged).hex()}


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("CiphertextInvalid", mauled),
        ("HashMismatch", lambda _scene, block: {"capsule_digest": block["label"]}),
        ("PolicyNotApproved", lambda _scene, _block: {"purpose": 5}),
        ("RevokedSender", lambda _scene, block: {"members": block["members"][1:]}),
        ("DeadlinePassed", lambda _scene, _block: {"deadline": 1_700_000_000}),
        ("KeyExpired", lambda _scene, _block: {"expires_at": 1_700_000_000}),
        ("WrongChain", lambda _scene, block: {"epoch": block["epoch"] + 1}),
        ("WrongChain", lambda scene, _block: {"trustee": scene.accounts[1].address.hex()}),
        ("EncodingError", lambda _scene, _block: {"nonce": None}),
    ],
)
def test_what_must_not_be_approved_is_refused_by_name(
    place: Place, visit: Callable[[], Visit], name: str, change: Change
) -> None:
    place.block |= change(place.scene, place.block)
    there = visit()
    there.answer(place.scene.kit(0, PASSWORD))
    assert there.refusal() == name
    assert place.answers == []
    seen(there.page, "[data-approve]").to_be_enabled()
    assert there.complaints == []


def test_a_share_that_is_not_the_ledgers_answers_nothing(place: Place, visit: Callable[[], Visit]) -> None:
    place.block["public_share"] = encode_point(place.scene.committee.shares[1]).hex()
    there = visit()
    there.answer(place.scene.kit(0, PASSWORD))
    assert there.refusal() == "PartialInvalid"
    assert place.answers == []


def test_a_refusal_is_signed_with_its_reason(place: Place, visit: Callable[[], Visit]) -> None:
    place.block |= mauled(place.scene, place.block)  # what cannot be approved can be refused
    there = visit()
    there.page.click("text=Refuse instead")
    there.page.select_option("[data-reason]", "1")
    there.answer(place.scene.kit(0, PASSWORD), button="[data-refuse]")
    there.page.wait_for_url("**/sign-in")
    (answer,) = place.answers
    assert answer["envelope"] is None
    expected = signed(place.scene.accounts[0], place, call_data(place.scene.binding.number, b"", 1))
    assert answer["transaction"] == expected.hex()


def test_what_the_site_says_against_it_is_shown(place: Place, visit: Callable[[], Visit]) -> None:
    place.taken = True
    there = visit()
    there.answer(place.scene.kit(0, PASSWORD))
    assert there.refusal() == "SiteRefused"
    says(there.page, "was just taken", place="[data-problem-text]")


def test_the_form_can_be_used_by_its_labels_and_fits_a_phone(visit: Callable[[], Visit]) -> None:
    there = visit()
    for label in ("Your key file", "Its password"):
        assert there.page.get_by_label(label).is_visible()
    there.page.click("text=Refuse instead")
    there.page.click("text=What you will sign")
    until(there.page, "document.documentElement.scrollWidth === 390")
    assert there.complaints == []


def test_the_page_shows_each_step_and_how_far_the_long_one_is(place: Place, visit: Callable[[], Visit]) -> None:
    there = visit()
    there.page.evaluate(WATCH)
    there.answer(place.scene.kit(0, PASSWORD), "another password")
    assert there.refusal() == "KeystoreUnreadable"
    noted = there.page.evaluate("window.seen")
    assert "opening" in {step for step, _ in noted}
    assert len({share for step, share in noted if step == "opening" and share is not None}) > 3
    seen(there.page, "[data-steps]").to_be_hidden()  # nothing runs any more


WATCH = """() => {
  window.seen = [];
  const form = document.querySelector("form[data-approval]");
  new MutationObserver(() => {
    const now = form.querySelector("[aria-current=step]");
    const bar = form.querySelector("[data-bar]");
    window.seen.push([now && now.dataset.step, bar.hasAttribute("value") ? bar.value : null]);
  }).observe(form, { subtree: true, attributes: true });
}"""
