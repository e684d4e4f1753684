"""An auditor's signed snapshot: what a clean audit found up to a block, so that a later audit need not do it again.

Invariant: a snapshot replaces only the checks of rounds that had ended. Every record is folded again, and all records
up to the snapshot's block must be those that the auditor saw, block hashes included. A snapshot with findings does not
exist. It counts for its own auditor, or for somebody who names that auditor.

Not here: whether files of old rounds are still in the vault. Only an audit without a snapshot looks at them again.
Source: PROTOCOL.md 7.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from fl.protocol.audit import AuditStep, Report
from fl.protocol.codec import Fields, JsonValue, parse_document, sha256, write_document
from fl.protocol.errors import EncodingError, SnapshotRefused
from fl.protocol.names import ADDRESS_BYTES, DIGEST_BYTES, LABEL_PREFIX, Address, Digest, parse_hex, show
from fl.protocol.ports import Anchor
from fl.protocol.records import Entry

SNAPSHOT_CAP = 16 * 1024 * 1024
"""Bytes."""
SIGNATURE_BYTES = 65
FORMAT = 1
_WHAT = "audit snapshot"
_LABEL = LABEL_PREFIX + b"audit-snapshot"


@dataclass(frozen=True)
class Snapshot:
    """What one audit found in the rounds that had ended."""

    anchor: Anchor
    """Of the ledger in force at that time."""
    auditor: Address
    opened: bool
    """Whether the auditor's key opened and summed; False: digests and senders alone."""
    block: int
    """The block of the last record."""
    block_hash: bytes
    records: int
    view: Digest
    """`view_of` the records."""
    parts: int
    """How many openings and rounds, from the first, the results are about."""
    results: Report

    @property
    def body(self) -> bytes:
        """Return the canonical document that is signed."""
        anchor, found = self.anchor, self.results
        document = {
            "auditor": show(self.auditor),
            "authority": show(anchor.authority),
            "block": self.block,
            "block_hash": show(self.block_hash),
            "chain_id": anchor.chain_id,
            "checks": dict(found.checks),
            "claims": {str(number): each for number, each in found.claims.items()},
            "consortium": show(anchor.consortium),
            "contract": show(anchor.contract),
            "format": FORMAT,
            "notes": list(found.notes),
            "opened": self.opened,
            "parts": self.parts,
            "passed": {str(number): sorted(steps) for number, steps in found.passed.items()},
            "records": self.records,
            "sums": {str(number): each for number, each in found.sums.items()},
            "tasks": {str(number): each for number, each in found.tasks.items()},
            "totals": {str(number): each for number, each in found.totals.items()},
            "view": show(self.view),
        }
        return write_document(cast("dict[str, JsonValue]", document))

    @property
    def signed_digest(self) -> Digest:
        """Return the 32 bytes that the auditor's account signs: SHA-256(label ‖ body)."""
        return sha256(_LABEL + self.body)

    def to_bytes(self, signature: bytes) -> bytes:
        """Return the file: 65 bytes of signature (r ‖ s ‖ v), then the document."""
        return signature + self.body

    @classmethod
    def from_bytes(cls, data: bytes) -> tuple[Snapshot, bytes]:
        """Parse a file; return the snapshot and its signature, which the caller verifies.

        Raises:
            EncodingError: it is not a snapshot, or one of another format.
        """
        if len(data) > SNAPSHOT_CAP:
            raise EncodingError(_WHAT, f"it has more than {SNAPSHOT_CAP} bytes")
        fields = Fields(parse_document(data[SIGNATURE_BYTES:], _WHAT), _WHAT)
        if fields.integer("format") != FORMAT:
            raise EncodingError(_WHAT, "another version of this program made it")
        anchor = Anchor(
            parse_hex(fields.text("consortium"), DIGEST_BYTES, _WHAT),
            fields.integer("chain_id"),
            Address(parse_hex(fields.text("authority"), ADDRESS_BYTES, _WHAT)),
            Address(parse_hex(fields.text("contract"), ADDRESS_BYTES, _WHAT)),
        )
        made = cls(
            anchor=anchor,
            auditor=Address(parse_hex(fields.text("auditor"), ADDRESS_BYTES, _WHAT)),
            opened=fields.truth("opened"),
            block=fields.integer("block"),
            block_hash=parse_hex(fields.text("block_hash"), DIGEST_BYTES, _WHAT),
            records=fields.integer("records"),
            view=Digest(parse_hex(fields.text("view"), DIGEST_BYTES, _WHAT)),
            parts=fields.integer("parts"),
            results=_results(fields),
        )
        return made, data[:SIGNATURE_BYTES]

    def check(self, anchor: Anchor, entries: Sequence[Entry], *, opens: bool) -> None:
        """Compare a snapshot, whose signer is known, with the ledger as it is now.

        Args:
            anchor: Of the consortium that is audited.
            entries: All records.
            opens: Whether the audit at hand opens files.

        Raises:
            SnapshotRefused: it is of another consortium, the chain has other records, or it checked less.
        """
        theirs = (self.anchor.consortium, self.anchor.chain_id, self.anchor.authority)
        if theirs != (anchor.consortium, anchor.chain_id, anchor.authority):
            raise SnapshotRefused("it is of another consortium")
        if opens and not self.opened:
            raise SnapshotRefused("its audit opened no files, and this one does")
        covered = entries[: self.records]
        if not covered or len(covered) < self.records:
            raise SnapshotRefused(f"the chain has {len(entries)} records, and the snapshot saw {self.records}")
        last = covered[-1]
        if (last.position.block, last.block_hash) != (self.block, self.block_hash):
            raise SnapshotRefused(f"block {self.block} of the chain is not the block that the auditor saw")
        if view_of(covered) != self.view:
            raise SnapshotRefused("the records before it are not those that the auditor saw")


