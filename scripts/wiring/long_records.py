"""Whether a hospital's site seals records for decades; and the seats of trustees who leave.

Invariant: a site that sealed for decades once does so from then on. A start without the option changes nothing.
"""

from __future__ import annotations

from pathlib import Path

from fl.files import write_atomic
from fl.protocol.errors import LongKeyMissing, SettingInvalid
from fl.protocol.federation import Federation
from fl.protocol.names import Address, KeyUse, Role
from fl.replay.ledger_view import LedgerView
from fl.replay.long_committees import long_committee
from fl.replay.long_keys import has_long_key, names_of
from fl.roles.trustee.seats import SEATS_CAP, hand_over, take_over
from fl.storage.keyring import FolderKeys
from scripts.wiring.home import Home, MemberHome
from scripts.wiring.roles import open_ledger


def mark_of(member: MemberHome) -> Path:
    """Return the file that says that this hospital's site seals records for decades."""
    return member.folder / "records-for-decades"


def seals_for_decades(member: MemberHome) -> bool:
    return mark_of(member).exists()


def seal_for_decades(home: Home, name: str) -> None:
    """From now on this hospital's site seals records for decades.

    Raises:
        LongKeyMissing: the hospital has no long key, or a trustee who holds the key for records has none.
        VaultMissing: the document of a long key.
    """
    member = home.member(name).as_a(Role.HOSPITAL)
    if seals_for_decades(member):
        return
    ledger, vault = open_ledger(home, member), home.vault
    federation = LedgerView(ledger).refresh()
    key = federation.book.active(ledger.account).key
    if key is None or not has_long_key(federation, ledger.account, key, vault):
        raise LongKeyMissing(names_of(federation, [ledger.account]))
    committee = federation.threshold.in_force(KeyUse.RECORDS)
    if committee is not None:
        long_committee(federation, committee, vault)
    write_atomic(mark_of(member), b"suite 2\n")


def write_seats(home: Home, name: str, successor: str, path: Path, *, two_seats: bool) -> int:
    """Write the long keys of a trustee into a file for its successor; return how many there are.

    Raises:
        SettingInvalid: the successor is no other trustee, or has a seat beside this one.
        LongKeyMissing: the successor has no long key.
    """
    member = home.member(name).as_a(Role.TRUSTEE)
    ledger = open_ledger(home, member)
    federation = LedgerView(ledger).refresh()
    to = _trustee(federation, successor)
    if to is None or to == ledger.account:
        raise SettingInvalid("to", f"{successor} is not another active trustee")
    together = any({to, ledger.account} <= {*each.members} for each in federation.threshold.committees(KeyUse.RECORDS))
    if together and not two_seats:
        why = (
            f"{successor} has a seat beside {name}, and with two seats fewer people than agreed could open records. "
            "Choose somebody else, or allow it with --two-seats"
        )
        raise SettingInvalid("to", why)
    keys = FolderKeys(member.folder, member.password).long_keys()
    write_atomic(path, hand_over(federation, ledger.account, to, keys, home.vault), mode=0o600)
    return len(keys)


def read_seats(home: Home, name: str, path: Path) -> int:
    """Store the long keys of a hand-over for a trustee; return how many there are. It raises as `take_over`."""
    member = home.member(name).as_a(Role.TRUSTEE)
    ledger, keys = open_ledger(home, member), FolderKeys(member.folder, member.password)
    with path.open("rb") as file:
        data = file.read(SEATS_CAP + 1)
    found = take_over(LedgerView(ledger).refresh(), ledger.account, data, keys.long_keys(), home.vault)
    keys.keep_seats(found)
    return len(found)


def _trustee(federation: Federation, name: str) -> Address | None:
    for member in federation.book.members.values():
        if (member.name, member.role, member.revoked) == (name, Role.TRUSTEE, False):
            return member.account
    return None
