"""The folders and files of a run: one folder per run, one subfolder per member.

HOME/consortium.json          the chain, the contracts, the task
HOME/chain/                   the embedded chain's journal
HOME/vault/                   vault.json, and encrypted files by digest
HOME/members/NAME/            account.json, hpke-1.pem, journal.sqlite, outbox/, data.npz, labels.json, password (demo)
                              log-key.pem, witness-key.pem of who keeps or cosigns the log
                              monitor.sqlite, evidence/ of who watches
HOME/log/checkpoint           the newest checkpoint of the log with its signatures
HOME/site/                    the site's database and secret
HOME/audit.{txt,json,html}    the last audit
HOME/summary.json             the results of a demo
"""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from fl.files import write_atomic
from fl.protocol import strict_json
from fl.protocol.codec import Fields, JsonValue
from fl.protocol.errors import EncodingError, SettingInvalid
from fl.protocol.names import Role, parse_hex, show
from fl.protocol.ports import Anchor, Board
from fl.protocol.task import Task
from fl.storage.cached_vault import CachedVault
from fl.storage.staged_keys import finish_change
from fl.storage.vault import FolderVault
from fl.storage.vaults import folder_of, name_of, open_vault
from scripts.wiring.chain_fields import confirmations_in, more_urls_in, wei_in
from scripts.wiring.options import FINALIZED_WORD

PROJECT = Path(__file__).resolve().parents[2]
"""The folder of hardhat.config.js and node_modules."""
FILE_CAP = 64 * 1024
OWNER_ONLY = 0o700
PASSWORD_VARIABLE = "HEMALEDGER_PASSWORD"  # noqa: S105 - the name of the variable, not a password


@dataclass(frozen=True)
class Deployment:
    """The chain and the contracts of a consortium."""

    url: str = field(repr=False)
    """Of the node; it can have a password in it."""
    anchor: Anchor
    free_gas: bool
    """Whether transactions cost nothing, as on the embedded chain."""
    task: Task | None = None
    """The task that the consortium trains; None if the file names none."""
    confirmations: int = 1
    """How many blocks confirm a record, its own block included; FINALIZED: its block must be finalized."""
    vault: str = ""
    """The address of the vault (fl/storage/vaults.py); empty: the folder `vault` beside consortium.json."""
    rpc_ca: str = field(default="", repr=False)
    """PEM: the CAs that may sign the node's certificate; empty: the public ones (chain/rpc/own_ca.py)."""
    more_urls: tuple[str, ...] = field(default=(), repr=False)
    """Further nodes of the same chain."""
    max_fee: int | None = None
    tip: int | None = None
    """The most wei per gas that this member pays, and what the block's maker gets; None: no limit, as the node says."""

    @property
    def urls(self) -> tuple[str, ...]:
        return (self.url, *self.more_urls)


@dataclass(frozen=True)
class MemberHome:
    """One member's folder."""

    folder: Path
    name: str

    @property
    def account_file(self) -> Path:
        return self.folder / "account.json"

    @property
    def data_file(self) -> Path:
        return self.folder / "data.npz"

    @property
    def labels_file(self) -> Path:
        """Return the file that says what the names in the member's images mean."""
        return self.folder / "labels.json"

    @property
    def privacy_file(self) -> Path:
        """Return the file with the hospital's privacy account."""
        return self.folder / "privacy.json"

    @property
    def uploads(self) -> Path:
        """Return the folder through which the site hands uploaded weights to a hospital's agent."""
        return self.folder / "uploads"

    @property
    def key_orders(self) -> Path:
        """Return the folder through which the site orders a new key from a hospital's agent."""
        return self.folder / "key-orders"

    @property
    def withdrawal_orders(self) -> Path:
        """Return the folder through which the site orders a withdrawal from a hospital's agent."""
        return self.folder / "withdrawal-orders"

    @property
    def sending(self) -> Path:
        """Return the folder of the transactions that were sent and not seen included yet."""
        return self.folder / "sending"

    @property
    def training(self) -> Path:
        """Return the folder of a training outside any round: its state, its log and its weights."""
        return self.folder / "training"

    @property
    def password(self) -> str:
        """Return the password of the member's keys, from HEMALEDGER_PASSWORD or else from the demo's file.

        Raises:
            SettingInvalid: both are missing.
        """
        finish_change(self.folder)
        password = os.environ.get(PASSWORD_VARIABLE)
        if password:
            return password
        try:
            return (self.folder / "password").read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SettingInvalid(PASSWORD_VARIABLE, f"set it to the password of {self.name}'s keys") from error

    @property
    def password_is_drawn(self) -> bool:
        """Return whether the password is the random one of a demo, not a person's."""
        return not os.environ.get(PASSWORD_VARIABLE) and (self.folder / "password").exists()

    @property
    def work_factor(self) -> int:
        """Return scrypt's N. The demo's random password has 192 bits and needs no slow hash; a person's does."""
        from chain.transactions.keystore import WORK_FACTOR

        return 2**12 if (self.folder / "password").exists() else WORK_FACTOR

    def create_password(self) -> None:
        """Write a random password for new keys, unless there is one. Only demos do this."""
        if (self.folder / "password").exists() or self.account_file.exists():
            return
        write_atomic(self.folder / "password", secrets.token_urlsafe(24).encode(), mode=0o600)

    def save_role(self, role: Role) -> None:
        write_atomic(self.folder / "member.json", json.dumps({"role": role.name.lower()}).encode())

    @property
    def role(self) -> Role:
        try:
            return Role[_read(self.folder / "member.json").text("role").upper()]
        except (OSError, EncodingError, KeyError) as error:
            raise SettingInvalid("name", f"there is no member {self.name} in {self.folder.parent}") from error

    @property
    def is_operator(self) -> bool:
        """Return whether this is an operator's folder; False if it has no role yet."""
        return (self.folder / "member.json").exists() and self.role == Role.OPERATOR

    def as_a(self, role: Role) -> Self:
        """Return this member, or raise SettingInvalid if it has another role."""
        if self.role != role:
            raise SettingInvalid("name", f"{self.name} has the role {self.role.name.lower()}, not {role.name.lower()}")
        return self


