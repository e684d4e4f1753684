"""Facts about a decryption request: its capsule, the readers of its answers, whether it follows the rules.

Invariant: all results follow from the folded ledger and the capsule that it names; no function needs a share.

Source: PROTOCOL.md 9, Requests.
"""

from __future__ import annotations

from fl.crypto.capsule import CAPSULE_CAP, Capsule, RequestBinding, key_anchor
from fl.crypto.envelope import receive
from fl.crypto.envelope_form import CORE_BYTES, MAX_RECIPIENTS, Expected, Header, Parts, sealed_size
from fl.crypto.hpke_keys import PrivateKey
from fl.crypto.hybrid_kem import LongPrivateKey
from fl.crypto.long_partials import LONG_PARTIAL_CAP
from fl.crypto.partial_decryption import partial_core
from fl.crypto.threshold import ThresholdKey
from fl.protocol.errors import (
    CiphertextInvalid,
    MalformedError,
    NoCommittee,
    PolicyNotApproved,
    RecipientNotFound,
    RevokedSender,
    UnknownSender,
    WrongRound,
)
from fl.protocol.federation import Federation
from fl.protocol.keys.ceremony import Committee
from fl.protocol.keys.long_keys import LongKey
from fl.protocol.keys.members import KeyBook, MemberKey
from fl.protocol.keys.requests import DecryptionRequest
from fl.protocol.names import Address, KeyUse, Role, Suite
from fl.protocol.ports import Vault
from fl.protocol.rounds.round import Phase, Round
from fl.replay.expected_files import model_core
from fl.replay.ledger_view import Keyring
from fl.replay.long_keys import long_keys_of
from fl.replay.vault_files import read_document

PARTIAL_CAP = sealed_size(LONG_PARTIAL_CAP, MAX_RECIPIENTS)


def read_capsule(request: DecryptionRequest, vault: Vault) -> Capsule:
    """Return the capsule that a request names.

    Raises:
        VaultMissing, HashMismatch: the file is missing, or is another one.
        CiphertextInvalid: it is not a capsule.
    """
    try:
        return Capsule.from_bytes(read_document(vault, request.record.capsule_digest, CAPSULE_CAP))
    except MalformedError as error:
        raise CiphertextInvalid(str(error)) from error


def binding_of(federation: Federation, request: DecryptionRequest, capsule: Capsule) -> RequestBinding:
    """Return the facts to which partial decryptions for a request are bound."""
    record = request.record
    context = _round_of(federation, capsule).context if request.key_use == KeyUse.MODEL else b""
    use, epoch = request.key_use, request.epoch
    return RequestBinding(record.label, request.number, use, epoch, record.purpose, context, capsule.suite)


def holder_of(federation: Federation, use: KeyUse, capsule: Capsule) -> Committee:
    """Return the newest committee with the key to which a capsule is sealed, or raise NoCommittee."""
    for committee in reversed(federation.threshold.committees(use)):
        if capsule.is_sealed_to(ThresholdKey.from_bytes(committee.public_key)):
            return committee
    raise NoCommittee(use)


def key_of(request: DecryptionRequest) -> ThresholdKey:
    return ThresholdKey.from_bytes(request.committee.public_key)


def check_standing(federation: Federation, request: DecryptionRequest, capsule: Capsule) -> None:
    """Make the checks that need the ledger: of the requester, and of the file's sender.

    Raises:
        PolicyNotApproved: the requester was revoked, the sender was never a member, or a model's round is not final.
        CiphertextInvalid: the file belongs to another consortium, chain or contract.
    """
    book, header = federation.book, capsule.header
    try:
        book.active(request.requester)
    except (UnknownSender, RevokedSender) as error:
        raise PolicyNotApproved("requester") from error
    if header.sender not in book.members:
        raise PolicyNotApproved("sender")
    if request.key_use == KeyUse.MODEL:
        current = _round_of(federation, capsule)
        if current.phase != Phase.FINAL:
            raise PolicyNotApproved("round")
        if capsule.core != model_core(current).to_bytes():
            raise CiphertextInvalid("it is not the model of its round")
    if request.key_use == KeyUse.RECORDS:
        anchor = key_anchor(federation.anchor)
        if (header.consortium, header.chain_id, header.contract) != (
            anchor.consortium,
            anchor.chain_id,
            anchor.contract,
        ):
            raise CiphertextInvalid("it belongs to another consortium")
        _check_half(federation, request, capsule)


def _check_half(federation: Federation, request: DecryptionRequest, capsule: Capsule) -> None:
    """Raise CiphertextInvalid unless a committee of this key had as many trustees, and as many to open, as the half."""
    if capsule.half is None:
        return
    sizes = (
        (committee.threshold, len(committee.members))
        for committee in federation.threshold.committees(request.key_use)
        if committee.public_key == request.committee.public_key
    )
    if (capsule.half.threshold, len(capsule.half.long_ids)) not in sizes:
        raise CiphertextInvalid("no committee of this key had so many trustees")


def answer_readers(
    federation: Federation, request: DecryptionRequest, capsule: Capsule, vault: Vault
) -> list[MemberKey] | list[LongKey]:
    """Return to which keys an answer is sealed: in suite 2 to the requester's long key, else as `readers_of`.

    Raises:
        LongKeyMissing: the requester has no long key for its newest HPKE key.
        VaultMissing: the document of this long key.
    """
    readers = readers_of(request, federation.book)
    if capsule.suite != Suite.HYBRID:
        return readers
    return [*long_keys_of(federation, dict.fromkeys([request.requester], readers[0]), vault).values()]


def readers_of(request: DecryptionRequest, book: KeyBook) -> list[MemberKey]:
    """Return who may read the answers: a record's requester; for a model, all members with a key except trustees."""
    if request.key_use == KeyUse.RECORDS:
        key = book.active(request.requester).key
        return [key] if key else []
    members = (member for member in book.members.values() if member.role != Role.TRUSTEE and not member.revoked)
    return [member.key for member in members if member.key]


def open_partial(
    file: bytes, federation: Federation, binding: RequestBinding, trustee: Address, keyring: Keyring
) -> bytes:
    """Return a trustee's partial decryption from its envelope, the file that the approval names.

    Raises:
        TamperedError, MalformedError, RecipientNotFound: as envelope.receive.
    """
    request = federation.threshold.request(binding.number)
    epoch = Header.from_bytes(file[:CORE_BYTES]).epoch
    index = request.committee.party(trustee) or 0
    core = partial_core(federation.anchor, trustee, epoch, binding, index)
    expected = Expected(core, request.approvals[trustee].digest, PARTIAL_CAP)
    wraps = Parts.of(file).wraps
    own: list[PrivateKey | LongPrivateKey] = [*keyring.keys.values(), *keyring.long_keys.values()]
    for key in own:
        if key.key_id in wraps:
            return receive(file, expected, key)
    raise RecipientNotFound


def _round_of(federation: Federation, capsule: Capsule) -> Round:
    """Return the round that a model's capsule names, or raise CiphertextInvalid."""
    try:
        return federation.round(capsule.header.round)
    except WrongRound as error:
        raise CiphertextInvalid("it names a round that does not exist") from error
