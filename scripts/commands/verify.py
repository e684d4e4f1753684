"""`hemaledger verify`: check proofs and evidence offline, with nothing but a trust file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fl.protocol.errors import UnavailableError
from fl.protocol.names import shown_lines
from scripts.wiring.exit import guarded

if TYPE_CHECKING:
    from fl.proofs.evidence_pieces import Verdict
    from fl.proofs.receipts import CheckedReceipt
    from fl.proofs.verify import Proven
    from fl.protocol.names import Digest
    from fl.protocol.tlog.trust import Trust


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option(
    "--trust", "trust_file", type=click.Path(path_type=Path, dir_okay=False), help="Whose signatures count: trust.json."
)
@click.option(
    "--file",
    "data",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A file whose SHA-256 the proven record must hold; of a receipt, one of its pictures.",
)
@click.option("--json", "as_json", is_flag=True, help="For programs: one JSON object for each proof.")
@guarded
def verify(files: tuple[Path, ...], trust_file: Path | None, data: Path | None, *, as_json: bool) -> None:
    """Check each FILE offline: no chain, no vault, no account.

    A file is a `.tlog-proof`, a receipt, evidence of a monitor, or a model: the ZIP of `hemaledger model export` or of
    a site, or the folder with its files.

    Exit code 0: everything holds. 65: a file is none of these. 75: a receipt, or a model, has no proof yet. 76: a file
    does not hold. 77: too few witnesses cosigned. 78: the trust file is missing.
    """
    from chain.proofs.facts import OfflineFacts
    from fl.proofs import verify as checking
    from fl.proofs.evidence import EVIDENCE_CAP, EVIDENCE_START
    from fl.proofs.receipts import RECEIPT_CAP, is_receipt, verify_receipt
    from fl.protocol.tlog.proof_file import PROOF_CAP
    from scripts.wiring.trust_file import read_trust

    trust = read_trust(trust_file)
    facts, waits = OfflineFacts(), False
    for path in files:
        if path.is_dir() or path.suffix == ".zip":
            waits = not _check_model(path, trust, as_json=as_json) or waits
            continue
        with path.open("rb") as file:
            content = file.read(max(PROOF_CAP, RECEIPT_CAP, EVIDENCE_CAP) + 1)
        if content.startswith(EVIDENCE_START):
            _judge(path, content, trust, data, as_json=as_json)
            continue
        if is_receipt(content):
            shown = verify_receipt(content, trust, facts)
            waits = waits or shown.proven is None
            _tell_receipt(path, shown, trust, data, as_json=as_json)
            continue
        proven = checking.verify(content, trust, facts)
        if data is not None:
            _compare(proven, data)
        _tell(path, proven, trust, as_json=as_json)
    if not as_json:
        click.echo(f"Checked with the trust file {trust.code}. Compare this code with a member, by phone.")
    if waits:
        click.get_current_context().exit(UnavailableError.exit_code)


def _check_model(path: Path, trust: Trust, *, as_json: bool) -> bool:
    """Check the files of a model together, and say what they show; return whether both proofs are there.

    Without them anybody may have signed the files.
    """
    from chain.proofs.facts import OfflineFacts
    from fl.proofs.model_folder import check_model, words_of
    from fl.proofs.words import document_of, lines_of
    from scripts.wiring.model_files import model_files

    with model_files(path) as (names, opened):
        proven = check_model(names, opened, trust, OfflineFacts())
    parts = [each for each in (proven.model, proven.key) if each is not None]
    whole = len(parts) == 2  # noqa: PLR2004 - of the model and of the key
    said = [*words_of(proven), *(line for each in parts for line in lines_of(each, trust))]
    if as_json:
        shown = {"files": sorted(proven.signed.digests), "computed": proven.computed}
        model, key = (None if each is None else document_of(each) for each in (proven.model, proven.key))
        click.echo(json.dumps({"file": str(path), "trust": trust.code, **shown, "model": model, "key": key}))
        return whole
    if whole:
        click.secho(f"{path.name}: the files of the model hold.", fg="green")
    else:
        click.secho(f"{path.name}: the files of the model belong together, but a proof is missing.", fg="yellow")
    for line in said:
        click.echo(f"  {line}")
    return whole


def _compare(proven: Proven, data: Path) -> None:
    """Raise ProofChanged unless the proven record holds the SHA-256 of a file."""
    from fl.proofs.words import digests_of
    from fl.protocol.errors import ProofChanged

    found = _digest(data)
    if found not in digests_of(proven):
        raise ProofChanged(8, f"{data.name} is another file: its SHA-256 is {found.hex()}")


def _digest(data: Path) -> Digest:
    import hashlib

    from fl.protocol.names import Digest

    with data.open("rb") as file:
        return Digest(hashlib.file_digest(file, "sha256").digest())


def _tell_receipt(path: Path, shown: CheckedReceipt, trust: Trust, data: Path | None, *, as_json: bool) -> None:
    """Say what a receipt shows; `data` is a picture that must be one of its own."""
    from fl.proofs.words import document_of, lines_of, lines_of_receipt
    from fl.protocol.errors import ReceiptChanged

    if data is not None and not shown.picture_of(_digest(data)):
        raise ReceiptChanged(f"{data.name} is not a picture of this receipt, bit for bit")
    proven = shown.proven
    if as_json:
        proof = None if proven is None else document_of(proven)
        found = {"file": str(path), "trust": trust.code, "receipt": shown.core, "leaf": "0x" + shown.leaf.hex()}
        click.echo(json.dumps({**found, "superseded": shown.superseded, "proof": proof}))
        return
    if proven is None:
        click.secho(f"{path.name}: the receipt fits its fingerprint, but it has no proof yet.", fg="yellow")
    else:
        click.secho(f"{path.name}: the receipt is unchanged, and its proof holds.", fg="green")
    if shown.superseded:
        click.secho("  It says, without proof, that its model is no longer in use: ask for a new check.", fg="yellow")
    for line in [*lines_of_receipt(shown.core), *([] if proven is None else lines_of(proven, trust))]:
        click.echo(f"  {line}")


def _tell(path: Path, proven: Proven, trust: Trust, *, as_json: bool) -> None:
    from fl.proofs.words import document_of, lines_of

    if as_json:
        click.echo(json.dumps({"file": str(path), "trust": trust.code, **document_of(proven)}))
        return
    click.secho(f"{path.name}: the proof holds.", fg="green")
    for line in lines_of(proven, trust):
        click.echo(f"  {line}")


def _judge(path: Path, content: bytes, trust: Trust, data: Path | None, *, as_json: bool) -> None:
    """Check a file of evidence and say who did what; `data` is a file that members say cannot be had."""
    from chain.proofs.facts import OfflineFacts
    from fl.proofs.evidence_verdicts import judge

    verdict = judge(content, trust, OfflineFacts())
    if data is not None:
        _refute(verdict, data)
    if as_json:
        shown = {"finding": verdict.finding.name, "sentence": str(verdict.finding), "shows": list(verdict.shows)}
        click.echo(json.dumps({"file": str(path), "trust": trust.code, **shown, "limits": verdict.limits}))
        return
    click.secho(f"{path.name}: the evidence holds.", fg="green")
    click.echo(f"  {verdict.finding.name}: {shown_lines(str(verdict.finding))}")
    for line in verdict.shows:
        click.echo(f"  {shown_lines(line)}")
    click.echo(f"  {verdict.limits}")


def _refute(verdict: Verdict, data: Path) -> None:
    """Raise EvidenceWeak if a file is the one that members say cannot be had, ProofChanged if it is another one."""
    from fl.protocol.errors import EvidenceWeak, FileWithheld, ProofChanged

    found = _digest(data)
    if not isinstance(verdict.finding, FileWithheld) or found != verdict.finding.digest:
        raise ProofChanged(8, f"{data.name} is another file: its SHA-256 is {found.hex()}")
    raise EvidenceWeak(f"{data.name} is the file, so it can be had")