@dataclass(frozen=True)
class Home:
    """A run's folder."""

    folder: Path
    chosen_confirmations: int | None = None
    """The value of --confirmations."""

    @property
    def confirmations(self) -> int:
        """Return when a record counts, as chain/finality.py has it."""
        chosen = self.chosen_confirmations
        return self.deployment.confirmations if chosen is None else chosen

    @property
    def vault(self) -> FolderVault | CachedVault:
        """Return the consortium's vault, or raise SettingInvalid if there is no consortium."""
        deployment = self.deployment
        return open_vault(deployment.vault, self.folder, deployment.anchor.consortium)

    @property
    def board(self) -> Board:
        """Return the board of the vault, for the steps of wide rounds; raises as `vault`."""
        from fl.storage.step_board import open_steps

        deployment = self.deployment
        return open_steps(deployment.vault, self.folder, deployment.anchor.consortium)

    @property
    def vault_name(self) -> str:
        """Return what messages call the vault."""
        return name_of(self.deployment.vault, self.folder)

    @property
    def vault_folder(self) -> Path | None:
        """Return the folder of the vault, which may be a link to shared storage; None if it is on another machine."""
        return folder_of(self.deployment.vault, self.folder)

    @property
    def chain(self) -> Path:
        return self.folder / "chain"

    @property
    def deployment_file(self) -> Path:
        return self.folder / "consortium.json"

    @property
    def audit_report(self) -> Path:
        return self.folder / "audit.json"

    def member(self, name: str) -> MemberHome:
        """Return a member's folder, or raise SettingInvalid if the name has other characters than a plain word."""
        if not name or not name.replace("-", "").isalnum():
            raise SettingInvalid("name", f"{name!r} must have only letters, digits and hyphens")
        return MemberHome(self.folder / "members" / name, name)

    def members(self) -> list[MemberHome]:
        """Return all members of this run, by name."""
        return [MemberHome(path, path.name) for path in sorted((self.folder / "members").glob("*")) if path.is_dir()]

    def save(self, deployment: Deployment) -> None:
        write_atomic(self.deployment_file, json.dumps(document_of(deployment), indent=2).encode() + b"\n")

    @property
    def deployment(self) -> Deployment:
        """Read consortium.json, or raise SettingInvalid."""
        path = self.deployment_file
        try:
            return deployment_of(_read(path))
        except FileNotFoundError as error:
            raise SettingInvalid(
                "home",
                f"{path} does not exist. Ask your operator for the invitation file and run `hemaledger join FILE`; "
                "the operator founds the consortium with `hemaledger consortium create`",
            ) from error
        except OSError as error:
            raise SettingInvalid("home", f"{path} cannot be read ({error.strerror})") from error
        except EncodingError as error:
            raise SettingInvalid("home", f"{path} is damaged ({error})") from error


def document_of(deployment: Deployment) -> dict[str, JsonValue]:
    """Return what consortium.json holds."""
    anchor = deployment.anchor
    optional: dict[str, JsonValue] = {
        "rpc_ca": deployment.rpc_ca or None,
        "more_urls": list(deployment.more_urls) or None,
        "max_fee_wei": deployment.max_fee,
        "tip_wei": deployment.tip,
    }
    return {
        **{name: value for name, value in optional.items() if value is not None},
        "authority": show(anchor.authority),
        "chain_id": anchor.chain_id,
        "confirmations": deployment.confirmations or FINALIZED_WORD,
        "consortium": show(anchor.consortium),
        "free_gas": deployment.free_gas,
        "ledger": show(anchor.contract),
        "task": deployment.task.to_dict() if deployment.task else None,
        "url": deployment.url,
        "vault": deployment.vault,
    }


def deployment_of(fields: Fields) -> Deployment:
    """Parse what consortium.json holds, or raise EncodingError."""
    from chain.transactions.addresses import parse_address

    anchor = Anchor(
        consortium=parse_hex(fields.text("consortium"), 32, "consortium"),
        chain_id=fields.integer("chain_id"),
        authority=parse_address(fields.text("authority"), "authority"),
        contract=parse_address(fields.text("ledger"), "ledger"),
    )
    task = Task.from_dict(fields.mapping("task")) if fields.value.get("task") else None
    vault = fields.text("vault") if "vault" in fields.value else ""
    ca = fields.text("rpc_ca") if "rpc_ca" in fields.value else ""
    return Deployment(
        url=fields.text("url"),
        anchor=anchor,
        free_gas=fields.truth("free_gas"),
        task=task,
        confirmations=confirmations_in(fields),
        vault=vault,
        rpc_ca=ca,
        more_urls=more_urls_in(fields),
        max_fee=wei_in(fields, "max_fee_wei"),
        tip=wei_in(fields, "tip_wei"),
    )


def _read(path: Path) -> Fields:
    """Return the fields of a small JSON file, or raise OSError or EncodingError."""
    with path.open("rb") as file:
        value = strict_json.loads(file.read(FILE_CAP + 1), path.name, FILE_CAP)
    if not isinstance(value, dict):
        raise EncodingError(path.name, "it is not a JSON object")
    return Fields(value, path.name)
