"""The files of a model are checked together: signature, key, proofs and weights; any change is named."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fl.crypto.hpke_keys import PrivateKey
from fl.crypto.model_signature import KEY, KEY_PROOF, MODEL_PROOF, SIGNATURE, SignedModel, with_signature
from fl.proofs.model_folder import ModelProven, check_model, words_of
from fl.protocol.errors import EncodingError, ModelChanged, TamperedError
from fl.protocol.names import Address, Digest
from fl.protocol.ports import Anchor
from fl.protocol.records import KeyRotated, RoundFinalised
from fl.training.model.tensor_file import write_tensors
from fl.training.model.weights import Manifest, model_digest
from scripts.wiring.model_files import model_files
from tests.support.paper_proofs import PaperProofs
from tests.support.proof_world import AUTHORITY, CHAIN_ID, FACTS, LEDGER

Files = dict[str, bytes]
PAPER = PaperProofs(models=True)
ANCHOR = Anchor(PAPER.world.consortium, CHAIN_ID, AUTHORITY, LEDGER)
WHO = PAPER.world.coordinator.address
SECRET = PrivateKey.generate(2)
MANIFEST = Manifest(("a", "b"), ((2, 3), (4,)))
VECTOR = np.arange(10, dtype=np.float32)


def files() -> Files:
    """Return a whole export."""
    manifest, vector = MANIFEST, VECTOR
    digest = model_digest(manifest.digest, vector)
    proofs = {
        MODEL_PROOF: PAPER.made(RoundFinalised(WHO, 3, digest)).encode(),
        KEY_PROOF: PAPER.made(KeyRotated(WHO, 2, SECRET.public_key, bytes(64))).encode(),
    }
    weights = write_tensors(manifest, vector, {"format": "pt"})
    parts = {"manifest.json": manifest.to_bytes(), "model.safetensors": weights}
    return signed({**parts, **proofs}, digest)


def signed(parts: Files, digest: Digest, account: Address = WHO) -> Files:
    return with_signature(SECRET, account, SignedModel(ANCHOR, digest, 3), parts)


def check(found: Files) -> ModelProven:
    return check_model(found, lambda name: io.BytesIO(found[name]), PAPER.world.trust, FACTS)


def again(found: Files, changes: Files, account: Address = WHO) -> Files:
    """Return an export whose files were changed, signed again with the same key."""
    parts = {name: data for name, data in found.items() if name not in {KEY, SIGNATURE}}
    return signed({**parts, **changes}, model_digest(MANIFEST.digest, VECTOR), account)


def without(found: Files, *names: str) -> Files:
    parts = {name: data for name, data in found.items() if name not in {KEY, SIGNATURE, *names}}
    return signed(parts, model_digest(MANIFEST.digest, VECTOR))


def test_a_whole_export_holds_with_everything_checked() -> None:
    proven = check(files())
    assert proven.computed
    assert proven.model is not None
    assert proven.key is not None
    assert "signed all 5 files" in words_of(proven)[0]
    assert len(words_of(proven)) == 2


def test_without_proofs_it_says_what_nothing_shows() -> None:
    proven = check(without(files(), MODEL_PROOF, KEY_PROOF))
    assert (proven.model, proven.key) == (None, None)
    assert [line.partition(" ")[0] for line in words_of(proven)[2:]] == [MODEL_PROOF, KEY_PROOF]
    sealed = check(without(files(), "model.safetensors"))
    assert not sealed.computed
    assert "could not be computed" in words_of(sealed)[1]


OTHER = PrivateKey.generate(2)
WRONG: dict[str, tuple[Callable[[Files], Files], str]] = {
    "changed": (lambda found: {**found, "manifest.json": b"[]"}, "manifest.json is not as it was signed"),
    "added": (lambda found: {**found, "more.txt": b""}, "more.txt was not signed"),
    "gone": (lambda found: {n: d for n, d in found.items() if n != MODEL_PROOF}, "was signed, and is not there"),
    "weights": (
        lambda found: again(found, {"model.safetensors": write_tensors(MANIFEST, VECTOR + 1, {})}),
        "the weights have another digest",
    ),
    "other model": (
        lambda found: again(found, {MODEL_PROOF: PAPER.made(RoundFinalised(WHO, 4, Digest(bytes(32)))).encode()}),
        "is of another model",
    ),
    "other kind": (lambda found: again(found, {MODEL_PROOF: found[KEY_PROOF]}), "another thing than a model"),
    "other member": (lambda found: again(found, {}, Address(b"\x09" * 20)), "is of another key"),
    "other key": (
        lambda found: again(found, {KEY_PROOF: PAPER.made(KeyRotated(WHO, 2, OTHER.public_key, bytes(64))).encode()}),
        "is of another key",
    ),
    "other epoch": (
        lambda found: again(found, {KEY_PROOF: PAPER.made(KeyRotated(WHO, 3, SECRET.public_key, bytes(64))).encode()}),
        "is of another key",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_does_not_belong_together_is_named(what: str) -> None:
    change, said = WRONG[what]
    with pytest.raises(ModelChanged, match=said):
        check(change(files()))


def test_a_signature_of_another_key_or_without_one_is_refused() -> None:
    found = files()
    stranger = with_signature(OTHER, WHO, SignedModel(ANCHOR, Digest(bytes(32)), 3), {})
    with pytest.raises(ModelChanged, match="names another key"):
        check({**found, KEY: stranger[KEY]})
    with pytest.raises(EncodingError, match="nobody signed"):
        check({name: data for name, data in found.items() if name != SIGNATURE})


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_bit_of_an_export_can_change(data: st.DataObject) -> None:
    found = WHOLE
    name = data.draw(st.sampled_from(sorted(found)))
    raw = bytearray(found[name])
    at = data.draw(st.integers(0, 8 * len(raw) - 1))
    raw[at // 8] ^= 1 << at % 8
    with pytest.raises((TamperedError, EncodingError)):
        check({**found, name: bytes(raw)})


WHOLE = files()


def test_a_zip_that_cannot_be_read_has_one_error(tmp_path: Path) -> None:
    path = tmp_path / "model.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("weights", bytes(range(256)) * 40)
    good = path.read_bytes()
    entry = good.index(b"PK\x01\x02")
    for at, bits in ((31, 0x77), (35, 0xFF), (entry + 8, 1), (entry + 10, 99), (len(good) - 9, 0x55)):
        changed = bytearray(good)
        changed[at] ^= bits
        path.write_bytes(changed)
        with pytest.raises(EncodingError):
            read_all(path)
    path.write_bytes(good)
    assert read_all(path) == ["weights"]


def read_all(path: Path) -> list[str]:
    with model_files(path) as (names, opened):
        for name in names:
            with opened(name) as file:
                file.read()
        return names
