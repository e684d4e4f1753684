"""The ledger as tables: members and their keys.

Invariant: a row's key is its permanent address: it follows from the ledger alone.

Source: webui/usecases/ledger_tables.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fl.protocol.keys.members import Member
from fl.protocol.names import Address
from fl.protocol.records import Entry
from webui.ports.ledger import History
from webui.usecases.tables import Column, Kind, Row, Table, Value

STATE, NUMBER, MOMENT = Kind.STATE, Kind.NUMBER, Kind.MOMENT


def role_name(member: Member | None) -> str:
    return member.role.name.lower() if member is not None else ""


def members_table(history: History) -> Table:
    columns = (
        Column("name"),
        Column("role", filtered=True),
        Column("state", STATE, filtered=True),
        Column("admitted", MOMENT),
        Column("last_record", MOMENT),
        Column("records", NUMBER),
        Column("key_epoch", NUMBER),
        Column("account", Kind.ACCOUNT),
    )
    admitted, last, counts = _activity(history.entries)
    rows = [
        Row(
            member.account.hex(),
            {
                "name": member.name,
                "role": role_name(member),
                "state": member_state(member),
                "admitted": admitted.get(member.account),
                "last_record": last.get(member.account),
                "records": counts.get(member.account, 0),
                "key_epoch": member.key.epoch if member.key else None,
                "account": member.account.hex(),
            },
        )
        for member in history.federation.book.members.values()
    ]
    return Table("members", columns, rows)


def member_state(member: Member) -> str:
    """Return `revoked`, `no key` (it takes no part yet), or `active`."""
    if member.revoked:
        return "revoked"
    return "active" if member.key is not None or role_name(member) == "operator" else "no key"


def _activity(
    entries: Sequence[Entry],
) -> tuple[Mapping[Address, int], Mapping[Address, int], Mapping[Address, int]]:
    """Return, by account, when it was admitted, when it last made a record, and how many it made."""
    admitted: dict[Address, int] = {}
    last: dict[Address, int] = {}
    counts: dict[Address, int] = {}
    for entry in entries:
        sender, member = entry.record.sender, getattr(entry.record, "member", None)
        admitted.setdefault(sender if member is None else member, entry.timestamp)
        last[sender] = entry.timestamp
        counts[sender] = counts.get(sender, 0) + 1
    return admitted, last, counts


def keys_table(history: History) -> Table:
    columns = (
        Column("member", filtered=True),
        Column("role", filtered=True),
        Column("epoch", NUMBER),
        Column("registered", MOMENT),
        Column("state", STATE, filtered=True),
        Column("block", NUMBER),
        Column("key_id"),
        Column("public_key", shown=False),
        Column("account", Kind.ACCOUNT, shown=False),
    )
    places = {
        (entry.record.sender, entry.record.epoch): entry  # type: ignore[union-attr]
        for entry in history.entries
        if type(entry.record).__name__ in ("KeyRegistered", "KeyRotated")
    }
    rows = []
    for member in history.federation.book.members.values():
        for key in reversed(member.keys):
            entry = places.get((member.account, key.epoch))
            current = "revoked" if member.revoked else "in use" if key == member.key else "replaced"
            values: dict[str, Value] = {
                "member": member.name,
                "role": role_name(member),
                "epoch": key.epoch,
                "registered": entry.timestamp if entry else None,
                "state": current,
                "block": entry.position.block if entry else None,
                "key_id": key.key_id.hex(),
                "public_key": key.public_key.hex(),
                "account": member.account.hex(),
            }
            rows.append(Row(f"{member.account.hex()}-{key.epoch}", values))
    return Table("keys", columns, rows)
