"""`hemaledger serve`: serve the web site of one hospital."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scripts.wiring.exit import guarded
from scripts.wiring.options import chain_options, frame_option, name_option
from scripts.wiring.training_options import network_options

if TYPE_CHECKING:
    from scripts.wiring.home import Home

MAX_CARE_DAYS, CARE_DAYS = 3650, 90
"""The values of webui/config.py."""


@click.command()
@chain_options
@name_option()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True, help="Port to listen on.")
@click.option("--hospital-name", default="Hemaledger Clinic", show_default=True, help="The name on the pages.")
@click.option("--zone", default="UTC", show_default=True, help="The hospital's time zone, an IANA name.")
@click.option(
    "--care-days",
    type=click.IntRange(0, MAX_CARE_DAYS),
    default=CARE_DAYS,
    show_default=True,
    help="How many days after the last appointment a doctor can still see a patient's records.",
)
@frame_option(
    "What a picture of a cell on black shows. auto: decide from its cell; if that is unclear, give no answer."
)
@click.option("--tls/--no-tls", default=False, show_default=True, help="Whether a TLS proxy is in front of the site.")
@click.option("--trusted-proxy", help="IP address of that proxy. The site trusts its X-Forwarded-* headers.")
@click.option("--site-host", "site_hosts", multiple=True, help="Host name that browsers use for the site. Repeatable.")
@click.option("--proxies", type=click.IntRange(1, 8), default=1, show_default=True, help="Number of proxies in a row.")
@click.option(
    "--backups",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Folder in which your backups end up. The operator's page shows the age of its newest file. Repeatable.",
)
@network_options
@guarded
def serve(  # noqa: PLR0913  # one parameter per option
    home: Home,
    name: str,
    *,
    host: str,
    port: int,
    hospital_name: str,
    zone: str,
    care_days: int,
    picture_frame: str,
    tls: bool,
    trusted_proxy: str | None,
    site_hosts: tuple[str, ...],
    proxies: int,
    backups: tuple[Path, ...],
) -> None:
    """Serve the site of hospital NAME to patients, doctors and auditors. It uses the model that the ledger confirms."""
    from scripts.server.proxy import TrustedProxy
    from scripts.server.site import build_site, check_port, run_site
    from scripts.wiring.listing import frame_of
    from scripts.wiring.site_accounts import site_config

    proxy = TrustedProxy.parse(trusted_proxy, proxies, tls=tls)
    config = replace(
        site_config(home, hospital_name, zone, tls=tls),
        hosts=(host, f"[{host}]", *site_hosts),
        care_days=care_days,
        picture_frame=frame_of(picture_frame),
    )
    check_port(host, port)
    running = build_site(home, name, config, backups)
    click.echo(f"The site is at http://{host}:{port}")
    run_site(running, host, port, proxy)
