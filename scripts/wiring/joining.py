"""How a new member joins: the operator's invitation, then the member's keys, its registration, and its key's record.

Invariant: every step may be repeated; what was done is found on the disk or on the ledger. Nothing is written to the
disk before the invitation was checked against the ledger.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version

from chain.ledger import EthereumLedger, LedgerSettings
from chain.rpc.endpoints import split_urls
from chain.rpc.own_ca import certificates_of
from chain.transactions import keystore
from chain.transactions.addresses import checksummed
from fl.files import write_atomic
from fl.protocol.codec import sha256
from fl.protocol.errors import (
    ChainUnavailable,
    InvitationRefused,
    SettingInvalid,
    UnavailableError,
    VaultUnavailable,
    WrongChain,
    WrongRole,
)
from fl.protocol.federation import Federation
from fl.protocol.keys.member_names import proper
from fl.protocol.keys.members import Member
from fl.protocol.names import Address, Role
from fl.replay.batched_ledger import BatchedLedger
from fl.replay.ledger_view import LedgerView
from fl.storage.vaults import open_vault
from scripts.wiring.clock import now
from scripts.wiring.home import PASSWORD_VARIABLE, Deployment, Home, MemberHome
from scripts.wiring.invitation import DAY_S, Invitation, check_url, rosters
from scripts.wiring.nodes import node_of, transactions_of
from scripts.wiring.roles import (
    create_member,
    in_force,
    load_account,
    open_ledger,
    operator_of,
    register_key,
    signatures,
)

WAIT_S = 2.0
INVITATION_FILE = "invitation.json"


@dataclass(frozen=True)
class Reach:
    """How a new member reaches the chain.

    Attributes:
        urls: RPC URLs in the order in which they are tried; empty: the operator's own.
        ca: PEM of the CAs that sign the nodes' certificates; empty: what the operator's consortium.json names.
    """

    urls: tuple[str, ...] = ()
    ca: str = ""


def write_invitation(home: Home, role: Role, name: str, reach: Reach, days: int) -> Invitation:
    """Return an invitation that the operator in office signed.

    Raises:
        SettingInvalid: the name cannot be given, or a URL cannot be in it.
        ChainUnavailable, WrongChain, KeystoreUnreadable: see open_ledger.
    """
    ledger = open_ledger(home, operator_of(home))
    book = LedgerView(ledger).refresh().book
    book.active(ledger.account, Role.OPERATOR)
    deployment = replace(home.deployment, anchor=ledger.anchor, confirmations=home.confirmations)
    chosen = tuple(check_url(url) for url in split_urls(reach.urls) or deployment.urls)
    ca = certificates_of(reach.ca) if reach.ca else deployment.rpc_ca
    at = now()
    plain = Invitation(
        deployment=replace(deployment, url=chosen[0], more_urls=chosen[1:], rpc_ca=ca, max_fee=None, tip=None),
        urls=chosen,
        role=role,
        name=proper(name, book.shown_names),
        roster=list(rosters(ledger.replay()))[-1],
        made_at=at,
        expires_at=at + days * DAY_S,
        install=to_install(),
    )
    return Invitation.from_bytes(plain.signed(load_account(operator_of(home))).to_bytes())


def to_install() -> str:
    """Return what a member installs, for people."""
    return f"Python 3.11 or newer, and hemaledger {own_version()}"


def own_version() -> str:
    """Return the version of this program, or `unknown` if it is not installed as a package."""
    try:
        return version("hemaledger")
    except PackageNotFoundError:
        return "unknown"


def withdraw(home: Home, invitation: Invitation) -> None:
    """Say in the vault that an invitation counts no more. It may be repeated.

    Raises:
        InvitationRefused: it is for another consortium, or was used.
        VaultUnavailable, StorageFull, VaultForbidden: the vault did not take the file.
    """
    if invitation.deployment.anchor.consortium != home.deployment.anchor.consortium:
        raise InvitationRefused("it is for another consortium")
    if invitation.name in LedgerView(open_ledger(home)).refresh().book.given:
        raise InvitationRefused(f"it was used, so end the membership of {invitation.name} instead")
    home.vault.put(invitation.withdrawal)


@dataclass(frozen=True)
class Joining:
    """One member's way into a consortium, on its own machine."""

    home: Home
    invitation: Invitation

    @property
    def member(self) -> MemberHome:
        return self.home.member(self.invitation.folder_name)

    def check(self) -> None:
        """Check the invitation against the ledger. Nothing is written.

        Raises:
            InvitationRefused: it is too old, was used, or is not the operator's.
            SettingInvalid: the folder belongs to another consortium.
            ChainUnavailable, WrongChain: no node of the invitation answers, or it serves another chain.
        SignatureInvalid: no account can have signed it.
        """
        deployment = self._reached()
        chosen = self.home.chosen_confirmations
        counts = deployment.confirmations if chosen is None else chosen
        ledger = ledger_at(replace(deployment, confirmations=counts), self.home)
        federation = LedgerView(ledger).refresh()
        if self._is_registered(federation):
            return
        operator, signer = federation.book.operator, self.invitation.signer
        if signer != operator:
            raise InvitationRefused(f"{checksummed(signer)} signed it, and the operator is {checksummed(operator)}")
        entries = ledger.replay()
        if self.invitation.roster not in set(rosters(entries)):
            raise InvitationRefused("the ledger never had the members that it names")
        if max(now(), entries[-1].timestamp) >= self.invitation.expires_at:
            raise InvitationRefused("it has expired")
        if self._is_withdrawn(deployment):
            raise InvitationRefused("the operator withdrew it")
        if self.invitation.name in federation.book.given:
            raise InvitationRefused(f"it was used, because a member is or was called {self.invitation.name}")

    def vault_answers(self) -> bool:
        """Return whether `check` could see that nobody withdrew the invitation."""
        deployment = self.invitation.deployment
        try:
            open_vault(deployment.vault, self.home.folder, deployment.anchor.consortium).check()
        except UnavailableError:
            return False
        return True

    def make_keys(self) -> Address:
        """Write consortium.json, and make the member's account and key; return the account. It may be repeated.

        Raises:
            SettingInvalid: new keys need a better password.
            KeystoreUnreadable: there are keys with another password.
        """
        if not self.member.account_file.exists():
            check_password(self.member.password, self.invitation.name)
        if not self.home.deployment_file.exists():
            self.home.folder.mkdir(parents=True, exist_ok=True)
            self.home.save(self._reached())
        account = create_member(self.home, self.member.name, self.invitation.role)
        write_atomic(self.member.folder / INVITATION_FILE, self.invitation.to_bytes())
        return account

    def registration(self, account: Address, *, wait: bool, tell: Callable[[], None]) -> Member | None:
        """Return the member as registered; None if it is not registered and nobody waits. `tell` is called once.

        Raises:
            WrongRole, RevokedSender: the account was registered for something else, or revoked.
        """
        view = LedgerView(open_ledger(self.home))
        said = False
        while account not in view.refresh().book.members:
            if not said:
                tell()
                said = True
            if not wait:
                return None
            view.wait(WAIT_S)
        member = view.federation.book.active(account)
        if member.role != self.invitation.role:
            raise WrongRole(account)
        return member

    def register_key(self) -> None:
        """Put the key on the ledger, with the proof that its private half is here. It may be repeated."""
        register_key(self.home, self.member.name)

    def _reached(self) -> Deployment:
        """Return the deployment, the first URL that answers before the others; or the folder's, if there is one."""
        invited = self.invitation.deployment
        if self.home.deployment_file.exists():
            mine = self.home.deployment
            if (mine.anchor.consortium, mine.anchor.authority) != (invited.anchor.consortium, invited.anchor.authority):
                raise SettingInvalid("home", f"{self.home.folder} belongs to another consortium; use another folder")
            return mine
        failure: ChainUnavailable | WrongChain | None = None
        for url in self.invitation.urls:
            try:
                ledger_at(replace(invited, url=url, more_urls=()), self.home)
                others = tuple(each for each in self.invitation.urls if each != url)
                return replace(invited, url=url, more_urls=others)
            except (ChainUnavailable, WrongChain) as error:
                failure = failure or error
        assert failure is not None  # noqa: S101 there is at least one URL
        raise failure

    def _is_withdrawn(self, deployment: Deployment) -> bool:
        """Return whether the vault says so; a vault that is not there yet says nothing (`vault_answers`)."""
        vault = open_vault(deployment.vault, self.home.folder, deployment.anchor.consortium)
        try:
            return vault.has(sha256(self.invitation.withdrawal))
        except VaultUnavailable:
            return False

    def _is_registered(self, federation: Federation) -> bool:
        file = self.member.account_file
        return file.exists() and keystore.claimed_address(file) in federation.book.members


def ledger_at(deployment: Deployment, home: Home) -> BatchedLedger:
    """Return the ledger in force of a deployment, read-only; raises as `open_ledger`."""
    node = node_of(deployment)
    how = transactions_of(deployment, deployment.confirmations)
    ledger = EthereumLedger(LedgerSettings(node, in_force(node, deployment.anchor), how))
    vault = open_vault(deployment.vault, home.folder, deployment.anchor.consortium)
    return BatchedLedger(ledger, vault, signatures())


def check_password(password: str, *known: str) -> None:
    """Check a password for new keys by the site's rule: many guesses, and no word that the member is known by.

    Raises:
        SettingInvalid: it is too short, or easy to guess.
    """
    from webui.errors import PasswordMalformed, PasswordWeak
    from webui.store.passwords import MAX_CHARS, MIN_CHARS, check_guesses, prepare

    try:
        check_guesses(prepare(password), known)
    except PasswordMalformed as error:
        why = f"use {MIN_CHARS} to {MAX_CHARS} characters that you can see, such as four unrelated words"
        raise SettingInvalid(PASSWORD_VARIABLE, why) from error
    except PasswordWeak as error:
        raise SettingInvalid(PASSWORD_VARIABLE, "it is easy to guess; use four or more unrelated words") from error
