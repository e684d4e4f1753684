"""The site's services over the real federation: predictions on the verified path, the ledger in words.

Invariant: adapters translate; every check behind these answers is made in fl/roles.

Source: webui/services.py (the ports).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from fl.protocol.audit import mentions
from fl.protocol.codec import parse_document, sha256
from fl.protocol.errors import EncodingError, HemaledgerError
from fl.protocol.federation import Federation
from fl.protocol.names import NO_DIGEST, Digest
from fl.protocol.ports import Ledger, Vault
from fl.protocol.round import Phase, Round
from fl.roles.documents import read_document
from fl.roles.round_audit import REPORT_CAP
from fl.roles.served import ModelReader, Served
from fl.training.images import decode_image
from webui.services import (
    AuditSummary,
    FileFinding,
    Finding,
    Prediction,
    RoundHospital,
    RoundView,
    ServedModel,
)


class FederationPredictions:
    """Implements PredictionService."""

    def __init__(self, reader: ModelReader, vault: Vault) -> None:
        self._reader = reader
        self._vault = vault

    def predict(self, image: bytes, filename: str) -> Prediction:
        """Judge one image with the model in force."""
        pixels = decode_image(image, filename)
        served = self._reader.current()
        probabilities = served.predictor.probability(pixels)
        label = served.recipe.class_names[int(probabilities.argmax())]
        return Prediction(label, float(probabilities[-1]), self._describe(served))

    def model(self) -> ServedModel:
        """Return the model that would answer now."""
        return self._describe(self._reader.current())

    def _describe(self, served: Served) -> ServedModel:
        current, book = served.round, served.federation.book
        proposal = current.proposal
        return ServedModel(
            round=current.number,
            model_digest=proposal.model_digest if proposal else NO_DIGEST,
            envelope_digest=proposal.envelope_digest if proposal else NO_DIGEST,
            protection=current.terms.protection.name.lower(),
            coordinator_name=book.name_of(current.opener),
            final_at=current.last.timestamp if current.last else 0,
            attested_by=tuple(book.name_of(auditor) for auditor in current.attestations),
            metrics=reported_metrics(current, self._vault),
            verified=served.verified,
            verified_at=served.verified_at,
            class_names=served.recipe.class_names,
            positive_class=served.recipe.positive_class,
        )


class FederationAudits:
    """Implements AuditService; `report` is where `hemaledger audit` leaves its JSON."""

    def __init__(self, ledger: Ledger, federation: Callable[[], Federation], vault: Vault, report: Path) -> None:
        self._ledger = ledger
        self._federation = federation
        self._vault = vault
        self._report = report

    def rounds(self) -> list[RoundView]:
        """Return all rounds, the newest first."""
        federation = self._federation()
        return [self._view(federation, current) for current in reversed(federation.rounds)]

    def look_up(self, data: bytes) -> FileFinding:
        """Return what the ledger records of a file."""
        digest = sha256(data)
        book = self._federation().book
        for mention in mentions(self._ledger.replay()):
            if mention.digest == digest:
                entry = mention.entry
                return FileFinding(
                    digest=digest,
                    found=True,
                    what=mention.what,
                    sender_name=book.name_of(mention.sender),
                    sender=mention.sender,
                    round=mention.round,
                    recorded_at=entry.timestamp,
                    transaction=entry.transaction,
                    block=entry.position.block,
                )
        return FileFinding(digest, found=False, what="")

    def findings(self) -> AuditSummary | None:
        """Return the last audit's result, or None when none ran yet."""
        try:
            document = json.loads(self._report.read_bytes())
            found = tuple(
                Finding(row["name"], row["round"], row["subject"], row["sentence"]) for row in document["findings"]
            )
            return AuditSummary(sum(document["checks"].values()), found, int(document["checked_at"]))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise EncodingError("audit report", "it was changed by hand or cut off; run the audit again") from error

    def _view(self, federation: Federation, current: Round) -> RoundView:
        book = federation.book
        return RoundView(
            number=current.number,
            phase=current.phase.name.lower(),
            protection=current.terms.protection.name.lower(),
            opened_at=current.opened.timestamp,
            ended_at=current.last.timestamp if current.ended and current.last else None,
            hospitals=tuple(
                RoundHospital(book.name_of(account), account in current.commitments) for account in current.roster
            ),
            model_digest=current.proposal.model_digest if current.proposal else None,
            attested_by=tuple(book.name_of(auditor) for auditor in current.attestations),
            reason=current.reason,
            metrics=reported_metrics(current, self._vault),
        )


def reported_metrics(current: Round, vault: Vault) -> Mapping[str, float] | None:
    """Return the numbers of the first attesting auditor's report that can be read, or None."""
    if current.phase not in (Phase.PROPOSED, Phase.FINAL):
        return None
    for digest in current.attestations.values():
        found = _metrics(digest, vault)
        if found:
            return found
    return None


def _metrics(digest: Digest, vault: Vault) -> Mapping[str, float]:
    try:
        document = parse_document(read_document(vault, digest, REPORT_CAP), "auditor's report")
    except HemaledgerError:
        return {}
    metrics = document.get("metrics")
    rows = metrics.items() if isinstance(metrics, dict) else ()
    return {name: float(value) for name, value in rows if isinstance(value, int | float)}
