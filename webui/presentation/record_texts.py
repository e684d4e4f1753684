"""The texts for records of the ledger: titles, sentences and labels of fields.

Invariant: every record type has a title and a sentence (tests/unit/webui/presentation/test_record_wording.py).

Source: fl/protocol/records.py; PROTOCOL.md 3, 5, 5S and 9.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_babel import lazy_gettext as _l

from fl.protocol.names import StatementKind

TITLES: Mapping[str, Any] = {
    "ConsortiumFounded": _l("Consortium founded"),
    "MemberRegistered": _l("Member admitted"),
    "KeyRegistered": _l("First key registered"),
    "KeyRotated": _l("Key replaced"),
    "MemberRevoked": _l("Membership ended"),
    "OperatorProposed": _l("Next operator proposed"),
    "ReplacementProposed": _l("Replacement of the operator proposed"),
    "ReplacementVoted": _l("Vote to replace the operator"),
    "ReplacementVetoed": _l("Replacement vetoed"),
    "OperatorChanged": _l("New operator in office"),
    "CeremonyStarted": _l("Ceremony started"),
    "CeremonyCommitted": _l("Ceremony: committed"),
    "CeremonyDealt": _l("Ceremony: shares dealt"),
    "CeremonyChecked": _l("Ceremony: shares checked"),
    "CeremonyPhaseClosed": _l("Ceremony: phase ended"),
    "CeremonyConfirmed": _l("Ceremony: share confirmed"),
    "CeremonyAborted": _l("Ceremony aborted"),
    "DecryptionRequested": _l("Opening requested"),
    "DecryptionApproved": _l("Trustee approved"),
    "DecryptionRefused": _l("Trustee refused"),
    "DecryptionFulfilled": _l("File opened"),
    "RecordsAnchored": _l("Root of patient records"),
    "FederationOpened": _l("Ledger opened with a model"),
    "ModelGranted": _l("Model granted"),
    "RoundOpened": _l("Round opened"),
    "KeysAdvertised": _l("Round keys advertised"),
    "SharesDealt": _l("Round shares dealt"),
    "SharesChecked": _l("Round shares checked"),
    "PhaseClosed": _l("Phase ended"),
    "UpdateCommitted": _l("Update committed"),
    "RoundFrozen": _l("Set of updates fixed"),
    "SetEndorsed": _l("Set signed"),
    "SharesRevealed": _l("Shares revealed"),
    "ModelProposed": _l("Model proposed"),
    "ModelAttested": _l("Model attested"),
    "RoundFinalised": _l("Round final"),
    "RoundAborted": _l("Round aborted"),
    "WideRoundOpened": _l("Round of many opened"),
    "StepsAnchored": _l("Steps recorded together"),
    "WideProposed": _l("Answers recorded, model proposed"),
    "WideFinalised": _l("Attestations recorded, round final"),
    "StatementMade": _l("Statement"),
    "CheckpointAnchored": _l("State of the log recorded"),
    "ModelReverted": _l("Back to an earlier model"),
    "LedgerHandedOver": _l("Ledger handed over"),
}
SENTENCES: Mapping[str, Any] = {
    "ConsortiumFounded": _l("%(sender)s founded this consortium and became its operator."),
    "MemberRegistered": _l("%(sender)s admitted %(member_name)s as %(role)s."),
    "KeyRegistered": _l(
        "%(sender)s put its first encryption key on the ledger. From now on files can be sealed to it."
    ),
    "KeyRotated": _l("%(sender)s replaced its encryption key: epoch %(epoch)s is now in use."),
    "MemberRevoked": _l("%(sender)s ended the membership of %(member)s for good. The reason: %(reason)s"),
    "OperatorProposed": _l("%(sender)s proposed %(account)s as the next operator."),
    "ReplacementProposed": _l(
        "%(sender)s proposed to replace the operator by %(candidate)s (replacement %(replacement)s)."
    ),
    "ReplacementVoted": _l("%(sender)s voted for replacement %(replacement)s of the operator."),
    "ReplacementVetoed": _l("%(sender)s, the operator, stopped replacement %(replacement)s."),
    "OperatorChanged": _l("%(sender)s became the operator. The account of %(former)s is revoked."),
    "CeremonyStarted": _l(
        "%(sender)s started ceremony %(ceremony)s (%(kind)s) for the key for %(key_use)s: %(threshold)s of its"
        " %(count)s trustees will be able to open a file."
    ),
    "CeremonyCommitted": _l("%(sender)s committed to its part of ceremony %(ceremony)s before it saw any other part."),
    "CeremonyDealt": _l("%(sender)s dealt its shares in ceremony %(ceremony)s, one sealed to each trustee."),
    "CeremonyChecked": _l(
        "%(sender)s checked all its shares in ceremony %(ceremony)s, with %(complaints)s complaints."
    ),
    "CeremonyPhaseClosed": _l("The phase %(phase)s of ceremony %(ceremony)s ended; %(count)s dealers continue."),
    "CeremonyConfirmed": _l("%(sender)s has its share of the key that ceremony %(ceremony)s made."),
    "CeremonyAborted": _l("%(sender)s ended ceremony %(ceremony)s without a new committee. The reason: %(reason)s"),
    "DecryptionRequested": _l(
        "%(sender)s asked the trustees to open one file (request %(request)s). The purpose: %(purpose)s."
    ),
    "DecryptionApproved": _l("%(sender)s approved request %(request)s."),
    "DecryptionRefused": _l("%(sender)s refused request %(request)s: %(reason)s."),
    "DecryptionFulfilled": _l("%(sender)s opened the file of request %(request)s."),
    "RecordsAnchored": _l(
        "%(sender)s recorded the common fingerprint of its newest patient records (batch %(batch)s). It proves that "
        "nobody changed them, and reveals nothing about them."
    ),
    "FederationOpened": _l("%(sender)s recorded the model from which round %(next_round)s starts."),
    "ModelGranted": _l(
        "%(sender)s sealed the key of the current model to %(reader)s, who came later and can open the model now."
    ),
    "RoundOpened": _l(
        "%(sender)s opened round %(round)s for %(count)s hospitals. Updates are %(protection)s, and at least"
        " %(fewest)s hospitals must commit one."
    ),
    "KeysAdvertised": _l("%(sender)s advertised fresh keys for the masks of round %(round)s."),
    "SharesDealt": _l("%(sender)s dealt shares of its secrets for round %(round)s, in case it drops out."),
    "SharesChecked": _l("%(sender)s checked its shares in round %(round)s, with %(complaints)s complaints."),
    "PhaseClosed": _l("The phase %(phase)s of round %(round)s ended; %(count)s hospitals continue."),
    "UpdateCommitted": _l(
        "%(sender)s recorded the fingerprint of its update for round %(round)s. The update can no longer be changed."
    ),
    "RoundFrozen": _l("The updates of %(count)s hospitals are summed in round %(round)s, and no others."),
    "SetEndorsed": _l("%(sender)s signed the set of hospitals of round %(round)s."),
    "SharesRevealed": _l("%(sender)s revealed what is needed to unmask the sum of round %(round)s, and nothing else."),
    "ModelProposed": _l("%(sender)s proposed the new model of round %(round)s."),
    "ModelAttested": _l("%(sender)s computed round %(round)s again and got the same model."),
    "RoundFinalised": _l("Round %(round)s is final: its model became the current model."),
    "RoundAborted": _l("Round %(round)s ended without a new model. The reason: %(reason)s"),
    "WideRoundOpened": _l("%(sender)s opened round %(round)s for %(roster_size)s hospitals; a file has their names."),
    "StepsAnchored": _l("%(sender)s recorded %(count)s signed steps of the phase %(phase)s of round %(round)s."),
    "WideProposed": _l("%(sender)s recorded %(count)s signed answers and proposed the new model of round %(round)s."),
    "WideFinalised": _l("%(sender)s recorded %(count)s signed attestations; round %(round)s is final."),
    "StatementMade": _l("%(sender)s made a statement. %(text)s"),
    "CheckpointAnchored": _l(
        "%(sender)s recorded the common fingerprint of the first %(size)s records. It proves that nobody changed, "
        "added or removed one of them later."
    ),
    "ModelReverted": _l(
        "%(sender)s went back to the model of round %(round)s. Models of later rounds are superseded, and the next "
        "round starts from that model."
    ),
    "LedgerHandedOver": _l("%(sender)s closed this ledger; it goes on in another contract."),
}
STATEMENTS: Mapping[StatementKind, Any] = {
    StatementKind.POLICY: _l("%(sender)s recorded the fingerprint of its site policy."),
    StatementKind.DECLINE: _l("%(sender)s does not take part in round %(round)s. The rule: %(text)s"),
    StatementKind.RETENTION: _l("%(sender)s recorded which old updates may be deleted: %(text)s"),
    StatementKind.OMITTED: _l("%(sender)s says that round %(round)s left out its signed step: %(text)s"),
    StatementKind.OPENED: _l(
        "%(sender)s opened one of its own masks of round %(round)s, because its partner used another one."
    ),
    StatementKind.CHECKED: _l("%(sender)s checked every update of round %(round)s and named nobody."),
    StatementKind.WITHDRAWAL: _l("%(sender)s recorded that data are taken back from the federation."),
    StatementKind.LONG_KEY: _l(
        "%(sender)s recorded the fingerprint of its key for files that stay closed for decades."
    ),
    StatementKind.WITNESS: _l("%(sender)s is a witness, and its key signs that it saw the same records: %(text)s"),
    StatementKind.LOG: _l("%(sender)s keeps the log of all records, and signs its state with the key %(text)s"),
}
UNKNOWN = _l("%(sender)s recorded something for which this version has no words.")
NO_POLICY = _l("%(sender)s has no site policy any more.")
NAMED = _l("%(sender)s checked every update of round %(round)s, and something is wrong: %(text)s")
NO_WITNESS = _l("%(sender)s is no witness any more.")
LEAVES = _l("%(sender)s recorded that a hospital leaves with all its data.")
NO_LOG = _l("%(sender)s keeps the log of all records no more.")
FIRST_MODEL = _l(
    "%(sender)s went back to the first model. Models of all rounds so far are superseded, and the next round starts "
    "from the first model."
)
FIELDS: Mapping[str, Any] = {
    "account": _l("Account"),
    "attestations": _l("Attestations needed"),
    "batch": _l("Batch"),
    "bundle_digest": _l("File of sealed shares"),
    "candidate": _l("Candidate"),
    "capsule_digest": _l("Capsule"),
    "ceremony": _l("Ceremony"),
    "close_deadline": _l("Anybody may abort after"),
    "commit_deadline": _l("Updates until"),
    "commitments": _l("Commitments to the shares"),
    "complaints": _l("Complaints"),
    "count": _l("Steps"),
    "config_digest": _l("Configuration"),
    "consortium": _l("Consortium"),
    "degree": _l("Shares masks with"),
    "deadline": _l("Answers until"),
    "dealers": _l("Dealers"),
    "digest": _l("File"),
    "envelope_digest": _l("Sealed model"),
    "epoch": _l("Epoch"),
    "expires_at": _l("Shares valid until"),
    "file_digest": _l("File of the steps"),
    "former": _l("Former operator"),
    "going": _l("Hospitals that continue"),
    "hospitals": _l("Hospitals"),
    "key_use": _l("Key for"),
    "kind": _l("Kind"),
    "label": _l("Label of the file"),
    "last_round": _l("Last round before"),
    "manifest_digest": _l("Manifest of the model"),
    "mask_commitments": _l("Commitments to the mask key"),
    "mask_key": _l("Mask key"),
    "member": _l("Member"),
    "member_name": _l("Name"),
    "min_commitments": _l("Fewest updates"),
    "model_digest": _l("Model"),
    "parameters": _l("Numbers in an update"),
    "phase": _l("Phase that ended"),
    "predecessor": _l("Ledger before"),
    "previous_model": _l("Model it starts from"),
    "proof": _l("Proof of possession"),
    "protection": _l("Protection"),
    "public_key": _l("Public key"),
    "purpose": _l("Purpose"),
    "reader": _l("Reader"),
    "reason": _l("Reason"),
    "receivers": _l("Trustees"),
    "replacement": _l("Replacement"),
    "replayers": _l("Hospitals that sum again"),
    "report_digest": _l("Report"),
    "request": _l("Request"),
    "role": _l("Role"),
    "root": _l("Root"),
    "roster": _l("Hospitals invited"),
    "roster_size": _l("Hospitals invited"),
    "round": _l("Round"),
    "self_commitments": _l("Commitments to the own mask"),
    "set_digest": _l("Fingerprint of the set"),
    "shares_digest": _l("Fingerprint of all shares"),
    "signature": _l("Signature"),
    "size": _l("Records"),
    "step_timeout": _l("Seconds per step"),
    "successor": _l("Ledger after"),
    "text": _l("Text"),
    "threshold": _l("Threshold"),
    "transport_key": _l("Key for shares"),
}
CLUSTER_FIELDS: Mapping[str, Any] = {
    "across": _l("Masks with the next cluster"),
    "count": _l("Clusters"),
    "fewest": _l("Fewest of each cluster"),
}
