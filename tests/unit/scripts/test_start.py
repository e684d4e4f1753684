"""How a command starts: help at once, and options that say what the product says."""

from __future__ import annotations

import subprocess
import sys

import pytest

from fl.training.pictures.field import Frame
from fl.training.presets import PRESETS, SYNTHETIC_PLAN
from scripts.cli import COMMANDS
from scripts.commands.data import CELLS, IMAGE_PX, SUBJECTS
from scripts.commands.hospital import MOST_PASSES
from scripts.commands.serve import ANCHOR_MINUTES, CARE_DAYS
from scripts.commands.serve import MAX_ANCHOR_MINUTES as LONGEST
from scripts.commands.serve import MAX_CARE_DAYS as LARGEST
from scripts.commands.staff import ROLES
from scripts.wiring.options import AUTO, FRAMES
from scripts.wiring.plans import PRESET_NAMES
from webui.config import MAX_ANCHOR_MINUTES, MAX_CARE_DAYS, SiteConfig
from webui.ports import local_training
from webui.store.models import SiteRole

HEAVY = ("torch", "sqlalchemy", "web3", "scipy", "numpy", "PIL", "eth_account", "eth_abi", "flask", "cryptography")
LOADED = f"""
import atexit, sys
atexit.register(lambda: print("loaded:", *[name for name in {HEAVY} if name in sys.modules], file=sys.stderr))
from scripts.cli import main
main(sys.argv[1:])
"""


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS), ["coordinator", "run"], ["staff", "add"]])
def test_help_loads_nothing_heavy(command: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *command, "--help"], capture_output=True, text=True, check=True
    )
    assert "Usage:" in done.stdout
    assert done.stderr.strip() == "loaded:"


def test_the_options_offer_what_there_is() -> None:
    assert tuple(PRESETS) == PRESET_NAMES
    assert (*(frame.value for frame in Frame), AUTO) == FRAMES
    assert [role.value for role in SiteRole if role != SiteRole.PATIENT] == list(ROLES)
    assert (SYNTHETIC_PLAN.subjects, SYNTHETIC_PLAN.cells, SYNTHETIC_PLAN.size_px) == (SUBJECTS, CELLS, IMAGE_PX)
    assert (MAX_CARE_DAYS, SiteConfig.care_days) == (LARGEST, CARE_DAYS)
    assert (MAX_ANCHOR_MINUTES, SiteConfig.anchor_minutes) == (LONGEST, ANCHOR_MINUTES)
    assert MOST_PASSES == local_training.MOST_PASSES
