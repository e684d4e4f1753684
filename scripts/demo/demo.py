"""A whole federation on this machine, from an empty folder to a patient's browser."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fl.audit.reports import REPORT_CAP
from fl.files import write_atomic
from fl.protocol.codec import parse_document
from fl.protocol.errors import SettingInvalid
from fl.protocol.federation import Federation
from fl.protocol.names import NO_DIGEST, Digest, show
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.rounds.round import Phase
from fl.protocol.task_catalogue import LEUKEMIA_DRAWN
from fl.replay.vault_files import read_document
from fl.roles.coordinator.plan import Plan
from fl.training.calibrating import closing_rounds
from fl.training.data.dataset import Dataset, load_dataset
from fl.training.data.labels import LabelMap
from fl.training.data.load import SourceReading, load_source
from fl.training.data.synthetic import draw_dataset
from fl.training.model.device import use_threads
from fl.training.pictures.field import Frame
from fl.training.presets import SYNTHETIC_PLAN
from scripts.commands.audit import Evidence, run_audit
from scripts.commands.data import HOLDOUT, hospital_names, parts_of
from scripts.demo.child_process import ChainProcess
from scripts.demo.clinic import link_trustees
from scripts.demo.log import DemoLog
from scripts.demo.planned import Planned, usual_preset
from scripts.demo.private import announce_demo_head, start_trustees
from scripts.demo.run import Wanted, check_new
from scripts.demo.servers import start_servers
from scripts.demo.table import demo_tables, train_demo_table
from scripts.demo.together import AUDITOR, COORDINATOR, TRUSTEES, Work, found_together, gather, share_key
from scripts.output import report as _report
from scripts.output.card import attested_card
from scripts.output.progress import Console
from scripts.server.private import PrivateOptions
from scripts.server.server import check_port
from scripts.server.site import Extras, build_site, run_site
from scripts.server.tables import NO_TABLES, TableOptions
from scripts.wiring.home import Home
from scripts.wiring.listing import frame_of, reading_of
from scripts.wiring.options import DataOptions
from scripts.wiring.plans import (
    CLIP,
    L2_BOUND,
    calibrates,
    fewest,
    first_model,
    made_private,
    protection_of,
)
from scripts.wiring.roles import audit_key, open_ledger
from scripts.wiring.site_accounts import seed_demo, site_config
from scripts.wiring.site_mail import site_address
from scripts.wiring.task import Meaning, counts, given_task, given_training, map_labels, task_that_explains
from scripts.wiring.training import evaluator, save_labelled, trainer
from scripts.wiring.training_options import PrivacyOptions

if TYPE_CHECKING:
    from scripts.demo.command import DemoOptions
    from webui.config import SiteConfig

TIMEOUT_S = 3600
HOST = "127.0.0.1"


@dataclass
class Demo:
    """One demo run."""

    home: Home
    console: Console
    wanted: Wanted
    device: str
    hospitals: list[str]
    despite_alarm: bool = False
    seconds: dict[str, float] = field(default_factory=dict)
    """Seconds by stage of the demo."""
    parts: dict[str, dict[str, float]] = field(default_factory=dict)
    """Seconds by member and part of its work."""


def run_demo(home: Path | None, options: DemoOptions, images: DataOptions) -> None:
    """Run a demo in a folder, by default a new one.

    Raises:
        SettingInvalid: the options contradict each other or the contents of the folder.
        PortInUse: another process listens on the site's port.
    """
    if options.serve:
        check_port(HOST, options.port)
    if options.resume and home is None:
        raise SettingInvalid("resume", "give --home, too, the folder of the demo")
    folder = Home(home or Path("runs") / time.strftime("%Y%m%d-%H%M%S"))
    wanted, dataset = (Wanted.load(folder), None) if options.resume else _plan_new(folder, options, images)
    run = Demo(folder, Console(), wanted, options.device, hospital_names(wanted.hospitals), options.despite_alarm)
    with ExitStack() as stack:
        _run(run, dataset, options, images, stack)


def _plan_new(home: Home, options: DemoOptions, images: DataOptions) -> tuple[Wanted, Dataset]:
    """Return the plan of a new run and its images. Nothing is written before all is known to fit."""
    check_new(home)
    data = options.data
    training = given_training(images) if data else None
    if training and options.encrypted_head:
        raise SettingInvalid("encrypted-head", "a file of settings says itself what is trained")
    if data is None and given_task(images) not in (None, LEUKEMIA_DRAWN):
        raise SettingInvalid("task", f"without --data the demo draws cells, and their task is {LEUKEMIA_DRAWN.code}")
    raw, meaning = _images(data, options.seed, reading_of(images)), Meaning.of(images)
    task = LEUKEMIA_DRAWN if data is None else given_task(images) or meaning.task or task_that_explains(raw)
    labels = map_labels(raw, task, meaning)
    wanted = Wanted(
        task=task,
        labels=dict(labels.labels),
        data=str(data.resolve()) if data else "",
        hospitals=options.hospitals,
        rounds=0,
        seed=options.seed,
        protection=protection_of(options.protection, options.hospitals),
        calibrate=calibrates(given=options.calibrate, several=task.several, private=PrivacyOptions(options.epsilon)),
        training=training.document if training else None,
        epsilon=options.epsilon,
        encrypted_head=options.encrypted_head,
    )
    preset = training.preset if training else usual_preset(wanted)
    wanted = replace(wanted, rounds=made_private(preset, PrivacyOptions(options.epsilon), options.rounds).rounds)
    Planned.of(wanted)
    wanted.save(home)
    return wanted, replace(labels.apply(raw), listing=raw.listing)


def _images(data: Path | None, seed: int, reading: SourceReading) -> Dataset:
    return load_source(data, reading=reading) if data else draw_dataset(SYNTHETIC_PLAN, seed)


def _run(run: Demo, dataset: Dataset | None, options: DemoOptions, images: DataOptions, stack: ExitStack) -> None:
    """Do the stages of a demo. Each can be repeated after an interruption."""
    console, home, task = run.console, run.home, run.wanted.task
    console.title("Hemaledger demo", f"all files of this run are in {home.folder}")
    with console.stage("Preparing images", run.seconds):
        largest = _prepare(run, dataset, images)
    with console.stage("Starting the chain", run.seconds):
        chain = stack.enter_context(ChainProcess(home, options.rpc_port, consortia=2))
    with console.stage("Founding the consortium", run.seconds):
        found_together(home, chain.url, run.hospitals, TRUSTEES, task)
    with console.stage("Sharing the key to patient records among three doctors", run.seconds):
        threshold = share_key(home, TRUSTEES, console.trouble)
        console.say(f"  {', '.join(TRUSTEES)} hold one share each; any {threshold} of them together can open a record")
    federation = _federate(run, Planned.of(run.wanted), largest)
    with console.stage("Auditing the whole history", run.seconds):
        evidence = Evidence(home, open_ledger(home, strict=True), home.vault)
        audited = run_audit(evidence, audit_key(home, AUDITOR))
    console.say(_report.to_text(audited))
    with console.stage("Signing the log of all records", run.seconds):
        log = DemoLog(home, run.hospitals, console.trouble)
        console.say(log.sign_and_prove(federation))
    summary = _summarise(run, federation, audited)
    console.metrics(summary["rounds"])
    console.say(f"  Continue this run later: hemaledger demo --resume --home {home.folder}")
    if options.serve:
        tables = _train_table(run, chain.url) if options.table else NO_TABLES
        private = _announce(run, stack) if run.wanted.encrypted_head else None
        log.follow(stack)
        _serve(run, options.port, frame_of(images.picture_frame), Extras(tables, private=private), stack)
    click.echo(str(home.folder))


def _prepare(run: Demo, dataset: Dataset | None, images: DataOptions) -> int:
    """Write the images of each hospital and the auditor if they are missing; return the size of the largest part."""
    home, wanted, console = run.home, run.wanted, run.console
    if dataset is None and not all(home.member(name).labels_file.exists() for name in run.hospitals):
        raw = _images(wanted.source, wanted.seed, reading_of(images))
        dataset = LabelMap(wanted.task, wanted.labels).apply(raw)
    if dataset is not None:
        for line in dataset.listing.lines() if dataset.listing else ():
            console.say(f"  {line}")
        described = wanted.source.name if wanted.source else "drawn cells"
        labels = LabelMap(wanted.task, wanted.labels, described if described.isprintable() else "")
        _divide(run, dataset, labels)
    largest = 0
    for name in run.hospitals:
        part = load_dataset(home.member(name).data_file)
        console.say(f"  {name}: {len(part)} images ({counts(part)})")
        largest = max(largest, len(part))
    holdout = home.member(AUDITOR).data_file
    if holdout.exists():
        console.say(f"  held out with the auditor: {len(load_dataset(holdout))} images of other people")
    return largest


def _divide(run: Demo, dataset: Dataset, labels: LabelMap) -> None:
    """Write the auditor's part first: a run with all hospitals' parts then has the auditor's, too."""
    parts = parts_of(dataset, run.wanted.hospitals, run.wanted.seed)
    for name, part in sorted(parts.items(), key=lambda named: named[0] != HOLDOUT):
        save_labelled(part, labels, run.home.member(AUDITOR if name == HOLDOUT else name))


