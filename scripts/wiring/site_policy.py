"""The file of a hospital's site policy in its own folder, and what the commands say about it.

Invariant: only the hospital writes the file; its agent reads it again for every round.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from fl.files import write_atomic
from fl.protocol.errors import EncodingError, SettingInvalid

if TYPE_CHECKING:
    from fl.protocol.names import Digest
    from fl.roles.hospital.site_policy import Proposal
    from scripts.wiring.home import Home, MemberHome

FILE = "policy.toml"
TEMPLATE = """\
# What this hospital allows. Its agent reads this file again for every round, before it trains, records or sends
# anything. A round that breaks a rule goes on without this hospital: the others see the name of the rule on the
# ledger, and the reason is in this hospital's log. A rule behind a "#" is off. docs/policy.md explains every rule.

[rounds]
# Only masked rounds, in which nobody sees one hospital's update.
masked_only = true
# Only rounds whose files are sealed for decades, to long keys (docs/long-keys.md).
# long_lived = true
# The fewest hospitals in a round, this one included.
min_hospitals = 3
# Whether rounds may add up numbers without training a network (data cards, calibration, tables).
sums = true

[training]
# Passes over the images in one round.
max_epochs = 20
# Numbers in an update; the network lite0 has about 3.4 million.
max_parameters = 20_000_000
# Kinds of network.
# models = ["hemanet", "lite0"]
# Names of tasks, as `hemaledger hospital policy approve` prints them.
# tasks = ["acute lymphoblastic leukaemia"]

[privacy]
# The smallest noise of a private training (--epsilon); rounds with less noise or none are refused.
# min_noise = 1.0
# The largest delta.
# max_delta = 1e-5

[hours]
# Rounds may begin only from one time until another, over midnight if "from" is the later one.
# from = "20:00"
# until = "06:00"
# zone = "Europe/Berlin"

[plans]
# Digests of the plans that people here reviewed; `hemaledger hospital policy approve` adds them.
# approved = []
"""
_APPROVED = re.compile(r"^#?[ ]*approved[ ]*=[ ]*\[[^\]]*\][ ]*$", re.MULTILINE)


def policy_file(member: MemberHome) -> Path:
    return member.folder / FILE


def policy_of(member: MemberHome) -> Callable[[], bytes | None]:
    """Return a function that reads the policy as it is now; None without a file.

    The function raises SettingInvalid if the file is there and cannot be read.
    """
    from fl.roles.hospital.site_policy import POLICY_CAP

    path = policy_file(member)

    def read() -> bytes | None:
        try:
            with path.open("rb") as file:
                return file.read(POLICY_CAP + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise SettingInvalid("policy", f"{path} cannot be read ({error.strerror})") from error

    return read


def read_policy(member: MemberHome) -> bytes:
    """Return the bytes of a policy that can be used.

    Raises:
        SettingInvalid: there is no file, or it has a mistake.
    """
    from fl.roles.hospital.site_policy import parse_policy

    data, path = policy_of(member)(), policy_file(member)
    if data is None:
        raise SettingInvalid("policy", f"{path} does not exist; make it with `hemaledger hospital policy init`")
    try:
        parse_policy(data)
    except EncodingError as error:
        raise SettingInvalid("policy", f"{path} has a mistake: {error.why}") from error
    return data


def create_policy(member: MemberHome) -> Path:
    """Write the template, or raise SettingInvalid if there is a policy already."""
    path = policy_file(member)
    if path.exists():
        raise SettingInvalid("policy", f"{path} exists already; edit it")
    write_atomic(path, TEMPLATE.encode(), mode=0o600)
    return path


def approve(member: MemberHome, digests: tuple[Digest, ...]) -> None:
    """Add digests to the list of approved plans.

    Raises:
        SettingInvalid: the file has a mistake, or its list is written in a form that only a person can change.
    """
    from fl.roles.hospital.site_policy import parse_policy

    data = read_policy(member)
    wanted = sorted({each.hex() for each in (*parse_policy(data).approved, *digests)})
    entries = "".join(f'    "{each}",\n' for each in wanted)
    text, count = _APPROVED.subn(f"approved = [\n{entries}]", data.decode())
    if count == 0 and "[plans]" not in text:
        text, count = f"{text}\n[plans]\napproved = [\n{entries}]\n", 1
    if count != 1 or parse_policy(text.encode()).approved != frozenset(bytes.fromhex(each) for each in wanted):
        raise SettingInvalid("policy", f"write the digests into {policy_file(member)} by hand: {', '.join(wanted)}")
    write_atomic(policy_file(member), text.encode(), mode=0o600)


def proposals(home: Home, plan: Path | None) -> list[Proposal]:
    """Return what a file with a plan asks for; without a file, what the newest round on the ledger does.

    Raises:
        EncodingError: the file is not a plan.
        SettingInvalid: the file cannot be read, or the ledger has no round.
    """
    return list(_of_file(plan)) if plan else [_of_ledger(home)]


def _of_file(path: Path) -> Iterator[Proposal]:
    from fl.roles.hospital.site_policy import Proposal
    from scripts.wiring.plan_file import read_plan

    document = read_plan(path).document
    for config, parameters, digest in zip(document.configs, document.parameters, document.digests, strict=True):
        yield Proposal(0, document.protection, document.hospitals, parameters, config, digest)


def _of_ledger(home: Home) -> Proposal:
    from fl.replay.ledger_view import LedgerView
    from fl.replay.round_documents import read_config
    from fl.roles.hospital.site_policy import Proposal
    from scripts.wiring.roles import open_ledger

    rounds = LedgerView(open_ledger(home)).refresh().rounds
    if not rounds:
        raise SettingInvalid("plan", "the ledger has no round yet; ask the coordinator for its plan file")
    return Proposal.of(rounds[-1], read_config(rounds[-1], home.vault))
