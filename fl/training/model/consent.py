"""What this process may use beyond Hemaledger itself: its member's files of weights, and code that the member allowed.

Invariant: a name of code that only the ledger gave is never imported. Without `give`, nothing is allowed.

Source: SECURITY.md. Like `device.use_threads`, the consent holds for the process: a command's options give it once,
before any role runs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from fl.protocol.errors import SettingInvalid

ENTRY_CHARS = 200
_ENTRY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*:[A-Za-z_][A-Za-z0-9_]*")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Source:
    """A function that builds a network, and the digest of all source around it (own_source.py)."""

    entry: str
    """`package.module:function`."""
    sha256: str

    @classmethod
    def parse(cls, text: str) -> Source:
        """Parse `package.module:function@SHA256`, or raise SettingInvalid."""
        entry, _, sha256 = text.partition("@")
        check_entry(entry)
        if not _DIGEST.fullmatch(sha256):
            raise SettingInvalid("network", f"write {entry}@SHA256, as `hemaledger network digest {entry}` prints it")
        return cls(entry, sha256)

    @property
    def top(self) -> str:
        """Return the package or module whose source is digested."""
        return self.entry.partition(":")[0].partition(".")[0]

    def __str__(self) -> str:
        return f"{self.entry}@{self.sha256}"


def check_entry(entry: str) -> str:
    """Return `package.module:function`, or raise SettingInvalid."""
    if len(entry) > ENTRY_CHARS or not _ENTRY.fullmatch(entry):
        raise SettingInvalid("network", f"{entry[:ENTRY_CHARS]!r} is not of the form package.module:function")
    return entry


@dataclass(frozen=True)
class Consent:
    """The networks that a member allowed, and its files of weights."""

    networks: tuple[Source, ...] = ()
    files: tuple[Path, ...] = ()

    def arguments(self) -> tuple[str, ...]:
        """Return the options that give this consent to another process."""
        networks = (part for network in self.networks for part in ("--allow-network", str(network)))
        files = (part for file in self.files for part in ("--weights-file", str(file.absolute())))
        return (*networks, *files)


_given = [Consent()]


def given() -> Consent:
    """Return what this process may use."""
    return _given[0]


def give(consent: Consent) -> None:
    """Let this process use that, in place of what was given before."""
    _given[0] = consent


def allow(networks: tuple[Source, ...]) -> None:
    give(replace(given(), networks=networks))


def offer(files: tuple[Path, ...]) -> None:
    give(replace(given(), files=files))
