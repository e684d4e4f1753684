"""Connects roles to real ports. Only this module knows which adapter serves which port."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from chain.contracts.lookup import MAX_PREDECESSORS, ask_address, check_deployment
from chain.ledger import EthereumLedger, LedgerSettings
from chain.rpc.node import NodeSettings, connect
from chain.transactions import keystore
from chain.transactions.eip712 import AccountEndorser
from chain.transactions.keystore import AccountKey
from fl.events import Notify
from fl.protocol.errors import KeyEpochMismatch, SettingInvalid
from fl.protocol.keys.member_names import proper
from fl.protocol.names import NO_ADDRESS, Address, Role
from fl.protocol.ports import Anchor, Endorser, Ledger
from fl.protocol.records import MemberRegistered
from fl.replay.batched_ledger import BatchedLedger
from fl.replay.ledger_view import Keyring, LedgerView, Ports
from scripts.wiring.clock import now, steady
from scripts.wiring.home import OWNER_ONLY, PASSWORD_VARIABLE, Home, MemberHome
from scripts.wiring.nodes import node_of, transactions_of
from scripts.wiring.options import OPERATOR
from scripts.wiring.password_change import check_password
from scripts.wiring.restored import settle

if TYPE_CHECKING:
    from fl.audit.access import AuditKey
    from fl.crypto.start_kit import StartKit
    from fl.roles.hospital.privacy_limit import PrivacyLimit
    from fl.roles.trustee.stores import TrusteeStores


def open_ledger(
    home: Home,
    member: MemberHome | None = None,
    timeout_s: float = NodeSettings.timeout_s,
    notify: Notify | None = None,
    *,
    strict: bool = False,
) -> BatchedLedger:
    """Connect to the consortium's chain, as `member` or read-only; one answer may take `timeout_s`.

    `notify` is told when another URL is used. A `strict` reader raises the error of a batch of steps that is missing or
    wrong; another one reads up to it.

    Raises:
        ChainUnavailable, WrongChain: see chain/ledger.py.
        KeystoreUnreadable: the member's key file is damaged, or the password is wrong.
    """
    account = load_account(member) if member else None
    ledger = chain_ledger(home, member, account, ledger_settings(home, timeout_s, notify))
    return BatchedLedger(ledger, home.vault, signatures(), strict=strict)


def chain_ledger(
    home: Home, member: MemberHome | None, account: AccountKey | None, settings: LedgerSettings | None = None
) -> EthereumLedger:
    """Connect as `open_ledger` does, but show batches as they are."""
    settings = settings or ledger_settings(home)
    if member is None:
        return EthereumLedger(settings)
    own = replace(settings.transactions, unfinished=member.sending)
    return EthereumLedger(replace(settings, transactions=own), account)


def ledger_settings(
    home: Home, timeout_s: float = NodeSettings.timeout_s, notify: Notify | None = None
) -> LedgerSettings:
    """Return the settings of the consortium's ledger in force."""
    deployment = home.deployment
    node = node_of(deployment, timeout_s, notify=notify)
    return LedgerSettings(node, in_force(node, deployment.anchor), transactions_of(deployment, home.confirmations))


def in_force(node: NodeSettings, anchor: Anchor) -> Anchor:
    """Return the anchor of the ledger in force, after all hand-overs since `anchor`.

    Raises:
        ChainUnavailable, WrongChain: see chain/ledger.py.
    """
    connection = connect(replace(node, chain_id=anchor.chain_id))
    check_deployment(connection, anchor)
    for _ in range(MAX_PREDECESSORS):
        successor = ask_address(connection, anchor.contract, "successor")
        if successor == NO_ADDRESS:
            break
        anchor = replace(anchor, contract=successor)
    return anchor


def signatures() -> Endorser:
    """Return an endorser that only verifies signatures: its own key is random."""
    return AccountEndorser(keystore.generate())


