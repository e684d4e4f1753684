"""`hemaledger chain key` and `hemaledger chain network`: a chain that members run together."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fl.protocol.errors import EncodingError, SettingInvalid
from scripts.wiring.exit import guarded

if TYPE_CHECKING:
    from chain.permissioned.validators import Validator

KEY_FOLDER, KEY_FILE, PASSWORD_FILE = "key", "node.key", "password"
CARD = "validator-{name}.json"
FOLDER = click.Path(path_type=Path, file_okay=False)
LARGEST_CHAIN_ID = 2**53 - 1
LONGEST_BLOCK_TIME_S = 60
P2P_PORT = 30303


@click.command()
@click.argument("folder", type=FOLDER)
@click.option("--name", required=True, help="Of the validator: a-z, 0-9 and -.")
@click.option("--host", required=True, help="IP address at which the other validators reach it.")
@click.option("--port", type=click.IntRange(1, 65535), default=P2P_PORT, show_default=True, help="Port for them.")
@guarded
def key(folder: Path, name: str, host: str, port: int) -> None:
    """Draw the key of a validator into FOLDER/key, and write the file that the others need.

    The key never leaves this machine. Send only the file.
    """
    from chain.permissioned.validators import KEY_BYTES, Validator, checked, public_key_of
    from fl.files import write_atomic, write_once

    secret = secrets.token_bytes(KEY_BYTES)
    try:
        card = checked(Validator(name, public_key_of(secret), host, port))
    except EncodingError as error:
        raise SettingInvalid("validator", error.why) from error
    where = folder / KEY_FOLDER
    if where.exists():
        raise SettingInvalid("folder", f"{where} exists already; a validator has one key for good")
    where.mkdir(mode=0o700, parents=True)
    write_once(where / KEY_FILE, secret.hex().encode(), 0o600)
    write_once(where / PASSWORD_FILE, secrets.token_hex(16).encode(), 0o600)
    out = folder / CARD.format(name=name)
    write_atomic(out, card.to_bytes())
    click.echo(f"The key is in {where}. Keep it here, and keep a copy of it in a safe place.")
    click.echo(f"Send {out} to who makes the network. Its account is 0x{card.account.hex()}.")


@click.command()
@click.argument("folder", type=FOLDER)
@click.option(
    "--validator",
    "cards",
    multiple=True,
    required=True,
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="The file of a validator. Repeatable.",
)
@click.option(
    "--kind",
    type=click.Choice(["qbft", "clique"]),
    default="qbft",
    show_default=True,
    help="qbft: Besu, final at once. clique: geth 1.13, for development.",
)
@click.option("--chain-id", type=click.IntRange(1, LARGEST_CHAIN_ID), help="Default: a random one.")
@click.option(
    "--block-time",
    type=click.IntRange(1, LONGEST_BLOCK_TIME_S),
    default=2,
    show_default=True,
    help="Seconds between two blocks.",
)
@guarded
def network(folder: Path, *, cards: tuple[Path, ...], kind: str, chain_id: int | None, block_time: int) -> None:
    """Write into FOLDER what all validators of a new chain need: first block, peers, compose file, instructions."""
    from chain.permissioned.genesis import Consensus, Network
    from chain.permissioned.node_files import files_of
    from fl.files import write_once

    chosen = chain_id or _random_chain_id()
    made = Network.of(Consensus(kind), chosen, block_time, [_card(path) for path in cards])
    if folder.exists() and any(folder.iterdir()):
        raise SettingInvalid("folder", f"{folder} is not empty; a chain that runs keeps its first block")
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files_of(made).items():
        write_once(folder / name, data)
    click.echo(f"{folder} has what {len(made.validators)} validators of chain {chosen} need. Nothing in it is secret.")
    click.echo(f"Give all of it to each of them; README.md says what to do. {made.may_fail} of them may be down.")


def _random_chain_id() -> int:
    """Return a number that no known chain has, with high probability: 10 to 15 digits."""
    return 10**9 + secrets.randbelow(LARGEST_CHAIN_ID - 10**9)


def _card(path: Path) -> Validator:
    from chain.permissioned.validators import CARD_CAP, Validator
    from fl.protocol.errors import TooLarge

    with path.open("rb") as file:
        data = file.read(CARD_CAP + 1)
    if len(data) > CARD_CAP:
        raise TooLarge(path.stat().st_size, CARD_CAP)
    return Validator.from_bytes(data)
