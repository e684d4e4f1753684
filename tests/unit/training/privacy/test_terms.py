from __future__ import annotations

from dataclasses import replace

import pytest

from fl.protocol.errors import EncodingError, SettingInvalid
from fl.training.local.config import LocalConfig
from fl.training.privacy.terms import OFF, PLAIN, Privacy, Spend

TERMS = Privacy(noise=1.5, clip=1.0, rate=0.25, delta=1e-5)
LOCAL = LocalConfig(class_balance=0.0, clip_norm=0.0, privacy=TERMS)


def test_a_private_configuration_comes_back_from_its_document() -> None:
    assert LocalConfig.from_dict(LOCAL.to_dict()) == LOCAL


def test_a_configuration_without_noise_has_the_document_it_always_had() -> None:
    assert "privacy" not in LocalConfig().to_dict()
    assert LocalConfig.from_dict(LocalConfig().to_dict()).privacy == OFF


@pytest.mark.parametrize(("name", "value"), [("class_balance", 0.5), ("clip_norm", 5.0), ("held_back", 0.2)])
def test_a_setting_through_which_one_picture_reaches_others_is_refused_beside_noise(name: str, value: float) -> None:
    with pytest.raises(SettingInvalid, match=name):
        replace(LOCAL, **{name: value})  # type: ignore[arg-type]  # one of several numbers


@pytest.mark.parametrize("wrong", [{"noise": 0.0}, {"noise": float("nan")}, {"rate": 1.5}, {"clip": 0}, {"delta": 0.5}])
def test_terms_that_promise_nothing_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(SettingInvalid):
        Privacy.from_dict({**TERMS.to_dict(), **wrong})


@pytest.mark.parametrize("wrong", [1, [1], {"noise": 1.0}, {**TERMS.to_dict(), "more": 1}, {"clip": ""}])
def test_a_damaged_privacy_entry_is_named(wrong: object) -> None:
    with pytest.raises(EncodingError, match="privacy"):
        LocalConfig.from_dict({**LOCAL.to_dict(), "privacy": wrong})


def test_an_epoch_has_as_many_steps_as_use_each_picture_once_on_average() -> None:
    assert Spend.of(TERMS, epochs=3) == Spend(1.5, 0.25, 12)
    assert Spend.of(replace(TERMS, rate=1.0), epochs=2).steps == 2
    assert Spend.of(OFF, epochs=3) == PLAIN
