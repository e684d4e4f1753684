"""`hemaledger prove`: write a proof of a record, which anybody can check offline with `hemaledger verify`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scripts.wiring.exit import guarded
from scripts.wiring.options import Decorator, chain_options, gathered

if TYPE_CHECKING:
    from collections.abc import Callable

    from fl.proofs.finding import Found, Records
    from fl.protocol.names import Address
    from fl.protocol.tlog.extra import Inner
    from scripts.wiring.home import Home


@dataclass(frozen=True)
class ProofOptions:
    """The options of every proof."""

    out: Path
    checkpoint: Path | None
    trust: Path | None


proof_options: Decorator[Any] = gathered(
    "options",
    ProofOptions,
    click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="The file to write."),
    click.option(
        "--checkpoint",
        type=click.Path(path_type=Path, dir_okay=False),
        help="The checkpoint with its signatures. Default: HOME/log/checkpoint.",
    ),
    click.option(
        "--trust",
        type=click.Path(path_type=Path, dir_okay=False),
        help="The trust file that the proof must meet. Default: made from the ledger.",
    ),
)
round_option = click.option("--round", "number", type=click.IntRange(1), required=True, help="The round.")
hospital_option = click.option("--hospital", required=True, help="The hospital's name.")


@click.group()
def prove() -> None:
    """Write a proof of a record that anybody can check offline.

    It needs a checkpoint that the log and its witnesses signed (`hemaledger log checkpoint`).
    """


@prove.command()
@chain_options
@proof_options
@round_option
@hospital_option
@guarded
def update(home: Home, options: ProofOptions, number: int, hospital: str) -> None:
    """Prove the digest of the update that a hospital recorded in a round."""
    _prove(home, options, lambda records, account: records.update(number, account(hospital)))


@prove.command()
@chain_options
@proof_options
@round_option
@guarded
def model(home: Home, options: ProofOptions, number: int) -> None:
    """Prove the digest of the model that a round made."""
    _prove(home, options, lambda records, _account: records.model(number))


@prove.command()
@chain_options
@proof_options
@round_option
@click.option("--auditor", required=True, help="Name of the auditor, or of a hospital that attested.")
@guarded
def report(home: Home, options: ProofOptions, number: int, auditor: str) -> None:
    """Prove an auditor's attestation of a round's model, and the digest of its report."""
    _prove(home, options, lambda records, account: records.report(number, account(auditor)))


@prove.command()
@chain_options
@proof_options
@click.option("--request", type=click.IntRange(1), required=True, help="Number of the request.")
@click.option("--trustee", required=True, help="The trustee's name.")
@guarded
def approval(home: Home, options: ProofOptions, request: int, trustee: str) -> None:
    """Prove that a trustee approved a request."""
    _prove(home, options, lambda records, account: records.approval(request, account(trustee)))


@prove.command()
@chain_options
@proof_options
@hospital_option
@click.option("--batch", type=click.IntRange(1), required=True, help="Number of the root.")
@guarded
def root(home: Home, options: ProofOptions, hospital: str, batch: int) -> None:
    """Prove a root of a hospital's patient records."""
    _prove(home, options, lambda records, account: records.root(account(hospital), batch))


@prove.command()
@chain_options
@proof_options
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@guarded
def prediction(home: Home, options: ProofOptions, file: Path) -> None:
    """Prove that FILE, the receipt of an answer or the proof of a record, is under a root on the ledger.

    The proof shows a salted fingerprint only; nobody without FILE can tell whose it is.
    """
    from scripts.commands.record_proof import place_of

    hospital, batch, inner = place_of(file.read_bytes())
    _prove(home, options, lambda records, _account: records.root(hospital, batch), inner)


@prove.command()
@chain_options
@proof_options
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--line", type=click.IntRange(1), required=True, help="Which line, from 1: the newest is the first.")
@guarded
def access(home: Home, options: ProofOptions, file: Path, line: int) -> None:
    """Prove one line of FILE, a patient's list of who asked and who opened (accesses.json).

    A request is a record of the ledger. An opening is a line of the hospital's access log under a root on the ledger.
    """
    from scripts.commands.access_proof import InLog, line_of

    found = line_of(file.read_bytes(), line)
    if isinstance(found, InLog):
        _prove(home, options, lambda records, _account: records.root(found.hospital, found.batch), found.inner)
    else:
        _prove(home, options, lambda records, _account: records.request(found))


@prove.command()
@chain_options
@proof_options
@click.option("--block", type=click.IntRange(0), required=True, help="Number of the block.")
@click.option("--index", type=click.IntRange(0), required=True, help="Number of the event in its block, from 0.")
@guarded
def entry(home: Home, options: ProofOptions, block: int, index: int) -> None:
    """Prove any record, by its place on the chain."""
    _prove(home, options, lambda records, _account: records.at(block, index))


def _prove(
    home: Home,
    options: ProofOptions,
    find: Callable[[Records, Callable[[str], Address]], Found],
    inner: Inner | None = None,
) -> None:
    from fl.files import write_atomic
    from fl.proofs.finding import Records
    from scripts.wiring.proofs import CHECKPOINT, account_of, maker_of, read_note
    from scripts.wiring.trust_file import read_trust

    note = read_note(options.checkpoint or home.folder / CHECKPOINT)
    log, maker = maker_of(home, note, read_trust(options.trust) if options.trust else None)
    records = Records(log.view.entries, log.federation, home.vault)
    found = find(records, lambda name: account_of(log.federation, name))
    data = maker.proof_of(found.entry, inner or found.inner)
    write_atomic(options.out, data)
    click.echo(f"{options.out}: {len(data)} bytes. Check it with `hemaledger verify {options.out} --trust trust.json`.")
