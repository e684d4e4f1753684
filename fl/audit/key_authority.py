"""The audit of threshold keys: it computes every finished ceremony again and checks every request's files.

Invariant: the audit needs no key. The confirmed keys must follow from the dealings, and exactly the qualified dealers
must have continued.

Source: PROTOCOL.md 7 and 9.
"""

from __future__ import annotations

from fl.audit.findings import FindingCollector
from fl.crypto.capsule import Capsule
from fl.crypto.envelope_form import CORE_BYTES, Expected, Header, check_digest, check_file
from fl.crypto.partial_decryption import partial_core
from fl.protocol.audit import Report
from fl.protocol.errors import CiphertextInvalid, CommitteeMismatch, VaultMissing
from fl.protocol.federation import Federation
from fl.protocol.keys.ceremony import Ceremony, CeremonyPhase
from fl.protocol.keys.requests import DecryptionRequest
from fl.protocol.names import Address, CeremonyKind, KeyUse
from fl.protocol.ports import Vault
from fl.protocol.records import OperatorChanged
from fl.replay.committees import committee_keys, qualified_dealers, setting_of
from fl.replay.decryption_requests import PARTIAL_CAP, binding_of, key_of, read_capsule


class AuthorityAudit:
    """Checks the key authority's ceremonies and requests."""

    def __init__(self, vault: Vault, report: Report) -> None:
        self._vault = vault
        self._report = report

    def run(self, federation: Federation) -> None:
        """Check all ceremonies and requests; note each change of the operator."""
        self._note_operators(federation)
        for ceremonies in federation.threshold.ceremonies.values():
            for ceremony in ceremonies:
                self._ceremony(federation, ceremony)
        for request in federation.threshold.requests:
            self._request(federation, request)

    def _note_operators(self, federation: Federation) -> None:
        """Note every change of the operator; the replay already checked the proposal or the votes."""
        for entry in federation.succession.changes:
            change = entry.record
            if isinstance(change, OperatorChanged):
                new, former = (federation.book.name_of(account) for account in (change.sender, change.former))
                how = (
                    f"the members' replacement {change.replacement}"
                    if change.replacement
                    else f"a proposal of {former}"
                )
                self._report.notes.append(
                    f"In block {entry.position.block}, {new} became the operator in place of {former}, by {how}."
                )

    def _ceremony(self, federation: Federation, ceremony: Ceremony) -> None:
        if ceremony.phase != CeremonyPhase.DONE:
            return
        keys = federation.threshold
        name = f"ceremony {ceremony.number} of the key for {ceremony.use.name.lower()}"
        if ceremony.terms.kind == CeremonyKind.DEALER:
            self._report.notes.append(f"The operator dealt the {name}, and therefore knew the key.")
        with FindingCollector(self._report, None, name):
            committee_keys(keys, ceremony.use, ceremony.number)
            try:
                right = qualified_dealers(setting_of(keys, ceremony), ceremony, self._vault)
            except VaultMissing:
                right = ceremony.dealers
                self._report.notes.append(
                    f"The {name}: complaints were not judged again, because the vault lacks sealed shares."
                )
            if right != ceremony.dealers:
                raise CommitteeMismatch
            self._report.checks["ceremonies"] += 1

    def _request(self, federation: Federation, request: DecryptionRequest) -> None:
        """Check one request's capsule and answers; note erased ones. Those for predictions have no capsule."""
        if request.key_use == KeyUse.INFERENCE:
            return
        if not self._vault.has(request.record.capsule_digest):
            self._report.notes.append(
                f"Request {request.number}: its capsule is not in the vault (the record was erased)."
            )
            return
        with FindingCollector(self._report, None, f"capsule of request {request.number}"):
            capsule = read_capsule(request, self._vault)
            if capsule.label != request.record.label:
                raise CiphertextInvalid("its label is not the one in the request")
            capsule.ciphertext.verify(capsule.label)
            if request.approvals:  # trustees make these checks before they approve
                capsule.check(binding_of(federation, request, capsule), key_of(request))
            self._report.checks["files"] += 1
            for trustee in request.approvals:
                self._answer(federation, request, capsule, trustee)

    def _answer(self, federation: Federation, request: DecryptionRequest, capsule: Capsule, trustee: Address) -> None:
        digest = request.approvals[trustee].digest
        name = federation.book.name_of(trustee)
        if not self._vault.has(digest):
            self._report.notes.append(f"Request {request.number}: the answer of {name} is not in the vault.")
            return
        with FindingCollector(self._report, None, f"answer of {name} to request {request.number}"):
            file = self._vault.get(digest, PARTIAL_CAP)
            check_digest(file, digest)
            binding, index = binding_of(federation, request, capsule), request.committee.party(trustee) or 0
            epoch = Header.from_bytes(file[:CORE_BYTES]).epoch
            core = partial_core(federation.anchor, trustee, epoch, binding, index)
            check_file(file, Expected(core, digest, PARTIAL_CAP))
            self._report.checks["files"] += 1