def load_account(member: MemberHome) -> AccountKey:
    """Decrypt a member's Ethereum account, or raise KeystoreUnreadable."""
    return keystore.load(member.account_file, member.password)


def open_ports(home: Home, member: MemberHome, notify: Notify, *, own_cluster: bool = False) -> Ports:
    """Return what a member's agent needs; with `own_cluster` it reads its own cluster of rounds with clusters."""
    from fl.replay.posted_steps import Desk
    from fl.replay.vault_files import Awaited
    from fl.roles.coordinator.clock import CheckedClock, TimedLedger
    from fl.storage.journal import SqliteJournal
    from fl.storage.vault import FolderVault

    account, clock, vault = load_account(member), CheckedClock(now, steady), Awaited(home.vault)
    endorser, journal = AccountEndorser(account), SqliteJournal(member.folder / "journal.sqlite")
    ledger = chain_ledger(home, member, account, ledger_settings(home, notify=notify))
    chain, desk = TimedLedger(ledger, clock, lambda: ledger.lag_s), Desk(home.board, journal, endorser, clock)
    ports = Ports(
        ledger=BatchedLedger(chain, vault, endorser, desk, own_cluster=own_cluster),
        endorser=endorser,
        vault=vault,
        outbox=FolderVault(member.folder / "outbox"),
        journal=journal,
        keyring=keyring_of(member),
        now=clock,
        notify=notify,
    )
    settle(member, ports)
    return ports


def privacy_limit(member: MemberHome, epsilon: float | None = None, delta: float = 1e-5) -> PrivacyLimit:
    """Return a hospital's privacy account with its limit; None: no limit, but the account is kept."""
    from fl.roles.hospital.privacy_limit import PrivacyLimit
    from fl.storage.privacy_account import FolderAccount

    return PrivacyLimit(FolderAccount(member.privacy_file), math.inf if epsilon is None else epsilon, delta)


def keyring_of(member: MemberHome) -> Keyring:
    """Return a member's keys. A trustee's keys stay on disk, where it can destroy them (open_safe)."""
    from fl.storage.keyring import LiveKeys, LiveLongKeys

    if member.role == Role.TRUSTEE:
        return Keyring({})
    return Keyring(LiveKeys(member.folder, member.password), LiveLongKeys(member.folder, member.password))


def stored_keyring(member: MemberHome) -> Keyring:
    """Return the keys that a member has now, or raise KeystoreUnreadable."""
    from fl.storage.keyring import load_keys, load_long_keys

    return Keyring(load_keys(member.folder, member.password), load_long_keys(member.folder, member.password))


def open_safe(member: MemberHome) -> TrusteeStores:
    """Return the stores of a trustee's shares and member keys."""
    from fl.roles.trustee.stores import TrusteeStores
    from fl.storage.keyring import FolderKeys
    from fl.storage.shares import FolderShares

    return TrusteeStores(
        FolderShares(member.folder / "shares", member.password), FolderKeys(member.folder, member.password)
    )


def create_member(home: Home, name: str, role: Role, start: StartKit | None = None) -> Address:
    """Create a member's folder, Ethereum account and first HPKE key; return the account. It may be repeated.

    With `start`, account and key are those of the kit; a member who has others is refused.

    Raises:
        SettingInvalid: a member in another role or with another account has this name, or the password is weak.
        KeystoreUnreadable: the member exists with another password.
    """
    from fl.storage.keyring import create_key

    member = home.member(name)
    if member.account_file.exists():
        member.as_a(role)
    elif not member.password_is_drawn:
        check_password(PASSWORD_VARIABLE, member.password, name)
    member.folder.mkdir(parents=True, exist_ok=True)
    member.folder.chmod(OWNER_ONLY)
    if not member.account_file.exists():
        account = keystore.generate() if start is None else keystore.AccountKey(start.account_key)
        keystore.create(member.account_file, member.password, account, member.work_factor)
    if role != Role.OPERATOR:
        create_key(member.folder, 1, member.password, start.hpke_key if start is not None else None)
    member.save_role(role)
    address = load_account(member).address
    if start is not None and address != start.account:
        raise SettingInvalid("name", f"{name} already has another account; choose another name for this kit")
    return address


