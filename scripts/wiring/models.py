"""Models as files outside the vault: a member's copies, an export for people, and putting a lost file back.

Invariant: only a file whose digest the ledger names as a model, a manifest or a configuration goes into the vault.
"""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fl.protocol.errors import EncodingError, FileNotRecorded, SettingInvalid
from fl.protocol.names import show

if TYPE_CHECKING:
    from fl.crypto.model_signature import SignedModel
    from fl.protocol.federation import Federation, LedgerOpening
    from fl.protocol.keys.members import MemberKey
    from fl.protocol.names import Address, Digest
    from fl.protocol.ports import Ledger, Vault
    from fl.protocol.rounds.round import Round
    from fl.replay.ledger_view import Keyring, LedgerView
    from fl.storage.kept_models import FolderModels
    from scripts.wiring.home import Home, MemberHome

FOLDER = "models"
SEALED, MANIFEST, PROOF = "model.sealed", "manifest.json", "proof.json"
WEIGHTS, VERIFY = "model.safetensors", "verify.py"
PART = "model.part-"
"""Of the names of the parts, if the sealed file is a list of them."""
IMPORT_CAP = 4 * 1024**3
"""Bytes of one file; the digest decides, and this bounds the memory."""


@dataclass(frozen=True)
class Exported:
    """What was written."""

    round: int
    """0: the model with which the ledger opened."""
    digest: Digest
    opened: bool
    """Whether the weights are in it, readable by everybody."""
    signed: bool
    """Whether it has the member's signature."""
    proven: bool
    """Whether it has the proofs of the model and of the member's key; if not, they wait for a cosigned checkpoint."""


def kept_models(member: MemberHome) -> FolderModels:
    from fl.storage.kept_models import FolderModels

    return FolderModels(member.folder / FOLDER)


def export_model(home: Home, member: MemberHome, target: Path, number: int | None, *, sealed: bool) -> Exported:
    """Write one model as a ZIP file: the sealed file, its manifest, proof, and unless `sealed` the weights.

    If this machine has the member's present key, the files are signed (OMS 1.0: `model.sig`, `member.pem`). With a
    cosigned checkpoint they have the proofs of the model and of that key.

    Args:
        home: The run.
        member: Who may open the model.
        target: The new file.
        number: The round; None: the model in force.
        sealed: Leave the weights out.

    Raises:
        SettingInvalid: the round made no model, or the target exists.
        RecipientNotFound, NotReleased: this member may not open it; `sealed` still works.
        VaultMissing, HashMismatch: a file is missing; the member's own copy is used where there is one.
    """
    from fl.crypto.model_signature import KEY_PROOF, MODEL_PROOF, SIGNATURE, SignedModel
    from fl.replay.ledger_view import LedgerView
    from fl.replay.round_documents import digest_of
    from fl.roles.model_signer import ModelSigner
    from scripts.wiring.roles import keyring_of, open_ledger

    if target.exists():
        raise SettingInvalid("file", f"{target} exists already")
    keyring = keyring_of(member)
    reader = Reader(open_ledger(home, member), home.vault, keyring, kept_models(member))
    source, parts = model_parts(reader, number, sealed=sealed)
    model = SignedModel(source.anchor, digest_of(source), _number(source))
    signer = ModelSigner(reader.ledger.account, keyring)
    proofs = _proofs(home, reader.ledger.account, model)
    parts = signer.signed(LedgerView(reader.ledger).refresh(), model, {**parts, **proofs})
    _write(target, parts)
    proven = {MODEL_PROOF, KEY_PROOF} <= set(proofs)
    return Exported(model.round, model.digest, opened=not sealed, signed=SIGNATURE in parts, proven=proven)


def _proofs(home: Home, account: Address, model: SignedModel) -> dict[str, bytes]:
    """Return the proofs of a model and of a member's newest key, as far as a cosigned checkpoint covers them."""
    from fl.crypto.model_signature import KEY_PROOF, MODEL_PROOF
    from fl.proofs.finding import Records
    from fl.protocol.errors import RecordMissing, WitnessesMissing
    from fl.protocol.tlog.checkpoint import parse_checkpoint
    from scripts.wiring.proofs import CHECKPOINT, maker_of, read_note

    file = home.folder / CHECKPOINT
    if not file.exists():
        return {}
    note, found = read_note(file), {}
    try:
        log, maker = maker_of(home, note, None)
        entries = log.view.entries[: parse_checkpoint(note.text).size]
        records = Records(entries, log.federation, home.vault)
        found[MODEL_PROOF] = maker.proof_of(records.made(model.round, model.digest).entry)
        found[KEY_PROOF] = maker.proof_of(records.key(account).entry)
    except (RecordMissing, SettingInvalid, WitnessesMissing):  # newer than the checkpoint, or not cosigned yet
        pass
    return found


