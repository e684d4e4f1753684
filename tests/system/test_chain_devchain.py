"""The embedded chain keeps what it answered: through SIGKILL, torn writes and a full disk; tampering is named."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from eth_account import Account

from chain.contracts import artifacts
from chain.deploy import deploy
from chain.embedded.chain import DevChain, DevChainSettings, serve
from chain.ledger import EthereumLedger, LedgerSettings
from chain.rpc.node import HEADER_ONLY, NEWS, NodeRefusal, NodeSettings, connect
from chain.transactions.keystore import AccountKey, generate
from chain.transactions.sender import TransactionSettings
from fl.protocol.errors import (
    ChainRunning,
    ChainUnavailable,
    JournalTampered,
    JournalUnreadable,
    PortInUse,
    StorageFull,
    ToolMissing,
    WrongChain,
)
from fl.protocol.names import Role
from fl.protocol.ports import Anchor
from fl.protocol.records import MemberRegistered

PROJECT = Path(__file__).resolve().parents[2]
CONSORTIUM = bytes(range(32))
KEY = AccountKey(b"\x05" * 32)
T0 = 1_800_000_000

SERVER = """
import sys, threading, time
from pathlib import Path
from chain.embedded.chain import DevChainSettings, serve
settings = DevChainSettings(Path(sys.argv[1]), Path(sys.argv[2]), time.time, port=0)
serve(settings, lambda url: print(url, flush=True), threading.Event())
"""


def start(folder: Path, port: int = 0, project: Path = PROJECT) -> DevChain:
    return DevChain(DevChainSettings(project, folder, lambda: T0, port=port))


def members(url: str, anchor: Anchor) -> EthereumLedger:
    return EthereumLedger(LedgerSettings(NodeSettings(url), anchor), KEY)


def register(ledger: EthereumLedger, count: int) -> None:
    for number in range(count):
        ledger.append(
            MemberRegistered(ledger.account, generate().address, Role.HOSPITAL, f"H{number} {secrets.token_hex(4)}")
        )


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A chain of seven transactions, stopped."""
    folder = tmp_path_factory.mktemp("origin")
    with start(folder) as chain:
        anchor = deploy(NodeSettings(chain.url), TransactionSettings(), KEY, CONSORTIUM)
        register(members(chain.url, anchor), 5)
    return folder


@pytest.fixture
def folder(origin: Path, tmp_path: Path) -> Path:
    """A copy of it to break."""
    for name in ("journal.jsonl", "heads.jsonl"):
        (tmp_path / name).write_bytes((origin / name).read_bytes())
    return tmp_path


def edit(path: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))


def newest(folder: Path) -> str:
    return str(json.loads((folder / "heads.jsonl").read_bytes().splitlines()[-1])["hash"])


# --- it comes back ----------------------------------------------------------------------------------------------


def test_a_restart_replays_to_the_same_head(folder: Path) -> None:
    with start(folder) as chain:
        assert chain.head == (7, newest(folder))


