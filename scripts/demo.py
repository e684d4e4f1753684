"""`hemaledger demo`: a whole federation on this machine, from an empty folder to a patient's browser."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import click

from fl.protocol.codec import parse_document
from fl.protocol.config import RoundConfig
from fl.protocol.federation import Federation
from fl.protocol.names import NO_DIGEST, Digest, Protection, show
from fl.protocol.round import Phase
from fl.roles.documents import read_document
from fl.roles.plan import Plan
from fl.roles.report_audit import REPORT_CAP
from fl.storage.files import write_atomic
from fl.training.compute import use_threads
from fl.training.dataset import Dataset, save_dataset
from fl.training.presets import DEFAULT_PRESET, SYNTHETIC_PLAN, SYNTHETIC_PRESET, Preset
from fl.training.recipe import Recipe
from fl.training.sources import load_source
from fl.training.synthetic import draw_dataset
from scripts import _report
from scripts._chain_process import ChainProcess
from scripts._clinic import link_trustees
from scripts._exit import guarded
from scripts._home import Home
from scripts._listing import reading_of, reading_options
from scripts._options import device_option
from scripts._progress import Console
from scripts._together import AUDITOR, COORDINATOR, TRUSTEES, Work, found_together, gather, share_key
from scripts._training import evaluator, trainer
from scripts._wiring import audit_key, open_ledger
from scripts.audit import Source, run_audit
from scripts.consortium import check_unfounded
from scripts.coordinator import CLIP, L2_BOUND, fewest, first_model, protection_of
from scripts.data import HOLDOUT, parts_of
from scripts.serve import build_site, check_port, run_site, seed_demo, site_config

TIMEOUT_S = 3600


@dataclass
class Demo:
    """One demo run."""

    home: Home
    console: Console
    preset: Preset
    hospitals: list[str]
    device: str
    protection: Protection
    seed: int
    seconds: dict[str, float] = field(default_factory=dict)
    """Seconds by stage of the demo."""
    parts: dict[str, dict[str, float]] = field(default_factory=dict)
    """Seconds by member and part of its work."""


@click.command()
@click.option("--data", type=click.Path(exists=True, path_type=Path), help="Images; without it cells are drawn.")
@click.option("--home", type=click.Path(path_type=Path), help="Folder of the run; a new one under runs/ by default.")
@click.option("--hospitals", type=click.IntRange(2, 100), default=3, show_default=True)
@click.option("--rounds", type=click.IntRange(1), help="Rounds; chosen by the kind of data by default.")
@click.option("--seed", type=int, default=2026, show_default=True)
@click.option(
    "--protection",
    type=click.Choice([protection.name.lower() for protection in Protection]),
    help="masked (default with 3 hospitals or more): nobody sees one hospital's update; sealed: the coordinator does.",
)
@device_option
@reading_options
@click.option("--serve/--no-serve", default=True, show_default=True, help="Serve the site when all is done.")
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True, help="Port of the site.")
@click.option("--rpc-port", type=click.IntRange(0, 65535), default=0, help="Port of the chain; 0 picks a free one.")
@guarded
def demo(data: Path | None, home: Path | None, **given: str | int | bool | None) -> None:
    """Run a whole federation on this machine: chain, masked rounds, audit, site.

    Every update is masked and sealed, every digest is on the chain, and the whole history is audited before the site
    starts.
    """
    if given["serve"]:
        check_port("127.0.0.1", int(given["port"] or 0))
    place = Home(home or Path("runs") / time.strftime("%Y%m%d-%H%M%S"))
    check_unfounded(place)
    preset = DEFAULT_PRESET if data else SYNTHETIC_PRESET
    if given["rounds"]:
        preset = replace(preset, rounds=int(given["rounds"]))
    demo_run = Demo(
        home=place,
        console=Console(),
        preset=preset,
        hospitals=[],
        device=str(given["device"]),
        protection=protection_of(given["protection"], int(given["hospitals"] or 0)),
        seed=int(given["seed"] or 0),
    )
    with ExitStack() as stack:
        _run(demo_run, data, given, stack)


def _run(demo_run: Demo, data: Path | None, given: dict[str, str | int | bool | None], stack: ExitStack) -> None:
    console, home = demo_run.console, demo_run.home
    console.title("Hemaledger demo", f"everything this run writes is in {home.folder}")
    with console.stage("Preparing images", demo_run.seconds):
        dataset = load_source(data, reading=reading_of(given)) if data else draw_dataset(SYNTHETIC_PLAN, demo_run.seed)
        for line in dataset.listing.lines() if dataset.listing else ():
            console.say(f"  {line}")
        largest = _divide(demo_run, dataset, int(given["hospitals"] or 3))
    with console.stage("Starting the chain", demo_run.seconds):
        chain = stack.enter_context(ChainProcess(home, int(given["rpc_port"] or 0)))
    with console.stage("Founding the consortium", demo_run.seconds):
        found_together(home, chain.url, demo_run.hospitals, TRUSTEES)
    with console.stage("Sharing the key to patient records among three doctors", demo_run.seconds):
        threshold = share_key(home, TRUSTEES, console.trouble)
        console.say(
            f"  {', '.join(TRUSTEES)} hold one share each; any {threshold} of them open a record, and nobody alone"
        )
    recipe = _recipe(demo_run, dataset)
    federation = _federate(demo_run, recipe, largest)
    with console.stage("Auditing the whole history", demo_run.seconds):
        source = Source(home, open_ledger(home), home.vault)
        audited = run_audit(source, audit_key(home, AUDITOR))
    console.say(_report.to_text(audited))
    summary = _summarise(demo_run, federation, audited)
    console.metrics(summary["rounds"])
    if given["serve"]:
        _serve(demo_run, int(given["port"] or 0))
    click.echo(str(home.folder))


def _divide(demo_run: Demo, dataset: Dataset, hospitals: int) -> int:
    """Give every hospital its part and the auditor the held-out images; return the largest part's size."""
    parts = parts_of(dataset, hospitals, demo_run.seed)
    holdout = parts.pop(HOLDOUT, None)
    demo_run.hospitals = list(parts)
    for name, part in parts.items():
        save_dataset(part, demo_run.home.member(name).data_file)
        counts = ", ".join(f"{n} {label}" for n, label in zip(part.class_counts(), part.class_names, strict=True))
        demo_run.console.say(f"  {name}: {len(part)} images ({counts})")
    if holdout is not None:
        save_dataset(holdout, demo_run.home.member(AUDITOR).data_file)
        demo_run.console.say(f"  held out with the auditor: {len(holdout)} images of other people")
    return max(len(part) for part in parts.values())


