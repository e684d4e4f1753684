"""Founds a consortium: the operator's account, the contracts, the vault, and last consortium.json."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import click

from fl.protocol.errors import SettingInvalid
from fl.protocol.names import NO_ADDRESS, Role
from fl.protocol.task import Task
from scripts.wiring.options import (
    OPERATOR,
    Confirmations,
    Decorator,
    gathered,
    max_fee_option,
    rpc_option,
    tip_option,
)

if TYPE_CHECKING:
    from scripts.wiring.home import Deployment, Home


@dataclass(frozen=True)
class ChainOptions:
    """The options that name the chain of a new consortium, and how to write to it."""

    rpc: tuple[str, ...]
    free_gas: bool
    confirmations: int
    max_fee_gwei: int | None
    """In wei, as `tip_gwei`."""
    tip_gwei: int | None
    vault: str

    @property
    def choice(self) -> ChainChoice:
        from chain.rpc.endpoints import split_urls

        urls = split_urls(self.rpc)
        if not urls:
            raise SettingInvalid("rpc", "write http://HOST:PORT or https://HOST")
        paid = (self.max_fee_gwei, self.tip_gwei)
        return ChainChoice(urls[0], self.free_gas, self.confirmations, self.vault, urls[1:], *paid)


def check_unfounded(home: Home) -> None:
    """Raise SettingInvalid if the folder already holds a consortium."""
    if home.deployment_file.exists():
        raise SettingInvalid("home", f"{home.deployment_file} exists already; use another folder")


@dataclass(frozen=True)
class ChainChoice:
    """The chain of a new consortium, and how to write to it."""

    url: str = field(repr=False)
    free_gas: bool = True
    confirmations: int = 1
    vault: str = ""
    """The address of the vault; empty: a folder beside consortium.json."""
    more_urls: tuple[str, ...] = field(default=(), repr=False)
    max_fee: int | None = None
    tip: int | None = None
    """Both in wei per gas, as in Deployment."""


def found_consortium(home: Home, where: ChainChoice, task: Task) -> Deployment:
    """Create the operator, deploy the contracts, create the vault, and then write consortium.json.

    Raises:
        SettingInvalid: the folder already holds a consortium, or its vault belongs to another one.
        StorageFull: the vault cannot be created.
        ChainUnavailable, WrongChain, TransactionTimeout: see chain/ledger.py.
    """
    from chain.deploy import deploy
    from fl.protocol.ports import Anchor
    from fl.storage.vaults import create_vault
    from scripts.wiring.home import Deployment
    from scripts.wiring.nodes import node_of, transactions_of
    from scripts.wiring.roles import create_member, load_account

    check_unfounded(home)
    create_member(home, OPERATOR, Role.OPERATOR)
    key = load_account(home.member(OPERATOR))
    planned = Deployment(
        url=where.url,
        anchor=Anchor(bytes(32), 0, NO_ADDRESS, NO_ADDRESS),
        free_gas=where.free_gas,
        task=task,
        confirmations=where.confirmations,
        vault=where.vault,
        more_urls=where.more_urls,
        max_fee=where.max_fee,
        tip=where.tip,
    )
    how = transactions_of(planned, where.confirmations, home.member(OPERATOR).sending)
    node = replace(node_of(planned), chain_id=None)
    anchor = deploy(node, how, key, secrets.token_bytes(32))
    create_vault(where.vault, home.folder, anchor.consortium)
    deployment = replace(planned, anchor=anchor)
    home.save(deployment)
    return deployment


new_chain_options: Decorator[Any] = gathered(
    "where",
    ChainOptions,
    rpc_option,
    click.option("--free-gas/--paid-gas", default=True, show_default=True, help="Whether transactions are free."),
    click.option(
        "--confirmations",
        type=Confirmations(),
        default=1,
        show_default=True,
        help="How many blocks confirm a record, its own block included; or finalized. Members read it from "
        "consortium.json.",
    ),
    max_fee_option,
    tip_option,
    click.option(
        "--vault",
        default="",
        metavar="URL",
        help="Where the encrypted files are: s3://BUCKET/PREFIX?endpoint=URL, or file:///FOLDER. Members read it from "
        "consortium.json. [default: the folder vault beside it]",
    ),
)
