"""Records that are sealed for decades, on a real chain: long keys of trustees, refusals, answers, and a hand-over."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from chain.embedded.chain import DevChain, DevChainSettings
from fl.crypto.capsule import Readers, RecordPolicy
from fl.protocol.names import Purpose, Suite
from fl.storage.keyring import load_long_keys, load_seats
from scripts.cli import main
from scripts.demo.together import found_together, share_key
from scripts.server.site import open_services
from scripts.wiring.clock import now
from scripts.wiring.home import Home
from scripts.wiring.long_records import seal_for_decades, seals_for_decades
from webui.federation.records import FederationRecords

PROJECT = Path(__file__).resolve().parents[2]
TRUSTEES = ("ines", "jonas", "salma")
REFUSED, MISCONFIGURED = 77, 78
"""Exit codes (scripts/wiring/exit.py)."""
TEXT = b"what nobody may read alone, now or in thirty years"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """Return a consortium with one hospital, three trustees who hold the key for records, and one who does not."""
    found = Home(tmp_path / "run")
    with DevChain(DevChainSettings(PROJECT, tmp_path / "chain", now, port=0)) as chain:
        found_together(found, chain.url, ("alpha",), (*TRUSTEES, "tara"))
        share_key(found, TRUSTEES, lambda _what, _facts: None)
        yield found


def hemaledger(home: Home, *words: str, code: int = 0) -> str:
    result = CliRunner().invoke(main, [*words, "--home", str(home.folder)])
    assert result.exit_code == code, result.output
    return result.output


def doctor(home: Home, name: str) -> str:
    output = CliRunner().invoke(main, ["doctor", "--home", str(home.folder), "--name", name]).output
    [line] = [each for each in output.splitlines() if " long key " in each]
    return line


def test_a_site_seals_for_decades_and_a_successor_answers(home: Home, tmp_path: Path) -> None:
    serve = ("serve", "--long-lived", "--name", "alpha")
    assert "These members have no long key: alpha." in hemaledger(home, *serve, code=REFUSED)
    hemaledger(home, "hospital", "long-key", "--name", "alpha")
    for name in ("ines", "jonas", "tara"):
        hemaledger(home, "trustee", "long-key", "--name", name)
    assert "These members have no long key: salma." in hemaledger(home, *serve, code=REFUSED)
    assert not seals_for_decades(home.member("alpha"))
    assert "none; it is needed only for records" in doctor(home, "salma")
    hemaledger(home, "trustee", "long-key", "--name", "salma")
    seal_for_decades(home, "alpha")
    assert "; records are sealed for decades. Still" in doctor(home, "alpha")
    assert "records of sites with --long-lived are sealed to it" in doctor(home, "salma")

    services = open_services(home, "alpha", lambda _model, _spec: pytest.fail("no model is needed"))
    records = services.records
    assert isinstance(records, FederationRecords)
    policy = RecordPolicy(secrets.token_bytes(16), Readers.TRUSTEES, frozenset({Purpose.TREATMENT}))
    sealed = records.seal(policy, TEXT)
    expected = records.expected(sealed, sealed.leaf)
    assert expected.core.suite == Suite.HYBRID

    requests = services.requests
    number = requests.request(sealed, Purpose.TREATMENT, now() + 3600)
    for name in ("jonas", "salma"):
        hemaledger(home, "trustee", "approve", "--name", name, "--request", str(number))
    assert requests.open(number, sealed, sealed.leaf).body == TEXT

    output = tmp_path / "ines.seats"
    hand_over = ("trustee", "hand-over", "--name", "ines", "--output", str(output), "--to")
    assert "--two-seats" in hemaledger(home, *hand_over, "jonas", code=MISCONFIGURED)
    hemaledger(home, *hand_over, "tara")
    assert "tara now has the long keys of 1 seats of others" in hemaledger(
        home, "trustee", "take-over", str(output), "--name", "tara"
    )
    [seat] = load_seats(home.member("tara").folder, home.member("tara").password).values()
    [key] = load_long_keys(home.member("ines").folder, home.member("ines").password).values()
    assert seat.long_key.public_key == key.long_key.public_key
    hemaledger(home, "trustee", "take-over", str(output), "--name", "tara")
    assert len(load_seats(home.member("tara").folder, home.member("tara").password)) == 1
    hemaledger(home, "trustee", "take-over", str(output), "--name", "jonas", code=REFUSED)
