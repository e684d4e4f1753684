"""Which old updates may be deleted: a record that an auditor made after a clean audit, and a coordinator accepted.

Invariant: a file may be missing only if a record names it that both stated on the ledger, made after a clean report
about its round, and never a file of the newest rounds (the window). Whatever else is missing stays a finding.

Source: PROTOCOL.md 5 (Statements) and 7. SECURITY.md says why old masked updates should go.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from fl.crypto.envelope_form import check_file
from fl.protocol.codec import Fields, JsonValue, parse_document, write_document
from fl.protocol.errors import (
    HashMismatch,
    HemaledgerError,
    MalformedError,
    RefusedError,
    RetentionRefused,
    TamperedError,
    VaultMissing,
)
from fl.protocol.federation import Federation
from fl.protocol.names import ADDRESS_BYTES, DIGEST_BYTES, Address, Digest, Role, StatementKind, parse_hex, show
from fl.protocol.ports import Vault
from fl.protocol.records import Entry, Position, StatementMade
from fl.protocol.rounds.round import Round
from fl.replay.expected_files import update_files
from fl.replay.vault_files import read_document

RECORD_CAP = 16 * 1024 * 1024
"""Bytes; about 100,000 files."""
REPORT_CAP = 1024 * 1024
LEAST_KEPT = 1
"""Rounds; the newest one is always kept."""
Update = tuple[int, Digest]
"""Round and digest: two rounds can commit to the same file, and a record allows it to be missing in one of them."""
_RECORD, _REPORT = "retention record", "retention report"


Offer = tuple[Entry, StatementMade]
"""An auditor's statement about a record."""
BREAKS_A_RULE = (VaultMissing, HashMismatch, MalformedError, RetentionRefused)
"""What `check_record` raises about a record itself; any other error is about the vault."""


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
    files: tuple[Update, ...]
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

    files: dict[Update, tuple[Digest, Digest]] = field(default_factory=dict)
    """Update -> (record, report)."""
    refused: list[tuple[Entry, HemaledgerError]] = field(default_factory=list)
    """Records that a coordinator accepted and that break a rule, whoever of the auditors stated them."""


def old_updates(federation: Federation, keep_rounds: int, summed: tuple[int, ...]) -> tuple[Update, ...]:
    """Return the updates outside the window whose rounds were checked, but those that a kept round needs, too."""
    ended = [each for each in federation.rounds if each.ended]
    old = [each for each in ended[: -max(keep_rounds, LEAST_KEPT)] if each.number in set(summed)]
    files = tuple(sorted((each.number, digest) for each in old for digest in each.commitments.values()))
    shared = needed_elsewhere(files, federation.rounds)
    return tuple(each for each in files if each[1] not in shared)


def needed_elsewhere(files: Sequence[Update], rounds: Sequence[Round]) -> dict[Digest, int]:
    """Return the files that also a round commits to which does not give them up, each with that round."""
    listed, digests = set(files), {digest for _, digest in files}
    return {
        digest: each.number
        for each in rounds
        for digest in each.commitments.values()
        if digest in digests and (each.number, digest) not in listed
    }


def retained(federation: Federation, vault: Vault) -> Retained:
    """Return what may be missing, by the records that a coordinator and the record's auditor stated.

    Raises:
        VaultUnavailable: the vault is not there.
    """
    found, offers = Retained(), dict[Digest, list[Offer]]()
    for offer in offers_of(federation):
        offers.setdefault(offer[1].digest, []).append(offer)
    for digest in _accepted(federation):
        wrong: list[tuple[Entry, HemaledgerError]] = []
        for entry, made in offers.get(digest, []):
            try:
                record = check_record(federation, vault, entry, made)
            except BREAKS_A_RULE as error:
                wrong.append((entry, error))
                continue
            wrong.clear()
            found.files |= dict.fromkeys(record.files, (digest, record.report))
            break
        found.refused += wrong
    return found


def check_record(federation: Federation, vault: Vault, entry: Entry, made: StatementMade) -> RetentionRecord:
    """Return the record that an auditor's statement names.

    Raises:
        RetentionRefused: it names a file of its window, a file that is not an update, one that another round needs,
            or a round that its report does not cover; or the report is missing, not clean or not the auditor's.
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
    check_not_needed(made.digest, record, before)
    try:
        report = CleanReport.from_bytes(read_document(vault, record.report, REPORT_CAP))
    except (VaultMissing, HashMismatch, MalformedError) as error:
        raise RetentionRefused(made.digest, "the report of its audit is missing or damaged") from error
    own = (report.consortium, report.auditor) == (record.consortium, record.auditor)
    uncovered = sorted({number for number, _ in record.files} - set(report.summed))
    if not own or not report.clean or uncovered or report.block > entry.position.block:
        raise RetentionRefused(made.digest, "the report of its audit is not clean, or does not cover all its rounds")
    return record


def check_not_needed(digest: Digest, record: RetentionRecord, rounds: Sequence[Round]) -> None:
    """Raise RetentionRefused if one of `rounds` needs a file of a record; `digest` is the record's."""
    for number in needed_elsewhere(record.files, rounds).values():
        raise RetentionRefused(digest, f"round {number} has the same file as an update, and it is kept")


def parts_of_update(federation: Federation, vault: Vault, update: Update) -> list[Digest]:
    """Return the parts of an update that may go with it: files with the head that this part of this round has.

    A list that names any other file does not take it away: no part of one round or hospital is one of another.
    """
    number, digest = update
    current, found = federation.round(number), list[Digest]()
    for hospital in (who for who, committed in current.commitments.items() if committed == digest):
        try:
            parts = [part.expected for part in update_files(current, hospital, vault) if part.expected.digest != digest]
        except (*BREAKS_A_RULE, TamperedError, RefusedError):
            continue
        for each in parts:
            with suppress(*BREAKS_A_RULE, TamperedError, RefusedError):
                check_file(vault.get(each.digest, each.cap), each)
                found.append(each.digest)
    return found


def offers_of(federation: Federation) -> list[Offer]:
    """Return the first statement of each auditor about each record, the newest first.

    An auditor may state the digest of another one's record; `check_record` refuses that statement, not the record.
    """
    found: dict[tuple[Digest, Address], Offer] = {}
    for entry, made in federation.stated(StatementKind.RETENTION):
        if federation.book.members[made.sender].role == Role.AUDITOR:
            found.setdefault((made.digest, made.sender), (entry, made))
    return sorted(found.values(), key=lambda each: each[0].position, reverse=True)


def accepted(federation: Federation, digest: Digest) -> bool:
    """Return whether a coordinator stated a record."""
    return digest in _accepted(federation)


def _accepted(federation: Federation) -> dict[Digest, None]:
    """Return the records that coordinators stated, in the order of the ledger."""
    stated = federation.stated(StatementKind.RETENTION)
    return {made.digest: None for _, made in stated if federation.book.members[made.sender].role == Role.COORDINATOR}


def _end(current: Round) -> Position:
    return current.last.position if current.last is not None else current.opened.position


def _numbers(value: JsonValue) -> list[int]:
    if isinstance(value, list):
        return [each for each in value if isinstance(each, int) and not isinstance(each, bool)]
    return []
