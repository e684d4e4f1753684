"""The access log: who signed in, opened, downloaded or changed what, and when.

Invariant: lines are only added. Once a day all settled lines get a Merkle root, whose digest becomes a leaf among the
records' leaves, so the root on the ledger covers the log, too: a line that is changed, added or removed later shows.

A line is the label `hemaledger-access-line-1`, a newline and JSON: number, time, account, role, event, page, about,
network, name, salt. Lines from before proofs end with the network; a root covers only lines of one of both kinds.

Source: EHDS (EU) 2025/327, Art. 9 (who, when, which data); EU AI Act, Art. 12 and 19; RFC 9162, 2.1.1 (tree hash).
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from itertools import takewhile

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from fl.protocol.merkle import root_of
from webui.account_errors import AccessLogChanged
from webui.store.account_tables import SALT_CHARS, AccessBatch, AccessEntry
from webui.store.base import NAME_CHARS
from webui.store.database import Database
from webui.store.models import Account, Leaf

PAGE_ROWS = 50
SETTLE_S = 300
"""A line gets into a root this long after it was written: no transaction takes longer, so no line comes in between."""
ONCE_S = 60
"""The same person who opens the same page again within this time gets no second line."""
REMEMBERED = 4096
IDS_AT_ONCE = 500
LINE, BATCH = b"hemaledger-access-line-1\n", b"hemaledger-access-batch-1\n"


class LogEvent(StrEnum):
    """What happened."""

    SIGNED_IN = "signed in"
    REFUSED = "sign-in refused"
    LOCKED = "too many tries"
    SIGNED_OUT = "signed out"
    OPENED = "opened"
    DOWNLOADED = "downloaded"
    CHANGED = "changed"
    PROGRAM_READ = "read by a program"
    """With a token, as in the next line."""
    PROGRAM_CHANGED = "changed by a program"


@dataclass(frozen=True)
class Line:
    """A line to write; `network` is already a keyed digest."""

    account_id: int | None
    role: str
    event: LogEvent
    what: str
    about: str = ""
    network: str = ""
    name: str = ""
    """Of the person, where the line itself must say it."""


@dataclass(frozen=True)
class Sought:
    """Which lines somebody wants to see; None is all."""

    account_id: int | None = None
    event: str | None = None
    since: int | None = None
    until: int | None = None


@dataclass(frozen=True)
class ShownLine:
    """A line, and who it was if the account is still there."""

    entry: AccessEntry
    name: str
    batch: int | None
    """The number of its root; None while it waits."""


class AccessLog:
    """The log."""

    def __init__(self, database: Database, clock: Callable[[], int]) -> None:
        """Store lines in `database`; `clock` gives seconds since 1970."""
        self._database = database
        self._clock = clock
        self._recent: dict[Line, int] = {}

    def write(self, line: Line) -> None:
        """Write one line in its own transaction."""
        self._database.note(lambda session: self.add(session, line))

    def write_once(self, line: Line) -> None:
        """Write a line unless this process wrote the same one within a minute."""
        now = self._clock()
        if now - self._recent.get(line, -ONCE_S) < ONCE_S:
            return
        self.write(line)
        if len(self._recent) >= REMEMBERED:
            self._recent.clear()
        self._recent[line] = now

    def add(self, session: Session, line: Line) -> None:
        """Write one line in the caller's transaction."""
        session.add(entry_of(line, self._clock()))

    def lines(self, sought: Sought, page: int = 0, rows: int = PAGE_ROWS + 1) -> Sequence[ShownLine]:
        """Return one page of lines and the first of the next one, the newest first, with the name of each person."""
        query = _filtered(select(AccessEntry, Account.name, AccessBatch.number), sought)
        query = query.outerjoin(Account, Account.id == AccessEntry.account_id)
        inside = (AccessBatch.first_id <= AccessEntry.id) & (AccessEntry.id <= AccessBatch.last_id)
        query = query.outerjoin(AccessBatch, inside).order_by(AccessEntry.id.desc())
        with self._database.reading() as session:
            found = session.execute(query.offset(page * PAGE_ROWS).limit(rows)).all()
        return [ShownLine(entry, name or "", number) for entry, name, number in found]

    def has(self, account_id: int, what: str, about: str) -> bool:
        """Return whether an account changed this thing on this page at any time."""
        query = select(AccessEntry.id).where(
            AccessEntry.account_id == account_id,
            AccessEntry.event == LogEvent.CHANGED.value,
            AccessEntry.what == what,
            AccessEntry.about == about,
        )
        with self._database.reading() as session:
            return session.scalar(query.limit(1)) is not None

    def waiting(self) -> bool:
        """Return whether there are settled lines without a root."""
        with self._database.reading() as session:
            return self._settled(session, _covered(session)) is not None

    def seal(self) -> int | None:
        """Give all settled lines one root, and store it as a leaf; return its number, None without lines."""

        def work(session: Session) -> int | None:
            covered = _covered(session)
            last = self._settled(session, covered)
            if last is None:
                return None
            entries = _of_one_kind(_between(session, covered + 1, last))
            number = (session.scalar(select(func.max(AccessBatch.number))) or 0) + 1
            batch = AccessBatch(number=number, first_id=entries[0].id, last_id=entries[-1].id, size=len(entries))
            batch.root, batch.sealed_at = root_of([digest_of(each) for each in entries]), self._clock()
            leaf = Leaf(digest=leaf_of(batch))
            session.add(leaf)
            session.flush()
            batch.leaf_id = leaf.id
            session.add(batch)
            return number

        return self._database.write(work)

    def batches(self) -> Sequence[AccessBatch]:
        """Return all roots, the newest first."""
        with self._database.reading() as session:
            return session.scalars(select(AccessBatch).order_by(AccessBatch.number.desc()).limit(400)).all()

    def roots_of(self, entry_ids: Collection[int]) -> Mapping[int, AccessBatch]:
        """Return the root of each of these lines that has one."""
        found: dict[int, AccessBatch] = {}
        ids = sorted(entry_ids)
        inside = (AccessBatch.first_id <= AccessEntry.id) & (AccessEntry.id <= AccessBatch.last_id)
        query = select(AccessEntry.id, AccessBatch).join(AccessBatch, inside)
        with self._database.reading() as session:
            for start in range(0, len(ids), IDS_AT_ONCE):
                part = ids[start : start + IDS_AT_ONCE]
                found |= dict(session.execute(query.where(AccessEntry.id.in_(part))).all())
        return found

    def lines_under(self, batch: AccessBatch) -> Sequence[AccessEntry]:
        """Return all lines under a root, in order."""
        with self._database.reading() as session:
            return _between(session, batch.first_id, batch.last_id)

    def check(self, batch: AccessBatch) -> None:
        """Compute a root again from the stored lines, and compare it with the leaf that the ledger's root covers.

        Raises:
            AccessLogChanged: they do not agree.
        """
        with self._database.reading() as session:
            entries = _between(session, batch.first_id, batch.last_id)
            leaf = session.get(Leaf, batch.leaf_id)
        if len(entries) != batch.size:
            raise AccessLogChanged(batch.number, f"it had {batch.size} lines, and has {len(entries)} now")
        if root_of([digest_of(each) for each in entries]) != batch.root:
            raise AccessLogChanged(batch.number, "a line is not as it was written")
        if leaf is None or leaf.digest != leaf_of(batch):
            raise AccessLogChanged(batch.number, "its root is not the one among the records' leaves")

    def _settled(self, session: Session, covered: int) -> int | None:
        """Return the last line that may get a root now."""
        old = (AccessEntry.id > covered, AccessEntry.at <= self._clock() - SETTLE_S)
        return session.scalar(select(func.max(AccessEntry.id)).where(*old))


