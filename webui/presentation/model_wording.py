"""What the site says of a model's three facts: in a title, in sentences, in a pill, and when it looks again.

Invariant: nothing that could not be looked at is called verified.

Source: fl/roles/serving/model_facts.py.
Not here: other words (wording.py).
"""

from __future__ import annotations

from zoneinfo import ZoneInfo

from fl.roles.serving.model_facts import Fact, State, Verification
from webui.ports.federation import ServedModel
from webui.presentation.wording import Saying, attested, when

NO_ANSWER = "it does not answer"


def verification(model: ServedModel, zone: ZoneInfo) -> Saying:
    """Return what was checked of a model, in one sentence; `facts_of` has the three facts."""
    known = model.verification
    if known.contradicted:
        return Saying("bad", "Do not use this model", "What was found contradicts the ledger.")
    if known.ledger.state != State.CHECKED:
        return Saying(
            "wait",
            f"Unverified since {when(known.ledger.at, zone)}",
            f"The ledger cannot be checked now: {known.ledger.why or NO_ANSWER}. So it is not known whether this is "
            "still the newest model.",
        )
    if known.file is None:
        return Saying(
            "good",
            f"Verified on the ledger, {when(known.ledger.at, zone)}",
            "The ledger names this model. No other check was kept.",
        )
    if not known.whole:
        return Saying(
            "wait",
            "The file of this model cannot be checked now",
            f"The ledger names this model, but {known.file.why}. The weights in memory were opened from the right file "
            "earlier; whether it is still there is not known.",
        )
    return Saying(
        "good",
        f"Verified on the ledger, {when(known.ledger.at, zone)}",
        f"The ledger, the file in the vault and the model in memory agree. {model.coordinator_name} recorded this "
        f"model in round {model.round}; {attested(model.attested_by)} The round is final since "
        f"{when(model.final_at, zone)}.",
    )


def facts_of(model: ServedModel, zone: ZoneInfo) -> list[Saying]:
    """Return the three facts of a verification in words, each with its time; those that are kept."""
    known = model.verification
    block = f" up to block {known.block:,}" if known.block else ""
    found = [
        _fact(
            "The ledger",
            known.ledger,
            f"was read{block} at {when(known.ledger.at, zone)}. It names this model for round {model.round}.",
            zone,
        )
    ]
    if known.file is not None:
        text = f"was read at {when(known.file.at, zone)}, has the recorded digest, and was not changed since."
        found.append(_fact("The file in the vault", known.file, text, zone))
    if known.memory is not None:
        text = (
            f"was opened from that file at {when(known.memory.at, zone)}, after its digest, its sender and its round "
            "were compared with the ledger. It has the recorded model digest."
        )
        found.append(_fact("The model in memory", known.memory, text, zone))
    return found


def _fact(what: str, fact: Fact, right: str, zone: ZoneInfo) -> Saying:
    if fact.state == State.CHECKED:
        return Saying("good", what, f"{what} {right}")
    if fact.state == State.CONTRADICTED:
        return Saying("bad", what, f"{what} contradicts the record. Do not use this model.")
    last = f"It was last right at {when(fact.at, zone)}." if fact.at else "It was never checked here."
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
    """Return what came of looking again at what could not be checked at the time; None while it still cannot be."""
    if known.ledger.state == State.UNKNOWN:
        return None
    if known.contradicted:
        return Saying(
            "bad",
            "Do not use this answer",
            "The ledger could not be read when this answer was given. It can now, and it does not name the model that "
            "answered. Please tell the hospital.",
        )
    return Saying(
        "good",
        f"Confirmed on the ledger, {when(known.ledger.at, zone)}",
        "Not everything could be checked when this answer was given. The ledger can be read now, and it names the "
        "model that answered.",
    )
