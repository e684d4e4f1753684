"""`hemaledger audit`: check a consortium's whole history, or look up one file on the ledger."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fl.protocol.errors import AccuracyAlarm, SettingInvalid, TamperedError
from fl.protocol.names import show
from scripts.wiring.exit import guarded
from scripts.wiring.options import Decorator, confirmations_option, gathered
from scripts.wiring.training_options import network_options

if TYPE_CHECKING:
    from fl.audit.access import AuditKey
    from fl.audit.snapshot import Snapshot
    from fl.protocol.names import Digest
    from fl.protocol.ports import Ledger
    from fl.protocol.rounds.config import RoundConfig
    from fl.storage.cached_vault import CachedVault
    from fl.storage.object_vault import ObjectVault
    from fl.storage.vault import FolderVault
    from scripts.output.report import Audited
    from scripts.wiring.home import Home

NOT_RECORDED = 1


@dataclass(frozen=True)
class Evidence:
    """What an audit reads; `home` gets its report."""

    home: Home | None
    ledger: Ledger
    vault: FolderVault | ObjectVault | CachedVault


@dataclass(frozen=True)
class AuditOptions:
    """The options that say what to audit, and with whose key."""

    home: Path | None
    rpc: str | None
    authority: str | None
    contract: str | None
    confirmations: int | None
    vault: str | None
    name: str | None
    keys: Path | None
    account: str | None


audit_options: Decorator[Any] = gathered(
    "options",
    AuditOptions,
    click.option(
        "--home",
        type=click.Path(path_type=Path),
        envvar="HEMALEDGER_HOME",
        help="Folder of the run. It names the chain, the contracts and the vault.",
    ),
    click.option("--rpc", help="RPC URL of an Ethereum node, or several with commas, instead of those of --home."),
    click.option("--authority", help="Address of the KeyAuthority contract."),
    click.option("--ledger", "contract", help="Address of the FederationLedger contract."),
    confirmations_option,
    click.option("--vault", help="The vault: its folder, or s3://BUCKET/PREFIX?endpoint=URL."),
    click.option("--auditor", "name", help="The member in --home whose key opens the files."),
    click.option("--keys", type=click.Path(path_type=Path), help="Folder with an auditor's hpke-*.pem files."),
    click.option("--account", help="The auditor's account, with --keys."),
)


@click.group(invoke_without_command=True)
@audit_options
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "html"]),
    default="text",
    show_default=True,
    help="Format of the report.",
)
@click.option("--output", type=click.Path(path_type=Path), help="Write the report to this file.")
@click.option("--round", "number", type=click.IntRange(1), help="The round to explain. Default: the last.")
@click.option("--progress-lines", is_flag=True, hidden=True, help="For the site: one line on standard error per round.")
@click.option(
    "--from-snapshot",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Start from a signed snapshot of this auditor (see --save-snapshot).",
)
@click.option("--trust-account", help="With --from-snapshot: the account of another auditor whose snapshot counts.")
@click.option(
    "--save-snapshot",
    type=click.Path(dir_okay=False, path_type=Path),
    help="After a clean audit, sign what it found and write it here, so that the next audit can start from it.",
)
@click.option("--explain", is_flag=True, help="Explain in plain words what happened in --round and what was checked.")
@network_options
@click.pass_context
@guarded
def audit(  # noqa: PLR0913 - one parameter per option
    context: click.Context,
    options: AuditOptions,
    form: str,
    output: Path | None,
    number: int | None,
    *,
    from_snapshot: Path | None,
    trust_account: str | None,
    save_snapshot: Path | None,
    explain: bool,
    progress_lines: bool,
) -> None:
    """Check everything: each digest, sender, phase, key epoch, aggregate and model, bit for bit.

    Exit code 0: no finding. 76: at least one finding; the report names it. 77: no finding, but an auditor reported a
    model that is far worse than chance. Any other code: the audit could not run.

    \b
    hemaledger audit --home RUN --auditor auditor
    hemaledger audit --home RUN --auditor auditor --round 3 --explain
    hemaledger audit --rpc URL --authority 0x... --ledger 0x... --vault DIR
    hemaledger audit --home RUN file update.bin
    """  # noqa: D301 - click needs the character itself
    if number and not explain:
        raise SettingInvalid("round", "add --explain")
    context.obj = options
    if context.invoked_subcommand is None:
        from scripts.wiring.snapshots import Snapshots

        evidence = _evidence(options)
        key = _key(evidence.home, options)
        snapshots = Snapshots(evidence.home, options.name, key.account if key else None)
        since = snapshots.read(from_snapshot, trust_account) if from_snapshot else None
        tell = _print_progress if progress_lines else None
        audited = run_audit(evidence, key, tell, since)
        if save_snapshot is not None:
            snapshots.save(audited.snapshot, save_snapshot)
        if explain:
            from scripts.output.explain import explain as explain_round

            click.echo(explain_round(audited, number or audited.federation.last_round))
        else:
            _show(audited, form, output)
        if audited.report.findings:
            sys.exit(TamperedError.exit_code)
        if audited.report.alarms:
            sys.exit(AccuracyAlarm.exit_code)


@audit.command("file")
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_obj
@guarded
def audit_file(options: AuditOptions, path: Path) -> None:
    """Say whether the ledger knows a file, and who recorded it, when, and in which round. Exit code 1: unknown."""
    from fl.protocol.audit import mentions_of
    from fl.protocol.codec import sha256
    from fl.replay.ledger_view import LedgerView

    ledger = _evidence(options).ledger
    digest = sha256(path.read_bytes())
    click.echo(f"{path.name}: SHA-256 {show(digest)}")
    mentions = mentions_of(digest, ledger.replay())
    book = LedgerView(ledger).refresh().book
    for mention in mentions:
        when = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(mention.entry.timestamp))
        click.echo(
            f"  {mention.what} of round {mention.round}, recorded by {book.name_of(mention.sender)} "
            f"({show(mention.sender)}) on {when}, block {mention.entry.position.block}, "
            f"transaction {show(mention.entry.transaction)}"
        )
    if not mentions:
        click.echo("  The ledger does not know this file. It was changed, or it never belonged to this consortium.")
        sys.exit(NOT_RECORDED)


def _print_progress(done: int, of: int) -> None:
    click.echo(f"progress {done} {of}", err=True)


def run_audit(
    evidence: Evidence,
    key: AuditKey | None,
    tell: Callable[[int, int], None] | None = None,
    since: Snapshot | None = None,
) -> Audited:
    """Run an audit, with a progress bar or with `tell`, and write its report to the run's folder."""
    from rich.progress import Progress

    from fl.audit.consortium import Audit
    from fl.audit.first_model import check_first_model
    from fl.replay.privacy import statements_of
    from scripts.output.report import Audited, save
    from scripts.wiring.clock import now
    from scripts.wiring.roles import signatures

    started = time.perf_counter()
    with Progress(transient=True, disable=tell is not None) as progress:
        task = progress.add_task("Replaying rounds", total=None)
        audit_of = Audit(evidence.ledger.anchor, evidence.vault, key, signatures())
        report, federation = audit_of.run(
            evidence.ledger.replay(), tell or (lambda done, of: progress.update(task, completed=done, total=of)), since
        )
        check_first_model(federation, evidence.vault, report, first_digest)
    if federation.successor is not None and federation.successor != evidence.ledger.anchor.contract:
        report.notes.append(f"The ledger {show(federation.successor)} replaced this one; audit it to see later rounds.")
    privacy = statements_of(federation, evidence.vault)
    seconds = time.perf_counter() - started
    audited = Audited(report, federation, now(), seconds, privacy, audit_of.snapshot if report.clean else None)
    if evidence.home is not None:
        save(audited, evidence.home)
    return audited


