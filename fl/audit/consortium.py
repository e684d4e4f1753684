"""The audit of a consortium: it replays every record from genesis and checks every file.

Invariant: the audit trusts only the ledger's order. It computes each digest, sender, phase, key epoch, aggregate and
model again, and reports every difference as a named finding. One bad file does not end the audit.

Source: PROTOCOL.md 7.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fl.audit.access import AuditKey
from fl.audit.grants import audit_grants
from fl.audit.key_authority import AuthorityAudit
from fl.audit.rounds import Bench, RoundAudit
from fl.crypto.hpke_keys import verify_possession
from fl.protocol.audit import Report, replay_records
from fl.protocol.federation import Federation, LedgerOpening
from fl.protocol.ports import Anchor, Endorser, Vault
from fl.protocol.records import Entry
from fl.protocol.rounds.round import Round


class Audit:
    """One audit."""

    def __init__(self, anchor: Anchor, vault: Vault, key: AuditKey | None, endorser: Endorser) -> None:
        self._anchor = anchor
        self._bench = Bench(vault, key, endorser)
        self._report = Report()

    def run(self, entries: Sequence[Entry], progress: Callable[[int, int], None]) -> tuple[Report, Federation]:
        """Check everything; return the report and the replayed federation. Call `progress(done, of)` each round."""
        federation = replay_records(Federation(self._anchor, verify_possession), entries, self._report)
        if self._bench.key is None:
            self._report.notes.append(
                "No auditor key was given: digests, senders and headers were checked; nothing was opened or summed."
            )
        if not federation.openings:
            self._report.notes.append("The federation was never opened; there is nothing more to check.")
        rounds, manifest = RoundAudit(federation, self._bench, self._report), None
        parts: list[LedgerOpening | Round] = [*federation.openings, *federation.rounds]
        parts.sort(key=lambda part: part.opened.position)
        for done, part in enumerate(parts, start=1):
            if isinstance(part, LedgerOpening):
                manifest = rounds.opening(part)
            else:
                rounds.round(part, manifest)
            progress(done, len(parts))
        audit_grants(federation, self._bench.vault, self._report)
        AuthorityAudit(self._bench.vault, self._report).run(federation)
        return self._report, federation
