"""Masked and wide rounds on networks with blocks of seconds: how many blocks and seconds, also with faults in them.

A rehearsal of a public network (chain/embedded/intervals.py) includes what the roles send, and an HTTP proxy in front
of it misbehaves as providers do (_front.py). The hospitals' training adds a prepared step, so what is measured is the
protocol and its waiting.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import click

from chain.embedded.intervals import IntervalChain, Network, interval_chain
from chain.rpc.node import connect
from chain.transactions.fees import GWEI
from chain.transactions.keystore import claimed_address
from fl.events import Event
from fl.protocol.names import Protection
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.rounds.round import Phase
from fl.protocol.task_catalogue import LEUKEMIA
from fl.roles.auditor import Evaluation
from fl.roles.coordinator.plan import Plan, WidePlan
from fl.training.presets import PRESETS
from scripts.bench._front import Front, busy_each, down, front, narrow, small_batches
from scripts.bench._table import keep, show
from scripts.bench.rounds import first_steps, nudging
from scripts.demo.child_process import ChainProcess
from scripts.demo.together import AUDITOR, COORDINATOR, Work, found_together, gather
from scripts.wiring.home import PROJECT, Home
from scripts.wiring.nodes import node_of

HOSPITALS = 3
STEPS = ("advertise", "share", "complain", Event.SET_FROZEN, Event.SHARES_REVEALED, Event.MODEL_PROPOSED)
"""Where the faults of a round are placed."""
ETHER = 10**18


@dataclass(frozen=True)
class Setup:
    """One network with a proxy, a second URL without one, and a consortium on it."""

    chain: IntervalChain
    proxy: Front
    home: Home


@dataclass(frozen=True)
class Outcome:
    """What rounds took."""

    rounds: int
    final: int
    blocks: int
    seconds: float

    @property
    def row(self) -> tuple[object, ...]:
        return (
            f"{self.final} of {self.rounds}",
            f"{self.blocks / self.rounds:.1f}",
            f"{self.seconds / self.rounds:.1f}",
        )


Fault = Callable[[Setup, str], None]
"""Called with each step of a round that has just ended."""


def no_fault(_setup: Setup, _step: str) -> None:
    return


def rate_limits(setup: Setup, step: str) -> None:
    setup.proxy.fault = busy_each(3, ("Retry-After", "1"), status=429 if STEPS.index(step) % 2 else 503)


def limits(setup: Setup, step: str) -> None:
    setup.proxy.fault = small_batches(1) if STEPS.index(step) % 2 else narrow(2)


def lost_node(setup: Setup, step: str) -> None:
    """Take the first URL away and give it back at the next step."""
    setup.proxy.fault = (lambda _requests: None) if STEPS.index(step) % 2 else down


def stuck(setup: Setup, step: str) -> None:
    """Let the price of gas rise tenfold right after bids were made, so that they wait; it falls at the end."""
    setup.chain.base_fee = GWEI * (1 + 20 * (STEPS.index(step) % 2))


def reorgs(setup: Setup, _step: str) -> None:
    setup.chain.reorg(setup.home.confirmations - 1)


FAULTS: Mapping[str, tuple[Fault, int]] = {
    "none": (no_fault, 1),
    "429 and 503 with Retry-After": (rate_limits, 1),
    "small log ranges and no batches": (limits, 1),
    "the first URL comes and goes": (lost_node, 1),
    "gas 20 times dearer in the middle": (stuck, 1),
    "reorgs of 2 blocks, 3 confirmations": (reorgs, 3),
}
"""Name -> fault, and the confirmations with which the round runs."""


@click.command()
@click.option("--block-s", multiple=True, type=float, default=(0.0, 2.0, 12.0), show_default=True)
@click.option("--rounds", type=click.IntRange(1), default=2, show_default=True)
@click.option("--fault-block-s", type=float, default=0.5, show_default=True, help="Block time of rounds with faults.")
@click.option("--faults/--no-faults", default=True, show_default=True)
@click.option("--protection", type=click.Choice(["masked", "wide"]), default="masked", show_default=True)
def main(block_s: tuple[float, ...], rounds: int, fault_block_s: float, protection: str, *, faults: bool) -> None:
    """Count blocks and seconds of rounds of three hospitals, and break the network in the middle of them."""
    header, wide = ("Network", "final", "blocks per round", "s per round"), protection == "wide"
    plan, once = _plan(rounds, wide=wide), _plan(1, wide=wide)
    rows = [(_name(each), *(_run(each, plan, no_fault, 1) if each else _embedded(plan)).row) for each in block_s]
    show(f"{protection.capitalize()} rounds of {HOSPITALS} hospitals, training not counted", header, rows)
    kept = "blocks" if not wide else "blocks-wide"
    keep(kept, {str(row[0]): row[1:] for row in rows})
    if faults:
        broken = [(name, *_run(fault_block_s, once, fault, k).row) for name, (fault, k) in FAULTS.items()]
        show(f"One round each, a block every {fault_block_s:g} s, with a fault at every step", header, broken)
        keep(f"{kept} with faults", {str(row[0]): row[1:] for row in broken})


def _run(block_s: float, plan: Plan, fault: Fault, confirmations: int) -> Outcome:
    """Found a consortium on a new network and run the rounds."""
    initial, steps = first_steps(HOSPITALS, PRESETS["synthetic"].spec)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        home = Home(Path(folder))
        chain, url = stack.enter_context(interval_chain(PROJECT, home.folder, Network(block_s, founding=True)))
        proxy, proxy_url = stack.enter_context(front(url))
        found_together(home, url, list(steps))
        chain.start()
        home.save(
            replace(
                home.deployment,
                url=proxy_url,
                more_urls=(url,),
                confirmations=confirmations,
                free_gas=fault is not stuck,
            )
        )
        if fault is stuck:
            _fund(home, chain)
        setup, seen = Setup(chain, proxy, home), set[tuple[object, str]]()

        def notify(what: Event, facts: Mapping[str, object]) -> None:
            step = str(facts["phase"]) if what == Event.PHASE_CLOSED else what
            if step in STEPS and (facts.get("round"), step) not in seen:
                seen.add((facts.get("round"), step))
                fault(setup, step)

        work = Work(plan, initial, {name: nudging(step) for name, step in steps.items()}, _no_evaluation)
        together = gather(home, work, dict.fromkeys((COORDINATOR, AUDITOR, *steps), notify))
        first, began = chain.head, time.perf_counter()
        together.run(notify)
        seconds, blocks = time.perf_counter() - began, chain.head - first
        phases = [each.phase for each in together.coordinator.view.refresh().rounds]
    return Outcome(plan.rounds, phases.count(Phase.FINAL), blocks, seconds)


def _embedded(plan: Plan) -> Outcome:
    """Run the rounds on the embedded chain, which makes a block for each transaction at once."""
    initial, steps = first_steps(HOSPITALS, PRESETS["synthetic"].spec)
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        with ChainProcess(home) as chain:
            found_together(home, chain.url, list(steps))
            node = connect(node_of(home.deployment))
            work = Work(plan, initial, {name: nudging(step) for name, step in steps.items()}, _no_evaluation)
            together = gather(home, work, dict.fromkeys((COORDINATOR, AUDITOR, *steps), lambda _what, _facts: None))
            first, began = node.number("eth_blockNumber"), time.perf_counter()
            together.run(lambda _what, _facts: None)
            seconds, blocks = time.perf_counter() - began, node.number("eth_blockNumber") - first
            phases = [each.phase for each in together.coordinator.view.refresh().rounds]
    return Outcome(plan.rounds, phases.count(Phase.FINAL), blocks, seconds)


def _name(block_s: float) -> str:
    return f"a block every {block_s:g} s" if block_s else "embedded, a block at once for each transaction"


def _fund(home: Home, chain: IntervalChain) -> None:
    for member in home.members():
        chain.fund(claimed_address(member.account_file), ETHER)
    chain.base_fee = GWEI


def _plan(rounds: int, *, wide: bool) -> Plan:
    return Plan(
        rounds=rounds,
        min_commitments=HOSPITALS,
        attestations=1,
        config=RoundConfig(0.5, 50.0, 100, {}, LEUKEMIA),
        commit_timeout_s=3600,
        close_timeout_s=3600,
        min_hospitals=HOSPITALS,
        protection=Protection.MASKED,
        wide=WidePlan(above=HOSPITALS - 1) if wide else None,
    )


def _no_evaluation(_model: object, _config: object) -> Evaluation:
    return Evaluation()
