"""The rules of a site policy, one by one, and files that are none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fl.protocol.errors import EncodingError
from fl.protocol.names import NO_DIGEST, Protection, Suite
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.task_catalogue import LEUKEMIA
from fl.roles.hospital.site_policy import Proposal, SitePolicy, broken, parse_policy
from fl.training.calibrating import closing_rounds
from fl.training.local.config import LocalConfig
from fl.training.model.spec import ModelSpec
from fl.training.privacy.terms import Privacy
from fl.training.recipe import Recipe, fitted_to
from scripts.wiring.site_policy import TEMPLATE

SPEC = fitted_to(ModelSpec(width=8), LEUKEMIA)
NOON, MIDNIGHT = 12 * 3600, 24 * 3600


def config(local: LocalConfig | None = None) -> RoundConfig:
    return RoundConfig(0.5, 50.0, 4096, Recipe(SPEC, local or LocalConfig(epochs=3), 1).to_dict(), LEUKEMIA)


ASKED = Proposal(1, Protection.SEALED, 3, 1000, config(), NO_DIGEST)
PRIVATE = config(LocalConfig(class_balance=0.0, clip_norm=0.0, smoothing=0.0, privacy=Privacy(0.8, 1.0, 0.25, 1e-5)))


def rules(text: str, asked: Proposal = ASKED, now: int | None = NOON) -> list[str]:
    return [rule for rule, _ in broken(parse_policy(text.encode()), asked, now)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[rounds]\nmasked_only = true", ["masked_only"]),
        ("[rounds]\nlong_lived = true", ["long_lived"]),
        ("[rounds]\nlong_lived = false", []),
        ("[rounds]\nmin_hospitals = 4", ["min_hospitals"]),
        ("[training]\nmax_epochs = 2", ["max_epochs"]),
        ("[training]\nmax_parameters = 999", ["max_parameters"]),
        ('[training]\nmodels = ["lite0"]', ["models"]),
        ('[training]\ntasks = ["another"]', ["tasks"]),
        ("[privacy]\nmin_noise = 0.5", ["min_noise"]),
        (f'[plans]\napproved = ["{"ab" * 32}"]', ["approved"]),
        ('[hours]\nfrom = "20:00"\nuntil = "06:00"', ["hours"]),
        ("[rounds]\nmin_hospitals = 3\n[training]\nmax_epochs = 3\nmax_parameters = 1000", []),
        (f'[training]\nmodels = ["{SPEC.kind}"]\ntasks = ["{LEUKEMIA.name}"]', []),
        (f'[plans]\napproved = ["{"00" * 32}"]', []),
        ("", []),
    ],
)
def test_each_rule_refuses_what_it_names_and_nothing_else(text: str, expected: list[str]) -> None:
    assert rules(text) == expected


def test_files_sealed_for_decades_satisfy_a_policy_that_demands_them() -> None:
    asked = replace(ASKED, config=replace(ASKED.config, suite=Suite.HYBRID))
    assert rules("[rounds]\nlong_lived = true", asked) == []


def test_noise_and_delta_of_a_private_training_are_compared() -> None:
    asked = replace(ASKED, config=PRIVATE)
    assert rules("[privacy]\nmin_noise = 1.0\nmax_delta = 1e-6", asked) == ["min_noise", "max_delta"]
    assert rules("[privacy]\nmin_noise = 0.8\nmax_delta = 1e-5", asked) == []


def test_exact_sums_are_refused_where_noise_is_needed_or_sums_are_not_wanted() -> None:
    asked = replace(ASKED, config=closing_rounds(config())[0])
    assert rules("[rounds]\nsums = false\n[privacy]\nmin_noise = 0.1", asked) == ["sums", "min_noise"]
    assert rules("[training]\nmax_epochs = 1", asked) == [], "a sum has no epochs"


@pytest.mark.parametrize(("clock", "inside"), [(MIDNIGHT - 60, True), (60, True), (NOON, False), (6 * 3600, False)])
def test_hours_may_go_over_midnight(clock: int, inside: bool) -> None:
    assert (rules('[hours]\nfrom = "20:00"\nuntil = "06:00"\nzone = "UTC"', now=clock) == []) == inside


def test_what_cannot_be_told_of_a_training_is_refused_by_a_rule_about_it() -> None:
    asked = replace(ASKED, config=replace(config(), training={"made": "of nothing known"}))
    assert rules("[training]\nmax_epochs = 5", asked) == ["models"]
    assert rules("[rounds]\nmin_hospitals = 3", asked) == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[rounds]\nmin_hospitals = = 3", "mistake in line 2"),
        ("[round]\nmasked_only = true", "unknown table round"),
        ("[rounds]\nmasked = true", "unknown rule masked"),
        ("[rounds]\nmasked_only = 1", "masked_only is not true or false"),
        ("[training]\nmax_epochs = -1", "max_epochs is not a whole number"),
        ("[training]\nmax_epochs = true", "max_epochs is not a whole number"),
        ("[privacy]\nmin_noise = inf", "min_noise is not a number"),
        ("[privacy]\nmin_noise = nan", "min_noise is not a number"),
        ("[training]\nmodels = [1]", "models is not a list"),
        ('[training]\nmodels = "lite0"', "models is not a list"),
        ("[training]\nmodels = true", "models is not a list"),
        ('[plans]\napproved = ["ab"]', "64 hexadecimal digits"),
        ('[hours]\nfrom = "25:00"\nuntil = "06:00"', "from is not a time"),
        ('[hours]\nfrom = "20:00"', "until is not a time"),
        ('[hours]\nfrom = "20:00"\nuntil = "06:00"\nzone = "Nowhere/Land"', "time zone 'Nowhere/Land'"),
        ('[hours]\nfrom = "20:00"\nuntil = "06:00"\nzone = 3', "zone is not a text"),
        ("#" * 70_000, "more than 65536 bytes"),
    ],
)
def test_a_file_with_a_mistake_is_refused_and_the_mistake_named(text: str, why: str) -> None:
    with pytest.raises(EncodingError, match=why):
        parse_policy(text.encode())


def test_the_file_that_init_writes_can_be_read_with_every_rule_switched_on() -> None:
    assert parse_policy(TEMPLATE.encode()).masked_only
    lines = (line.removeprefix("# ") if " = " in line else line for line in TEMPLATE.splitlines())
    policy = parse_policy("\n".join(lines).encode())
    off = SitePolicy()
    same = [name for name in vars(off) if getattr(policy, name) == getattr(off, name)]
    assert same == ["sums", "approved"], "all others are examples"
