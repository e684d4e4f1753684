"""Checks an auditor's report about a round against the ledger and the sum.

Invariant: no check here proves the auditor's figures on its own images.

Source: PROTOCOL.md 7.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from fl.protocol.codec import Fields, parse_document
from fl.protocol.errors import (
    HashMismatch,
    MalformedError,
    ModelDigestMismatch,
    ReportMismatch,
    StaleRound,
    VaultMissing,
    WrongSender,
)
from fl.protocol.names import ADDRESS_BYTES, DIGEST_BYTES, NO_DIGEST, Address, Digest, parse_hex, shown
from fl.protocol.ports import Vault
from fl.protocol.rounds.round import Round
from fl.replay.round_documents import digest_of
from fl.replay.round_replay import ReplayedRound
from fl.replay.vault_files import read_document
from fl.training.aggregation.totals import check_totals

REPORT_CAP = 1024 * 1024
CARD_CAP = 4 * 1024 * 1024
MAX_ALARM = 500
"""Characters; the rest of a longer alarm is cut."""
_REPORT = "auditor's report"


def check_report(current: Round, auditor: Address, vault: Vault, replayed: ReplayedRound | None) -> str:
    """Check one auditor's report; return its alarm, or an empty text.

    Args:
        current: The round.
        auditor: The author.
        vault: Where the report is.
        replayed: A replay of the round, or None.

    Raises:
        VaultMissing, HashMismatch, EncodingError: the file, or the model card that it names.
        WrongSender, StaleRound, ModelDigestMismatch: the report has another author, round or model.
        ReportMismatch, TotalsMismatch: its sums differ from those of the replay.
    """
    data = read_document(vault, current.attestations[auditor], REPORT_CAP)
    fields = Fields(parse_document(data, _REPORT), _REPORT)
    author = parse_hex(fields.text("auditor"), ADDRESS_BYTES, _REPORT)
    model = parse_hex(fields.text("model"), DIGEST_BYTES, _REPORT)
    if author != auditor:
        raise WrongSender(auditor, author)
    if fields.integer("round") != current.number:
        raise StaleRound(current.number, fields.integer("round"))
    if model != digest_of(current):
        raise ModelDigestMismatch(digest_of(current), model)
    if replayed is not None:
        _compare(Fields(fields.mapping("training"), _REPORT), replayed.training)
        if replayed.document is not None:
            check_totals(fields.value.get("totals"), replayed.document)
    if "card" in fields.value:
        read_document(vault, Digest(parse_hex(fields.text("card"), DIGEST_BYTES, _REPORT)), CARD_CAP)
    return _alarm(fields)


def alarms_of(current: Round, vault: Vault) -> dict[Address, str]:
    """Return the alarms that auditors reported about a round; skip unreadable reports.

    Raises:
        VaultUnavailable: the vault is not there.
    """
    alarms = dict[Address, str]()
    for auditor, digest in current.attestations.items():
        if digest == NO_DIGEST:
            continue
        with suppress(VaultMissing, MalformedError, HashMismatch):
            document = parse_document(read_document(vault, digest, REPORT_CAP), _REPORT)
            alarms[auditor] = _alarm(Fields(document, _REPORT))
    return {auditor: alarm for auditor, alarm in alarms.items() if alarm}


def _alarm(fields: Fields) -> str:
    return shown(fields.text("alarm")[:MAX_ALARM])


def _compare(reported: Fields, sums: Mapping[str, float]) -> None:
    for name, value in sums.items():
        if reported.number(name) != value:
            raise ReportMismatch(name, reported.number(name), value)
