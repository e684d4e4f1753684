"""A hospital's site policy: which rounds its agent takes part in, by rules that the hospital wrote into a file.

Invariant: the policy is read again for each round, before anything of the round is trained, recorded or sent. A file
that cannot be read refuses every round.

Source: PROTOCOL.md 5 (Statements). The file is TOML (toml.io, 1.0).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime, time, tzinfo
from typing import Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fl.protocol.codec import sha256
from fl.protocol.errors import EncodingError, PolicyRefused, SettingInvalid
from fl.protocol.names import NO_DIGEST, Digest, Protection, Suite
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.rounds.round import Round
from fl.training.aggregation.work import SumSpec
from fl.training.recipe import Recipe

POLICY_CAP = 64 * 1024
"""Bytes of a policy file."""
MOST_ENTRIES = 1000
LARGEST = 2**63
"""No number of a rule is larger."""
"""Entries of one list."""
UNREADABLE = "policy_file"
"""The rule that a round breaks when the file itself cannot be read."""
_WHAT = "site policy"
_DIGEST_DIGITS = 64
_PLACE = re.compile(r"line ([0-9]+)")
_TABLES: Mapping[str, tuple[str, ...]] = {
    "rounds": ("long_lived", "masked_only", "min_hospitals", "sums"),
    "training": ("max_epochs", "max_parameters", "models", "tasks"),
    "privacy": ("min_noise", "max_delta"),
    "hours": ("from", "until", "zone"),
    "plans": ("approved",),
}


@dataclass(frozen=True)
class Hours:
    """When rounds may begin here, by the clock of a time zone; `begin` may be after `end`: over midnight."""

    begin: time
    end: time
    zone: tzinfo
    zone_name: str

    def hold(self, now: int) -> bool:
        """Return whether a moment, in seconds since 1970, is inside."""
        local = datetime.fromtimestamp(now, self.zone).time()
        if self.begin <= self.end:
            return self.begin <= local < self.end
        return local >= self.begin or local < self.end


@dataclass(frozen=True)
class SitePolicy:
    """What a hospital allows; the defaults allow everything."""

    long_lived: bool = False
    """Whether the files of a round must be sealed for decades (suite 2)."""
    masked_only: bool = False
    min_hospitals: int = 0
    """In the roster, this hospital included."""
    sums: bool = True
    """Whether rounds may add up numbers without training a network: data cards, calibration, tables."""
    max_epochs: int = 0
    """Of one round; 0: any number."""
    max_parameters: int = 0
    """Numbers in an update; 0: any."""
    models: tuple[str, ...] = ()
    """Kinds of network; empty: all."""
    tasks: tuple[str, ...] = ()
    """Names of tasks; empty: all."""
    min_noise: float = 0.0
    """Noise multiplier of DP-SGD; 0: none is needed."""
    max_delta: float = 0.0
    """0: any."""
    hours: Hours | None = None
    approved: frozenset[Digest] = frozenset()
    """Digests of round configurations that the hospital reviewed; empty: all."""


@dataclass(frozen=True)
class Proposal:
    """What a round asks for."""

    number: int
    """Of the round; 0: of a plan."""
    protection: Protection
    hospitals: int
    parameters: int
    """Numbers in an update."""
    config: RoundConfig
    digest: Digest
    """Of the configuration."""

    @classmethod
    def of(cls, current: Round, config: RoundConfig) -> Proposal:
        terms = current.terms
        return cls(current.number, terms.protection, len(current.roster), terms.parameters, config, terms.config_digest)


class Policies(Protocol):
    """Where a hospital keeps its policy."""

    def read(self) -> bytes | None:
        """Return the bytes of the file, None if there is none."""
        ...


def no_policy() -> None:
    """Stand for a hospital without a policy file."""
    return


def parse_policy(data: bytes) -> SitePolicy:
    """Parse a policy file, or raise EncodingError that names the line or field."""
    if len(data) > POLICY_CAP:
        raise EncodingError(_WHAT, f"it has more than {POLICY_CAP} bytes")
    try:
        raw = tomllib.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        place = _PLACE.search(str(error))
        where = f" in line {place[1]}" if place else ""
        raise EncodingError(_WHAT, f"it is not TOML: there is a mistake{where}") from error
    tables = {name: _table(raw, name) for name in _TABLES}
    if extra := sorted(set(raw) - set(_TABLES)):
        raise EncodingError(_WHAT, f"it has the unknown table {extra[0][:40]}")
    hours, given = _hours(tables.pop("hours")), {name: v for table in tables.values() for name, v in table.items()}
    defaults = SitePolicy()
    values = {
        item.name: _value(item.name, given[item.name], getattr(defaults, item.name))
        for item in fields(SitePolicy)
        if item.name in given
    }
    return SitePolicy(**values, hours=hours)  # type: ignore[arg-type]


def broken(policy: SitePolicy, asked: Proposal, now: int | None) -> Iterator[tuple[str, str]]:
    """Yield each rule that a round breaks, with why; `now` is in seconds since 1970, None: not judged."""
    config = asked.config
    if policy.masked_only and asked.protection == Protection.SEALED:
        yield "masked_only", f"its updates are {asked.protection.name.lower()}"
    if policy.long_lived and config.suite != Suite.HYBRID:
        yield "long_lived", "its files are not sealed for decades (suite 2)"
    if asked.hospitals < policy.min_hospitals:
        yield "min_hospitals", f"it has {asked.hospitals} hospitals, and {policy.min_hospitals} are needed"
    if policy.max_parameters and asked.parameters > policy.max_parameters:
        yield "max_parameters", f"an update has {asked.parameters} numbers, and {policy.max_parameters} are allowed"
    if policy.tasks and config.task.name not in policy.tasks:
        yield "tasks", f"the task {config.task.name!r} is not in the list"
    if policy.approved and asked.digest not in policy.approved:
        yield "approved", f"nobody here approved the configuration {asked.digest.hex()}"
    if policy.hours and now is not None and not policy.hours.hold(now):
        hours = policy.hours
        yield "hours", f"rounds begin from {hours.begin:%H:%M} until {hours.end:%H:%M} ({hours.zone_name})"
    yield from _broken_by_training(policy, config)


def _broken_by_training(policy: SitePolicy, config: RoundConfig) -> Iterator[tuple[str, str]]:
    if SumSpec.from_dict(config.training) is not None:
        if not policy.sums:
            yield "sums", "it adds up numbers without training a network"
        if policy.min_noise:
            yield "min_noise", "it adds up exact numbers, without noise"
        return
    try:
        recipe = Recipe.from_dict(config.training)
    except EncodingError as error:
        if policy.max_epochs or policy.models or policy.min_noise:
            yield "models", f"nobody can tell what it trains ({error})"
        return
    local, kind = recipe.local, recipe.spec.kind
    if policy.max_epochs and local.epochs > policy.max_epochs:
        yield "max_epochs", f"it trains {local.epochs} epochs, and {policy.max_epochs} are allowed"
    if policy.models and kind not in policy.models:
        yield "models", f"its network is a {kind}"
    if local.privacy.noise < policy.min_noise:
        yield "min_noise", f"its noise is {local.privacy.noise:g}, and {policy.min_noise:g} is needed"
    if policy.max_delta and local.privacy.delta > policy.max_delta:
        yield "max_delta", f"its delta is {local.privacy.delta:g}, and {policy.max_delta:g} is allowed"


class PolicyCheck:
    """Compares each round with the policy as it is at that moment."""

    def __init__(self, read: Callable[[], bytes | None], now: Callable[[], int]) -> None:
        self._read = read
        self._now = now

    def digest(self) -> Digest | None:
        """Return the SHA-256 of the file, NO_DIGEST without one, None while it cannot be read."""
        try:
            data = self._read()
        except SettingInvalid:
            return None
        return NO_DIGEST if data is None else sha256(data)

    def check(self, current: Round, config: RoundConfig) -> Digest:
        """Return the SHA-256 of the file that allows a round, NO_DIGEST without one.

        Raises:
            PolicyRefused: the file breaks a rule, or cannot be read; with the first rule that the round breaks.
        """
        try:
            data = self._read()
            if data is None:
                return NO_DIGEST
            policy = parse_policy(data)
        except (EncodingError, SettingInvalid) as error:
            raise PolicyRefused(current.number, UNREADABLE, str(error)) from error
        for rule, why in broken(policy, Proposal.of(current, config), self._now()):
            raise PolicyRefused(current.number, rule, why)
        return sha256(data)


def _table(raw: Mapping[str, object], name: str) -> dict[str, object]:
    table = raw.get(name, {})
    if not isinstance(table, dict):
        raise EncodingError(_WHAT, f"{name} is not a table")
    if extra := sorted(set(table) - set(_TABLES[name])):
        raise EncodingError(_WHAT, f"{name} has the unknown rule {extra[0][:40]}")
    return table


def _value(name: str, value: object, default: object) -> object:
    """Return a rule's value in the type of its default, or raise EncodingError."""
    if isinstance(default, bool) and isinstance(value, bool):
        return value
    if not isinstance(value, bool) and not isinstance(default, bool):
        if isinstance(default, int) and isinstance(value, int) and 0 <= value <= LARGEST:
            return value
        if isinstance(default, float) and isinstance(value, int | float) and 0 <= value <= LARGEST:
            return float(value)
        if isinstance(default, tuple | frozenset):
            texts = _texts(name, value)
            return tuple(texts) if isinstance(default, tuple) else frozenset(_digest(text) for text in texts)
    wanted = {bool: "true or false", int: "a whole number from 0", float: "a number from 0"}
    raise EncodingError(_WHAT, f"{name} is not {wanted.get(type(default), 'a list of texts')}")


