"""Which old updates may be deleted: a record that an auditor made after a clean audit, and a coordinator accepted.

Invariant: a file may be missing only if a record names it that both stated on the ledger, made after a clean report
about its round, and never a file of the newest rounds (the window). Whatever else is missing stays a finding.

Source: PROTOCOL.md 5 (Statements) and 7. SECURITY.md says why old masked updates should go.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fl.protocol.codec import Fields, JsonValue, parse_document, write_document
from fl.protocol.errors import HashMismatch, HemaledgerError, MalformedError, RetentionRefused, VaultMissing
from fl.protocol.federation import Federation
from fl.protocol.names import ADDRESS_BYTES, DIGEST_BYTES, Address, Digest, Role, StatementKind, parse_hex, show
from fl.protocol.ports import Vault
from fl.protocol.records import Entry, Position, StatementMade
from fl.protocol.rounds.round import Round
from fl.replay.vault_files import read_document

RECORD_CAP = 16 * 1024 * 1024
"""Bytes; about 100,000 files."""
REPORT_CAP = 1024 * 1024
LEAST_KEPT = 1
"""Rounds; the newest one is always kept."""
_RECORD, _REPORT = "retention record", "retention report"


@dataclass(frozen=True)
class CleanReport:
    """What an auditor found before it made a record."""

    consortium: bytes
    auditor: Address
    block: int
    """The last block that was audited."""
    clean: bool
    summed: tuple[int, ...]
    """Rounds that were summed again, or that ended without a model; ascending."""

    def to_bytes(self) -> bytes:
        """Return the document."""
        return write_document(
            {
                "auditor": show(self.auditor),
                "block": self.block,
                "clean": self.clean,
                "consortium": show(self.consortium),
                "summed": list(self.summed),
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> CleanReport:
        """Parse the document, or raise EncodingError."""
        fields = Fields(parse_document(data, _REPORT), _REPORT)
        fields.only("auditor", "block", "clean", "consortium", "summed")
        return cls(
            parse_hex(fields.text("consortium"), DIGEST_BYTES, _REPORT),
            Address(parse_hex(fields.text("auditor"), ADDRESS_BYTES, _REPORT)),
            fields.integer("block"),
            fields.truth("clean"),
            tuple(_numbers(fields.value.get("summed"))),
        )


@dataclass(frozen=True)
class RetentionRecord:
    """Which files may be deleted, and why."""

    consortium: bytes
    auditor: Address
    keep_rounds: int
    """The window: how many of the newest ended rounds keep all files."""
    report: Digest
    """Of a CleanReport in the vault."""
    files: tuple[tuple[int, Digest], ...]
    """(round, update), in ledger order."""

    @property
    def through(self) -> int:
        """Return the newest round of which a file may go; 0 without files."""
        return max((number for number, _ in self.files), default=0)

    def to_bytes(self) -> bytes:
        """Return the document."""
        rounds: dict[str, JsonValue] = {}
        for number, digest in self.files:
            listed = rounds.setdefault(str(number), [])
            assert isinstance(listed, list)  # noqa: S101 - built one line above
            listed.append(show(digest))
        return write_document(
            {
                "auditor": show(self.auditor),
                "consortium": show(self.consortium),
                "files": rounds,
                "keep_rounds": self.keep_rounds,
                "report": show(self.report),
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> RetentionRecord:
        """Parse the document, or raise EncodingError."""
        fields = Fields(parse_document(data, _RECORD), _RECORD)
        fields.only("auditor", "consortium", "files", "keep_rounds", "report")
        files = [
            (int(number), Digest(parse_hex(str(each), DIGEST_BYTES, _RECORD)))
            for number, listed in fields.mapping("files").items()
            if number.isdecimal() and len(number) < len(str(2**64)) and isinstance(listed, list)
            for each in listed
        ]
        return cls(
            parse_hex(fields.text("consortium"), DIGEST_BYTES, _RECORD),
            Address(parse_hex(fields.text("auditor"), ADDRESS_BYTES, _RECORD)),
            fields.integer("keep_rounds"),
            Digest(parse_hex(fields.text("report"), DIGEST_BYTES, _RECORD)),
            tuple(sorted(files)),
        )


@dataclass
class Retained:
    """What the records of a ledger allow."""

    files: dict[Digest, tuple[Digest, Digest]] = field(default_factory=dict)
    """Update -> (record, report)."""
    refused: list[tuple[Entry, HemaledgerError]] = field(default_factory=list)
    """Records that both stated and that break a rule."""


def old_updates(federation: Federation, keep_rounds: int, summed: tuple[int, ...]) -> tuple[tuple[int, Digest], ...]:
    """Return the updates outside the window whose rounds were checked."""
    ended = [each for each in federation.rounds if each.ended]
    old = [each for each in ended[: -max(keep_rounds, LEAST_KEPT)] if each.number in set(summed)]
    return tuple(sorted((each.number, digest) for each in old for digest in each.commitments.values()))


def retained(federation: Federation, vault: Vault) -> Retained:
    """Return what may be missing, by the records that a coordinator and the record's auditor stated.

    Raises:
        VaultUnavailable: the vault is not there.
    """
    found, stated = Retained(), _stated(federation)
    for digest, by_role in stated.items():
        if Role.AUDITOR not in by_role or Role.COORDINATOR not in by_role:
            continue
        entry, made = by_role[Role.AUDITOR]
        try:
            record = check_record(federation, vault, entry, made)
        except (HemaledgerError, ValueError) as error:
            if not isinstance(error, VaultMissing | HashMismatch | MalformedError | RetentionRefused):
                raise
            found.refused.append((entry, error))
            continue
        found.files |= {each: (digest, record.report) for _, each in record.files}
    return found


def check_record(federation: Federation, vault: Vault, entry: Entry, made: StatementMade) -> RetentionRecord:
    """Return the record that an auditor's statement names.

    Raises:
        RetentionRefused: it names a file of its window, a file that is not an update, or a round that its report does
            not cover; or the report is missing, not clean or not the auditor's.
        VaultMissing, HashMismatch, EncodingError: the record is missing or damaged.
    """
    record = RetentionRecord.from_bytes(read_document(vault, made.digest, RECORD_CAP))
    if record.consortium != federation.anchor.consortium or record.auditor != made.sender:
        raise RetentionRefused(made.digest, "it belongs to another consortium or auditor")
    before = [each for each in federation.rounds if each.ended and _end(each) < entry.position]
    window = {each.number for each in before[-max(record.keep_rounds, LEAST_KEPT) :]}
    by_number = {each.number: each for each in before}
    for number, digest in record.files:
        if number in window or number not in by_number:
            raise RetentionRefused(made.digest, f"it names a file of round {number}, which is in its window")
        if digest not in by_number[number].commitments.values():
            raise RetentionRefused(made.digest, f"it names a file that is not an update of round {number}")
    try:
        report = CleanReport.from_bytes(read_document(vault, record.report, REPORT_CAP))
    except (VaultMissing, HashMismatch, MalformedError) as error:
        raise RetentionRefused(made.digest, "the report of its audit is missing or damaged") from error
    own = (report.consortium, report.auditor) == (record.consortium, record.auditor)
    uncovered = sorted({number for number, _ in record.files} - set(report.summed))
    if not own or not report.clean or uncovered or report.block > entry.position.block:
        raise RetentionRefused(made.digest, "the report of its audit is not clean, or does not cover all its rounds")
    return record


def _stated(federation: Federation) -> Mapping[Digest, dict[Role, tuple[Entry, StatementMade]]]:
    """Return the first statement of each role about each record."""
    found: dict[Digest, dict[Role, tuple[Entry, StatementMade]]] = {}
    for entry, made in federation.stated(StatementKind.RETENTION):
        role = federation.book.members[made.sender].role
        found.setdefault(made.digest, {}).setdefault(role, (entry, made))
    return found


def newest_offer(federation: Federation) -> tuple[Entry, StatementMade] | None:
    """Return the newest statement of an auditor about a record, None without one."""
    offers = [each[Role.AUDITOR] for each in _stated(federation).values() if Role.AUDITOR in each]
    return max(offers, key=lambda each: each[0].position, default=None)


def accepted(federation: Federation, digest: Digest) -> bool:
    """Return whether a coordinator stated a record."""
    return Role.COORDINATOR in _stated(federation).get(digest, {})


def _end(current: Round) -> Position:
    return current.last.position if current.last is not None else current.opened.position


def _numbers(value: JsonValue) -> list[int]:
    if isinstance(value, list):
        return [each for each in value if isinstance(each, int) and not isinstance(each, bool)]
    return []
