"""What the options of private training turn into."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from fl.protocol.errors import SettingInvalid
from fl.protocol.names import Protection, Role
from fl.protocol.task_catalogue import LEUKEMIA_DRAWN
from fl.roles.hospital.privacy_limit import PLAIN_ROUNDS
from fl.storage.privacy_account import FolderAccount
from fl.training.presets import DEFAULT_PRESET, PRIVATE_ROUNDS, SYNTHETIC_PRESET, private
from fl.training.privacy.accounting import epsilon_of, shown_epsilon
from fl.training.privacy.terms import PLAIN, Privacy, Spend
from fl.training.recipe import Recipe
from scripts.cli import main
from scripts.demo.run import Wanted
from scripts.wiring.home import Home
from scripts.wiring.plans import calibrates, held_back, made_private
from scripts.wiring.training_options import PrivacyOptions

TERMS = Privacy(noise=1.0, clip=1.0, rate=0.25, delta=1e-5)


def test_the_planned_rounds_together_cost_the_epsilon_that_was_asked_for() -> None:
    local = made_private(DEFAULT_PRESET, PrivacyOptions(epsilon=8.0), 8).local
    total = epsilon_of([Spend.of(local.privacy, local.epochs)] * 8, 1e-5)
    assert 7.8 < total <= 8.0


def test_private_training_of_a_published_network_trains_its_head_and_a_named_part_instead() -> None:
    assert made_private(DEFAULT_PRESET, PrivacyOptions(epsilon=8.0)).spec.trained == "head"
    assert made_private(DEFAULT_PRESET, PrivacyOptions(epsilon=8.0), part="last").spec.trained == "last"
    assert made_private(SYNTHETIC_PRESET, PrivacyOptions(epsilon=8.0)).spec.trained == "all"
    assert made_private(DEFAULT_PRESET, PrivacyOptions(epsilon=8.0), epochs=7).local.epochs == 7


def test_without_an_epsilon_nothing_changes() -> None:
    assert made_private(DEFAULT_PRESET, PrivacyOptions()) == DEFAULT_PRESET


def test_a_private_recipe_comes_back_from_its_document_and_holds_no_images_back() -> None:
    preset = made_private(SYNTHETIC_PRESET, PrivacyOptions(epsilon=4.0))
    recipe = Recipe(preset.spec, preset.local, 1)
    assert Recipe.from_dict(recipe.to_dict()) == recipe
    with pytest.raises(SettingInvalid, match="held_back"):
        held_back(recipe, calibrate=True)


def test_a_demo_remembers_its_epsilon_and_an_older_demo_has_none(tmp_path: Path) -> None:
    plain = Wanted(LEUKEMIA_DRAWN, {}, "", 3, 5, 1, Protection.MASKED)
    for name, wanted in (("plain", plain), ("private", replace(plain, epsilon=8.0))):
        home = Home(tmp_path / name)
        wanted.save(home)
        assert Wanted.load(home) == wanted
    assert b"epsilon" not in (tmp_path / "plain" / "demo.json").read_bytes()


def test_private_training_is_not_calibrated_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    private, plain = PrivacyOptions(epsilon=8.0), PrivacyOptions()
    assert not calibrates(given=None, several=False, private=private)
    assert "not calibrated" in capsys.readouterr().out
    assert calibrates(given=None, several=False, private=plain)
    assert not calibrates(given=None, several=True, private=plain)
    assert not calibrates(given=False, several=False, private=plain)
    assert not capsys.readouterr().out
    with pytest.raises(SettingInvalid, match="no noise"):
        calibrates(given=True, several=False, private=private)


def test_a_private_head_has_rounds_of_its_own_unless_others_are_asked_for() -> None:
    assert private(DEFAULT_PRESET, TERMS).rounds == PRIVATE_ROUNDS != DEFAULT_PRESET.rounds
    assert private(SYNTHETIC_PRESET, TERMS).rounds == SYNTHETIC_PRESET.rounds
    assert made_private(DEFAULT_PRESET, PrivacyOptions(), 7).rounds == 7


def test_a_hospital_can_ask_what_its_pictures_have_lost(tmp_path: Path) -> None:
    member = Home(tmp_path).member("alpha")
    member.folder.mkdir(parents=True)
    member.save_role(Role.HOSPITAL)
    account, spend = FolderAccount(member.privacy_file), Spend(2.0, 0.5, 4)
    asked = ["hospital", "privacy", "--home", str(tmp_path), "--name", "alpha"]
    assert "Rounds with noise: 0. Epsilon of one picture: 0.00" in CliRunner().invoke(main, asked).output
    account.record(b"a" * 32, spend)
    shown = shown_epsilon(epsilon_of([spend], 1e-5))
    assert f"Rounds with noise: 1. Epsilon of one picture: {shown} at" in CliRunner().invoke(main, asked).output
    account.record(PLAIN_ROUNDS, PLAIN)
    assert "without noise. Epsilon of one picture: unlimited" in CliRunner().invoke(main, asked).output
