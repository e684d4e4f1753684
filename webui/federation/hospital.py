"""One hospital's part in the real federation, for the hospital's staff.

Invariant: adapters only translate. The model is opened and checked by fl/roles/serving, an upload is checked by
fl/training/model/handed_in.py and sealed by fl/roles/hospital/uploads.py.

Source: webui/ports/hospital.py (the port).
"""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from fl.crypto.model_signature import SignedModel
from fl.protocol.audit import Mention, mentions_of
from fl.protocol.codec import JsonValue
from fl.protocol.errors import HemaledgerError, UploadUnusable
from fl.protocol.federation import Federation, LedgerOpening
from fl.protocol.names import NO_DIGEST, Address, Digest, show
from fl.protocol.ports import Ledger, Vault
from fl.protocol.records import Entry, KeyRegistered, KeyRotated, Position, RoundRecord
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.rounds.round import Phase, Round
from fl.replay.attendance import deadline_of, left_out
from fl.replay.ledger_view import Keyring
from fl.replay.round_documents import digest_of, read_config
from fl.replay.trained_rounds import newest_configuration
from fl.roles.hospital.uploads import Outcome, Sealer, UploadBox
from fl.roles.model_signer import ModelSigner
from fl.roles.serving.current_model import VerifiedModelCache
from fl.training.aggregation.work import SumSpec
from fl.training.data_card import DATA_CARD
from fl.training.model.handed_in import BASE, MOST_SAMPLES, Declared, check_change, weights_in
from fl.training.model.spec import ModelSpec
from fl.training.model.standalone import network_file, obstacle
from fl.training.model.tensor_file import read_tensors
from fl.training.recipe import Recipe
from webui.federation.audits import report_on
from webui.federation.round_phases import phases_of
from webui.ports.federation import Report
from webui.ports.hospital import (
    CheckedUpload,
    GlobalModel,
    MemberView,
    ModelOrigin,
    Receipt,
    RoundFigures,
    RoundNow,
    RoundPart,
)

NO_NETWORK = "the network is known when the first round is open"


@dataclass
class _Entries:
    """The records of the ledger as far as they were read."""

    seen: list[Entry] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def upto_now(self, ledger: Ledger) -> list[Entry]:
        with self.lock:
            after: Position | None = self.seen[-1].position if self.seen else None
            self.seen.extend(ledger.replay(after))
            return list(self.seen)


