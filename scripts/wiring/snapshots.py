"""Snapshots of audits as files: signed with the auditor's account, read only from somebody who is trusted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fl.protocol.errors import SettingInvalid, SignatureInvalid, SnapshotRefused

if TYPE_CHECKING:
    from fl.audit.snapshot import Snapshot
    from fl.protocol.names import Address
    from scripts.wiring.home import Home


@dataclass(frozen=True)
class Snapshots:
    """One auditor's snapshots."""

    home: Home | None
    name: str | None
    """The auditor's member name in `home`."""
    account: Address | None

    def read(self, path: Path, trusted: str | None) -> Snapshot:
        """Return a snapshot that this auditor, or the `trusted` account, signed.

        Raises:
            SnapshotRefused: somebody else signed it, or nobody.
            EncodingError: it is not a snapshot.
            SettingInvalid: nobody is trusted, or the file cannot be read.
        """
        from chain.transactions.addresses import parse_address
        from chain.transactions.eip712 import signer_of
        from fl.audit.snapshot import SNAPSHOT_CAP, Snapshot

        account = parse_address(trusted, "trust-account") if trusted else self.account
        if account is None:
            raise SettingInvalid("from-snapshot", "give --auditor, or --trust-account")
        try:
            with path.open("rb") as file:
                data = file.read(SNAPSHOT_CAP + 1)
        except OSError as error:
            raise SettingInvalid("from-snapshot", f"{path} cannot be read ({error.strerror})") from error
        snapshot, signature = Snapshot.from_bytes(data)
        try:
            signer = signer_of(snapshot.signed_digest, signature)
        except SignatureInvalid as error:
            raise SnapshotRefused("its signature is damaged") from error
        if signer != account or snapshot.auditor != account:
            raise SnapshotRefused("another account than the trusted one signed it, or it was changed")
        return snapshot

    def save(self, snapshot: Snapshot | None, path: Path) -> None:
        """Sign a snapshot and write it.

        Raises:
            SettingInvalid: the audit was not clean, or this machine does not have the auditor's account.
        """
        from fl.files import write_atomic
        from scripts.wiring.roles import load_account

        if self.home is None or self.name is None:
            raise SettingInvalid("save-snapshot", "give --home and --auditor, whose account signs it")
        if snapshot is None:
            raise SettingInvalid("save-snapshot", "there is no snapshot of an audit with findings or alarms")
        signature = load_account(self.home.member(self.name)).sign_digest(snapshot.signed_digest)
        write_atomic(path, snapshot.to_bytes(signature))