def _federate(run: Demo, planned: Planned, largest: int) -> Federation:
    """Run the rounds with every role as a thread of this process."""
    home, console = run.home, run.console
    count = len(run.hospitals)
    config = RoundConfig(CLIP, L2_BOUND, largest, planned.recipe.to_dict(), run.wanted.task)
    closing = closing_rounds(config) if run.wanted.calibrate else ()
    plan = Plan(
        rounds=planned.rounds,
        closing=closing,
        min_commitments=fewest(run.wanted.protection, count),
        attestations=1,
        config=config,
        commit_timeout_s=TIMEOUT_S,
        close_timeout_s=TIMEOUT_S,
        min_hospitals=count,
        protection=run.wanted.protection,
        despite_alarm=run.despite_alarm,
        step_timeout_s=TIMEOUT_S,
    )
    use_threads(1)
    with console.stage("Training together", run.seconds), console.rounds(plan.rounds + len(closing), count) as progress:
        train = {
            name: trainer(home.member(name).data_file, name, run.device, progress.of(name)) for name in run.hospitals
        }
        work = Work(plan, first_model(planned.recipe), train, evaluator(home.member(AUDITOR).data_file, attested_card))
        notify = {name: progress.of(name) for name in (COORDINATOR, AUDITOR, *train)}
        together = gather(home, work, notify)
        together.run(progress.of("demo"))
    run.parts = {name: dict(sorted(watch.seconds.items())) for name, watch in together.watches.items()}
    return together.coordinator.view.refresh()


