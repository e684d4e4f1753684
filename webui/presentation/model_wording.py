"""The three facts about a model as words for people.

Invariant: only what was checked is called verified.

Source: fl/roles/serving/model_facts.py.
"""

from __future__ import annotations

from zoneinfo import ZoneInfo

from fl.roles.serving.model_facts import Fact, State, Verification
from webui.ports.federation import ServedModel
from webui.presentation.wording import Saying, attested, when

NO_ANSWER = "it does not answer"


def verification(model: ServedModel, zone: ZoneInfo) -> Saying:
    """Return how far the model is verified; `facts_of` has the details."""
    known = model.verification
    if known.contradicted:
        return Saying("bad", "Do not use this model", "It contradicts the ledger.")
    if known.ledger.state != State.CHECKED:
        return Saying(
            "wait",
            f"Unverified since {when(known.ledger.at, zone)}",
            f"We cannot check the ledger now: {known.ledger.why or NO_ANSWER}. So we do not know whether this is "
            "still the newest model.",
        )
    if known.file is None:
        return Saying(
            "good",
            f"Verified on the ledger, {when(known.ledger.at, zone)}",
            "The ledger names this model. This answer stores no other check.",
        )
    if not known.whole:
        return Saying(
            "wait",
            "The file of this model cannot be checked now",
            f"The ledger names this model, but {known.file.why}. This site opened the model from the correct file "
            "earlier. We do not know whether that file is still there.",
        )
    return Saying(
        "good",
        f"Verified on the ledger, {when(known.ledger.at, zone)}",
        f"The ledger, the file in the vault and the model in memory agree. {model.coordinator_name} recorded this "
        f"model in round {model.round}; {attested(model.attested_by)} The round became final on "
        f"{when(model.final_at, zone)}.",
    )


def facts_of(model: ServedModel, zone: ZoneInfo) -> list[Saying]:
    """Return the facts of a verification in words, each with its time."""
    known = model.verification
    block = f" up to block {known.block:,}" if known.block else ""
    sayings = [
        _fact(
            "The ledger",
            known.ledger,
            f"was read{block} at {when(known.ledger.at, zone)}. It names this model for round {model.round}.",
            zone,
        )
    ]
    if known.file is not None:
        text = f"was read at {when(known.file.at, zone)}, has the recorded digest, and has not changed since then."
        sayings.append(_fact("The file in the vault", known.file, text, zone))
    if known.memory is not None:
        text = (
            f"was opened from that file at {when(known.memory.at, zone)}, after this site compared the digest, sender "
            "and round of the file with the ledger. It has the recorded model digest."
        )
        sayings.append(_fact("The model in memory", known.memory, text, zone))
    return sayings


def _fact(what: str, fact: Fact, right: str, zone: ZoneInfo) -> Saying:
    if fact.state == State.CHECKED:
        return Saying("good", what, f"{what} {right}")
    if fact.state == State.CONTRADICTED:
        return Saying("bad", what, f"{what} contradicts the record. Do not use this model.")
    last = f"It was last correct at {when(fact.at, zone)}." if fact.at else "This site has never checked it."
    return Saying("wait", what, f"{what} cannot be checked now: {fact.why or NO_ANSWER}. {last}")


def seal_of(known: Verification) -> Saying:
    """Return a verification in one or two words, for a pill."""
    if known.contradicted:
        return Saying("bad", "do not use", "")
    if known.ledger.state != State.CHECKED:
        return Saying("wait", "unverified", "")
    if not known.whole:
        return Saying("wait", "file not checked", "")
    return Saying("good", "verified", "")


def looked_again(known: Verification, zone: ZoneInfo) -> Saying | None:
    """Return what the ledger says now about a model that was unverified when it answered; None while it is silent."""
    if known.ledger.state == State.UNKNOWN:
        return None
    if known.contradicted:
        return Saying(
            "bad",
            "Do not use this answer",
            "This site could not read the ledger when the model gave this answer. It can now, and the ledger does not "
            "name this model. Please tell the hospital.",
        )
    return Saying(
        "good",
        f"Confirmed on the ledger, {when(known.ledger.at, zone)}",
        "This site could not check everything when the model gave this answer. It can read the ledger now, and the "
        "ledger names this model.",
    )
