"""The operator's words: problems of a form, what terms mean, the state of machine and ledger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _l

from fl.protocol.names import Protection
from webui.presentation.numbers_and_dates import decimal
from webui.presentation.wording import listing
from webui.usecases.round_terms import Meaning

PROBLEMS: Mapping[str, Any] = {
    "no account": _l("This is not an account. It has 40 digits after 0x: 0 to 9 and a to f."),
    "account is taken": _l("This account is or was a member. Use a new one."),
    "no role": _l("Choose a role."),
    "coordinator is there": _l("There is a coordinator already, and there can be only one."),
    "no member": _l("Choose a member that takes part now."),
    "no reason": _l("Say why. Everybody can read it for ever, so name no patient."),
    "no use": _l("Choose what the key is for."),
    "no kind": _l("Choose a kind."),
    "ceremony runs": _l("A ceremony of this key is running. Wait for its end, or end it first."),
    "no ceremony": _l("No ceremony of this key is running."),
    "no trustee": _l("Each name must be that of a trustee who takes part now, with commas between."),
    "no threshold": _l("Give a number from 2 to 32, or nothing for two thirds."),
    "no days": _l("Give a number of days from 1 to 3650."),
    "no number": _l("Give a number in its range."),
    "no round": _l("No round is running now."),
    "round runs": _l("A round is running. Wait for its end, or end it first."),
    "no model": _l("The model in use comes from no such round. Give the number of an earlier round, or 0."),
}
OBSTACLES: Mapping[str, Any] = {
    "too few hospitals": _l("Too few hospitals have a key on the ledger: the round would not begin."),
    "too few auditors": _l("Too few auditors have a key on the ledger: the round could not become final."),
    "too few for masks": _l("Masks need at least three hospitals."),
    "held back and masked": _l(
        "The hospitals of a masked round compute the model themselves, so it cannot be held back. Choose sealed."
    ),
    "steps too long": _l("Three steps must be over before training ends: give more time for training."),
}


def problem(code: str) -> str:
    """Return what is wrong with a field; a sentence of the rules of names stays as it is."""
    return str(PROBLEMS.get(code) or OBSTACLES.get(code) or gettext("The name cannot be used: %(why)s.", why=code))


def obstacle_text(code: str) -> str:
    return str(OBSTACLES[code])


def meaning_lines(meaning: Meaning) -> list[str]:
    """Return what the terms of a round mean, one sentence each."""
    terms = meaning.terms
    lines = [_who(meaning), _hidden(terms.protection), _drop(meaning), _time(meaning), _counts(meaning)]
    if terms.epsilon is not None:
        lines.append(
            gettext(
                "Noise hides single pictures: a hospital spends a privacy budget of %(epsilon)s in all. A smaller "
                "number hides more, and the model learns less.",
                epsilon=f"{terms.epsilon:g}",
            )
        )
    else:
        lines.append(gettext("No noise is added: the model may remember single pictures."))
    if terms.hold_back:
        lines.append(gettext("Hospitals can open the new model only after trustees released it."))
    return [str(line) for line in lines]


def _who(meaning: Meaning) -> str:
    if not meaning.taking_part:
        return str(gettext("No hospital could take part now: none has a key on the ledger."))
    text = gettext(
        "%(count)s hospitals would take part: %(names)s.",
        count=len(meaning.taking_part),
        names=listing(meaning.taking_part),
    )
    if meaning.keyless:
        text += " " + gettext("These are admitted but have no key yet: %(names)s.", names=listing(meaning.keyless))
    return str(text)


def _hidden(protection: Protection) -> str:
    if protection == Protection.MASKED:
        return str(gettext("Nobody, not even the coordinator, can read one hospital's update; only the sum is seen."))
    return str(gettext("The coordinator and the auditors can read each hospital's update; other hospitals cannot."))


def _drop(meaning: Meaning) -> str:
    if meaning.may_drop == 0:
        return str(gettext("All of them must stay to the end: if one is missing, the round makes no model."))
    return str(
        gettext(
            "Up to %(count)s of them may drop out. With fewer than %(fewest)s updates the round makes no model.",
            count=meaning.may_drop,
            fewest=meaning.fewest,
        )
    )


def _time(meaning: Meaning) -> str:
    terms = meaning.terms
    return str(
        gettext(
            "They have %(train)s minutes to train. After %(close)s more minutes anybody may abort an unfinished round.",
            train=terms.commit_minutes,
            close=terms.close_minutes,
        )
    )


def _counts(meaning: Meaning) -> str:
    terms = meaning.terms
    if meaning.threshold:
        return str(
            gettext(
                "The model counts after enough members computed it again. Auditors: %(auditors)s. "
                "Hospitals: %(hospitals)s.",
                auditors=terms.attestations,
                hospitals=meaning.threshold,
            )
        )
    return str(gettext("Auditors who must compute the model again: %(auditors)s.", auditors=terms.attestations))


def how_long(seconds: int) -> str:
    """Return a length of time in words: 40 seconds, 15 minutes, 2 hours, 3 days."""
    for size, words in ((86_400, _l("%(count)s days")), (3600, _l("%(count)s hours")), (60, _l("%(count)s minutes"))):
        if seconds >= 2 * size:
            return str(words) % {"count": seconds // size}
    return str(gettext("%(count)s seconds", count=max(seconds, 0)))


def gigabytes(size: int) -> str:
    """Return a number of bytes in GB."""
    return f"{decimal(size / 1e9, 1)} GB"