def _recipe(demo_run: Demo, dataset: Dataset) -> Recipe:
    preset = demo_run.preset
    spec = replace(preset.spec, classes=len(dataset.class_names))
    return Recipe(spec, replace(preset.local, horizon=preset.rounds), demo_run.seed, dataset.class_names)


def _federate(demo_run: Demo, recipe: Recipe, largest: int) -> Federation:
    """Run the rounds with every role as a thread of this process."""
    home, console = demo_run.home, demo_run.console
    count = len(demo_run.hospitals)
    plan = Plan(
        rounds=demo_run.preset.rounds,
        min_commitments=fewest(demo_run.protection, count),
        attestations=1,
        config=RoundConfig(CLIP, L2_BOUND, largest, recipe.to_dict()),
        commit_timeout_s=TIMEOUT_S,
        close_timeout_s=TIMEOUT_S,
        min_hospitals=count,
        protection=demo_run.protection,
        step_timeout_s=TIMEOUT_S,
    )
    train = {name: trainer(home.member(name).data_file, name, demo_run.device) for name in demo_run.hospitals}
    work = Work(plan, first_model(recipe), train, evaluator(home.member(AUDITOR).data_file))
    use_threads(1)
    with console.stage("Training together", demo_run.seconds), console.rounds(plan.rounds, count) as progress:
        notify = {name: progress.of(name) for name in (COORDINATOR, AUDITOR, *train)}
        together = gather(home, work, notify)
        together.run(progress.of("demo"))
    demo_run.parts = {name: dict(sorted(port.watch.seconds.items())) for name, port in together.ports.items()}
    return together.coordinator.view.refresh()


def _summarise(demo_run: Demo, federation: Federation, audited: _report.Audited) -> dict[str, list[dict[str, object]]]:
    """Write summary.json; return it."""
    home = demo_run.home
    rows = [
        {
            "round": current.number,
            "phase": current.phase.name.lower(),
            "protection": current.terms.protection.name.lower(),
            "model": show(current.proposal.model_digest) if current.proposal else None,
            "envelope": show(current.proposal.envelope_digest) if current.proposal else None,
            "updates": {federation.book.name_of(a): show(d) for a, d in current.commitments.items()},
            **_reported(home, next((found for found in current.attestations.values() if found != NO_DIGEST), None)),
        }
        for current in federation.rounds
    ]
    document = {
        "audit": audited.report.to_dict(),
        "consortium": show(federation.anchor.consortium),
        "final_rounds": sum(current.phase == Phase.FINAL for current in federation.rounds),
        "model": show(federation.model_digest),
        "rounds": rows,
        "seconds": {"stages": demo_run.seconds, "parts": demo_run.parts},
    }
    write_atomic(home.folder / "summary.json", json.dumps(document, indent=2, sort_keys=True).encode() + b"\n")
    return {"rounds": rows}


def _reported(home: Home, digest: Digest | None) -> dict[str, object]:
    """Return metrics and training figures of an auditor's report."""
    if digest is None or digest == NO_DIGEST:
        return {}
    document = parse_document(read_document(home.vault, digest, REPORT_CAP), "auditor's report")
    return {"metrics": document["metrics"], "training": document["training"]}


def _serve(demo_run: Demo, port: int) -> None:
    home, console = demo_run.home, demo_run.console
    config = site_config(home, "Hemaledger Clinic", "UTC", tls=False, demo=True)
    running = build_site(home, demo_run.hospitals[0], config)
    accounts = seed_demo(config, home)
    kits = link_trustees(home, config, TRUSTEES)
    console.say(f"  the doctors {', '.join(TRUSTEES)} approve requests with the kits in {kits} (password as below)")
    console.accounts(f"http://127.0.0.1:{port}", accounts)
    run_site(running, "127.0.0.1", port)
