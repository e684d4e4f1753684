"""Checks of one member's machine: each says what it found, or what is wrong and what to do.

Invariant: a check changes nothing but one small file of the vault, which is the same at every check of this member.

Source: sysexits.h (exit codes).
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

from chain.contracts.lookup import check_deployment
from chain.finality import Finality
from chain.rpc.node import Node, connect
from chain.rpc.pace import measure
from chain.rpc.shapes import quantity
from fl.audit.plain_words import without_names
from fl.protocol.codec import Writer, sha256
from fl.protocol.errors import (
    ChainUnavailable,
    ClockWrong,
    HemaledgerError,
    KeystoreUnreadable,
    SettingInvalid,
    StorageFull,
    VaultUnavailable,
)
from fl.protocol.errors.shown_url import shown_url
from fl.protocol.names import Role, show
from fl.replay.ledger_view import LedgerView
from fl.roles.coordinator.clock import SKEW_S
from fl.storage.keyring import load_keys
from fl.storage.object_vault import ObjectVault
from scripts.wiring.clock import now
from scripts.wiring.home import Home, MemberHome
from scripts.wiring.joining import INVITATION_FILE, own_version
from scripts.wiring.long_key_check import long_key_line
from scripts.wiring.nodes import counts_when, node_of
from scripts.wiring.roles import load_account, open_ledger

LEAST_FREE_BYTES = 2 * 1024**3
"""A round of a large network keeps a checkpoint, an update and two models."""
STORE_KEY = "AWS_ACCESS_KEY_ID"
"""The usual variable with the name of a member's key to the store; AWS_SECRET_ACCESS_KEY goes with it."""
LEAST_PYTHON = (3, 11)
TRAINING_ROLES = (Role.HOSPITAL, Role.AUDITOR, Role.COORDINATOR)
GIB = 1024**3
MOST_BEHIND = 5
"""Blocks by which nodes of one chain may differ."""
ROUND_STEPS = 14
"""How many records of a masked round wait for each other (scripts/bench/blocks.py counts them)."""
STEPS_IN_A_PHASE = 2
DEFAULT_STEP_S = 600
"""The default of coordinator run --step-timeout."""


@dataclass(frozen=True)
class Finding:
    """The result of one check."""

    says: str
    exit_code: int = 0

    @property
    def ok(self) -> bool:
        return self.exit_code == 0


@dataclass(frozen=True)
class Machine:
    """What is checked."""

    home: Home
    member: MemberHome

    @cached_property
    def node(self) -> Node:
        """Return the chain's node, which serves the right chain; raises as `connect`."""
        return connect(node_of(self.home.deployment))

    def newest_block(self) -> tuple[int, int]:
        """Return number and time of the newest block."""
        block = self.node.request("eth_getBlockByNumber", "latest", False)  # noqa: FBT003 the node's own parameter
        if not isinstance(block, dict):
            raise self.node.unavailable("it has no newest block")
        return self.node.parsed(quantity, block.get("number")), self.node.parsed(quantity, block.get("timestamp"))


Check = Callable[[Machine], str]
"""Returns what is well, or raises a HemaledgerError that says what to do."""


def checked(machine: Machine, check: Check) -> Finding:
    """Run one check."""
    try:
        return Finding(check(machine))
    except HemaledgerError as error:
        return Finding(without_names(str(error)), error.exit_code)


def versions(machine: Machine) -> str:
    python = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < LEAST_PYTHON:
        raise SettingInvalid("python", f"it is {python}; install Python 3.11 or newer")
    wanted = _invited_version(machine.member.folder / INVITATION_FILE)
    if wanted and wanted != own_version():
        raise SettingInvalid("hemaledger", f"this is version {own_version()}; the operator wants {wanted}: install it")
    return f"hemaledger {own_version()}, Python {python}"


def disk(machine: Machine) -> str:
    folder = machine.home.folder
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise SettingInvalid("home", f"{folder} cannot be read ({error.strerror}); create it or mount it") from error
    if free < LEAST_FREE_BYTES:
        raise StorageFull(
            str(folder), f"only {free / GIB:.1f} GiB are free, and a round may need {LEAST_FREE_BYTES // GIB}"
        )
    return f"{free / GIB:.0f} GiB are free in {folder}"


def chain(machine: Machine) -> str:
    deployment = machine.home.deployment
    begun = time.perf_counter()
    check_deployment(machine.node, deployment.anchor)
    took_ms = 1000 * (time.perf_counter() - begun)
    number, _ = machine.newest_block()
    says = f"{shown_url(machine.node.using)} serves chain {deployment.anchor.chain_id}, newest block {number}"
    return f"{says} ({took_ms:.0f} ms)"


def nodes(machine: Machine) -> str:
    """Ask each URL alone: the chain works while one of them does, but the others should be mended."""
    deployment = machine.home.deployment
    heads = [connect(node_of(deployment, only=url)).number("eth_blockNumber") for url in deployment.urls]
    behind = max(heads) - min(heads)
    if behind > MOST_BEHIND:
        slow = shown_url(deployment.urls[heads.index(min(heads))])
        raise ChainUnavailable(slow, f"it is {behind} blocks behind the others")
    return f"{len(heads)} of {len(heads)} answer, at most {behind} blocks apart"


