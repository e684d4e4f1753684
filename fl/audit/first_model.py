"""Checks that a federation began with the model that its recipe names, and with no other weights.

Invariant: only the first ledger's opening is compared; a successor begins with the model of the ledger before it.

Source: PROTOCOL.md 7.
"""

from __future__ import annotations

from collections.abc import Callable

from fl.protocol.audit import Report
from fl.protocol.branch import Branch
from fl.protocol.errors import HemaledgerError, MalformedError, ModelDigestMismatch
from fl.protocol.federation import Federation
from fl.protocol.names import NO_ADDRESS, Digest
from fl.protocol.ports import Vault
from fl.protocol.rounds.config import RoundConfig
from fl.replay.round_documents import read_config

SUBJECT = "first model"


def check_first_model(
    federation: Federation, vault: Vault, report: Report, compute: Callable[[RoundConfig], Digest]
) -> None:
    """Compare the opening with the model that the recipe of the first round gives.

    Args:
        federation: The replayed ledger.
        vault: Where the round's configuration is.
        report: Gets a check, a finding, or a note if this machine cannot compute the model.
        compute: Computes the digest of a recipe's first model; raises MalformedError if there is no recipe.
    """
    if not federation.openings or not federation.rounds or federation.rounds[0].number != 1:
        return
    recorded = federation.openings[0].record
    if recorded.predecessor != NO_ADDRESS:
        return
    try:
        branch = Branch.of(read_config(federation.rounds[0], vault).training)
        if branch is not None and branch.base == recorded.model_digest:
            report.notes.append("The federation began with the model of another one, which its rounds name as base.")
            return
        computed = compute(read_config(federation.rounds[0], vault))
    except MalformedError:
        return  # a regression has no recipe; what is damaged was found before
    except HemaledgerError as error:
        report.notes.append(f"The first model was not computed again. {error}")
        return
    if computed == recorded.model_digest:
        report.checks["first models"] += 1
    else:
        report.add_finding(ModelDigestMismatch(recorded.model_digest, computed), None, SUBJECT)
