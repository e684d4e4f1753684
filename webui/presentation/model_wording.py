"""The three facts about a model as words for people.

Invariant: only what was checked is called verified.

Source: fl/roles/serving/model_facts.py.
"""

from __future__ import annotations

from zoneinfo import ZoneInfo

from fl.roles.serving.model_facts import Fact, State, Verification
from webui.http.error_words import translated
from webui.http.page_lookups import gone_back, hospital_called
from webui.ports.federation import ServedModel
from webui.presentation.numbers_and_dates import when, whole
from webui.presentation.texts import gettext
from webui.presentation.wording import Saying, listing


def verification(model: ServedModel, zone: ZoneInfo) -> Saying:
    """Return how far the model is verified; `facts_of` has the details."""
    known = model.verification
    if known.contradicted:
        return Saying("bad", gettext("Do not use this model"), gettext("It contradicts the ledger."))
    at = when(known.ledger.at, zone)
    if known.ledger.state != State.CHECKED:
        return Saying(
            "wait",
            gettext("Unverified since %(when)s", when=at),
            gettext(
                "We cannot check the ledger now: %(why)s. So we do not know whether this is still the newest model.",
                why=_why(known.ledger),
            ),
        )
    if known.file is None:
        return Saying(
            "good",
            gettext("Verified on the ledger, %(when)s", when=at),
            gettext("The ledger names this model. This answer stores no other check."),
        )
    if not known.whole:
        return Saying(
            "wait",
            gettext("The file of this model cannot be checked now"),
            gettext(
                "The ledger names this model, but %(why)s. This site opened the model from the correct file earlier. "
                "We do not know whether that file is still there.",
                why=translated(str(known.file.why)),
            ),
        )
    return Saying("good", gettext("Verified on the ledger, %(when)s", when=at), _all_agree(model, zone))


def _all_agree(model: ServedModel, zone: ZoneInfo) -> str:
    names = {"coordinator": model.coordinator_name, "number": model.round, "when": when(model.final_at, zone)}
    if not model.attested_by:
        return gettext(
            "This is exactly the model that the hospitals made together. %(coordinator)s wrote its fingerprint to the "
            "ledger, the public list of all steps, in round %(number)s. Nobody has computed it again to check it. It "
            "counts since %(when)s.",
            **names,
        )
    return gettext(
        "This is exactly the model that the hospitals made together. %(coordinator)s wrote its fingerprint to the "
        "ledger, the public list of all steps, in round %(number)s. To check it, the same was computed again by: "
        "%(names)s. They got the same model. It counts since %(when)s.",
        **names,
        names=listing([hospital_called(name) for name in model.attested_by]),
    )


def facts_of(model: ServedModel, zone: ZoneInfo) -> list[Saying]:
    """Return the facts of a verification in words, each with its time."""
    known = model.verification
    sayings = [_ledger(model, zone)]
    if known.file is not None:
        sayings.append(_file(known.file, zone))
    if known.memory is not None:
        sayings.append(_memory(known.memory, zone))
    return sayings


def _ledger(model: ServedModel, zone: ZoneInfo) -> Saying:
    known = model.verification
    names = {"when": when(known.ledger.at, zone), "number": model.round}
    title, bad, unknown = gettext("The ledger"), "", ""
    if known.ledger.state == State.CONTRADICTED:
        bad = gettext("The ledger contradicts the record. Do not use this model.")
    elif known.ledger.state != State.CHECKED:
        unknown = gettext("The ledger cannot be checked now: %(why)s.", why=_why(known.ledger))
    if bad or unknown:
        return _trouble(title, bad, unknown, known.ledger, zone)
    if known.block:
        text = gettext(
            "The ledger was read up to block %(block)s at %(when)s. It names this model for round %(number)s.",
            block=whole(known.block),
            **names,
        )
    else:
        text = gettext("The ledger was read at %(when)s. It names this model for round %(number)s.", **names)
    return Saying("good", title, text)


def _file(fact: Fact, zone: ZoneInfo) -> Saying:
    title = gettext("The file in the vault")
    if fact.state == State.CHECKED:
        text = gettext(
            "The file in the vault was read at %(when)s, has the recorded digest, and has not changed since then.",
            when=when(fact.at, zone),
        )
        return Saying("good", title, text)
    bad = gettext("The file in the vault contradicts the record. Do not use this model.")
    unknown = gettext("The file in the vault cannot be checked now: %(why)s.", why=_why(fact))
    return _trouble(title, bad if fact.state == State.CONTRADICTED else "", unknown, fact, zone)


def _memory(fact: Fact, zone: ZoneInfo) -> Saying:
    title = gettext("The model in memory")
    if fact.state == State.CHECKED:
        text = gettext(
            "The model in memory was opened from that file at %(when)s, after this site compared the digest, sender "
            "and round of the file with the ledger. It has the recorded model digest.",
            when=when(fact.at, zone),
        )
        return Saying("good", title, text)
    bad = gettext("The model in memory contradicts the record. Do not use this model.")
    unknown = gettext("The model in memory cannot be checked now: %(why)s.", why=_why(fact))
    return _trouble(title, bad if fact.state == State.CONTRADICTED else "", unknown, fact, zone)


def _trouble(title: str, bad: str, unknown: str, fact: Fact, zone: ZoneInfo) -> Saying:
    """Return a fact that contradicts the record, or that nobody can check now."""
    if bad:
        return Saying("bad", title, bad)
    if fact.at:
        last = gettext("It was last correct at %(when)s.", when=when(fact.at, zone))
    else:
        last = gettext("This site has never checked it.")
    return Saying("wait", title, f"{unknown} {last}")


def _why(fact: Fact) -> str:
    return translated(str(fact.why)) if fact.why else gettext("it does not answer")


def seal_of(known: Verification) -> Saying:
    """Return a verification in one or two words, for a pill."""
    if known.contradicted:
        return Saying("bad", gettext("do not use"), "")
    if known.ledger.state != State.CHECKED:
        return Saying("wait", gettext("unverified"), "")
    if not known.whole:
        return Saying("wait", gettext("file not checked"), "")
    return Saying("good", gettext("verified"), "")


def superseded(model: ServedModel, table: str = "") -> Saying | None:
    """Return what it means that a model of pictures, or of a table, is no longer in use; None if it is."""
    back = gone_back(table)
    if back is None or model.round not in back.superseded:
        return None
    if back.to:
        text = gettext(
            "A hospital left or took data back. So the hospitals went back to their model of round %(number)s, and "
            "train on without these data. The answer of a newer model may differ: you can ask it again, or ask a "
            "doctor.",
            number=back.to,
        )
    else:
        text = gettext(
            "A hospital left or took data back. So the hospitals went back to their first model, and train again "
            "without these data. The answer of a newer model may differ: you can ask it again, or ask a doctor."
        )
    return Saying("wait", gettext("This answer comes from a model that is no longer in use"), text)


def looked_again(known: Verification, zone: ZoneInfo) -> Saying | None:
    """Return what the ledger says now about a model that was unverified when it answered; None while it is silent."""
    if known.ledger.state == State.UNKNOWN:
        return None
    if known.contradicted:
        return Saying(
            "bad",
            gettext("Do not use this answer"),
            gettext(
                "This site could not read the ledger when the model gave this answer. It can now, and the ledger does "
                "not name this model. Please tell the hospital."
            ),
        )
    return Saying(
        "good",
        gettext("Confirmed on the ledger, %(when)s", when=when(known.ledger.at, zone)),
        gettext(
            "This site could not check everything when the model gave this answer. It can read the ledger now, and the "
            "ledger names this model."
        ),
    )
