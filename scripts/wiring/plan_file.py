"""The coordinator's plan on its own disk: the options with which it began, and the rounds that follow from them.

Invariant: a coordinator that starts again with other options than those on disk opens nothing, unless its operator says
`--change-plan`; one that starts without options continues with those on disk.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from fl.protocol.errors import EncodingError, SettingInvalid
from fl.protocol.names import Role
from scripts.wiring.exit import guarded

if TYPE_CHECKING:
    from fl.protocol.codec import JsonValue
    from fl.replay.plan_document import PlanDocument
    from scripts.wiring.home import MemberHome

FILE = "plan.json"
PLAN_CAP = 16 * 64 * 1024
CHANGE = "change_plan"
NOT_STORED = (
    *("home", "confirmations", "name", "keep_models", CHANGE, "log_format", "metrics", "quiet_after"),
    *("despite_alarm", "flower_socket"),
)
"""Options of one start: what a machine has, and what somebody decided once and cannot take back by a word."""
FREE = ("rounds", "hospitals", "commit_timeout", "close_timeout", "step_timeout", "attestations", "part_mib")
"""Options that may change at each start: they change when a coordinator stops or waits, not what hospitals train."""
_WHAT = "plan"
_GIVEN = (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT)


@dataclass(frozen=True)
class StoredPlan:
    """What the file holds."""

    options: dict[str, JsonValue]
    """By the option's parameter name."""
    document: PlanDocument


class PlannedCommand(click.Command):
    """A command whose options are kept on disk from one start to the next."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        rest = super().parse_args(ctx, args)
        _continue_with_disk(ctx)
        return rest


change_plan_option = click.option(
    "--change-plan", CHANGE, is_flag=True, help="Replace the plan on disk by these options. Hospitals see the change."
)


def plan_file(member: MemberHome) -> Path:
    return member.folder / FILE


def read_plan(path: Path) -> StoredPlan:
    """Return what a plan file holds.

    Raises:
        SettingInvalid: it cannot be read.
        EncodingError: it is not a plan.
    """
    from fl.protocol import strict_json
    from fl.protocol.codec import Fields
    from fl.replay.plan_document import PlanDocument

    try:
        with path.open("rb") as file:
            raw = strict_json.loads(file.read(PLAN_CAP + 1), _WHAT, PLAN_CAP)
    except OSError as error:
        raise SettingInvalid("plan", f"{path} cannot be read ({error.strerror})") from error
    if not isinstance(raw, dict):
        raise EncodingError(_WHAT, "it is not a JSON object")
    fields = Fields(raw, _WHAT)
    return StoredPlan(fields.mapping("options"), PlanDocument.from_dict(fields.mapping("plan")))


def save_plan(member: MemberHome, context: click.Context, document: PlanDocument) -> None:
    """Write the options of this start, and what follows from them; raises StorageFull."""
    from fl.files import write_atomic

    options = {name: _plain(value) for name, value in context.params.items() if name not in NOT_STORED}
    options["protection"] = document.protection.name.lower()  # its default depends on an option that may change
    text = json.dumps({"options": options, "plan": document.to_dict()}, indent=1, sort_keys=True)
    write_atomic(plan_file(member), text.encode() + b"\n", mode=0o600)


@guarded
def _continue_with_disk(context: click.Context) -> None:
    """Take what the command line does not say from disk.

    Raises:
        SettingInvalid: an option differs from the one on disk.
    """
    from scripts.wiring.home import Home

    given = context.params
    member = Home(given["home"]).member(given["name"])
    if not plan_file(member).exists():
        return
    stored, differing = read_plan(plan_file(member.as_a(Role.COORDINATOR))).options, []
    for option in context.command.params:
        name = option.name or ""
        if name in NOT_STORED or name not in stored:
            continue
        if context.get_parameter_source(name) not in _GIVEN:
            if given.get(CHANGE) and _is_lone_flag(option):
                continue
            given[name] = _restored(context, option, stored[name])
        elif _plain(given[name]) != stored[name] and name not in FREE:
            differing.append(f"{option.opts[0][2:]} {_said(stored[name])} on disk, {_said(given[name])} here")
    if differing and not given.get(CHANGE):
        why = (
            f"the plan in {plan_file(member)} has other options ({'; '.join(differing)}). Start without them to "
            "continue with the plan on disk, or give --change-plan if all hospitals know of the change"
        )
        raise SettingInvalid("plan", why)


def _is_lone_flag(option: click.Parameter) -> bool:
    """Return whether an option is a flag that no other flag takes back: a changed plan has it only if it is given."""
    return isinstance(option, click.Option) and option.is_flag and not option.secondary_opts


def _restored(context: click.Context, option: click.Parameter, value: JsonValue) -> Any:  # noqa: ANN401 - click
    """Return a stored value in the option's type, or raise EncodingError."""
    try:
        return value if value is None else option.type_cast_value(context, value)
    except click.BadParameter as error:
        raise EncodingError(_WHAT, f"its option {option.name} cannot be used") from error


def _plain(value: object) -> JsonValue:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"an option of the type {type(value).__name__} cannot be stored")


def _said(value: object) -> str:
    return "not given" if value is None else str(value)
