"""Rebuilds from the ledger what a file must be (header, digest, size cap, readers), and opens files that fit.

Invariant: an expectation is a function of the folded federation alone; it never depends on the file.

Source: PROTOCOL.md 4 (step 3: the expected core) and 5S (recipients).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace

import numpy as np

from fl.crypto.curve import Point
from fl.crypto.envelope import (
    MAX_RECIPIENTS,
    Core,
    Expected,
    Kind,
    Parts,
    check_content_key,
    content_key,
    open_file,
    open_granted,
    released_content_key,
    sealed_size,
)
from fl.crypto.key_wrapping import AnyPrivateKey, Recipient
from fl.crypto.pair_sketches import tags_bytes
from fl.crypto.threshold import ThresholdKey
from fl.protocol.errors import (
    GrantUnusable,
    HashMismatch,
    HemaledgerError,
    KeyCommitMismatch,
    KeyEpochMismatch,
    KeystoreUnreadable,
    ModelDigestMismatch,
    NotInRoster,
    NotInSet,
    RecipientNotFound,
    TooLarge,
    VaultMissing,
    WrongPhase,
)
from fl.protocol.federation import LedgerOpening
from fl.protocol.grants import MODEL_READERS, Grant, Grants
from fl.protocol.keys.long_keys import LongKey
from fl.protocol.keys.members import KeyBook, MemberKey
from fl.protocol.names import NO_DIGEST, Address, Digest, Role, Suite
from fl.protocol.ports import Vault
from fl.protocol.rounds.config import CONFIG_CAP, RoundConfig
from fl.protocol.rounds.round import Round
from fl.replay.first_file import HEAD_CAP, opened_first
from fl.replay.granted_models import open_grant
from fl.replay.group_key import GroupKeys, GroupTerms, group_key, group_terms
from fl.replay.ledger_view import Keyring
from fl.replay.part_files import Length, Part, check_there, parts_if_listed, parts_of, whole
from fl.replay.vault_files import read_document
from fl.training.aggregation.kinds import work_of
from fl.training.aggregation.quantise import LANES, Vector, Words, body_bytes, from_bytes
from fl.training.model.weights import Manifest, model_digest, vector_in

MANIFEST_CAP = 4 * 1024 * 1024
UPDATE_READERS = (Role.COORDINATOR, Role.AUDITOR)
"""Who may open one hospital's update in a sealed round."""
ANSWER_CAP = 2 + 53 * 1024 + tags_bytes(1024)
"""With the tags of a checked round (PROTOCOL.md 5C)."""
ReaderKey = MemberKey | LongKey
ReaderKeys = Mapping[Address, MemberKey] | Mapping[Address, LongKey]
"""The keys to which the files of a round are sealed (long_keys.reader_keys)."""


def update_core(current: Round, hospital: Address, suite: Suite = Suite.P256) -> Core:
    if hospital not in current.keys or hospital not in current.roster:
        raise NotInRoster(hospital)
    epoch = current.keys[hospital].epoch
    return Core(Kind.UPDATE, current.anchor, hospital, current.number, epoch, current.context, suite=suite)


def update_recipients(current: Round, book: KeyBook, keys: ReaderKeys | None = None) -> list[ReaderKey]:
    """Return who may open an update of a sealed round: the coordinator and the auditors."""
    return _keys(keys or current.keys, book, UPDATE_READERS)


def expected_update(current: Round, hospital: Address, suite: Suite = Suite.P256) -> Expected:
    cap = sealed_size(body_bytes(current.terms.parameters), MAX_RECIPIENTS, suite=suite)
    return Expected(update_core(current, hospital, suite), current.commitments.get(hospital, NO_DIGEST), cap)


def masked_core(current: Round, hospital: Address, kind: Kind, suite: Suite = Suite.P256) -> Core:
    """Return the header of a hospital's MASKED or UNMASK file; its context is ctx2."""
    if hospital not in current.sharers:
        raise NotInSet(hospital)
    epoch = current.keys[hospital].epoch
    return Core(kind, current.anchor, hospital, current.number, epoch, current.mask_context, suite=suite)