def entry_of(line: Line, at: int) -> AccessEntry:
    return AccessEntry(
        at=at,
        account_id=line.account_id,
        role=line.role,
        event=line.event.value,
        what=line.what[:64],
        about=line.about[:64],
        network=line.network[:16],
        name=line.name[:NAME_CHARS],
        salt=secrets.token_hex(SALT_CHARS // 2),
    )


def text_of(entry: AccessEntry) -> bytes:
    """Return the bytes of a stored line: label ‖ JSON."""
    fields = [entry.id, entry.at, entry.account_id, entry.role, entry.event, entry.what, entry.about, entry.network]
    more = [entry.name, entry.salt] if entry.salt else []
    return LINE + json.dumps([*fields, *more], separators=(",", ":")).encode()


def digest_of(entry: AccessEntry) -> bytes:
    """Return the SHA-256 of a stored line."""
    return sha256(text_of(entry)).digest()


def batch_text(batch: AccessBatch) -> bytes:
    """Return the bytes of a root of the log: label ‖ JSON."""
    fields = [batch.number, batch.first_id, batch.last_id, batch.size, batch.root.hex()]
    return BATCH + json.dumps(fields, separators=(",", ":")).encode()


def leaf_of(batch: AccessBatch) -> bytes:
    """Return the leaf that stands for a root of the log: the SHA-256 of its bytes."""
    return sha256(batch_text(batch)).digest()


def _of_one_kind(entries: Sequence[AccessEntry]) -> Sequence[AccessEntry]:
    """Return the first lines that all have a salt, or all have none."""
    salted = bool(entries[0].salt)
    return list(takewhile(lambda each: bool(each.salt) == salted, entries))


def _covered(session: Session) -> int:
    return session.scalar(select(func.max(AccessBatch.last_id))) or 0


def _between(session: Session, first: int, last: int) -> Sequence[AccessEntry]:
    inside = (AccessEntry.id >= first, AccessEntry.id <= last)
    return session.scalars(select(AccessEntry).where(*inside).order_by(AccessEntry.id)).all()


def _filtered(query: Select[AccessEntry, str, int], sought: Sought) -> Select[AccessEntry, str, int]:
    if sought.account_id is not None:
        query = query.where(AccessEntry.account_id == sought.account_id)
    if sought.event is not None:
        query = query.where(AccessEntry.event == sought.event)
    if sought.since is not None:
        query = query.where(AccessEntry.at >= sought.since)
    if sought.until is not None:
        query = query.where(AccessEntry.at < sought.until)
    return query
