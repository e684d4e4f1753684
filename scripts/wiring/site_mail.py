"""The site's mail server and its address in mails, from the command line.

Invariant: the password of the mail server comes from the environment, so that no list of processes shows it.
"""

from __future__ import annotations

import os
from ipaddress import ip_address

from fl.protocol.errors import SettingInvalid
from scripts.wiring.home import Home
from scripts.wiring.site_accounts import outbox
from webui.config import MailSettings, SmtpSettings

PASSWORD_VARIABLE = "HEMALEDGER_SMTP_PASSWORD"  # noqa: S105 - the name of the variable, not a password
MAX_PORT = 65535


def mail_settings(home: Home, smtp: str | None, security: str, user: str, sender: str) -> MailSettings:
    """Return how the site sends mail: by the server `HOST:PORT`, else into its folder.

    Raises:
        SettingInvalid: the server is not HOST:PORT, or it has a user but no password.
    """
    if smtp is None:
        return MailSettings(sender, folder=outbox(home))
    host, parted, port = smtp.rpartition(":")
    if not parted or not host or not port.isdecimal() or not 0 < int(port) <= MAX_PORT:
        raise SettingInvalid("smtp", f"{smtp!r} is not HOST:PORT; write it like mail.clinic.example:587")
    password = os.environ.get(PASSWORD_VARIABLE, "")
    if user and not password:
        raise SettingInvalid("smtp-user", f"put its password into {PASSWORD_VARIABLE}")
    return MailSettings(sender, SmtpSettings(host.strip("[]"), int(port), security, user, password))


def site_address(host: str, port: int, names: tuple[str, ...], *, tls: bool) -> str:
    """Return how visitors reach the site: behind a TLS proxy by its first name, else at its own port.

    Without a name, an address that stands for all addresses of this machine (`0.0.0.0`, `::`) becomes `localhost`.
    """
    own = names[0] if names else _reachable(host)
    return f"https://{own}" if tls else f"http://{own}:{port}"


def _reachable(host: str) -> str:
    try:
        address = ip_address(host)
    except ValueError:  # a name
        return host
    if address.is_unspecified:
        return "localhost"
    return f"[{address}]" if address.version == 6 else host  # noqa: PLR2004
