"""What an auditor reported about a round, checked against the ledger and against the sum.

Invariant: the figures on the auditor's own images are its word, and nothing here vouches for them.

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
from fl.protocol.names import ADDRESS_BYTES, DIGEST_BYTES, NO_DIGEST, Address, parse_hex, shown
from fl.protocol.ports import Vault
from fl.protocol.rounds.round import Round
from fl.replay.expected_files import digest_of
from fl.replay.vault_files import read_document

REPORT_CAP = 1024 * 1024
MAX_ALARM = 500
"""Characters; a longer one is cut."""
_REPORT = "auditor's report"


def check_report(current: Round, auditor: Address, vault: Vault, sums: Mapping[str, float] | None) -> str:
    """Check one auditor's report; return its alarm or an empty text. `sums` is what a replay gave, None without one.

    Raises:
        VaultMissing, HashMismatch, EncodingError: the file.
        WrongSender, StaleRound, ModelDigestMismatch: it is somebody else's, or about another round or model.
        ReportMismatch: it states other sums.
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
    if sums is not None:
        _compare(Fields(fields.mapping("training"), _REPORT), sums)
    return _alarm(fields)


def alarms_of(current: Round, vault: Vault) -> dict[Address, str]:
    """Return what auditors reported as an alarm about a round; a report that cannot be read says nothing.

    Raises:
        VaultUnavailable: no report can be looked at.
    """
    found = dict[Address, str]()
    for auditor, digest in current.attestations.items():
        if digest == NO_DIGEST:
            continue
        with suppress(VaultMissing, MalformedError, HashMismatch):
            document = parse_document(read_document(vault, digest, REPORT_CAP), _REPORT)
            found[auditor] = _alarm(Fields(document, _REPORT))
    return {auditor: alarm for auditor, alarm in found.items() if alarm}


def _alarm(fields: Fields) -> str:
    return shown(fields.text("alarm")[:MAX_ALARM])


def _compare(reported: Fields, sums: Mapping[str, float]) -> None:
    for name, value in sums.items():
        if reported.number(name) != value:
            raise ReportMismatch(name, reported.number(name), value)