class Server:
    """`serve` in a process of its own."""

    def __init__(self, folder: Path) -> None:
        arguments = [sys.executable, "-c", SERVER, str(PROJECT), str(folder)]
        self.process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, cwd=PROJECT)
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()

    def children(self) -> list[int]:
        return [
            int(pid) for pid in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        ]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_what_was_answered_survives_sigkill_in_the_middle_of_transactions(tmp_path: Path) -> None:
    server = Server(tmp_path)
    anchor = deploy(NodeSettings(server.url), TransactionSettings(), KEY, CONSORTIUM)
    answered: list[Any] = []

    def storm() -> None:
        ledger = members(server.url, anchor)
        try:
            while True:
                account = generate().address
                record = MemberRegistered(ledger.account, account, Role.HOSPITAL, account.hex())
                answered.append(ledger.append(record).entry)
        except ChainUnavailable:
            return

    with ThreadPoolExecutor(3) as pool:
        storms = [pool.submit(storm) for _ in range(3)]
        while len(answered) < 15:
            time.sleep(0.01)
        (child,) = server.children()
        server.kill()
        for each in storms:
            each.result(120)
    deadline = time.monotonic() + 60
    while not gone(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert gone(child), "Hardhat's node outlived its parent"
    with start(tmp_path) as chain:
        replayed = members(chain.url, anchor).replay()
        head = chain.head
        assert {entry.position for entry in answered} <= {entry.position for entry in replayed}
        assert set(answered) <= set(replayed)
    with start(tmp_path) as chain:
        assert chain.head == head


def test_a_dead_node_is_reported_and_the_next_start_has_everything(folder: Path) -> None:
    stop = threading.Event()
    urls: list[str] = []
    failure: list[BaseException] = []
    settings = DevChainSettings(PROJECT, folder, lambda: T0, port=0)

    def run() -> None:
        try:
            serve(settings, urls.append, stop)
        except ChainUnavailable as error:
            failure.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    while not urls:
        time.sleep(0.01)
    children = Path(f"/proc/self/task/{thread.native_id}/children").read_text().split()
    os.kill(int(children[-1]), signal.SIGKILL)
    thread.join(120)
    assert "Hardhat's node ended" in str(failure[0])
    with start(folder) as chain:
        assert chain.head == (7, newest(folder))


@pytest.mark.parametrize("name", ["journal.jsonl", "heads.jsonl"])
def test_a_torn_last_line_was_never_answered_and_is_dropped(folder: Path, name: str) -> None:
    head = newest(folder)
    lines = (folder / "journal.jsonl").read_bytes().splitlines(keepends=True)
    if name == "journal.jsonl":  # killed while line 8 was written
        (folder / name).write_bytes(b"".join(lines) + lines[-1][:40])
    else:  # killed while head 7 was written, its transaction being in the journal
        edit(folder / name, lambda heads: [*heads[:-1], heads[-1][:20]])
    with start(folder) as chain:
        assert chain.head == (7, head)
        register(members(chain.url, _anchor(chain)), 1)
    with start(folder) as chain:
        assert chain.head == (8, newest(folder))


def _anchor(chain: DevChain) -> Anchor:
    """The anchor of the one consortium in `origin`."""
    node = connect(NodeSettings(chain.url))
    blocks = [node.request("eth_getBlockByNumber", hex(number), HEADER_ONLY) for number in (1, 2)]
    made = [node.request("eth_getTransactionReceipt", block["transactions"][0])["contractAddress"] for block in blocks]
    authority, contract = (bytes.fromhex(address[2:]) for address in made)
    return Anchor(CONSORTIUM, 31337, authority, contract)  # type: ignore[arg-type]


def test_killed_between_journal_and_head_the_transaction_stands(folder: Path) -> None:
    head = newest(folder)
    edit(folder / "heads.jsonl", lambda lines: lines[:-1])
    with start(folder) as chain:
        assert chain.head == (7, head)
    assert newest(folder) == head


def test_killed_while_the_chain_was_founded_it_is_founded_again(tmp_path: Path) -> None:
    (tmp_path / "journal.jsonl").write_bytes(b'{"chain_id":3133')
    with start(tmp_path) as chain:
        assert chain.head[0] == 0


# --- tampering is named -----------------------------------------------------------------------------------------


def swap_raw(line: bytes, other: bytes) -> bytes:
    value, donor = json.loads(line), json.loads(other)
    value["raw"] = donor["raw"]
    return json.dumps(value).encode() + b"\n"


TAMPERINGS: dict[str, tuple[str, Callable[[list[bytes]], list[bytes]], int]] = {
    "two complete entries cut": ("journal.jsonl", lambda lines: lines[:-2], 7),
    "one complete entry cut": ("journal.jsonl", lambda lines: lines[:-1], 8),
    "answered entry torn": ("journal.jsonl", lambda lines: [*lines[:-1], lines[-1][:30]], 8),
    "everything cut": ("journal.jsonl", lambda _: [], 2),
    "an entry in the middle removed": ("journal.jsonl", lambda lines: lines[:4] + lines[5:], 5),
    "two entries swapped": ("journal.jsonl", lambda lines: [*lines[:4], lines[5], lines[4], *lines[6:]], 5),
    "a transaction replaced": (
        "journal.jsonl",
        lambda lines: [*lines[:3], swap_raw(lines[3], lines[4]), *lines[4:]],
        4,
    ),
    "a time changed": (
        "journal.jsonl",
        lambda lines: [lines[0], lines[1].replace(b"1800000000", b"1800000001"), *lines[2:]],
        2,
    ),
    "garbage in the middle": ("journal.jsonl", lambda lines: [*lines[:2], b"\0\0\n", *lines[3:]], 3),
    "the beginning changed": ("journal.jsonl", lambda lines: [lines[0].replace(b"31337", b"31338"), *lines[1:]], 1),
    "two heads cut": ("heads.jsonl", lambda lines: lines[:-2], 6),
    "a head's link changed": ("heads.jsonl", lambda lines: [*lines[:2], lines[3], *lines[3:]], 3),
    "a head's hash changed": ("heads.jsonl", lambda lines: [*lines[:-1], lines[-1].replace(b'"0x', b'"0y')], 8),
}


@pytest.mark.parametrize("what", TAMPERINGS)
def test_a_changed_journal_is_refused_by_line(folder: Path, what: str) -> None:
    name, change, line = TAMPERINGS[what]
    edit(folder / name, change)
    with pytest.raises(JournalTampered) as refusal:
        start(folder)
    assert refusal.value.line == line, str(refusal.value)


def test_an_entry_replaced_with_all_links_recomputed_gives_another_block(folder: Path) -> None:
    """Someone who knows the format forges a time and mends every link; only the recorded block hashes speak."""
    from chain.embedded import journal  # noqa: PLC0415 - the forger's tool

    lines = [json.loads(line) for line in (folder / "journal.jsonl").read_bytes().splitlines()]
    heads = [json.loads(line) for line in (folder / "heads.jsonl").read_bytes().splitlines()]
    link = bytes.fromhex(lines[0]["link"])
    for line, head in zip(lines[1:], heads, strict=True):
        line["t"] += 5 if line["n"] >= 4 else 0
        link = journal._next_link(link, journal.Transaction(line["n"], line["t"], bytes.fromhex(line["raw"])))
        line["link"] = head["link"] = link.hex()
    for name, values in (("journal.jsonl", lines), ("heads.jsonl", heads)):
        (folder / name).write_text("".join(json.dumps(value) + "\n" for value in values))
    with pytest.raises(JournalTampered) as refusal:
        start(folder)
    assert refusal.value.line == 5


# --- it refuses and says why ------------------------------------------------------------------------------------


def test_two_chains_never_share_a_folder(folder: Path) -> None:
    with start(folder), pytest.raises(ChainRunning):
        start(folder)
    with start(folder) as chain:
        assert chain.head[0] == 7


def test_a_taken_port_is_named(folder: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PortInUse) as refusal:
            start(folder, port)
    assert refusal.value.port == port
    with start(folder, port) as chain:
        assert chain.url.endswith(f":{port}")


def test_without_hardhat_the_sentence_says_make_setup(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ToolMissing, match="make setup"):
        start(folder, project=tmp_path)


def test_another_genesis_is_another_chain(folder: Path, tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "node_modules").symlink_to(PROJECT / "node_modules")
    (project / "package.json").write_bytes((PROJECT / "package.json").read_bytes())
    text = (PROJECT / "hardhat.config.js").read_text().replace("2026-01-01", "2025-01-01")
    (project / "hardhat.config.js").write_text(text)
    with pytest.raises(WrongChain, match="genesis"):
        start(folder, project=project)


@pytest.fixture
def small_files() -> Iterator[Callable[[int], None]]:
    """Let this process write no file beyond a size, as a full disk would."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_on_a_full_disk_nothing_is_included_and_the_chain_goes_on_afterwards(
    folder: Path, small_files: Callable[[int], None]
) -> None:
    with start(folder) as chain:
        ledger = members(chain.url, _anchor(chain))
        head = chain.head
        small_files((folder / "journal.jsonl").stat().st_size + 20)
        with pytest.raises(ChainUnavailable, match="StorageFull"):
            register(ledger, 1)
        assert chain.head == head
        small_files(resource.RLIM_INFINITY)
        register(ledger, 2)
        head = chain.head
        assert head[0] == 9
    with start(folder) as chain:
        assert chain.head == head


def test_an_unwritable_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFull):
        start(tmp_path / "file" / "chain")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevChain]:
    with start(tmp_path_factory.mktemp("running")) as chain:
        yield chain


@pytest.mark.parametrize(
    "method", ["evm_mine", "evm_increaseTime", "hardhat_setBalance", "hardhat_reset", "eth_sendTransaction", "eth_sign"]
)
def test_nobody_makes_history_but_by_signed_transactions(running: DevChain, method: str) -> None:
    with pytest.raises(NodeRefusal, match="only signed transactions change it"):
        connect(NodeSettings(running.url)).attempt(method)


@pytest.mark.parametrize("raw", ["0x", "zz", "0x02c0", "0xf86c098504a817c800825208", 7, None])
def test_what_is_no_transaction_is_refused_and_not_recorded(running: DevChain, raw: object) -> None:
    head = running.head
    with pytest.raises(NodeRefusal, match="not a signed transaction"):
        connect(NodeSettings(running.url)).attempt("eth_sendRawTransaction", raw)
    assert running.head == head


def test_nonces_out_of_order_and_foreign_chains_are_refused_and_not_recorded(running: DevChain) -> None:
    node, key, head = connect(NodeSettings(running.url)), generate(), running.head
    founding = artifacts.load("KeyAuthority").bytecode + CONSORTIUM
    common = {"gas": 2**24, "value": 0, "to": b"", "data": founding, "maxFeePerGas": 0, "maxPriorityFeePerGas": 0}
    raw, _ = key.sign({**common, "chainId": 31337, "nonce": 1})
    with pytest.raises(NodeRefusal, match="nonce too high"):
        node.attempt("eth_sendRawTransaction", "0x" + raw.hex())
    raw, _ = key.sign({**common, "chainId": 1, "nonce": 0})
    with pytest.raises(NodeRefusal, match="chain"):
        node.attempt("eth_sendRawTransaction", "0x" + raw.hex())
    raw, tx_hash = key.sign({**common, "chainId": 31337, "nonce": 0})
    assert node.attempt("eth_sendRawTransaction", "0x" + raw.hex()) == "0x" + tx_hash.hex()
    with pytest.raises(NodeRefusal, match="already known"):
        node.attempt("eth_sendRawTransaction", "0x" + raw.hex())
    assert running.head[0] == head[0] + 1


def test_the_server_stands_hostile_requests(running: DevChain) -> None:
    def post(body: bytes, kind: str = "application/json") -> requests.Response:
        return requests.post(running.url, data=body, headers={"Content-Type": kind}, timeout=60)

    assert post(b"{").json()["error"]["code"] == -32700
    assert post(b"7").json()["error"]["code"] == -32600
    assert post(b'{"id":1,"method":"eth_chainId","params":{"a":1}}').json()["error"]["code"] == -32600
    assert post(b'{"id":1,"method":"eth_chainId"}', "text/plain").status_code == 415
    assert [part.get("result") for part in post(b'[{"id":1,"method":"eth_chainId"},5]').json()] == ["0x7a69", None]
    assert requests.get(running.url, timeout=60).status_code == 501


@pytest.mark.parametrize("name", ["journal.jsonl", "heads.jsonl"])
def test_a_journal_that_cannot_be_read_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    (folder / name).mkdir()
    with pytest.raises(JournalUnreadable) as refusal:
        start(folder)
    assert refusal.value.path == str(folder / name)


def test_journals_without_a_byte_are_no_new_chain(folder: Path) -> None:
    for name in ("journal.jsonl", "heads.jsonl"):
        (folder / name).write_bytes(b"")
    with pytest.raises(JournalTampered, match="it is empty"):
        start(folder)


def test_values_that_node_cannot_read_end_no_chain(running: DevChain) -> None:
    """66 bytes ended it: Python reads Infinity, writes it on, and Node does not read it."""
    assert running._node is not None
    with pytest.raises(ValueError, match="not JSON compliant"):
        running._node.request("eth_getBlockByNumber", float("inf"), False)  # noqa: FBT003 - JSON-RPC
    child = running._node._child
    assert child.stdin is not None
    odd = [b"[" * 200_000, b"\xff\xfe", b"null", b"7", b'{"calls":7}', b"[1]", b""]
    for line in (b'{"id":-1,"params":[Infinity,false]}', *odd):
        child.stdin.write(line + b"\n")
    child.stdin.write(b'{"id":-2,"method":"eth_chainId","params":' + b"[" * 100_000 + b"]" * 100_000 + b"}\n")
    child.stdin.flush()
    assert running._node.request("eth_chainId") == "0x7a69"
    body = b'{"id":1,"method":"eth_getBlockByNumber","params":[Infinity,false]}'
    answer = requests.post(running.url, data=body, headers={"Content-Type": "application/json"}, timeout=60)
    assert answer.json()["error"]["code"] == -32700
    assert running.head[0] >= 0


@pytest.mark.parametrize("method", ["eth_newFilter", "debug_traceCall", "evm_mine", "hardhat_reset", "eth_sign", ""])
def test_methods_that_are_not_for_reading_are_refused(running: DevChain, method: str) -> None:
    with pytest.raises(NodeRefusal, match="does not serve"):
        connect(NodeSettings(running.url)).attempt(method)


@pytest.mark.parametrize(
    "params",
    [[1e300, [], 0], ["0x1", {}, 5], ["-0x1", [], 0], ["0x1", ["x"], 0], ["0x" + "f" * 64, [], 0], [{}, [], 0], [[]]],
)
def test_odd_questions_for_news_are_answered(running: DevChain, params: list[Any]) -> None:
    node = connect(NodeSettings(running.url))
    with contextlib.suppress(NodeRefusal):
        node.attempt(NEWS, *params)
    assert node.number("eth_chainId") == 31337


def test_a_node_that_reads_no_more_is_ended_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chain.embedded.hardhat.STOP_S", 0.5)
    chain = start(tmp_path)
    node = chain._node
    assert node is not None
    os.kill(node.pid, signal.SIGSTOP)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(node.request, "eth_call", "x" * 10**6)  # more than the pipe holds
        while not node._lock.locked():
            assert not asked.done()
        chain.close()
        with pytest.raises(ChainUnavailable):
            asked.result()


@pytest.mark.parametrize("kind", [3, 4])
def test_transactions_that_put_code_on_accounts_or_carry_blobs_are_refused(running: DevChain, kind: int) -> None:
    """An authorisation of EIP-7702 works whoever sends it: its signer would be locked out of our contracts."""
    member, stranger = Account.create(), Account.create()
    fields: dict[str, Any] = {
        "chainId": 31337,
        "nonce": 0,
        "gas": 100_000,
        "value": 0,
        "to": member.address,
        "maxFeePerGas": 0,
        "maxPriorityFeePerGas": 0,
    }
    if kind == 4:
        code = {"chainId": 31337, "address": "0x" + "12" * 20, "nonce": 0}
        fields["authorizationList"] = [member.sign_authorization(code)]
    else:
        fields |= {"maxFeePerBlobGas": 1, "blobVersionedHashes": ["0x01" + "00" * 31]}
    raw = bytes(stranger.sign_transaction(fields).raw_transaction)
    head = running.head
    node = connect(NodeSettings(running.url))
    with pytest.raises(NodeRefusal, match=f"refuses transactions of type {kind}"):
        node.attempt("eth_sendRawTransaction", "0x" + raw.hex())
    assert running.head == head
    assert node.attempt("eth_getCode", member.address, "latest") == "0x"


def test_a_trial_of_foreign_code_gets_little_gas(running: DevChain) -> None:
    node, says_gas = connect(NodeSettings(running.url)), "0x5a60005260206000f3"
    left = node.number("eth_call", {"data": says_gas, "gas": hex(2**60)}, "latest")
    assert left < 2**22
    with pytest.raises(NodeRefusal, match="out of gas"):
        node.attempt("eth_call", {"data": "0x5b600056"}, "latest")
    for params in ([], ["x"], [{}, "latest", {"0x" + "11" * 20: {"code": says_gas}}], [{"gas": 5}, "latest"]):
        with pytest.raises(NodeRefusal, match=r"a transaction and a block|is malformed"):
            node.attempt("eth_call", *params)
