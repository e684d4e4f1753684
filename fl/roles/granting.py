"""Grants the current model to members who came after it was sealed, so that they take part in the next round.

Invariant: an agent grants only to an active member of a role that may read models, to the key that the ledger has now,
and only a model that this agent opened itself. The file is in the vault before its digest is on the ledger.

Source: PROTOCOL.md 4 (Grants).
"""

from __future__ import annotations

from collections.abc import Iterator

from fl.events import Event
from fl.failures import ALREADY_RECORDED, FATAL, ROUND_ONLY
from fl.protocol.codec import sha256
from fl.protocol.errors import (
    ContractRefused,
    GrantUnusable,
    HemaledgerError,
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
from fl.protocol.names import NO_DIGEST, Address, Role, Suite
from fl.protocol.ports import Vault
from fl.protocol.records import ModelGranted
from fl.protocol.rounds.round import Round
from fl.replay.file_reader import FileReader
from fl.replay.granted_models import seal_grant
from fl.replay.ledger_view import Ports
from fl.replay.long_keys import has_long_key, long_keys_of
from fl.replay.round_documents import read_config, read_manifest, suite_of

TURN_S = 20
"""The coordinator grants at once. When it does not, hospitals take turns, one after this many seconds, in an order that
follows from the model and the reader. So one grant is made, and not one by each of a hundred hospitals."""
AGAIN_S, MAX_AGAIN_S = 60, 3600
"""Nobody else can tell whether a grant opens the model. So a reader that has one and does nothing with the model gets
another one, from somebody else, after this many seconds; each further wait is twice as long, up to an hour."""
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
        self._since: dict[tuple[Address, int, bytes, int], int] = {}
        """When this agent first saw that a member lacks the model: account, key epoch, model, grants that it has."""
        self._unable = (b"", 0)
        """The digest of the model that this agent could not open, or that this ledger does not let anybody grant; and
        how many grants of it this agent had."""

    def step(self, federation: Federation) -> bool:
        """Grant the current model to one member who lacks it and whose turn it is; False if there is none.

        Raises:
            VaultMissing: the model's file, or the manifest.
        """
        if self._account not in federation.readers or self._unable == self._standing(federation):
            return False
        try:
            for member in lacking(federation):
                if self._may(federation, member) and self._is_due(federation, member):
                    return self._grant(federation, member)
        except (*TOO_LATE, *ALREADY_RECORDED):
            return False
        except (ContractRefused, *CANNOT) as error:
            return self._give_up(federation, error)
        except FATAL:
            raise
        except ROUND_ONLY as error:  # what a former coordinator left in the vault
            return self._give_up(federation, error)
        return False

    def _give_up(self, federation: Federation, error: HemaledgerError) -> bool:
        """Say that this member cannot grant this model; another grant of it to this member may change that."""
        self._unable = self._standing(federation)
        self._ports.notify(Event.WAITING, {"reason": f"this member cannot grant the model: {error}"})
        return False

    def _standing(self, federation: Federation) -> tuple[bytes, int]:
        return federation.model_digest, len(grants_to(federation, self._account))

    def _may(self, federation: Federation, member: Member) -> bool:
        """Return whether a member may have the model.

        No hospital gets one that trustees must release first, and nobody without a long key one of suite 2.
        """
        source, vault = federation.source, self._ports.vault
        if not isinstance(source, Round):
            return True
        config = read_config(source, vault)
        if config.suite == Suite.HYBRID and not _has_long_key(federation, member, vault):
            return False
        return member.role != Role.HOSPITAL or not config.release

    def _is_due(self, federation: Federation, member: Member) -> bool:
        """Return whether it is this member's turn."""
        made = grants_to(federation, member.account)
        now, key = self._ports.now(), (member.account, len(member.keys), federation.model_digest, len(made))
        since = self._since.setdefault(key, now)
        granted = (self._account, len(member.keys)) in {(each.sender, each.epoch) for each in made}
        if granted or member.account == self._account:
            return False
        turn = _turn(federation, member.account, self._account)
        return now >= since + again_s(len(made)) + TURN_S * turn

    def _grant(self, federation: Federation, member: Member) -> bool:
        record = ModelGranted(self._account, member.account, len(member.keys), federation.model_digest, NO_DIGEST)
        manifest = read_manifest(federation.opening, self._ports.vault)
        content_key = self._reader.content_key(federation.source, manifest.length)
        plan, vault = planned(record, federation.model, federation.book), self._ports.vault
        long_key = None
        if suite_of(federation.source, vault) == Suite.HYBRID:
            long_key = long_keys_of(federation, {member.account: plan.reader_key}, vault)[member.account]
        file = seal_grant(plan, content_key, long_key)
        digest = self._ports.vault.put(file)
        self._ports.append(ModelGranted(record.sender, record.reader, record.epoch, record.model_digest, digest))
        self._ports.notify(Event.MODEL_GRANTED, {"member": member.name})
        return True


def lacking(federation: Federation) -> Iterator[Member]:
    """Yield the active members with a key who may read models, and have not shown that they can open the current one.

    Only its file's readers surely can. Somebody else shows it by a record that only a reader of the model makes.
    """
    able = federation.source.keys.keys() | set(_acted(federation))
    for member in federation.book.members.values():
        reads = member.role in MODEL_READERS and member.key is not None and not member.revoked
        if reads and member.account not in able:
            yield member


def _has_long_key(federation: Federation, member: Member, vault: Vault) -> bool:
    return member.key is not None and has_long_key(federation, member.account, member.key, vault)


def _acted(federation: Federation) -> Iterator[Address]:
    """Yield who opened a round from the current model, committed an update to it, or attested what came of it."""
    for each in reversed(federation.rounds):
        if each.number <= federation.model.number:
            return
        yield each.opener
        yield from each.commitments
        yield from each.attestations


def grants_to(federation: Federation, reader: Address) -> list[ModelGranted]:
    """Return the grants of the current model to a member that count, without those by members revoked since."""
    members = federation.book.members
    made = [grant.record for grant in federation.grants.of(federation.model_digest)]
    return [each for each in made if each.reader == reader and not members[each.sender].revoked]


def again_s(made: int) -> int:
    """Return how long a reader that has so many grants waits until the granting order begins again."""
    return min(AGAIN_S << min(made - 1, 10), MAX_AGAIN_S) if made else 0


def _turn(federation: Federation, reader: Address, account: Address) -> int:
    """Return how many members grant before this one: none before the coordinator, then hospitals in a drawn order.

    Who granted to this reader already, and the reader itself, have no turn.
    """
    book, gave = federation.book, {each.sender for each in grants_to(federation, reader)}
    if book.members[account].role == Role.COORDINATOR:
        return 0
    able = federation.readers - gave - {reader} | {account}
    hospitals = [member.account for member in book.having(Role.HOSPITAL) if member.account in able]
    order = sorted(hospitals, key=lambda each: sha256(federation.model_digest + reader + each))
    before = any(member.account in able for member in book.having(Role.COORDINATOR))
    return order.index(account) + before if account in order else len(order) + before