def _texts(name: str, value: object) -> list[str]:
    if isinstance(value, list) and len(value) <= MOST_ENTRIES and all(isinstance(each, str) for each in value):
        return value
    raise EncodingError(_WHAT, f"{name} is not a list of at most {MOST_ENTRIES} texts")


def _digest(text: str) -> Digest:
    digits = text.removeprefix("0x")
    try:
        if len(digits) == _DIGEST_DIGITS:
            return Digest(bytes.fromhex(digits))
    except ValueError:
        pass
    raise EncodingError(_WHAT, "approved has an entry that is not 64 hexadecimal digits")


def _hours(table: Mapping[str, object]) -> Hours | None:
    if not table:
        return None
    begin, end, zone = (table.get(name, default) for name, default in (("from", ""), ("until", ""), ("zone", "UTC")))
    if not isinstance(zone, str):
        raise EncodingError(_WHAT, "zone is not a text")
    try:
        clock: tzinfo = UTC if zone == "UTC" else ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise EncodingError(_WHAT, f"this machine does not know the time zone {zone[:60]!r}") from error
    return Hours(_time("from", begin), _time("until", end), clock, zone)


def _time(name: str, value: object) -> time:
    try:
        return value if isinstance(value, time) else datetime.strptime(str(value), "%H:%M").time()  # noqa: DTZ007
    except ValueError as error:
        raise EncodingError(_WHAT, f"{name} is not a time such as 20:00") from error