@dataclass
class FederationHospital:
    """Implements HospitalService for the hospital whose account and keys it has."""

    ledger: Ledger
    reader: VerifiedModelCache
    vault: Vault
    account: Address
    keyring: Keyring
    box: UploadBox
    _entries: _Entries = field(default_factory=_Entries)
    _figures: dict[bytes, RoundFigures] = field(default_factory=dict)

    def model(self, number: int | None = None) -> GlobalModel:
        opened = self.reader.whole(number)
        federation = opened.federation
        config = newest_configuration(federation, self.vault)
        spec = _spec(config)
        report = Report() if isinstance(opened.source, LedgerOpening) else report_on(opened.source, self.vault)
        return GlobalModel(
            origin=self._origin(federation, opened.source),
            manifest=opened.manifest,
            vector=opened.vector,
            task=config.task if config else None,
            recipe=_model_of(config),
            bound=config.l2_bound if config else math.inf,
            network=network_file(spec) if spec else "",
            no_network=obstacle(spec) if spec else NO_NETWORK,
            most_samples=self._most_samples(federation),
            metrics=report.metrics or {},
            anchor={
                "consortium": show(federation.anchor.consortium),
                "chain_id": federation.anchor.chain_id,
                "ledger": show(federation.anchor.contract),
            },
        )

    def signed(self, model: GlobalModel, files: Mapping[str, bytes]) -> Mapping[str, bytes]:
        federation = self.reader.federation()
        of = SignedModel(federation.anchor, model.origin.digest, model.origin.round)
        return ModelSigner(self.account, self.keyring).signed(federation, of, files)

    def origin(self) -> ModelOrigin | None:
        federation = self.reader.federation()
        return self._origin(federation, federation.source) if federation.openings else None

    def check(self, data: bytes, declared: Declared, base: str) -> CheckedUpload:
        file = read_tensors(data)
        stated = file.metadata.get(BASE, "") or base.strip().lower().removeprefix("0x")
        model = self.model()
        current = model.origin.digest
        if not stated:
            raise UploadUnusable("it does not say which model it starts from; name the digest in the form")
        if stated != current.hex():
            raise UploadUnusable(
                f"it starts from the model {stated[:12]}, but the next round starts from {current.hex()[:12]}; "
                "download the current base model and train again"
            )
        declared.check(model.most_samples)
        weights = weights_in(file, model.manifest, model.vector)
        return CheckedUpload(current, declared, weights, check_change(weights, model.vector, model.bound))

    def hand_over(self, name: str, upload: CheckedUpload) -> None:
        sealer = Sealer(self.reader.federation().anchor, self.account, self.keyring)
        self.box.put(name, sealer.close(upload.base, upload.declared, upload.weights))

    def outcome(self, name: str) -> Outcome | None:
        return self.box.outcome(name)

    def part(self, number: int) -> RoundPart | None:
        found = next((each for each in self.reader.federation().rounds if each.number == number), None)
        if found is None:
            return None
        commitment = found.commitments.get(self.account)
        return RoundPart(_phase(found), commitment, _model_digest(found), found.reason)

    def now(self) -> RoundNow | None:
        federation = self.reader.federation()
        if not federation.rounds:
            return None
        current = federation.rounds[-1]
        return RoundNow(
            number=current.number,
            phase=_phase(current),
            protection=current.terms.protection.name.lower(),
            opened_at=current.opened.timestamp,
            deadline=deadline_of(current),
            phases=phases_of(current, federation.book),
            invited=self.account in current.roster,
            commitment=current.commitments.get(self.account),
            counted=self.account in current.hospitals,
            model_digest=_model_digest(current),
            reason=current.reason,
            receipts=self._receipts(current),
            left_out=tuple((federation.book.name_of(who), why) for who, why in left_out(current).items()),
        )

    def version(self) -> str:
        position = self.reader.federation().position
        return f"{position.block}-{position.index}-{position.part}" if position else "0"

    def members(self) -> Sequence[MemberView]:
        since = {
            (entry.record.sender, entry.record.epoch): entry.timestamp
            for entry in self._entries.upto_now(self.ledger)
            if isinstance(entry.record, KeyRegistered | KeyRotated)
        }
        book = self.reader.federation().book
        return [
            MemberView(
                name=member.name,
                role=member.role.name.lower(),
                account=member.account,
                own=member.account == self.account,
                revoked=member.revoked,
                epoch=member.key.epoch if member.key else 0,
                key_id=member.key.key_id if member.key else b"",
                key_since=since.get((member.account, member.key.epoch)) if member.key else None,
            )
            for member in book.members.values()
        ]

    def figures(self) -> Sequence[RoundFigures]:
        finals = [each for each in self.reader.federation().rounds if each.phase == Phase.FINAL]
        return [self._figures_of(each) for each in finals]

    def _figures_of(self, final: Round) -> RoundFigures:
        """Return the numbers of a round; they are read once, and again while no auditor's report could be read."""
        known = self._figures.get(final.context)
        if known is None:
            report = report_on(final, self.vault)
            at = final.last.timestamp if final.last else 0
            known = RoundFigures(final.number, at, report.metrics or {}, report.training or {})
            if report.metrics or report.training:
                self._figures[final.context] = known
        return known

    def _origin(self, federation: Federation, source: Round | LedgerOpening) -> ModelOrigin:
        number = 0 if isinstance(source, LedgerOpening) else source.number
        opening = federation.opening.record
        if isinstance(source, LedgerOpening):
            envelope, at = opening.envelope_digest, source.opened.timestamp
        else:
            envelope = source.proposal.envelope_digest if source.proposal else NO_DIGEST
            at = source.last.timestamp if source.last else 0
        digest = digest_of(source)
        records = tuple(_named(each) for each in mentions_of(digest, self._entries.upto_now(self.ledger)))
        return ModelOrigin(number, digest, opening.manifest_digest, envelope, at, records)

    def _most_samples(self, federation: Federation) -> int:
        """Return how many training images the newest data card counts in all hospitals, or the protocol's limit."""
        for each in reversed(federation.rounds):
            with suppress(HemaledgerError):
                spec = SumSpec.from_dict(read_config(each, self.vault).training)
                if each.phase == Phase.FINAL and spec is not None and spec.plan.purpose == DATA_CARD:
                    images = (report_on(each, self.vault).training or {}).get("samples", 0.0)
                    return int(images) or MOST_SAMPLES
        return MOST_SAMPLES

    def _receipts(self, current: Round) -> tuple[Receipt, ...]:
        return tuple(
            Receipt(
                what=type(entry.record).__name__,
                digest=getattr(entry.record, "digest", getattr(entry.record, "bundle_digest", None)),
                block=entry.position.block,
                transaction=entry.transaction,
                at=entry.timestamp,
            )
            for entry in self._entries.upto_now(self.ledger)
            if isinstance(entry.record, RoundRecord)
            and entry.record.sender == self.account
            and entry.record.round == current.number
        )


def _spec(config: RoundConfig | None) -> ModelSpec | None:
    if config is None:
        return None
    with suppress(HemaledgerError):
        return Recipe.of(config).spec
    return None


def _model_of(config: RoundConfig | None) -> Mapping[str, JsonValue]:
    model = config.training.get("model") if config else None
    return model if isinstance(model, dict) else {}


def _named(mention: Mention) -> Mapping[str, JsonValue]:
    entry = mention.entry
    return {
        "what": mention.what,
        "record": type(entry.record).__name__,
        "sender": show(mention.sender),
        "round": mention.round,
        "block": entry.position.block,
        "transaction": show(entry.transaction),
        "at": entry.timestamp,
    }


def _phase(current: Round) -> str:
    return current.phase.name.lower()


def _model_digest(current: Round) -> Digest | None:
    return current.proposal.model_digest if current.proposal else None
