"""`hemaledger audit`: replay a consortium from genesis, or ask what the ledger knows of one file."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fl.protocol.errors import AccuracyAlarm, SettingInvalid, TamperedError
from fl.protocol.names import show
from scripts.wiring.exit import guarded
from scripts.wiring.options import confirmations_option

if TYPE_CHECKING:
    from fl.audit.access import AuditKey
    from fl.protocol.ports import Ledger
    from fl.storage.vault import FolderVault
    from scripts.output.report import Audited
    from scripts.wiring.home import Home

NOT_RECORDED = 1


@dataclass(frozen=True)
class Evidence:
    """Where the evidence lies."""

    home: Home | None
    ledger: Ledger
    vault: FolderVault


@click.group(invoke_without_command=True)
@click.option(
    "--home",
    type=click.Path(path_type=Path),
    envvar="HEMALEDGER_HOME",
    help="The run's folder; it names chain, contracts and vault.",
)
@click.option("--rpc", help="RPC URL of an Ethereum node, instead of the one in --home.")
@click.option("--authority", help="Address of the KeyAuthority contract.")
@click.option("--ledger", "contract", help="Address of the FederationLedger contract.")
@confirmations_option
@click.option("--vault", type=click.Path(path_type=Path), help="Folder of the vault.")
@click.option("--auditor", "name", help="Member of --home whose key opens the files.")
@click.option("--keys", type=click.Path(path_type=Path), help="Folder with an auditor's hpke-*.pem files.")
@click.option("--account", help="The auditor's account, with --keys.")
@click.option("--format", "form", type=click.Choice(["text", "json", "html"]), default="text", show_default=True)
@click.option("--output", type=click.Path(path_type=Path), help="Write the report here instead of the terminal.")
@click.option("--round", "number", type=click.IntRange(1), help="Tell of this round only, with --explain.")
@click.option("--explain", is_flag=True, help="Tell in plain words what happened in --round and what was checked.")
@click.pass_context
@guarded
def audit(context: click.Context, /, number: int | None, *, explain: bool, **given: str | Path | int | None) -> None:
    """Check everything: each digest, sender, phase, key epoch, aggregate and model, bit for bit.

    Exit code 0: nothing was found. 76: something was, and is named. 77: nothing was, but an auditor gave the alarm that
    a model is far worse than chance. Other codes: the audit could not be made.

    \b
    hemaledger audit --home RUN --auditor auditor
    hemaledger audit --home RUN --auditor auditor --round 3 --explain
    hemaledger audit --rpc URL --authority 0x... --ledger 0x... --vault DIR
    hemaledger audit --home RUN file update.bin
    """  # noqa: D301 - click needs the character itself
    if number and not explain:
        raise SettingInvalid("round", "it goes with --explain")
    context.obj = given
    if context.invoked_subcommand is None:
        source = _source(given)
        audited = run_audit(source, _key(source.home, given))
        if explain:
            from scripts.output.explain import explain as explain_round

            click.echo(explain_round(audited, number or audited.federation.last_round))
        else:
            _show(audited, str(given["form"]), given["output"])
        if audited.report.findings:
            sys.exit(TamperedError.exit_code)
        if audited.report.alarms:
            sys.exit(AccuracyAlarm.exit_code)


@audit.command("file")
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_obj
@guarded
def audit_file(given: dict[str, str | Path | int | None], path: Path) -> None:
    """Say whether a file is on the ledger: by whom, when, and in which round. Exit code 1 when it is not."""
    from fl.protocol.audit import mentions_of
    from fl.protocol.codec import sha256
    from fl.replay.ledger_view import LedgerView

    source = _source(given)
    digest = sha256(path.read_bytes())
    click.echo(f"{path.name}: SHA-256 {show(digest)}")
    found = mentions_of(digest, source.ledger.replay())
    book = LedgerView(source.ledger).refresh().book
    for mention in found:
        when = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(mention.entry.timestamp))
        click.echo(
            f"  {mention.what} of round {mention.round}, recorded by {book.name_of(mention.sender)} "
            f"({show(mention.sender)}) on {when}, block {mention.entry.position.block}, "
            f"transaction {show(mention.entry.transaction)}"
        )
    if not found:
        click.echo("  The ledger does not know this file: it was changed, or never part of this consortium.")
        sys.exit(NOT_RECORDED)


def run_audit(source: Evidence, key: AuditKey | None) -> Audited:
    """Run an audit with a progress bar and keep its report in the run's folder."""
    from rich.progress import Progress

    from fl.audit.consortium import Audit
    from scripts.output.report import Audited, save
    from scripts.wiring.clock import now
    from scripts.wiring.roles import signatures

    started = time.perf_counter()
    with Progress(transient=True) as progress:
        task = progress.add_task("Replaying rounds", total=None)
        report, federation = Audit(source.ledger.anchor, source.vault, key, signatures()).run(
            source.ledger.replay(), lambda done, of: progress.update(task, completed=done, total=of)
        )
    if federation.successor is not None and federation.successor != source.ledger.anchor.contract:
        report.notes.append(f"This ledger was handed over to {show(federation.successor)}; audit that one to see more.")
    audited = Audited(report, federation, now(), time.perf_counter() - started)
    if source.home is not None:
        save(audited, source.home)
    return audited