def masked_recipients(current: Round, book: KeyBook, keys: ReaderKeys | None = None) -> list[ReaderKey]:
    """Return who may open the masked files of a round: all its hospitals, the coordinator and the auditors.

    In a wide round they have its group key.
    """
    group = group_key(current)
    if group is not None:
        return [group]
    readers = (*current.roster, *(account for account, member in book.members.items() if member.role in UPDATE_READERS))
    named = (keys or current.keys).items()
    return [key for account, key in named if account in readers and not book.members[account].revoked]


def expected_masked(current: Round, hospital: Address, suite: Suite = Suite.P256) -> Expected:
    cap = sealed_size(body_bytes(current.terms.parameters), MAX_RECIPIENTS, suite=suite)
    digest = current.commitments.get(hospital, NO_DIGEST)
    return Expected(masked_core(current, hospital, Kind.MASKED, suite), digest, cap)


def update_files(current: Round, hospital: Address, vault: Vault) -> tuple[Part, ...]:
    """Return the envelopes of a hospital's update: one, or in a masked round perhaps parts of it (PROTOCOL.md 4).

    Raises:
        VaultMissing, TooLarge, HashMismatch, EncodingError, WrongContext: the configuration, or the list of parts.
    """
    words, config = current.terms.parameters + LANES, read_config(current, vault)
    if not current.masked:
        return whole(expected_update(current, hospital, config.suite), Length(words, 0))
    length = Length(words, config.word_bits // 8)
    return parts_of(expected_masked(current, hospital, config.suite), length, config.part_words, vault)


def expected_answer(current: Round, hospital: Address, suite: Suite = Suite.P256) -> Expected:
    cap = sealed_size(ANSWER_CAP, MAX_RECIPIENTS, suite=suite)
    digest = current.revealed[hospital].digest if hospital in current.revealed else NO_DIGEST
    return Expected(masked_core(current, hospital, Kind.UNMASK, suite), digest, cap)


def sketch_recipients(current: Round, book: KeyBook) -> list[MemberKey]:
    """Return who may open the sketches of a checked round: its auditors alone."""
    members = ((book.members[account], key) for account, key in current.keys.items())
    return [key for member, key in members if member.role == Role.AUDITOR and not member.revoked]


def expected_sketch(current: Round, hospital: Address, digest: Digest, body: int) -> Expected:
    """Return what the file with a hospital's sketches must be; its answer names the digest, `body` is its size."""
    return Expected(masked_core(current, hospital, Kind.SKETCH), digest, sealed_size(body, MAX_RECIPIENTS))


def model_core(source: Round | LedgerOpening, suite: Suite = Suite.P256) -> Core:
    """Return the header of a round's proposed model, or of the model with which the ledger opened.

    Raises:
        KeyEpochMismatch: its sender had no key at that time.
    """
    if isinstance(source, Round):
        sender, number = source.opener, source.number
    else:
        sender, number = source.record.sender, source.record.last_round
    if sender not in source.keys:
        raise KeyEpochMismatch(1, 0)
    return Core(Kind.MODEL, source.anchor, sender, number, source.keys[sender].epoch, source.context, suite=suite)


def model_recipients(
    source: Round, book: KeyBook, held_by: ThresholdKey | None, keys: ReaderKeys | None = None
) -> list[Recipient]:
    """Return who may open a new global model: coordinator, auditors, and hospitals with a key when the round opened.

    With `held_by`, K_MODEL, hospitals cannot open it until trustees release it.
    """
    if held_by is not None:
        return [*_keys(source.keys, book, UPDATE_READERS), held_by]
    return [*_keys(keys or source.keys, book, MODEL_READERS)]


def expected_model(source: Round | LedgerOpening, parameters: int, suite: Suite = Suite.P256) -> Expected:
    cap = sealed_size(4 * parameters, MAX_RECIPIENTS, 1, suite)
    if isinstance(source, Round):
        digest = source.proposal.envelope_digest if source.proposal else NO_DIGEST
    else:
        digest, cap = source.record.envelope_digest, cap + HEAD_CAP
    return Expected(model_core(source, suite), digest, cap)


def model_files(source: Round | LedgerOpening, parameters: int, vault: Vault) -> tuple[Part, ...]:
    """Return the envelopes of a model, float32 [parameters]: one, or its parts; raises as `update_files`."""
    expected, length = expected_model(source, parameters, suite_of(source, vault)), Length(parameters, 4)
    if isinstance(source, Round):
        return parts_of(expected, length, read_config(source, vault).part_words, vault)
    return parts_if_listed(expected, length, vault)


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
        self._keyring = keyring
        self._groups = GroupKeys(vault)
        self._suites = NO_DIGEST, Suite.P256
        """The configuration that was read last, and its suite."""
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
        parts = update_files(current, hospital, self._vault)
        check_there(parts, self._vault)
        for part in parts[first:]:
            yield part.place, self._open(part.expected, current, required)

    def answer(self, current: Round, hospital: Address, required: Collection[ReaderKey] = ()) -> bytes:
        """Return a hospital's unmasking response; raises as `masked` does."""
        return self._open(expected_answer(current, hospital, self._suite(current)), current, required)

    def sketches(
        self, current: Round, hospital: Address, digest: Digest, body: int, required: Collection[MemberKey] = ()
    ) -> bytes:
        """Return the sketches of a hospital's masks, a file of `body` bytes; raises as `masked` does."""
        return self._open(expected_sketch(current, hospital, digest, body), current, required)

    def has(self, digest: Digest) -> bool:
        """Return whether the vault has a file of that name."""
        return self._vault.has(digest)

    def config(self, current: Round) -> RoundConfig:
        """Return a round's configuration; raises as `read_config`."""
        return read_config(current, self._vault)

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
        expected = expected_model(source, manifest.length, self._suite(source))
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
        first = model_files(source, parameters, self._vault)[0].expected
        _, file = self._fetch_for(first, source)
        check_content_key(file, first.core, key)  # an earlier file can have the same model
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
                suite = self._suite(grant.model.source)
                key = open_grant(grant, self._vault, self._own(grant.record.epoch, suite), suite)
            except VaultMissing as why:
                absent = why
                continue
            except (HashMismatch, TooLarge):
                error = GrantUnusable(grant.record.sender, "its file has other bytes")
                continue
            except (GrantUnusable, KeystoreUnreadable) as why:
                error = why
                continue
            parts = model_files(grant.model.source, parameters, self._vault)
            _, file = self._fetch_for(parts[0].expected, grant.model.source)
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

    def _own_key(self, expected: Expected, source: Round | LedgerOpening) -> tuple[bytes, bytes]:
        """Return a file and its content key, which this member's own key opens."""
        if self._account not in source.keys:
            raise RecipientNotFound
        terms, file = self._fetch_for(expected, source)
        return file, content_key(file, expected.core, self._key_to(file, source, terms, expected.core.suite))

    def _opener(self, source: Round | LedgerOpening, parameters: int) -> Opener:
        """Return a model's parts, the file of the first one, and the content key that they share."""
        parts = model_files(source, parameters, self._vault)
        first = parts[0].expected
        try:
            return parts, *self._own_key(first, source)
        except RecipientNotFound:
            if self._granted(source):
                return self._by_grant(source, parameters)
            if self._release is None or not isinstance(source, Round) or not read_config(source, self._vault).release:
                raise
        file = self._fetch(first)
        return parts, file, released_content_key(file, first, *self._release(source, file))

    def _open(self, expected: Expected, source: Round | LedgerOpening, required: Collection[ReaderKey] = ()) -> bytes:
        if self._account not in source.keys:
            raise RecipientNotFound
        terms, file = self._fetch_for(expected, source)
        body = open_file(file, expected.core, self._key_to(file, source, terms, expected.core.suite))
        check_readers(file, required)
        return body

    def _suite(self, source: Round | LedgerOpening) -> Suite:
        """Return `suite_of` a round; the newest configuration is read once."""
        digest, known = _made_by(source), self._suites
        if known[0] != digest:
            known = self._suites = digest, suite_of(source, self._vault)
        return known[1]

    def _own(self, epoch: int, suite: Suite) -> AnyPrivateKey:
        """Return this member's own key of a suite, or raise KeystoreUnreadable."""
        return self._keyring.long_of(epoch) if suite == Suite.HYBRID else self._keyring.of(epoch)

    def _key_to(
        self, file: bytes, source: Round | LedgerOpening, terms: GroupTerms | None, suite: Suite
    ) -> AnyPrivateKey:
        """Return the key that opens a file: the group key of `terms`, or this member's own.

        A model that trustees hold back is sealed to members themselves in a wide round, too.
        """
        epoch = source.keys[self._account].epoch
        if terms is None or terms.key_id not in Parts.of(file).wraps:
            return self._own(epoch, suite)
        return self._groups.held(terms, lambda: self._keyring.of(epoch))

    def check_group(self, current: Round) -> None:
        """Check that this member has the group key of a wide round; other rounds pass. Raises as GroupKeys.of."""
        if current.wide is not None and self._account in current.keys:
            self._groups.of(current, lambda: self._keyring.of(current.keys[self._account].epoch))

    def _fetch_for(self, expected: Expected, source: Round | LedgerOpening) -> tuple[GroupTerms | None, bytes]:
        """Return a file's group key, None without one, and its envelope; parts of a first model have no group key."""
        file = self._fetch(expected)
        if isinstance(source, LedgerOpening):
            return opened_first(source, file) if expected.digest == source.record.envelope_digest else (None, file)
        return group_terms(source) if source.wide is not None else None, file

    def _fetch(self, expected: Expected) -> bytes:
        return read_document(self._vault, expected.digest, expected.cap)


def check_readers(file: bytes, required: Collection[ReaderKey]) -> None:
    """Raise RecipientNotFound unless a file names each `required` key; only its owner can tell whether it opens."""
    if not {key.key_id for key in required} <= Parts.of(file).wraps.keys():
        raise RecipientNotFound


def digest_of(source: Round | LedgerOpening) -> Digest:
    """Return the digest of a round's proposed model or of the ledger's first one, or raise WrongPhase."""
    if isinstance(source, LedgerOpening):
        return source.record.model_digest
    if source.proposal is None:
        raise WrongPhase(source.number, source.phase)
    return source.proposal.model_digest


def read_config(current: Round, vault: Vault) -> RoundConfig:
    """Return the round's configuration, checked against the digest in its terms; it knows the size of the roster."""
    return replace(_read_config(current.terms.config_digest, vault), roster=len(current.roster))


def _read_config(digest: Digest, vault: Vault) -> RoundConfig:
    return RoundConfig.from_bytes(read_document(vault, digest, CONFIG_CAP))


def read_manifest(opening: LedgerOpening, vault: Vault) -> Manifest:
    """Return the model's manifest, checked against the digest with which the ledger opened."""
    return Manifest.from_bytes(read_document(vault, opening.record.manifest_digest, MANIFEST_CAP))


def suite_of(source: Round | LedgerOpening, vault: Vault) -> Suite:
    """Return how the files of a round are sealed, from its configuration.

    A model with which a later ledger opens is sealed as in the round that made it; the first one of all has suite 1.
    """
    digest = _made_by(source)
    return Suite.P256 if digest == NO_DIGEST else _read_config(digest, vault).suite


def _made_by(source: Round | LedgerOpening) -> Digest:
    return source.terms.config_digest if isinstance(source, Round) else source.config_digest


def _keys(keys: ReaderKeys, book: KeyBook, roles: tuple[Role, ...]) -> list[ReaderKey]:
    """Return the keys of members with these roles, except those revoked since the round opened."""
    members = ((book.members[account], key) for account, key in keys.items())
    return [key for member, key in members if member.role in roles and not member.revoked]
