"""Opens the files of rounds for one member: each is fetched, checked against the ledger, and only then opened.

Invariant: a file is opened only after it fits the expectation that the ledger gives (expected_files.py).

Source: PROTOCOL.md 4 (steps 1 to 4; Files in parts) and 5S.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace

import numpy as np

from fl.crypto.curve import Point
from fl.crypto.envelope import check_content_key, content_key, open_file, open_granted, released_content_key
from fl.crypto.envelope_form import Expected, Parts
from fl.crypto.threshold import ThresholdKey
from fl.protocol.errors import (
    GrantUnusable,
    HashMismatch,
    HemaledgerError,
    KeyCommitMismatch,
    KeystoreUnreadable,
    ModelDigestMismatch,
    RecipientNotFound,
    TooLarge,
    VaultMissing,
)
from fl.protocol.federation import LedgerOpening
from fl.protocol.grants import Grant, Grants
from fl.protocol.keys.members import MemberKey
from fl.protocol.names import Address, Digest
from fl.protocol.ports import Vault
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.rounds.round import Round
from fl.replay.expected_files import (
    ReaderKey,
    expected_answer,
    expected_model,
    expected_sketch,
    expected_update,
    model_read,
    update_files,
)
from fl.replay.first_file import opened_first
from fl.replay.granted_models import open_grant
from fl.replay.group_key import GroupTerms, group_terms
from fl.replay.ledger_view import Keyring
from fl.replay.member_keys import MemberKeys
from fl.replay.part_files import Part, check_there
from fl.replay.round_documents import digest_of, read_config
from fl.replay.vault_files import read_document
from fl.training.aggregation.kinds import work_of
from fl.training.aggregation.quantise import Vector, Words, from_bytes
from fl.training.model.weights import Manifest, model_digest, vector_in

GrantsNow = Callable[[], Grants]
"""The grants on the ledger now."""


def no_grants() -> Grants:
    """Return no grant: for a member who was there from the beginning."""
    return Grants()


Release = Callable[[Round, bytes], tuple[ThresholdKey, Point]]
"""A final round and its model's file -> the threshold key and the secret point that open it, or NotReleased."""


Opener = tuple[tuple[Part, ...], bytes, bytes]
"""A model's parts, the file of the first one, and the content key that all share."""


