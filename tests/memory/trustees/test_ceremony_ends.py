"""Ceremonies that go wrong: who is left out, and how trustees end by themselves what cannot be finished."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fl.events import Event
from fl.protocol.keys.ceremony import Ceremony, CeremonyPhase
from fl.protocol.names import CeremonyKind
from fl.protocol.records import CeremonyPhaseClosed
from fl.roles.trustee.agent import Trustee
from fl.roles.trustee.ceremonies import PATIENCE_S, CeremonyPart
from fl.storage.vault import FolderVault
from tests.support.clinic import USE, Clinic, audit, three_trustees
from tests.support.federation import Clock, memory_folder, settle

STEP_S = 60


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[Clinic]:
    """Yield three trustees, of whom two are to open; no ceremony has begun."""
    clock = Clock()
    with memory_folder(tmp_path) as folder:
        made = three_trustees(folder, clock)
        yield made


def newest(clinic: Clinic) -> Ceremony:
    ceremony = clinic.federation.threshold.ceremony(USE)
    assert ceremony is not None
    return ceremony


def bring_to(clinic: Clinic, phase: CeremonyPhase) -> None:
    """Step every trustee in turn until the ceremony is in `phase`."""
    for _ in range(20):
        for trustee in clinic.trustees:
            if newest(clinic).phase == phase:
                return
            trustee.step()
    raise AssertionError(f"it never came to {phase.name}")


def withholding(clinic: Clinic) -> Trustee:
    """Return ada as one who puts her file of shares where nobody else looks."""
    party = clinic.parties[0]
    return Trustee(party.ports(FolderVault(clinic.folder / "elsewhere")), clinic.safe(party))


def test_a_dealer_that_withholds_its_shares_is_left_out_when_as_many_as_the_threshold_say_so(clinic: Clinic) -> None:
    ada, (ben, cleo) = withholding(clinic), clinic.trustees[1:]
    clinic.start(CeremonyKind.GENERATE, clinic.parties)
    settle(ada, ben, cleo)
    assert newest(clinic).phase == CeremonyPhase.CHECK
    clinic.clock.now += STEP_S // 2
    settle(ada, ben, cleo)
    assert not newest(clinic).checked  # the file may still come
    clinic.clock.now += 1
    settle(ada, ben, cleo)
    done = newest(clinic)
    assert done.phase == CeremonyPhase.DONE
    assert done.dealers == tuple(sorted(party.account for party in clinic.parties[1:]))
    report = audit(clinic)
    assert (report.clean, report.checks["ceremonies"]) == (True, 1)
    file, capsule = clinic.record()
    number = clinic.ask(capsule)
    ben.approve(number)
    cleo.approve(number)
    assert clinic.open(number, file, capsule)


def test_fewer_than_the_threshold_put_no_dealer_out_by_saying_that_nothing_came(clinic: Clinic) -> None:
    ada, (ben, cleo) = withholding(clinic), clinic.trustees[1:]
    clinic.start(CeremonyKind.GENERATE, clinic.parties)
    settle(ada, ben, cleo)
    clinic.clock.now += STEP_S // 2 + 1
    settle(ada)  # where ada looks, the others' files are missing
    missing = newest(clinic).dealt[clinic.parties[0].account].bundle_digest
    clinic.consortium.vault.put(FolderVault(clinic.folder / "elsewhere").get(missing, 10**6))
    settle(ben, cleo)
    assert newest(clinic).phase == CeremonyPhase.DONE
    assert len(newest(clinic).dealers) == len(clinic.parties)
    assert audit(clinic).clean


def test_who_closes_the_check_cannot_leave_out_a_dealer_that_was_found_right(clinic: Clinic) -> None:
    clinic.start(CeremonyKind.GENERATE, clinic.parties)
    bring_to(clinic, CeremonyPhase.CHECK)
    for trustee in clinic.trustees:
        while clinic.parties[clinic.trustees.index(trustee)].account not in newest(clinic).checked:
            trustee.step()
    ceremony, liar = newest(clinic), clinic.parties[0]
    chosen = ceremony.dealers[1:]
    liar.ledger.append(CeremonyPhaseClosed(liar.account, USE, ceremony.number, CeremonyPhase.CHECK, chosen))
    settle(*clinic.trustees)
    assert not newest(clinic).confirmed
    clinic.clock.now += STEP_S + PATIENCE_S + 1
    settle(*clinic.trustees)
    assert newest(clinic).phase == CeremonyPhase.ABORTED
    assert newest(clinic).reason == "BelowThreshold: fewer than 2 confirmed the same"


def no_dealer(clinic: Clinic) -> list[Trustee]:
    clinic.start(CeremonyKind.DEALER, clinic.parties)
    return clinic.trustees


def one_commits(clinic: Clinic) -> list[Trustee]:
    clinic.start(CeremonyKind.GENERATE, clinic.parties)
    return clinic.trustees[:1]


def one_deals(clinic: Clinic) -> list[Trustee]:
    clinic.start(CeremonyKind.GENERATE, clinic.parties)
    bring_to(clinic, CeremonyPhase.DEAL)
    return clinic.trustees[:1]


def one_confirms(clinic: Clinic) -> list[Trustee]:
    clinic.start(CeremonyKind.GENERATE, clinic.parties)
    bring_to(clinic, CeremonyPhase.CONFIRM)
    return clinic.trustees[:1]


def one_misses_a_file(clinic: Clinic) -> list[Trustee]:
    ada, ben, cleo = withholding(clinic), *clinic.trustees[1:]
    clinic.start(CeremonyKind.GENERATE, clinic.parties)
    settle(ada, ben, cleo)
    clinic.clock.now += STEP_S // 2 + 1
    settle(ben)
    return [ben]


HOPELESS = [
    (no_dealer, CeremonyPhase.COMMIT, "BelowThreshold: 0 of 1 dealers can go on"),
    (one_commits, CeremonyPhase.COMMIT, "BelowThreshold: 1 of 2 dealers can go on"),
    (one_deals, CeremonyPhase.DEAL, "BelowThreshold: 1 of 2 dealers can go on"),
    (one_misses_a_file, CeremonyPhase.CHECK, "VaultMissing: a complaint cannot be judged without the dealer's file"),
    (one_confirms, CeremonyPhase.CONFIRM, "BelowThreshold: fewer than 2 confirmed the same"),
]


@pytest.mark.parametrize(("begin", "phase", "reason"), HOPELESS, ids=lambda value: getattr(value, "__name__", ""))
def test_trustees_end_by_themselves_what_cannot_be_finished_and_not_before(
    clinic: Clinic, begin: Callable[[Clinic], list[Trustee]], phase: CeremonyPhase, reason: str
) -> None:
    awake = begin(clinic)
    settle(*awake)
    assert newest(clinic).phase == phase
    clinic.clock.now = newest(clinic).deadline + PATIENCE_S
    settle(*awake)
    assert newest(clinic).phase == phase
    clinic.clock.now += 1
    settle(*awake)
    assert (newest(clinic).phase, newest(clinic).reason) == (CeremonyPhase.ABORTED, reason)
    for party in clinic.parties:
        assert not clinic.safe(party).shares.has(USE, 1)
    clinic.start(CeremonyKind.GENERATE, clinic.parties)
    settle(*clinic.trustees)
    assert clinic.federation.threshold.committee(USE).epoch == len(clinic.federation.threshold.ceremonies[USE])


def test_agents_that_race_to_end_a_ceremony_do_no_harm(clinic: Clinic) -> None:
    clinic.start(CeremonyKind.GENERATE, clinic.parties)
    settle(clinic.trustees[0])
    clinic.clock.now += STEP_S + PATIENCE_S + 1
    before = clinic.federation
    parts = [CeremonyPart(party.ports(clinic.consortium.vault), clinic.safe(party)) for party in clinic.parties]
    assert [part.step(before) for part in parts[:2]] == [True, False]
    assert newest(clinic).phase == CeremonyPhase.ABORTED
    clinic.start(CeremonyKind.GENERATE, clinic.parties)
    assert not parts[2].step(before)  # what it saw is a ceremony ago
    assert (newest(clinic).number, newest(clinic).phase) == (2, CeremonyPhase.COMMIT)


def test_a_ceremony_that_can_still_go_on_is_closed_and_not_ended(clinic: Clinic) -> None:
    clinic.start(CeremonyKind.GENERATE, clinic.parties)
    settle(*clinic.trustees[:2])
    clinic.clock.now += 10 * STEP_S
    settle(*clinic.trustees[:2])
    assert newest(clinic).phase == CeremonyPhase.CHECK
    assert newest(clinic).dealers == tuple(sorted(party.account for party in clinic.parties[:2]))


@pytest.mark.parametrize("content", [None, b"of somebody else"])
def test_a_dealer_puts_its_shares_there_again_when_somebody_took_or_changed_them(
    clinic: Clinic, content: bytes | None
) -> None:
    clinic.start(CeremonyKind.GENERATE, clinic.parties)
    bring_to(clinic, CeremonyPhase.CHECK)
    ada = clinic.parties[0].account
    path = clinic.consortium.vault.path(newest(clinic).dealt[ada].bundle_digest)
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    settle(*clinic.trustees)
    assert (newest(clinic).phase, ada in newest(clinic).dealers) == (CeremonyPhase.DONE, True)
    assert audit(clinic).clean


def test_a_restored_trustee_without_its_key_says_so_and_the_others_finish(clinic: Clinic) -> None:
    clinic.start(CeremonyKind.GENERATE, clinic.parties)
    bring_to(clinic, CeremonyPhase.CHECK)
    ada = clinic.parties[0]
    clinic.safe(ada).keys.destroy(1)
    for _ in range(3):
        settle(*clinic.trustees)
        clinic.clock.now += STEP_S + 1
    assert newest(clinic).phase == CeremonyPhase.DONE
    assert ada.account not in newest(clinic).confirmed
    assert Event.SHARE_MISSED in [what for what, _ in ada.events]