def write_public_key(home: Home, name: str, target: Path, epoch: int | None) -> MemberKey:
    """Write the P-256 public key of a member, as the ledger has it, as PEM.

    Args:
        home: The run.
        name: The member on the ledger.
        target: The new file.
        epoch: None: the newest.

    Raises:
        SettingInvalid: the target exists, or the ledger has no such member or key.
    """
    from fl.crypto.model_signature import public_pem
    from fl.files import write_once
    from fl.replay.ledger_view import LedgerView
    from scripts.wiring.proofs import account_of
    from scripts.wiring.roles import open_ledger

    if target.exists():
        raise SettingInvalid("file", f"{target} exists already")
    federation = LedgerView(open_ledger(home)).refresh()
    keys = federation.book.members[account_of(federation, name)].keys
    found = next((each for each in reversed(keys) if epoch in {None, each.epoch}), None)
    if found is None:
        raise SettingInvalid("epoch", f"the ledger has no such key of {name}")
    write_once(target, public_pem(found.public_key), mode=0o644)
    return found


@dataclass(frozen=True)
class Reader:
    """What a member reads models with."""

    ledger: Ledger
    vault: Vault
    keyring: Keyring
    copies: FolderModels


def model_parts(reader: Reader, number: int | None, *, sealed: bool) -> tuple[Round | LedgerOpening, dict[str, bytes]]:
    """Return where a model comes from, and the files of its export by name; raises as `export_model`."""
    from fl.protocol.names import Digest
    from fl.protocol.rounds.parts import named_in
    from fl.replay.ledger_view import LedgerView
    from fl.replay.round_documents import MANIFEST_CAP
    from fl.replay.vault_files import read_document
    from fl.roles.kept_models import cap_of, file_of
    from webui.usecases.model_bundle import VERIFY as PROGRAM

    view = LedgerView(reader.ledger)
    federation = view.refresh()
    source = _source(federation, number)
    opening = [each for each in federation.openings if each.opened.position <= source.opened.position][-1]
    cap = cap_of(federation, source, reader.vault)
    file = _found(reader, file_of(source), cap)
    manifest = read_document(reader.vault, Digest(opening.record.manifest_digest), MANIFEST_CAP)
    parts = {SEALED: file, MANIFEST: manifest, PROOF: _proof(source, opening)}
    parts |= {f"{PART}{seq:04}": _found(reader, each, cap) for seq, each in enumerate(named_in(file))}
    if not sealed:
        parts |= {WEIGHTS: _weights(reader, view, source, manifest), VERIFY: PROGRAM.encode()}
    return source, parts


def import_model(home: Home, member: MemberHome | None, file: Path | None) -> list[Digest]:
    """Put lost files back into the vault, from an export, a single file, or a member's own copies.

    Raises:
        FileNotRecorded: the ledger does not name a file as a model, a manifest or a configuration.
        SettingInvalid: there is neither a file nor a copy.
    """
    from fl.replay.ledger_view import LedgerView
    from scripts.wiring.roles import open_ledger

    named = recorded(LedgerView(open_ledger(home)).refresh())
    vault = home.vault
    vault.check()
    back = [vault.put(data) for data in checked(_files(member, file), named)]
    if not back:
        raise SettingInvalid("file", "give a file, or the name of a member that keeps copies")
    return back


def checked(files: list[tuple[str, bytes]], named: frozenset[Digest]) -> list[bytes]:
    """Return files that the ledger names, and the parts that one of them names; raises FileNotRecorded."""
    from fl.protocol.codec import sha256
    from fl.protocol.rounds.parts import named_in

    found = [(name, sha256(data), data) for name, data in files]
    lists = [data for _, digest, data in found if digest in named]
    allowed = named.union(*map(named_in, lists))
    for name, digest, _ in found:
        if digest not in allowed:
            raise FileNotRecorded(name, digest)
    return [data for _, _, data in found]


