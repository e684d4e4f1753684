"""A signed model is accepted by the foreign tool, and refused after any change."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable
from pathlib import Path

import pytest

from fl.crypto.hpke_keys import PrivateKey
from fl.crypto.model_signature import KEY, SIGNATURE, SignedModel, with_signature
from fl.protocol.names import Address, Digest
from fl.protocol.ports import Anchor
from tests.support.model_signing import judge, pem_file

ANCHOR = Anchor(b"\x11" * 32, 31337, Address(b"\x22" * 20), Address(b"\x33" * 20))
MODEL = SignedModel(ANCHOR, Digest(b"\x44" * 32), 7)
ACCOUNT = Address(b"\x55" * 20)
FILES = {"model.safetensors": bytes(range(256)) * 40, "manifest.json": b"[]\n", "parts/empty.txt": b""}


@pytest.fixture(scope="module")
def key() -> PrivateKey:
    return PrivateKey.generate(3)


def unpacked(files: dict[str, bytes], folder: Path) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def test_the_foreign_tool_accepts_it_and_equal_files_give_equal_bytes(key: PrivateKey, tmp_path: Path) -> None:
    signed = with_signature(key, ACCOUNT, MODEL, FILES)
    assert signed == with_signature(key, ACCOUNT, MODEL, dict(reversed(FILES.items())))
    assert set(signed) == {*FILES, KEY, SIGNATURE}
    judged = judge(unpacked(signed, tmp_path / "any name"), pem_file(key, tmp_path / "known.pem"))
    assert judged.returncode == 0, judged.stderr
    statement = json.loads(b64decode(json.loads(signed[SIGNATURE])["dsseEnvelope"]["payload"]))
    assert statement["predicate"]["hemaledger"] == {
        "account": "0x" + "55" * 20,
        "chain_id": 31337,
        "consortium": "0x" + "11" * 32,
        "key_epoch": 3,
        "ledger": "0x" + "33" * 20,
        "model_digest": "0x" + "44" * 32,
        "round": 7,
    }


def bit(folder: Path) -> None:
    file = folder / "model.safetensors"
    data = bytearray(file.read_bytes())
    data[1000] ^= 1
    file.write_bytes(data)


def one_more(folder: Path) -> None:
    (folder / "more.bin").write_bytes(b"x")


def renamed(folder: Path) -> None:
    (folder / "manifest.json").rename(folder / "manifests.json")


def key_inside(folder: Path) -> None:
    (folder / KEY).write_bytes((folder / KEY).read_bytes() + b"\n")


def other_facts(folder: Path) -> None:
    file = folder / SIGNATURE
    document = json.loads(file.read_text())
    payload = b64decode(document["dsseEnvelope"]["payload"]).replace(b'"round":7', b'"round":8')
    document["dsseEnvelope"]["payload"] = b64encode(payload).decode()
    file.write_text(json.dumps(document))


@pytest.mark.parametrize("change", [bit, one_more, renamed, key_inside, other_facts])
def test_the_foreign_tool_refuses_every_change(key: PrivateKey, tmp_path: Path, change: Callable[[Path], None]) -> None:
    folder = unpacked(with_signature(key, ACCOUNT, MODEL, FILES), tmp_path / "model")
    change(folder)
    assert judge(folder, pem_file(key, tmp_path / "known.pem")).returncode != 0


def test_the_foreign_tool_refuses_another_members_key(key: PrivateKey, tmp_path: Path) -> None:
    folder = unpacked(with_signature(key, ACCOUNT, MODEL, FILES), tmp_path / "model")
    assert judge(folder, pem_file(PrivateKey.generate(3), tmp_path / "other.pem")).returncode != 0
