"""Judges evidence: who did what, in one sentence, and what it does not show.

Invariant: a verdict follows from the file's bytes and the trust file alone, and says no more than they show. Evidence
with pieces of another kind, or that do not fit, is EvidenceWeak.

Source: PROTOCOL.md 8T.8.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fl.proofs import evidence_acts, evidence_histories
from fl.proofs.evidence import Kind, parse_evidence
from fl.proofs.evidence_pieces import Bench, Verdict
from fl.protocol.errors import EncodingError, EvidenceMalformed
from fl.protocol.ports import ChainFacts
from fl.protocol.tlog.trust import Trust

_RULES: Mapping[Kind, Callable[[Bench], Verdict]] = {
    Kind.CHECKPOINT_FORKED: evidence_histories.checkpoint_forked,
    Kind.CHECKPOINT_DISPUTED: evidence_histories.checkpoint_disputed,
    Kind.CHAIN_FORKED: evidence_histories.chain_forked,
    Kind.LEDGER_RESET: evidence_histories.ledger_reset,
    Kind.LEDGER_ROLLED_BACK: evidence_histories.rolled_back,
    Kind.TWO_ROOTS: evidence_acts.two_roots,
    Kind.CHECKPOINT_BACKDATED: evidence_acts.checkpoint_backdated,
    Kind.RECORD_BACKDATED: evidence_acts.record_backdated,
    Kind.LOG_GAP: evidence_histories.log_gap,
    Kind.FILE_WITHHELD: evidence_acts.file_withheld,
    Kind.LEFT_OUT: evidence_acts.left_out,
    Kind.IN_MY_NAME: evidence_acts.in_my_name,
}


def judge(data: bytes, trust: Trust, facts: ChainFacts) -> Verdict:
    """Return what a file of evidence shows.

    Args:
        data: The file.
        trust: Whom the reader trusts; it must not come from who sent the evidence.
        facts: Reads the chain's bytes.

    Raises:
        EvidenceMalformed: it has another form.
        EvidenceWeak: its pieces do not show what it says.
        ProofMalformed, ProofChanged, LogSignatureInvalid, CosignatureInvalid, SignatureInvalid: a piece does not hold.
        WitnessesMissing: too few witnesses cosigned, where the quorum is what counts.
    """
    evidence = parse_evidence(data)
    bench = Bench(evidence.kind, evidence.items, trust, facts)
    try:
        return _RULES[evidence.kind](bench)
    except EncodingError as error:
        raise EvidenceMalformed(error.why) from error