def recorded(federation: Federation) -> frozenset[Digest]:
    """Return the digests of every sealed model, manifest and configuration on the ledger."""
    files = {each.record.envelope_digest for each in federation.openings}
    files |= {each.record.manifest_digest for each in federation.openings}
    files |= {each.terms.config_digest for each in federation.rounds}
    return frozenset(files | {each.proposal.envelope_digest for each in federation.rounds if each.proposal})


def _files(member: MemberHome | None, file: Path | None) -> list[tuple[str, bytes]]:
    if file is None:
        kept = kept_models(member) if member else None
        return [(each.hex(), kept.get(each, IMPORT_CAP)) for each in sorted(kept.names())] if kept else []
    try:
        if zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as archive:
                names = (SEALED, MANIFEST, *(name for name in archive.namelist() if name.startswith(PART)))
                if sum(archive.getinfo(name).file_size for name in names) > IMPORT_CAP:
                    raise EncodingError("export", "its files are too large")
                return [(name, archive.read(name)) for name in names]
        if file.stat().st_size > IMPORT_CAP:
            raise EncodingError("export", "the file is too large")
        return [(file.name, file.read_bytes())]
    except (KeyError, zipfile.BadZipFile) as error:
        raise EncodingError("export", f"it does not hold {SEALED} and {MANIFEST}") from error
    except OSError as error:
        raise SettingInvalid("file", f"{file} cannot be read ({error.strerror})") from error


def _source(federation: Federation, number: int | None) -> Round | LedgerOpening:
    if number is None:
        return federation.source
    found = next((each for each in federation.rounds if each.number == number), None)
    if found is None or found.proposal is None:
        raise SettingInvalid("round", f"round {number} made no model")
    return found


def _found(reader: Reader, digest: Digest, cap: int) -> bytes:
    """Return a sealed file from the vault, else from the member's own copies."""
    from fl.protocol.errors import HashMismatch, VaultMissing
    from fl.replay.vault_files import read_document

    try:
        return read_document(reader.vault, digest, cap)
    except (VaultMissing, HashMismatch):
        data = reader.copies.get(digest, cap)
        from fl.crypto.envelope_form import check_digest

        check_digest(data, digest)
        return data


def _weights(reader: Reader, view: LedgerView, source: Round | LedgerOpening, manifest: bytes) -> bytes:
    from fl.replay.round_documents import digest_of
    from fl.roles.requester.model_release import model_reader
    from fl.training.model.tensor_file import write_tensors
    from fl.training.model.weights import Manifest

    shape = Manifest.from_bytes(manifest)
    vector = model_reader(view, reader.ledger, reader.vault, reader.keyring).model(source, shape)
    facts = {"format": "pt", "digest": digest_of(source).hex(), "round": str(_number(source))}
    return write_tensors(shape, vector, facts)


def _proof(source: Round | LedgerOpening, opening: LedgerOpening) -> bytes:
    from fl.protocol.federation import LedgerOpening
    from fl.replay.round_documents import digest_of
    from fl.roles.kept_models import file_of

    anchor = source.anchor
    if isinstance(source, LedgerOpening):
        attested, last = {}, source.opened
    else:
        attested = {show(who): show(what) for who, what in source.attestations.items()}
        last = source.last or source.opened
    document: dict[str, object] = {
        "attestations": attested,
        "block": last.position.block,
        "block_hash": show(last.block_hash),
        "ledger": {
            "chain_id": anchor.chain_id,
            "consortium": show(anchor.consortium),
            "contract": show(anchor.contract),
        },
        "manifest_digest": show(opening.record.manifest_digest),
        "model_digest": show(digest_of(source)),
        "round": _number(source),
        "sealed_file_digest": show(file_of(source)),
        "transaction": show(last.transaction),
    }
    return json.dumps(document, indent=2, sort_keys=True).encode() + b"\n"


def _write(target: Path, parts: dict[str, bytes]) -> None:
    from fl.files import write_once

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in parts.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    write_once(target, buffer.getvalue(), mode=0o600)


def _number(source: Round | LedgerOpening) -> int:
    from fl.protocol.federation import LedgerOpening

    return source.record.last_round if isinstance(source, LedgerOpening) else source.number
