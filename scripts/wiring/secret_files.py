"""Secrets from files: systemd's credentials and the secrets of containers are files, not variables.

For each variable below, NAME_FILE names a file whose content becomes NAME. A variable that is set already stays.

Invariant: no secret is an argument of a process, and none is printed.

Source: systemd.exec(5), LoadCredential; Docker, "Manage sensitive data with secrets".
"""

from __future__ import annotations

import os
from pathlib import Path

from fl.protocol.errors import SettingInvalid

VARIABLES = (
    "HEMALEDGER_PASSWORD",
    "HEMALEDGER_BACKUP_PASSWORD",
    "HEMALEDGER_SMTP_PASSWORD",
    "HEMALEDGER_DATABASE_URL",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
)
CAP = 4096
"""Bytes of a secret."""


def read_secret_files() -> None:
    """Set every variable whose file is named.

    Raises:
        SettingInvalid: a file cannot be read, is empty, is too long, or is not text.
    """
    for name in VARIABLES:
        path = os.environ.get(f"{name}_FILE", "")
        if path and not os.environ.get(name):
            os.environ[name] = _content(f"{name}_FILE", Path(path))


def _content(setting: str, path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(CAP + 1)
        text = data.decode().rstrip("\r\n")
    except OSError as error:
        raise SettingInvalid(setting, f"{path} cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise SettingInvalid(setting, f"{path} is not text in UTF-8") from error
    if not text or len(data) > CAP or "\0" in text:
        raise SettingInvalid(setting, f"{path} must have one secret of at most {CAP} bytes")
    return text
