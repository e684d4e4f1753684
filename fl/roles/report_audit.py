"""What an auditor reported about a round, checked against the ledger and against the sum.

Invariant: the figures on the auditor's own images are its word, and nothing here vouches for them.

Source: PROTOCOL.md 7.
"""

from __future__ import annotations

from collections.abc import Mapping

from fl.protocol.codec import Fields, parse_document
from fl.protocol.errors import ModelDigestMismatch, ReportMismatch, StaleRound, WrongSender
from fl.protocol.names import ADDRESS_BYTES, DIGEST_BYTES, Address, parse_hex
from fl.protocol.ports import Vault
from fl.protocol.round import Round
from fl.roles.artefacts import digest_of
from fl.roles.documents import read_document

REPORT_CAP = 1024 * 1024
_REPORT = "auditor's report"


def check_report(current: Round, auditor: Address, vault: Vault, sums: Mapping[str, float] | None) -> None:
    """Check one auditor's report; `sums` is what a replay gave, None when there was none.

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


def _compare(reported: Fields, sums: Mapping[str, float]) -> None:
    for name, value in sums.items():
        if reported.number(name) != value:
            raise ReportMismatch(name, reported.number(name), value)
