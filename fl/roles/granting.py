"""Grants the current model to members who came after it was sealed, so that they take part in the next round.

Invariant: an agent grants only to an active member of a role that may read models, to the key that the ledger has now,
and only a model that this agent opened itself. The file is in the vault before its digest is on the ledger.

Source: PROTOCOL.md 4 (Grants).
"""

from __future__ import annotations

from collections.abc import Iterator

from fl.events import Event
from fl.failures import ALREADY_RECORDED
from fl.protocol.codec import sha256
from fl.protocol.errors import (
    ContractRefused,
    GrantUnusable,
    KeyCommitMismatch,
    KeyEpochMismatch,
    KeystoreUnreadable,
    ModelDigestMismatch,
    NotReleased,
    RecipientNotFound,
    RevokedSender,
)
from fl.protocol.federation import Federation
from fl.protocol.grants import MODEL_READERS, planned
from fl.protocol.keys.members import Member
from fl.protocol.names import NO_DIGEST, Address, Role
from fl.protocol.records import ModelGranted
from fl.protocol.rounds.round import Round
from fl.replay.expected_files import FileReader, read_config, read_manifest
from fl.replay.granted_models import seal_grant
from fl.replay.ledger_view import Ports

TURN_S = 20
"""The coordinator grants at once. When it does not, hospitals take turns, one after this many seconds, in an order that
follows from the model and the reader. So one grant is made, and not one by each of a hundred hospitals."""
CANNOT = (GrantUnusable, KeyCommitMismatch, KeystoreUnreadable, NotReleased, RecipientNotFound)
"""This member cannot open the model itself."""
TOO_LATE = (KeyEpochMismatch, ModelDigestMismatch, RevokedSender)
"""Meanwhile the model, the reader's key or its membership changed."""


class Granting:
    """One member's part in grants."""

    def __init__(self, ports: Ports, reader: FileReader) -> None:
        self._ports = ports
        self._reader = reader
        self._account = ports.ledger.account
        self._since: dict[tuple[Address, int, bytes], int] = {}
        """When this agent first saw that a member lacks the model: account, key epoch, model."""
        self._unable = b""
        """The digest of the model that this agent could not open, or that this ledger does not let anybody grant."""

    def step(self, federation: Federation) -> bool:
        """Grant the current model to one member who lacks it and whose turn it is; False if there is none.

        Raises:
            VaultMissing: the model's file, or the manifest.
        """
        if self._unable == federation.model_digest or self._account not in federation.readers:
            return False
        for member in lacking(federation):
            if self._may(federation, member) and self._is_due(federation, member):
                return self._grant(federation, member)
        return False

    def _may(self, federation: Federation, member: Member) -> bool:
        """Return whether a member may have the model: no hospital gets one that trustees must release first."""
        source = federation.source
        if member.role != Role.HOSPITAL or not isinstance(source, Round):
            return True
        return not read_config(source, self._ports.vault).release

    def _is_due(self, federation: Federation, member: Member) -> bool:
        """Return whether it is this member's turn."""
        now, key = self._ports.now(), (member.account, len(member.keys), federation.model_digest)
        since = self._since.setdefault(key, now)
        turn = _turn(federation, member.account, self._account)
        return now >= since + TURN_S * turn

    def _grant(self, federation: Federation, member: Member) -> bool:
        record = ModelGranted(self._account, member.account, len(member.keys), federation.model_digest, NO_DIGEST)
        try:
            manifest = read_manifest(federation.opening, self._ports.vault)
            content_key = self._reader.content_key(federation.source, manifest.length)
            file = seal_grant(planned(record, federation.model, federation.book), content_key)
            digest = self._ports.vault.put(file)
            self._ports.append(ModelGranted(record.sender, record.reader, record.epoch, record.model_digest, digest))
        except (ContractRefused, *CANNOT) as error:
            self._unable = federation.model_digest
            reason = f"this member cannot grant the model: {error}"
            self._ports.notify(Event.WAITING, {"reason": reason})
            return False
        except (*TOO_LATE, *ALREADY_RECORDED):
            return False
        self._ports.notify(Event.MODEL_GRANTED, {"member": member.name})
        return True


def lacking(federation: Federation) -> Iterator[Member]:
    """Yield the active members with a key who may read models, and can open the current one by no means."""
    grants, members = federation.grants.of(federation.model_digest), federation.book.members
    able = {grant.record.reader for grant in grants if not members[grant.record.sender].revoked}
    able |= federation.source.keys.keys()
    for member in members.values():
        reads = member.role in MODEL_READERS and member.key is not None and not member.revoked
        if reads and member.account not in able:
            yield member


def _turn(federation: Federation, reader: Address, account: Address) -> int:
    """Return how many members grant before this one: none before the coordinator, then hospitals in a drawn order."""
    readers, book = federation.readers, federation.book
    if book.members[account].role == Role.COORDINATOR:
        return 0
    able = [member.account for member in book.having(Role.HOSPITAL) if member.account in readers]
    order = sorted(able, key=lambda each: sha256(federation.model_digest + reader + each))
    before = any(member.account in readers for member in book.having(Role.COORDINATOR))
    return order.index(account) + before if account in order else len(order) + before