def _source(given: dict[str, str | Path | int | None]) -> Evidence:
    from fl.storage.vault import FolderVault
    from scripts.wiring.home import Home
    from scripts.wiring.roles import open_ledger

    confirmations = int(str(given["confirmations"])) if given["confirmations"] else None
    home = Home(Path(str(given["home"])), confirmations) if given["home"] else None
    if given["rpc"] and given["authority"] and given["contract"] and (given["vault"] or home):
        from chain.contracts.discovery import discover
        from chain.ledger import EthereumLedger, LedgerSettings
        from chain.rpc.node import NodeSettings
        from chain.transactions.addresses import parse_address
        from chain.transactions.sender import TransactionSettings

        authority = parse_address(str(given["authority"]), "authority")
        contract = parse_address(str(given["contract"]), "ledger")
        node = NodeSettings(str(given["rpc"]))
        how = TransactionSettings(confirmations=confirmations or 1)
        settings = LedgerSettings(node, discover(node, authority, contract), how)
        ledger = EthereumLedger(settings)
    else:
        ledger = open_ledger(_of(home))
    vault = Path(str(given["vault"])) if given["vault"] else _of(home).vault_folder
    source = Evidence(home, ledger, FolderVault(vault, ledger.anchor.consortium))
    source.vault.check()
    return source


def _of(home: Home | None) -> Home:
    if home is None:
        raise SettingInvalid("home", "give --home, or all of --rpc, --authority, --ledger and --vault")
    return home


def _key(home: Home | None, given: dict[str, str | Path | int | None]) -> AuditKey | None:
    from scripts.wiring.roles import audit_key

    if given["keys"] and given["account"]:
        from chain.transactions.addresses import parse_address
        from fl.audit.access import AuditKey
        from fl.replay.ledger_view import Keyring
        from fl.storage.keyring import load_keys
        from scripts.wiring.home import MemberHome

        member = MemberHome(Path(str(given["keys"])), "auditor")
        account = parse_address(str(given["account"]), "account")
        return AuditKey(account, Keyring(load_keys(member.folder, member.password)))
    return audit_key(_of(home), str(given["name"])) if given["name"] else None


def _show(audited: Audited, form: str, output: str | Path | int | None) -> None:
    from scripts.output import report as _report

    text = {"text": _report.to_text, "json": _report.to_json, "html": _report.to_html}[form](audited)
    if output is None:
        click.echo(text)
    else:
        Path(str(output)).write_text(text, encoding="utf-8")
        click.echo(f"{audited.verdict} The report is in {output}.")
