"""A masked round on a network whose newest blocks are replaced again and again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from chain.embedded.intervals import Network, interval_chain
from fl.events import Event
from fl.protocol.names import Protection
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.rounds.round import Phase
from fl.protocol.task_catalogue import LEUKEMIA
from fl.roles.auditor import Evaluation
from fl.roles.coordinator.plan import Plan
from fl.training.presets import PRESETS
from scripts.bench.rounds import first_steps, nudging
from scripts.demo.together import AUDITOR, COORDINATOR, Work, found_together, gather
from scripts.wiring.home import PROJECT, Home

CONFIRMATIONS = 3
PHASES = ("advertise", "share", "complain")
LATER = (Event.SET_FROZEN, Event.SET_ENDORSED, Event.SHARES_REVEALED, Event.MODEL_PROPOSED, Event.MODEL_ATTESTED)


def test_a_reorg_of_fewer_blocks_than_the_confirmations_in_each_phase_leaves_the_round_final(tmp_path: Path) -> None:
    """Slow, because every step of a round waits for three blocks."""
    initial, steps = first_steps(3, PRESETS["synthetic"].spec)
    home = Home(tmp_path)
    with interval_chain(PROJECT, tmp_path, Network(block_s=0.1)) as (chain, url):
        found_together(home, url, list(steps))
        home.save(replace(home.deployment, confirmations=CONFIRMATIONS))
        replaced: dict[str, int] = {}

        def notify(what: Event, facts: Mapping[str, object]) -> None:
            mark = str(facts["phase"]) if what == Event.PHASE_CLOSED else what
            if mark in (*PHASES, Event.ROUND_OPENED, *LATER) and mark not in replaced:
                replaced[mark] = chain.reorg(CONFIRMATIONS - 1)

        plan = Plan(
            rounds=1,
            min_commitments=3,
            attestations=1,
            config=RoundConfig(0.5, 50.0, 100, {}, LEUKEMIA),
            commit_timeout_s=600,
            close_timeout_s=600,
            min_hospitals=3,
            protection=Protection.MASKED,
        )
        work = Work(plan, initial, {name: nudging(step) for name, step in steps.items()}, lambda _m, _c: Evaluation())
        together = gather(home, work, dict.fromkeys((COORDINATOR, AUDITOR, *steps), notify))
        together.run(notify)
        assert [each.phase for each in together.coordinator.view.refresh().rounds] == [Phase.FINAL]
    assert set(replaced) == {Event.ROUND_OPENED, *PHASES, *LATER}
