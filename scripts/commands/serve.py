"""`hemaledger serve`: the web site of one hospital."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from scripts.wiring.exit import guarded
from scripts.wiring.options import chain_options, frame_option, name_option

if TYPE_CHECKING:
    from scripts.wiring.home import Home

MAX_CARE_DAYS, CARE_DAYS = 3650, 90
"""As webui/config.py."""


@click.command()
@chain_options
@name_option()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True)
@click.option("--hospital-name", default="Hemaledger Clinic", show_default=True, help="What the pages show.")
@click.option("--zone", default="UTC", show_default=True, help="IANA time zone of the hospital.")
@click.option(
    "--care-days",
    type=click.IntRange(0, MAX_CARE_DAYS),
    default=CARE_DAYS,
    show_default=True,
    help="How long after the last appointment a doctor still sees a patient's records.",
)
@frame_option("What a picture of a cell on black shows. auto: its cell says it; where it does not, there is no answer.")
@click.option("--tls/--no-tls", default=False, show_default=True, help="Whether a TLS proxy stands in front.")
@click.option("--trusted-proxy", help="IP address from which that proxy connects; its X-Forwarded-* are believed.")
@click.option("--site-host", "site_hosts", multiple=True, help="Name by which browsers call the site; may be repeated.")
@click.option("--proxies", type=click.IntRange(1, 8), default=1, show_default=True, help="How many stand in a row.")
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
) -> None:
    """Serve patients, doctors and auditors with the model that the ledger confirms, as hospital NAME."""
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
    running = build_site(home, name, config)
    click.echo(f"The site is at http://{host}:{port}")
    run_site(running, host, port, proxy)
