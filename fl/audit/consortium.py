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
from fl.audit.snapshot import Snapshot, added, copied, view_of
from fl.audit.successors import audit_successors
from fl.crypto.hpke_keys import verify_possession
from fl.protocol.audit import Report, replay_records
from fl.protocol.federation import Federation, LedgerOpening
from fl.protocol.ports import Anchor, Endorser, Vault
from fl.protocol.records import Entry
from fl.protocol.rounds.round import Round
from fl.replay.retention import retained


class Audit:
    """One audit."""

    def __init__(self, anchor: Anchor, vault: Vault, key: AuditKey | None, endorser: Endorser) -> None:
        self._anchor = anchor
        self._bench = Bench(vault, key, endorser)
        self._report = Report()
        self._whole = (0, Report())
        """How many openings and rounds are over, and what was found in them."""
        self._unsummed = False
        """Whether a round was not summed again although this key can open its files."""
        self.snapshot: Snapshot | None = None
        """After `run`: what it found in the rounds that ended, for a key's owner to sign; None after findings."""

    def run(
        self,
        entries: Sequence[Entry],
        progress: Callable[[int, int], None],
        since: Snapshot | None = None,
    ) -> tuple[Report, Federation]:
        """Check everything; return the report and the replayed federation. Call `progress(done, of)` each round.

        With `since`, whose signer the caller trusts, take the results of its rounds from there.

        Raises:
            SnapshotRefused: `since` is of another ledger, or of other records.
        """
        if since is not None:
            since.check(self._anchor, entries, opens=self._bench.key is not None)
        federation = replay_records(Federation(self._anchor, verify_possession), entries, self._report)
        if self._bench.key is None:
            self._report.notes.append(
                "No auditor key was given: digests, senders and headers were checked; nothing was opened or summed."
            )
        if not federation.openings:
            self._report.notes.append("The federation was never opened; there is nothing more to check.")
        self._check_parts(federation, progress, since)
        audit_grants(federation, self._bench.vault, self._report)
        audit_successors(federation, self._bench.vault, self._report)
        self._seal(entries)
        for entry, error in retained(federation, self._bench.vault).refused:
            subject = f"retention record of {federation.book.name_of(entry.record.sender)}"
            self._report.add_finding(error, None, subject, entry=entry)
        AuthorityAudit(self._bench.vault, self._report).run(federation)
        return self._report, federation

    def _check_parts(
        self, federation: Federation, progress: Callable[[int, int], None], since: Snapshot | None
    ) -> None:
        """Check openings and rounds, but those of `since`."""
        found, manifest = Report() if since is None else copied(since.results), None
        rounds = RoundAudit(federation, self._bench, found)
        parts: list[LedgerOpening | Round] = [*federation.openings, *federation.rounds]
        parts.sort(key=lambda part: part.opened.position)
        skipped = since.parts if since else 0
        begun = not skipped
        for done, part in enumerate(parts, start=1):
            if isinstance(part, LedgerOpening):
                manifest = rounds.opening(part) if done > skipped else rounds.manifest_of(part)
                begun = begun or done > skipped
            elif done > skipped:
                if not begun and manifest is not None and part.proposal is not None:
                    begun = True
                    rounds.start_from(part, manifest)
                rounds.round(part, manifest)
            if not isinstance(part, Round) or part.ended:
                self._whole = (done, copied(found)) if done > skipped else (skipped, copied(found))
            progress(done, len(parts))
        self._unsummed = bool(rounds.unsummed)
        added(self._report, found)

    def _seal(self, entries: Sequence[Entry]) -> None:
        """Prepare a snapshot of the results, if there is nothing wrong and nothing was left out."""
        key, (parts, results) = self._bench.key, self._whole
        if key is None or not entries or not parts or not self._report.clean or self._unsummed:
            return
        last = entries[-1]
        self.snapshot = Snapshot(
            anchor=self._anchor,
            auditor=key.account,
            opened=True,
            block=last.position.block,
            block_hash=last.block_hash,
            records=len(entries),
            view=view_of(entries),
            parts=parts,
            results=results,
        )