def view_of(entries: Sequence[Entry]) -> Digest:
    """Return SHA-256 over all records with position, block hash, time, transaction and contract.

    Two views are equal only if every field of every entry is: an entry is a frozen value whose text names all fields.
    """
    return sha256("\n".join(map(repr, entries)).encode())


def added(report: Report, more: Report) -> None:
    """Add the results of some rounds to a report."""
    report.checks.update(more.checks)
    report.findings += more.findings
    report.alarms += more.alarms
    report.notes += more.notes
    report.passed |= more.passed
    report.tasks |= more.tasks
    report.sums |= more.sums
    report.totals |= more.totals
    report.claims |= more.claims


def copied(report: Report) -> Report:
    """Return the results so far, so that later rounds do not change them."""
    fresh = Report()
    added(fresh, report)
    return fresh


def _results(fields: Fields) -> Report:
    """Return the results in a document; nobody has signed it yet, so the types are checked."""
    report = Report()
    try:
        checks = {str(what): int(cast("int", count)) for what, count in fields.mapping("checks").items()}
        report.checks = Counter(checks)
        report.notes = [str(note) for note in cast("list[str]", fields.value["notes"])]
        passed = cast("dict[str, list[str]]", fields.mapping("passed"))
        report.passed = {int(number): {AuditStep(step) for step in steps} for number, steps in passed.items()}
        tables = {name: fields.mapping(name).items() for name in ("tasks", "sums", "totals", "claims")}
        parsed = {name: {int(n): each for n, each in rows if isinstance(each, dict)} for name, rows in tables.items()}
    except (KeyError, TypeError, ValueError) as error:
        raise EncodingError(_WHAT, "its results cannot be read") from error
    report.tasks, report.totals = parsed["tasks"], parsed["totals"]
    report.sums = cast("dict[int, dict[str, float]]", parsed["sums"])
    report.claims = cast("dict[int, dict[str, object]]", parsed["claims"])  # type: ignore[assignment]
    return report
