"""A configuration that was built is usable."""

from __future__ import annotations

from pathlib import Path

import pytest

from fl.protocol.errors import SettingInvalid
from tests.support.site_town import config_at
from webui.config import SiteConfig
from webui.store.database import Database


def test_the_secret_is_not_shown(tmp_path: Path) -> None:
    assert "only for this test" not in repr(config_at(tmp_path))


@pytest.mark.parametrize(
    ("changes", "setting"),
    [
        ({"secret_key": b"short"}, "secret_key"),
        ({"zone": "Europe/Atlantis"}, "zone"),
        ({"zone": "../../etc/passwd"}, "zone"),
        ({"image_cap": 0}, "image_cap"),
    ],
)
def test_an_unusable_value_is_refused(changes: dict[str, object], setting: str) -> None:
    values: dict[str, object] = {"database_url": "sqlite:////x.db", "secret_key": b"k" * 32} | changes
    with pytest.raises(SettingInvalid, match=setting):
        SiteConfig(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize("url", ["", "nonsense", "sqlite://", "sqlite:///:memory:", "oraclebase://x"])
def test_an_unusable_database_is_refused_before_it_is_opened(url: str) -> None:
    with pytest.raises(SettingInvalid, match="database_url"):
        Database(url)
