"""`hemaledger serve`: serve the web site of one hospital."""

from __future__ import annotations

from dataclasses import replace
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
@click.option("--smtp", help="The mail server, HOST:PORT. Without it, mails are files in the folder site/outbox.")
@click.option("--smtp-security", type=click.Choice(("starttls", "tls", "none")), default="starttls", show_default=True)
@click.option("--smtp-user", default="", help="Its user; the password is in HEMALEDGER_SMTP_PASSWORD.")
@click.option("--mail-from", default="", help="The sender of mails. [default: no-reply@ and the first --site-host]")
@click.option(
    "--log-format",
    type=click.Choice(("text", "json")),
    default="text",
    show_default=True,
    help="How the site writes its log. json also writes one line per request.",
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
    smtp: str | None,
    smtp_security: str,
    smtp_user: str,
    mail_from: str,
    log_format: str,
) -> None:
    """Serve the site of hospital NAME to patients, doctors and auditors. It uses the model that the ledger confirms."""
    from scripts.server.log import log_as_json
    from scripts.server.proxy import TrustedProxy
    from scripts.server.site import build_site, check_port, run_site
    from scripts.wiring.listing import frame_of
    from scripts.wiring.site_accounts import site_config
    from scripts.wiring.site_mail import mail_settings, site_address

    if log_format == "json":
        log_as_json()
    proxy = TrustedProxy.parse(trusted_proxy, proxies, tls=tls)
    config = replace(
        site_config(home, hospital_name, zone, tls=tls),
        hosts=(host, f"[{host}]", *site_hosts),
        care_days=care_days,
        picture_frame=frame_of(picture_frame),
        mail=mail_settings(
            home, smtp, smtp_security, smtp_user, mail_from or f"no-reply@{(*site_hosts, 'localhost')[0]}"
        ),
        address=site_address(host, port, site_hosts, tls=tls),
    )
    check_port(host, port)
    running = build_site(home, name, config)
    click.echo(f"The site is at http://{host}:{port}")
    run_site(running, host, port, proxy)
