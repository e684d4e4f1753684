"""`hemaledger model`: a model as a file for people, and a lost file back into the vault."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fl.protocol.names import show
from scripts.wiring.exit import guarded
from scripts.wiring.options import chain_options, name_option

if TYPE_CHECKING:
    from scripts.wiring.home import Home


@click.group()
def model() -> None:
    """Models as files: export one, or put a lost file back into the vault."""


@model.command("export")
@chain_options
@name_option()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--round", "number", type=click.IntRange(1), help="The round that made the model. Default: the newest.")
@click.option("--sealed", is_flag=True, help="Without the weights: only members can open the file.")
@guarded
def export_file(home: Home, name: str, file: Path, *, number: int | None, sealed: bool) -> None:
    """Write a model to FILE, a ZIP: weights (safetensors), manifest, proof of the ledger, and the sealed file.

    The files are signed with the member's key (OpenSSF Model Signing: model.sig, member.pem). With a cosigned
    checkpoint they have proofs of the model and of that key (model.tlog-proof, key.tlog-proof).

    Hospitals, coordinators and auditors can open models. Anybody who gets the weights has the model.
    """
    from scripts.wiring.models import export_model

    done = export_model(home, home.member(name), file, number, sealed=sealed)
    what = "weights and sealed file" if done.opened else "sealed file"
    click.echo(f"{file}: {what} of round {done.round}, digest {show(done.digest)}.")
    signed = f"Signed with the key of {name}." if done.signed else f"Not signed: {name} has no member key here."
    click.echo(signed)
    if done.proven:
        click.echo(f"Check it offline: hemaledger verify {file} --trust trust.json")
    else:
        click.echo("The proofs wait: no checkpoint that enough witnesses cosigned covers this model and key yet.")


@model.command()
@chain_options
@name_option()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--epoch", type=click.IntRange(1), help="An earlier key of the member. Default: the newest.")
@guarded
def key(home: Home, name: str, file: Path, epoch: int | None) -> None:
    """Write the public key that the ledger has for a member to FILE (PEM), to check the member's signature with.

    The program model_signing takes it: see docs/operator.md, Check a signed model.
    """
    from scripts.wiring.models import write_public_key

    found = write_public_key(home, name, file, epoch)
    click.echo(f"{file}: public key of {name}, epoch {found.epoch}, key id {found.key_id.hex()}.")


@model.command("import")
@chain_options
@click.option("--name", help="The member whose own copies go back, if there is no FILE.")
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False, exists=True))
@guarded
def import_file(home: Home, name: str | None, file: Path | None) -> None:
    """Put the lost file of a model back into the vault, from FILE (an export) or from a member's own copies.

    Only files with a digest that the ledger names are taken.
    """
    from scripts.wiring.models import import_model

    for digest in import_model(home, home.member(name) if name else None, file):
        click.echo(f"In the vault: {show(digest)}")