class FileReader:
    """Opens files for one member: it fetches, checks and opens a file in the order of PROTOCOL.md 4."""

    def __init__(
        self,
        account: Address,
        vault: Vault,
        keyring: Keyring,
        release: Release | None = None,
        grants: GrantsNow = no_grants,
    ) -> None:
        """Open files as `account`; `release` opens models that trustees released, `grants` those granted to it."""
        self._grants = grants
        self._account = account
        self._release = release
        self._vault = vault
        self._keys = MemberKeys(account, vault, keyring)
        self._config: tuple[Digest, RoundConfig] | None = None
        """The configuration that was read last, and its digest."""
        self._last: tuple[Expected, Digest, Vector] | None = None
        """The newest model that this reader opened or this member made; the next round starts from it."""

    def update(self, current: Round, hospital: Address, config: RoundConfig) -> Words:
        """Return a hospital's words [d + LANES], after checking their claims, or raise the error in the file."""
        body = self._open(expected_update(current, hospital, config.suite), current)
        words = from_bytes(body, current.terms.parameters, config)
        work_of(config).check_update(words)
        return words

    def masked(
        self, current: Round, hospital: Address, required: Collection[ReaderKey] = (), first: int = 0
    ) -> Iterator[tuple[slice, bytes]]:
        """Yield the parts of a hospital's masked update from part `first` on: place, and 4 or 8 bytes for each word.

        Raises:
            RecipientNotFound: it is not sealed to this member, or not to all `required` readers.
            TamperedError, MalformedError, RefusedError, UnavailableError: see envelope.receive and the vault.
        """
        parts = update_files(current, hospital, self._vault, self.config(current))
        check_there(parts, self._vault)
        for part in parts[first:]:
            yield part.place, self._open(part.expected, current, required)

    def answer(self, current: Round, hospital: Address, required: Collection[ReaderKey] = ()) -> bytes:
        """Return a hospital's unmasking response; raises as `masked` does."""
        return self._open(expected_answer(current, hospital, self._keys.suite(current)), current, required)

    def sketches(
        self, current: Round, hospital: Address, digest: Digest, body: int, required: Collection[MemberKey] = ()
    ) -> bytes:
        """Return the sketches of a hospital's masks, a file of `body` bytes; raises as `masked` does."""
        return self._open(expected_sketch(current, hospital, digest, body), current, required)

    def check_group(self, current: Round) -> None:
        """Check that this member has the group key of a wide round; other rounds pass. Raises as GroupKeys.of."""
        self._keys.check_group(current)

    def has(self, digest: Digest) -> bool:
        """Return whether the vault has a file of that name."""
        return self._vault.has(digest)

    def config(self, current: Round) -> RoundConfig:
        """Return a round's configuration; the newest one is read once. Raises as `read_config`."""
        digest, known = current.terms.config_digest, self._config
        if known is None or known[0] != digest:
            known = self._config = digest, read_config(current, self._vault)
        return replace(known[1], roster=len(current.roster))

    def model(self, source: Round | LedgerOpening, manifest: Manifest, replayed: Vector | None = None) -> Vector:
        """Return the model of a round or of the opening, float32 [d], checked against its digest on the ledger.

        A `replayed` model already has that digest, so a file with the same bits is not hashed again.

        Raises:
            WrongPhase: the round proposed no model.
            ModelDigestMismatch: the envelope does not have the proposed model.
            NotReleased: trustees must release it first.
            GrantUnusable: it was granted to this member, and no grant opens it.
            TamperedError, MalformedError, UnavailableError: see envelope.receive and the vault.
        """
        expected = expected_model(source, manifest.length, self._keys.suite(source))
        if self._last is not None and self._last[:2] == (expected, digest_of(source)):
            return self._last[2]
        if replayed is not None and self._is(replayed, source):
            vector = replayed
        else:
            vector = np.empty(manifest.length, np.float32)
            for place, body in self._model(source, manifest.length):
                vector[place] = vector_in(body, place.stop - place.start)
            actual = model_digest(manifest.digest, vector)
            if actual != digest_of(source):
                raise ModelDigestMismatch(digest_of(source), actual)
        self.remember(expected, digest_of(source), vector)
        return vector

    def remember(self, expected: Expected, digest: Digest, vector: Vector) -> None:
        """Remember the model of a checked or self-made envelope, so that the next round need not open it again.

        It belongs to one header, sender and round: if another record names the same file, it is checked again.
        """
        vector.flags.writeable = False
        self._last = (expected, digest, vector)

    def content_key(self, source: Round | LedgerOpening, parameters: int) -> bytes:
        """Return the content key of a model's file, 32 bytes, to grant it to somebody else; raises as `model`."""
        key = self._opener(source, parameters)[2]
        parts, file = model_read(source, parameters, self._vault)
        _, file = self._fetch_for(parts[0].expected, source, file)
        check_content_key(file, parts[0].expected.core, key)  # an earlier file can have the same model
        return key

    def _granted(self, source: Round | LedgerOpening) -> list[Grant]:
        """Return the grants of a source's model to this member, the newest first."""
        grants = self._grants().of(digest_of(source))
        return [grant for grant in grants if grant.record.reader == self._account][::-1]

    def _by_grant(self, source: Round | LedgerOpening, parameters: int) -> Opener:
        """Return what opens a model by the newest grant that does.

        If none does, a grant whose file may still come counts more than one that is wrong.
        """
        error: HemaledgerError = RecipientNotFound()
        absent: VaultMissing | None = None
        for grant in self._granted(source):
            try:
                suite = self._keys.suite(grant.model.source)
                key = open_grant(grant, self._vault, self._keys.own(grant.record.epoch, suite), suite)
            except VaultMissing as why:
                absent = why
                continue
            except (HashMismatch, TooLarge):
                error = GrantUnusable(grant.record.sender, "its file has other bytes")
                continue
            except (GrantUnusable, KeystoreUnreadable) as why:
                error = why
                continue
            parts, file = model_read(grant.model.source, parameters, self._vault)
            _, file = self._fetch_for(parts[0].expected, grant.model.source, file)
            try:
                check_content_key(file, parts[0].expected.core, key)
            except KeyCommitMismatch:
                error = GrantUnusable(grant.record.sender, "it holds the key of another file")
                continue
            return parts, file, key
        raise absent or error

    def _is(self, replayed: Vector, source: Round | LedgerOpening) -> bool:
        """Return whether a model's file has the bits of a replayed one."""
        bits = replayed.view(np.uint32)
        return all(
            np.array_equal(vector_in(body, place.stop - place.start).view(np.uint32), bits[place])
            for place, body in self._model(source, replayed.size)
        )

    def _model(self, source: Round | LedgerOpening, parameters: int) -> Iterator[tuple[slice, bytes]]:
        """Yield the parts of a model, 4 bytes for each weight: each is checked and opened on its own."""
        parts, file, key = self._opener(source, parameters)
        check_there(parts, self._vault)
        for part in parts:
            file = file or self._fetch(part.expected)
            body, file = open_granted(file, part.expected.core, key), b""
            yield part.place, body

    def _own_key(self, expected: Expected, source: Round | LedgerOpening, file: bytes) -> tuple[bytes, bytes]:
        """Return a file and its content key, which this member's own key opens; `file` as for `_fetch_for`."""
        if self._account not in source.keys:
            raise RecipientNotFound
        terms, file = self._fetch_for(expected, source, file)
        return file, content_key(file, expected.core, self._keys.key_to(file, source, terms, expected.core.suite))

    def _opener(self, source: Round | LedgerOpening, parameters: int) -> Opener:
        """Return a model's parts, the file of the first one, and the content key that they share."""
        parts, file = model_read(source, parameters, self._vault)
        first = parts[0].expected
        try:
            return parts, *self._own_key(first, source, file)
        except RecipientNotFound:
            if self._granted(source):
                return self._by_grant(source, parameters)
            if self._release is None or not isinstance(source, Round) or not read_config(source, self._vault).release:
                raise
            release = self._release
        file = self._fetch(first)
        return parts, file, released_content_key(file, first, *release(source, file))

    def _open(self, expected: Expected, source: Round | LedgerOpening, required: Collection[ReaderKey] = ()) -> bytes:
        if self._account not in source.keys:
            raise RecipientNotFound
        terms, file = self._fetch_for(expected, source)
        body = open_file(file, expected.core, self._keys.key_to(file, source, terms, expected.core.suite))
        check_readers(file, required)
        return body

    def _fetch_for(
        self, expected: Expected, source: Round | LedgerOpening, file: bytes = b""
    ) -> tuple[GroupTerms | None, bytes]:
        """Return a file's group key, None without one, and its envelope; parts of a first model have no group key.

        `file`: what was read of it already, b"" if nothing was.
        """
        file = file or self._fetch(expected)
        if isinstance(source, LedgerOpening):
            return opened_first(source, file) if expected.digest == source.record.envelope_digest else (None, file)
        return group_terms(source) if source.wide is not None else None, file

    def _fetch(self, expected: Expected) -> bytes:
        return read_document(self._vault, expected.digest, expected.cap)


def check_readers(file: bytes, required: Collection[ReaderKey]) -> None:
    """Raise RecipientNotFound unless a file names each `required` key; only its owner can tell whether it opens."""
    if not {key.key_id for key in required} <= Parts.of(file).wraps.keys():
        raise RecipientNotFound
