"""A member's folder that came back from a backup: its mark, and what its agent does before anything else.

`restored.json` holds when the backup was made, and what of the journal is no secret but must not be forgotten: the
digests of used updates. The mark goes once everything that it asks for is durable in the journal.

Invariant: no agent opens its ports over a marked folder without settling it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fl.events import Event
from fl.files import erase
from fl.protocol.codec import DOCUMENT_CAP, Fields, JsonValue, parse_document
from fl.protocol.errors import EncodingError, JournalUnreadable
from fl.protocol.names import DIGEST_BYTES, Digest, Role, parse_hex
from scripts.wiring.clock import now
from scripts.wiring.home import MemberHome

if TYPE_CHECKING:
    from fl.replay.ledger_view import Ports

RESTORED_FILE = "restored.json"


def mark_of(member: MemberHome) -> dict[str, JsonValue]:
    """Return the mark for a backup of a member's folder as it is now; it keeps an earlier mark that still waits.

    Raises:
        JournalUnreadable: journal or mark are damaged.
    """
    from fl.roles.hospital.outbox import SPENT_PREFIX
    from fl.storage.journal import SqliteJournal

    spent = {digest.hex(): number for digest, number in spent_of(member)} if is_restored(member) else {}
    path = member.folder / "journal.sqlite"
    if path.exists():
        journal = SqliteJournal(path)
        try:
            spent |= {digest: int(number) for digest, number in journal.starting(SPENT_PREFIX)}
        finally:
            journal.close()
    return {"made_at": now(), "spent": {**spent}}


def is_restored(member: MemberHome) -> bool:
    return (member.folder / RESTORED_FILE).exists()


def spent_of(member: MemberHome) -> Iterator[tuple[Digest, int]]:
    """Yield digest and round of every used update that the mark names, or raise JournalUnreadable."""
    path = member.folder / RESTORED_FILE
    try:
        with path.open("rb") as file:
            fields = Fields(parse_document(file.read(DOCUMENT_CAP + 1), RESTORED_FILE), RESTORED_FILE)
        spent = Fields(fields.mapping("spent"), RESTORED_FILE)
        for digest in spent.value:
            yield Digest(parse_hex(digest, DIGEST_BYTES, RESTORED_FILE)), spent.integer(digest)
    except (OSError, EncodingError) as error:
        raise JournalUnreadable(str(path), "without it nobody knows which updates were used") from error


def settle(member: MemberHome, ports: Ports) -> None:
    """Do what a restored folder needs before its agent acts; nothing if it was not restored.

    Raises:
        VaultMissing, ChainUnavailable: try again later; the mark stays.
        JournalUnreadable: the mark is damaged.
    """
    if not is_restored(member):
        return
    facts: dict[str, object] = {}
    if member.role == Role.HOSPITAL:
        facts = _settle_hospital(member, ports)
    elif member.role == Role.TRUSTEE:
        facts = _replace_key(member, ports)
    erase(member.folder / RESTORED_FILE)
    ports.notify(Event.RESTORED, facts)


def _settle_hospital(member: MemberHome, ports: Ports) -> dict[str, object]:
    from fl.replay.ledger_view import LedgerView
    from fl.roles.hospital.after_restore import settle_restored
    from fl.storage.privacy_account import FolderAccount

    federation = LedgerView(ports.ledger).refresh()
    done = settle_restored(ports, federation, spent_of(member), FolderAccount(member.privacy_file))
    return {
        "leaves round": ", ".join(map(str, done.left)) or None,
        "private rounds counted again": done.charged or None,
        "uploads wait": "until the next model" if done.barred else None,
    }


def _replace_key(member: MemberHome, ports: Ports) -> dict[str, object]:
    """Record a new key of a trustee: a backup has none, because an old key opens old shares; and no share."""
    from fl.crypto.hpke_keys import key_record
    from fl.replay.ledger_view import LedgerView
    from fl.storage.keyring import FolderKeys

    found = LedgerView(ports.ledger).refresh().book.members.get(ports.ledger.account)
    keys = FolderKeys(member.folder, member.password)
    if found is None or found.revoked or not found.keys or len(found.keys) in keys.epochs():
        return {}
    key = keys.create(len(found.keys) + 1)
    ports.append(key_record(ports.ledger.anchor, ports.ledger.account, key))
    return {"new key": key.epoch}