def blocks(machine: Machine) -> str:
    """Measure the block time, and say how long a record and a round take with it."""
    counts = machine.home.confirmations
    finality = Finality(counts)
    finality.head(machine.node)
    depth = finality.depth
    if not (block_s := measure(machine.node)):
        return f"blocks come at once; a record counts {counts_when(counts)}"
    step_s = block_s * (depth + 1)
    says = f"a block every {block_s:.1f} s; a record counts {counts_when(counts)}, in about {block_s * depth:.0f} s"
    if step_s * STEPS_IN_A_PHASE > DEFAULT_STEP_S:
        wanted = 3 * STEPS_IN_A_PHASE * step_s
        says += f". The coordinator needs longer steps than the usual {DEFAULT_STEP_S} s: --step-timeout {wanted:.0f}"
    return f"{says}. A masked round takes about {ROUND_STEPS * step_s / 60:.0f} min besides its training"


def clock(machine: Machine) -> str:
    """Compare the clock with the newest block, which is never later than now. An old block does not say more."""
    _, stamp = machine.newest_block()
    age_s = now() - stamp
    if age_s < -SKEW_S:
        raise ClockWrong(f"{-age_s} seconds", "behind")
    if age_s <= SKEW_S:
        return f"it agrees with the newest block within {SKEW_S} s"
    return f"the newest block is {age_s} s old, so a clock that is ahead cannot be seen; use a time service (NTP)"


def vault(machine: Machine) -> str:
    """Write one small file, and read it from the vault itself, not from the copies on this machine's disk."""
    home = machine.home
    deployment = home.deployment
    consortium = deployment.anchor.consortium
    store = home.vault if home.vault_folder is not None else ObjectVault.at(deployment.vault, consortium)
    try:
        store.check()
    except VaultUnavailable as error:
        if home.vault_folder is not None or STORE_KEY in os.environ:
            raise
        why = f"it is not set, and {home.vault_name} did not open ({error.why}); the store's owner gives you a key"
        raise SettingInvalid(STORE_KEY, why) from error
    probe = Writer("doctor").raw(consortium, 32).text(machine.member.name.encode()).bytes()
    digest = store.put(probe)
    if sha256(store.get(digest, len(probe))) != digest:
        raise VaultUnavailable(home.vault_name, "it gave another file than the one that was put there")
    return f"a small file was written to {home.vault_name} and read again"


def keys(machine: Machine) -> str:
    member = machine.member
    account = load_account(member).address
    epochs = sorted(load_keys(member.folder, member.password))
    if not epochs and member.role != Role.OPERATOR:
        raise KeystoreUnreadable(str(member.folder), "it has no key; restore it from your backup, or run join again")
    return f"account {show(account)} and key{'s' if len(epochs) > 1 else ''} {', '.join(map(str, epochs))} open"


def membership(machine: Machine) -> str:
    member = machine.member
    account = load_account(member).address
    found = LedgerView(open_ledger(machine.home)).refresh().book.active(account, member.role)
    if found.key is None:
        raise SettingInvalid("key", "no key of this member is on the ledger; run `hemaledger join` again")
    own = load_keys(member.folder, member.password).get(found.key.epoch)
    if own is None or own.public_key != found.key.public_key:
        raise KeystoreUnreadable(
            str(member.folder), f"it does not have the key of epoch {found.key.epoch} that is on the ledger"
        )
    return f"{found.name} is {found.role.name.lower()}, with key epoch {found.key.epoch}"


def long_key(machine: Machine) -> str:
    return long_key_line(machine.home, machine.member)


def device(machine: Machine) -> str:
    if machine.member.role not in TRAINING_ROLES:
        return "this role does not train"
    from fl.training.model.device import pick_device

    kind = pick_device("auto").type
    if kind == "cpu" and shutil.which("nvidia-smi"):
        raise SettingInvalid(
            "device", "there is a GPU, but torch cannot use it; install a torch with CUDA, or its driver"
        )
    return f"training uses {kind}"


CHECKS: Mapping[str, Check] = MappingProxyType(
    {
        "versions": versions,
        "disk": disk,
        "chain": chain,
        "nodes": nodes,
        "blocks": blocks,
        "clock": clock,
        "vault": vault,
        "keys": keys,
        "membership": membership,
        "long key": long_key,
        "device": device,
    }
)
"""In the order in which a person should mend what they find."""


def _invited_version(file: Path) -> str:
    """Return the version that the invitation asks for; empty if there is none."""
    from scripts.wiring.invitation import Invitation

    try:
        words = Invitation.from_bytes(file.read_bytes()).install.split()
    except (OSError, HemaledgerError):
        return ""
    return words[-1] if words and words[-1][0].isdecimal() else ""