def _summarise(run: Demo, federation: Federation, audited: _report.Audited) -> dict[str, list[dict[str, object]]]:
    home = run.home
    rows = [
        {
            "round": current.number,
            "phase": current.phase.name.lower(),
            "protection": current.terms.protection.name.lower(),
            "model": show(current.proposal.model_digest) if current.proposal else None,
            "envelope": show(current.proposal.envelope_digest) if current.proposal else None,
            "updates": {federation.book.name_of(a): show(d) for a, d in current.commitments.items()},
            **_reported(home, next((digest for digest in current.attestations.values() if digest != NO_DIGEST), None)),
        }
        for current in federation.rounds
    ]
    document = {
        "audit": audited.report.to_dict(),
        "consortium": show(federation.anchor.consortium),
        "final_rounds": sum(current.phase == Phase.FINAL for current in federation.rounds),
        "model": show(federation.model_digest),
        "rounds": rows,
        "seconds": {"stages": run.seconds, "parts": run.parts},
    }
    write_atomic(home.folder / "summary.json", json.dumps(document, indent=2, sort_keys=True).encode() + b"\n")
    return {"rounds": rows}


def _reported(home: Home, digest: Digest | None) -> dict[str, object]:
    """Return the metrics and the training figures of an auditor's report."""
    if digest is None or digest == NO_DIGEST:
        return {}
    document = parse_document(read_document(home.vault, digest, REPORT_CAP), "auditor's report")
    return {name: document[name] for name in ("alarm", "data", "metrics", "training")}


def _train_table(run: Demo, url: str) -> TableOptions:
    """Train a small model of a table, so that the site has one."""
    with run.console.stage("Training a model of a table on invented people", run.seconds):
        wanted = run.wanted
        train_demo_table(run.home, url, run.hospitals, wanted.protection, wanted.seed, run.console.trouble)
    return demo_tables(run.home)


def _announce(run: Demo, stack: ExitStack) -> PrivateOptions:
    """Announce the model's encrypted head, and start the trustees' servers."""
    with run.console.stage("Encrypting the last layer for private predictions", run.seconds):
        left = announce_demo_head(run.home, run.hospitals[0], run.console.trouble)
        options = PrivateOptions(start_trustees(run.home, stack))
    run.console.say(f"  {run.hospitals[0]} has {left} private answers; {', '.join(options.urls)} answer together")
    return options


def _serve(run: Demo, port: int, frame: Frame | None, extras: Extras, stack: ExitStack) -> None:
    home, console = run.home, run.console
    config = demo_config(home, port, frame)
    servers = start_servers(home, run.hospitals, stack)
    running = build_site(home, run.hospitals[0], config, replace(extras, servers=servers))
    accounts = seed_demo(config, home)
    kits = link_trustees(home, config, TRUSTEES)
    console.say(f"  the doctors {', '.join(TRUSTEES)} approve requests with the kits in {kits} (the password is below)")
    console.accounts(config.address, accounts)
    run_site(running, HOST, port)


def demo_config(home: Home, port: int, frame: Frame | None) -> SiteConfig:
    """Return the settings of the demo's site; its mails name the port that it listens on."""
    config = site_config(home, "Hemaledger Clinic", "UTC", tls=False, demo=True)
    address = site_address(HOST, port, (), tls=False)
    return replace(config, picture_frame=frame, patient_risks=True, address=address)
