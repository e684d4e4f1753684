"""A new key with real processes and a real chain: staff order it on the page, the running agent makes it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from scripts.demo.together import found_together
from scripts.wiring.home import Home
from tests.support.processes import Party, free_port, invoke, until
from tests.support.staff_browser import StaffBrowser

EMAIL, PASSWORD = "tove@clinic.example", "a quiet river under birches"
HOSPITALS = ["alpha", "beta", "gamma"]


@pytest.fixture(scope="module")
def party(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Party]:
    """Found a consortium in which gamma's agent waits for an upload, so that nothing trains."""
    found = Party(Home(tmp_path_factory.mktemp("keys")), free_port())
    try:
        found.start_chain()
        found_together(found.home, found.url, HOSPITALS)
        found.start("gamma", "hospital", "run", "--name", "gamma", "--uploads-only")
        found.processes["gamma"].wait_for("gamma: ready")
        yield found
    finally:
        for process in found.processes.values():
            process.kill()


def test_the_running_agent_makes_the_key_that_staff_order_and_a_stopped_one_gets_no_order(party: Party) -> None:
    staff = ("staff", "add", "--home", str(party.home.folder), "--role", "hospital")
    added = invoke(*staff, "--email", EMAIL, "--full-name", "Tove Lindahl", env={"HEMALEDGER_STAFF_PASSWORD": PASSWORD})
    assert added.exit_code == 0, added.output
    _, address = party.start_site("gamma")
    tove = StaffBrowser(address, EMAIL, PASSWORD)
    assert "The agent has your order." in tove.post("/hospital/keys/new").text
    party.processes["gamma"].wait_for(r"replaced the member key \(epoch 2\)")
    until("the end of the order", lambda: "The new key is on the ledger" in tove.get("/hospital/keys/").text)
    members = party.federation().book.members
    assert len(members[party.account("gamma")].keys) == 2
    party.processes["gamma"].stop()
    assert "The hospital's agent does not run" in tove.get("/hospital/keys/").text