def operator_of(home: Home) -> MemberHome:
    """Return the folder of the operator in office. The chain decides if several operators have folders.

    Raises:
        ChainUnavailable, WrongChain: see chain/ledger.py.
    """
    operators = [member for member in home.members() if member.is_operator]
    if len(operators) == 1:
        return operators[0]
    settings = ledger_settings(home)
    in_office = ask_address(connect(settings.node), settings.anchor.authority, "operator")
    matching = (member for member in operators if keystore.claimed_address(member.account_file) == in_office)
    return next(matching, home.member(OPERATOR))


def register_member(operator: Ledger, account: Address, role: Role, name: str) -> None:
    """Admit an account; the operator signs.

    Raises:
        SettingInvalid: the name is unreadable, or looks like another member's.
    """
    book = LedgerView(operator).refresh().book
    if account not in book.members:
        name = proper(name, book.shown_names)
    operator.append(MemberRegistered(operator.account, account, role, name))


def register_key(home: Home, name: str) -> None:
    """Register a member's first HPKE key with its proof of possession. It may be repeated."""
    from fl.crypto.hpke_keys import key_record
    from fl.storage.keyring import create_key

    member = home.member(name)
    ledger = open_ledger(home, member)
    registered = LedgerView(ledger).refresh().book.active(ledger.account)
    if registered.key is not None:
        return
    key = create_key(member.folder, 1, member.password)
    ledger.append(key_record(ledger.anchor, ledger.account, key))


def register_long_key(home: Home, name: str, *, renew: bool = False) -> int:
    """Make a member's long key for its newest HPKE key, put it on the ledger, and return the epoch. May be repeated.

    A trustee that has a long key keeps it, except with `renew`.

    Raises:
        KeyEpochMismatch: the member has no HPKE key yet.
        LedgerOutdated: the ledger is older than version 1.3.0.
    """
    from fl.replay.long_committees import newest_long_key
    from fl.replay.long_keys import has_long_key
    from fl.roles.long_key_statement import long_key_statement
    from fl.storage.keyring import LONG, create_key

    member = home.member(name)
    ledger, vault = open_ledger(home, member), home.vault
    federation = LedgerView(ledger).refresh()
    found = federation.book.active(ledger.account)
    if found.key is None:
        raise KeyEpochMismatch(1, 0)
    if found.role == Role.TRUSTEE and not renew:
        kept = newest_long_key(federation, ledger.account, vault)
        if kept is not None and LONG.path(member.folder, kept.epoch).exists():
            return kept.epoch
    epoch = found.key.epoch
    key, long_key = (
        create_key(member.folder, epoch, member.password),
        LONG.create(member.folder, epoch, member.password),
    )
    if not has_long_key(federation, ledger.account, found.key, vault):
        ledger.append(long_key_statement(ledger.anchor, ledger.account, vault, key, long_key))
    return epoch


def rotate_key(home: Home, name: str) -> int:
    """Replace a member's HPKE key, and its long key if it has one; return the new epoch. Old keys remain."""
    from fl.crypto.hpke_keys import key_record
    from fl.roles.long_key_statement import stated_before
    from fl.storage.keyring import create_key

    member = home.member(name)
    ledger = open_ledger(home, member)
    federation = LedgerView(ledger).refresh()
    epoch = len(federation.book.active(ledger.account).keys) + 1
    key = create_key(member.folder, epoch, member.password)
    ledger.append(key_record(ledger.anchor, ledger.account, key))
    if stated_before(federation, ledger.account):
        register_long_key(home, name, renew=True)
    return epoch


def audit_key(home: Home, name: str) -> AuditKey:
    from fl.audit.access import AuditKey

    member = home.member(name)
    return AuditKey(open_ledger(home, member).account, stored_keyring(member))
