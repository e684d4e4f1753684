"""`hemaledger serve`: serve the web site of one hospital."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from scripts.wiring.exit import guarded
from scripts.wiring.options import chain_options, frame_option, name_option
from scripts.wiring.training_options import network_options

if TYPE_CHECKING:
    from scripts.wiring.home import Home

F = TypeVar("F", bound=Callable[..., Any])
MAX_CARE_DAYS, CARE_DAYS = 3650, 90
MAX_ANCHOR_MINUTES, ANCHOR_MINUTES = 24 * 60, 30
"""The values of webui/config.py."""


def table_options(command: F) -> F:
    """Add the options of the models of tables."""
    for option in reversed(
        (
            click.option(
                "--table",
                "tables",
                multiple=True,
                metavar="KEY=FOLDER",
                help="A model of a table to offer: a short name, and the folder of its federation, in which this "
                "hospital is the member NAME, too. Repeatable.",
            ),
            click.option(
                "--suggestions",
                type=click.Path(path_type=Path),
                help="The hospital's own texts beside a risk (see `tables suggestions`).",
            ),
            click.option(
                "--patient-risks/--no-patient-risks",
                default=False,
                show_default=True,
                help="Whether patients may use these models without a doctor.",
            ),
        )
    ):
        command = option(command)
    return command


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
@click.option(
    "--anchor-minutes",
    type=click.IntRange(1, MAX_ANCHOR_MINUTES),
    default=ANCHOR_MINUTES,
    show_default=True,
    help="How many minutes new records wait at most for a root on the ledger. 64 of them do not wait.",
)
@frame_option(
    "What a picture of a cell on black shows. auto: decide from its cell; if that is unclear, give no answer."
)
@click.option("--tls/--no-tls", default=False, show_default=True, help="Whether a TLS proxy is in front of the site.")
@click.option("--trusted-proxy", help="IP address of that proxy. The site trusts its X-Forwarded-* headers.")
@click.option("--site-host", "site_hosts", multiple=True, help="Host name that browsers use for the site. Repeatable.")
@click.option("--servers", type=click.Path(path_type=Path), help="File of hospital servers that may judge pictures.")
@click.option("--proxies", type=click.IntRange(1, 8), default=1, show_default=True, help="Number of proxies in a row.")
@click.option("--smtp", help="The mail server, HOST:PORT. Without it, mails are files in the folder site/outbox.")
@click.option("--smtp-security", type=click.Choice(("starttls", "tls", "none")), default="starttls", show_default=True)
@click.option("--smtp-user", default="", help="Its user; the password is in HEMALEDGER_SMTP_PASSWORD.")
@click.option("--mail-from", default="", help="The sender of mails. [default: no-reply@ and the first --site-host]")
@click.option(
    "--staff-second-step/--no-staff-second-step",
    default=True,
    show_default=True,
    help="Whether staff need a passkey or an app for codes besides their password.",
)
@click.option(
    "--log-format",
    type=click.Choice(("text", "json")),
    default="text",
    show_default=True,
    help="How the site writes its log. json also writes one line per request.",
)
@table_options
@click.option(
    "--backups",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Folder in which your backups end up. The operator's page shows the age of its newest file. Repeatable.",
)
@click.option(
    "--private-trustee",
    "private_trustees",
    multiple=True,
    metavar="NAME=URL",
    help="A trustee's server for private predictions (`head serve`). Repeatable; without one the site offers none.",
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
    anchor_minutes: int,
    picture_frame: str,
    tls: bool,
    trusted_proxy: str | None,
    site_hosts: tuple[str, ...],
    servers: Path | None,
    proxies: int,
    smtp: str | None,
    smtp_security: str,
    smtp_user: str,
    mail_from: str,
    staff_second_step: bool,
    log_format: str,
    tables: tuple[str, ...],
    suggestions: Path | None,
    patient_risks: bool,
    backups: tuple[Path, ...],
    private_trustees: tuple[str, ...],
) -> None:
    """Serve the site of hospital NAME to patients, doctors and auditors. It uses the model that the ledger confirms."""
    from scripts.server.log import log_as_json
    from scripts.server.private import PrivateOptions
    from scripts.server.proxy import TrustedProxy
    from scripts.server.server import check_port
    from scripts.server.site import Extras, build_site, run_site
    from scripts.server.tables import TableOptions
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
        anchor_minutes=anchor_minutes,
        picture_frame=frame_of(picture_frame),
        mail=mail_settings(
            home, smtp, smtp_security, smtp_user, mail_from or f"no-reply@{(*site_hosts, 'localhost')[0]}"
        ),
        second_step_for_staff=staff_second_step,
        address=site_address(host, port, site_hosts, tls=tls),
        patient_risks=patient_risks,
    )
    given = TableOptions.parse(tables, suggestions, home)
    check_port(host, port)
    extras = Extras(given, servers, backups, PrivateOptions.parse(private_trustees))
    running = build_site(home, name, config, extras)
    click.echo(f"The site is at http://{host}:{port}")
    run_site(running, host, port, proxy)