def first_digest(config: RoundConfig) -> Digest:
    """Return the digest of the model with which a federation of this recipe begins; loads torch."""
    from fl.training.initial import initial_model
    from fl.training.model.weights import model_digest
    from fl.training.recipe import Recipe
    from fl.training.tables.network import NetworkRecipe, first_network

    network = NetworkRecipe.of(config.training)
    manifest, vector = first_network(network) if network else initial_model(Recipe.of(config))
    return model_digest(manifest.digest, vector)


def _evidence(options: AuditOptions) -> Evidence:
    from fl.replay.batched_ledger import BatchedLedger
    from scripts.wiring.home import Home
    from scripts.wiring.roles import open_ledger, signatures

    home = Home(options.home, options.confirmations) if options.home else None
    if options.rpc and options.authority and options.contract and (options.vault or home):
        from chain.contracts.discovery import discover
        from chain.ledger import EthereumLedger, LedgerSettings
        from chain.rpc.endpoints import split_urls
        from chain.rpc.node import NodeSettings
        from chain.transactions.addresses import parse_address
        from chain.transactions.sender import TransactionSettings

        authority = parse_address(options.authority, "authority")
        contract = parse_address(options.contract, "ledger")
        first, *others = split_urls(options.rpc)
        node = NodeSettings(first, others=tuple(others))
        confirmed = TransactionSettings(confirmations=1 if options.confirmations is None else options.confirmations)
        chain: Ledger = EthereumLedger(LedgerSettings(node, discover(node, authority, contract), confirmed))
    else:
        chain = open_ledger(_required(home)).inner
    vault = _vault(options.vault, chain.anchor.consortium) if options.vault else _required(home).vault
    vault.check()
    ledger = BatchedLedger(chain, vault, signatures(), strict=True)
    return Evidence(home, ledger, vault)


def _vault(place: str, consortium: bytes) -> FolderVault | ObjectVault:
    """Return the vault in a folder, or on a store."""
    from fl.storage.object_vault import SCHEME, ObjectVault
    from fl.storage.vault import FolderVault

    if place.startswith(f"{SCHEME}:"):
        return ObjectVault.at(place, consortium)
    return FolderVault(Path(place.removeprefix("file://")), consortium)


def _required(home: Home | None) -> Home:
    if home is None:
        raise SettingInvalid("home", "give --home, or all of --rpc, --authority, --ledger and --vault")
    return home


def _key(home: Home | None, options: AuditOptions) -> AuditKey | None:
    from scripts.wiring.roles import audit_key, stored_keyring

    if options.keys and options.account:
        from chain.transactions.addresses import parse_address
        from fl.audit.access import AuditKey
        from scripts.wiring.home import MemberHome

        member = MemberHome(options.keys, "auditor")
        account = parse_address(options.account, "account")
        return AuditKey(account, stored_keyring(member))
    return audit_key(_required(home), options.name) if options.name else None


def _show(audited: Audited, form: str, output: Path | None) -> None:
    from scripts.output import report

    text = {"text": report.to_text, "json": report.to_json, "html": report.to_html}[form](audited)
    if output is None:
        click.echo(text)
    else:
        output.write_text(text, encoding="utf-8")
        click.echo(f"{audited.verdict} The report is in {output}.")
