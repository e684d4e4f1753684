"""How long a trustee's answer to one request takes, in Chromium and in Python.

An answer is what `trustee.js` does with an opened share: parse and check the capsule and its proof, the partial
decryption, its own proof and the check of it, the envelope to one reader, the signed transaction. `first` is the first
answer of a page that was just loaded, which is what a doctor meets; `median` those that follow. Python does the same
with the same bytes, in the same run, answer by answer in turns. Opening the kit is Argon2id, slow on purpose.
"""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fl.crypto.capsule import Capsule
from fl.crypto.encrypted_keystore import Lockbox
from fl.crypto.envelope import seal
from fl.crypto.group import engine
from fl.crypto.partial_decryption import approve, partial_core, verify
from fl.protocol.codec import sha256
from fl.protocol.errors import ToolMissing
from scripts.bench._request import KEY_EPOCH, Scene
from scripts.bench._table import keep, median, show

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = Path("/usr/bin/chromium")
STATIC = Path(__file__).parents[2] / "webui" / "static"
TARGET_MS = 300.0
FRESH_PAGES = 5
PASSWORD = "four random words here"  # noqa: S105  # of a kit that only this benchmark uses
LOAD = """(address) => new Promise((resolve, reject) => {
  const script = Object.assign(document.createElement("script"), { src: address });
  script.onload = () => resolve(); script.onerror = reject; document.head.append(script);
})"""
ANSWER = """async ({ block, share, key }) => {
  const { encoding, trustee, transactions } = hemaledger;
  const [secret, account] = [share, key].map((text) => encoding.fromHex(text, "secret"));
  const began = performance.now();
  const facts = trustee.parseFacts(block);
  const ciphertext = trustee.checkRequest(facts, Math.floor(Date.now() / 1000));
  const envelope = await trustee.answer(facts, ciphertext, encoding.toInteger(secret));
  const data = transactions.approval(facts.binding.number, encoding.sha256(envelope));
  const { chainId, nonce, gas, maxFee, maxPriorityFee } = facts;
  transactions.sign(account, { chainId, to: facts.authority, nonce, gas, maxFee, maxPriorityFee }, data);
  return performance.now() - began;
}"""
OPEN = """async ({ kit, password }) => {
  const { lockboxes } = hemaledger;
  const began = performance.now();
  await lockboxes.unlock(lockboxes.parseLockbox(new TextEncoder().encode(kit)), password);
  return (performance.now() - began) / 1000;
}"""


@click.command()
@click.option("--answers", type=click.IntRange(5), default=30, show_default=True)
@click.option("--kits", type=click.IntRange(1), default=5, show_default=True)
def main(answers: int, kits: int) -> None:
    """Measure a trustee's answer, and the opening of its kit, in Chromium and in Python."""
    scene = Scene.draw()
    with _static_files() as address, _chromium() as browser:
        first = median([_in_browser(_loaded(browser, address), scene) for _ in range(FRESH_PAGES)])
        page = _loaded(browser, address)
        pairs = [(_in_browser(page, scene), _in_python(scene)) for _ in range(answers)]
        opened = [_open_kit(page, scene) for _ in range(kits)]
    browser_ms, python_ms = median([pair[0] for pair in pairs[1:]]), median([pair[1] for pair in pairs[1:]])
    kit_browser_s, kit_python_s = (median([pair[place] for pair in opened]) for place in (0, 1))
    show(
        f"A trustee's answer to one request, ms (first: at most {TARGET_MS:.0f}); Python's curve: {engine().name}",
        ("browser, first", "browser, median", "Python, median", "ratio"),
        [(first, browser_ms, python_ms, browser_ms / python_ms)],
    )
    show(
        "Opening the kit (64 MiB, 3 passes), s",
        ("browser", "Python", "ratio"),
        [(kit_browser_s, kit_python_s, kit_browser_s / kit_python_s)],
    )
    figures: dict[str, object] = {
        "first_ms": first,
        "median_ms": browser_ms,
        "python_ms": python_ms,
        "python_curve": engine().name,
        "kit_s": kit_browser_s,
        "kit_python_s": kit_python_s,
        "bundle_bytes": (STATIC / "approve.js").stat().st_size,
    }
    keep("browser", figures)


def _in_browser(page: Page, scene: Scene) -> float:
    share, account = scene.shares[0].value, scene.accounts[0].secret
    given = {"block": scene.block(0, int(time.time())), "share": f"{share:064x}", "key": account.hex()}
    return float(page.evaluate(ANSWER, given))


def _in_python(scene: Scene) -> float:
    """Return the milliseconds of the same steps."""
    file, trustee = scene.capsule.to_bytes(), scene.accounts[0]
    fields = {"chainId": scene.anchor.chain_id, "nonce": 5, "gas": 2**24, "value": 0, "to": scene.anchor.authority}
    began = time.perf_counter()
    capsule = Capsule.from_bytes(file)
    answer = approve(capsule, scene.binding, scene.committee.key, scene.shares[0])
    verify(answer, trustee.address, scene.committee, scene.binding, capsule.ciphertext)
    core = partial_core(scene.anchor, trustee.address, KEY_EPOCH, scene.binding, 1)
    envelope = seal(core, [scene.requester_key.member_key], answer)
    data = bytes(36) + sha256(envelope)
    trustee.sign({**fields, "maxFeePerGas": 0, "maxPriorityFeePerGas": 0, "data": data})
    return 1000 * (time.perf_counter() - began)


def _open_kit(page: Page, scene: Scene) -> tuple[float, float]:
    """Return the seconds in the browser and in Python."""
    kit = scene.kit(0, PASSWORD)
    there = float(page.evaluate(OPEN, {"kit": kit.decode(), "password": PASSWORD}))
    began = time.perf_counter()
    Lockbox.parse(kit, "kit").unlock(PASSWORD)
    return there, time.perf_counter() - began


def _loaded(browser: Browser, address: str) -> Page:
    page = browser.new_page()
    page.goto(f"{address}/site.css")  # any file of this origin works
    page.evaluate(LOAD, f"{address}/approve.js")
    return page


@contextmanager
def _static_files() -> Iterator[str]:
    """Serve the site's files and yield the address."""
    handler: Callable[..., Any] = partial(_Quiet, directory=str(STATIC))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def _chromium() -> Iterator[Browser]:
    try:
        from playwright.sync_api import sync_playwright  # of requirements-dev.txt
    except ImportError as error:
        raise ToolMissing("playwright", "the browser is driven by it; run `make test` once") from error
    if not CHROMIUM.exists():
        raise ToolMissing("Chromium", f"there is none at {CHROMIUM}")
    with sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


if __name__ == "__main__":
    main()
