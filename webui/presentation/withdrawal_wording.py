"""Withdrawals in words: what was taken back, how far the federation is, and what a withdrawal would mean.

Invariant: every sentence is whole, so that it can be translated. No sentence says more than the ledger does.

Source: PROTOCOL.md 5X; webui/ports/withdrawals.py.
"""

from __future__ import annotations

from collections.abc import Sequence

from fl.replay.withdrawals import Stage
from webui.ports.withdrawals import OwnWithdrawal, WithdrawalView
from webui.presentation.texts import gettext as _
from webui.presentation.texts import ngettext
from webui.presentation.wording import Saying, listing
from webui.store.training_objections import ObjectionState, TrainingObjection
from webui.usecases.request_notices import Message
from webui.usecases.withdrawals import Consequences


def stage_saying(stage: Stage) -> Saying:
    """Return how far a withdrawal is."""
    return {
        Stage.ASKED: Saying(
            "wait",
            _("Waits for the coordinator"),
            _("The model in use still contains these data. No round opens before the coordinator has gone back."),
        ),
        Stage.GONE_BACK: Saying(
            "wait",
            _("Gone back"),
            _("An earlier model without these data is in use again. No round has followed yet."),
        ),
        Stage.TRAINED_ON: Saying(
            "good",
            _("Trained on without them"),
            _("The hospitals went back, and later rounds trained without these data."),
        ),
        Stage.UNUSED: Saying(
            "plain",
            _("Nothing to go back for"),
            _("The model of that time contained nothing of these data."),
        ),
    }[stage]


def withdrawal_what(view: WithdrawalView) -> str:
    """Return what was taken back."""
    if view.whole:
        return _("The whole hospital, with all that it gave")
    return ngettext(
        "%(num)s picture, which can be in rounds from %(since)s on",
        "%(num)s pictures, which can be in rounds from %(since)s on",
        view.rows,
        since=view.since,
    )


def base_named(base: int) -> str:
    """Return which model is, or will be, current again."""
    return _("the model of round %(number)s", number=base) if base else _("the first model")


def rounds_named(numbers: Sequence[int]) -> str:
    """Return `2, 3 and 4`, or `none`."""
    return listing([str(each) for each in numbers]) if numbers else _("none")


def consequence_lines(found: Consequences, *, whole: bool) -> list[str]:
    """Return what a withdrawal of this hospital means, in short sentences."""
    lines = [
        _("Everybody in the consortium sees it for ever, and nobody can take it back."),
        _("No round opens before the coordinator has gone back to a model without these data.")
        if found.meaning is not None
        else _("The model in use contains nothing of these data, so no round falls back."),
        *return_lines(found),
    ]
    if whole:
        lines.append(_("This hospital takes part in no later round. To come back, it needs a new account."))
        lines.append(_("The pages of this site stay open, and its model answers as long as the hospital is a member."))
    else:
        lines.append(_("The pictures are deleted from this hospital's imported data. Your own archive keeps them."))
    lines.append(_("Copies of earlier models at other hospitals cannot be called back."))
    return lines


def return_lines(found: Consequences) -> list[str]:
    """Return what a return to an earlier model means: which rounds fall back, which answers are marked, the cost."""
    meaning = found.meaning
    if meaning is None:
        return []
    lines = [
        ngettext(
            "The hospitals go back to %(base)s. The model of round %(rounds)s is no longer used.",
            "The hospitals go back to %(base)s. The models of rounds %(rounds)s are no longer used.",
            len(meaning.superseded),
            base=base_named(meaning.base),
            rounds=rounds_named(meaning.superseded),
        ),
        ngettext(
            "At most %(num)s check on this site comes from such a model. It is marked, and patient and doctor get "
            "a mail.",
            "At most %(num)s checks on this site come from such a model. They are marked, and patients and doctors get "
            "a mail.",
            found.answers,
        )
        if found.answers
        else _("No check on this site comes from such a model."),
        ngettext(
            "It costs %(num)s round of training again; from the first model on it would be %(scratch)s.",
            "It costs %(num)s rounds of training again; from the first model on it would be %(scratch)s.",
            len(meaning.superseded),
            scratch=meaning.scratch,
        ),
    ]
    if not meaning.base:
        lines.append(_("Until the first new round is final, no model answers."))
    return lines


def own_saying(own: OwnWithdrawal) -> Saying:
    """Return how far the newest order of this hospital is."""
    why = own.outcome.why.rstrip(".") if own.outcome is not None else ""
    tone, title, text = {
        "none": ("plain", _("No order yet"), _("Nobody has ordered a withdrawal on this page.")),
        "waiting": (
            "wait" if own.agent_runs else "bad",
            _("The order waits for the agent"),
            _("The agent runs. It takes the order when it has finished its present step.")
            if own.agent_runs
            else _("The agent does not run now. It takes the order when somebody starts it within a day."),
        ),
        "taken": (
            "wait",
            _("The agent carries the order out"),
            _("It takes out the pictures, if the order names any, and puts the withdrawal on the ledger."),
        ),
        "done": (
            "good",
            _("The withdrawal is on the ledger"),
            _("Everybody can follow on the page Withdrawals how it goes on."),
        ),
        "failed": ("bad", _("The agent could not carry the order out"), _("It says: %(why)s.", why=why)),
        "withdrawn": ("plain", _("The order was taken back"), _("Nothing was taken out.")),
    }[own.step]
    return Saying(tone, title, text)


def objection_saying(row: TrainingObjection | None) -> Saying | None:
    """Return to a patient how far the objection is; None without one."""
    if row is None:
        return None
    return {
        ObjectionState.ASKED: Saying(
            "wait",
            _("The hospital has your wish"),
            _("Its staff look whether pictures of yours are among those on which the hospital trains."),
        ),
        ObjectionState.ORDERED: Saying(
            "wait",
            _("Your pictures are being taken out"),
            _("The staff have ordered it. The hospital's program does it and records it on the ledger."),
        ),
        ObjectionState.TAKEN_OUT: Saying(
            "good",
            _("Your pictures are out"),
            _(
                "The hospital no longer trains on them, and the ledger says so without your name. The hospitals then "
                "go back to a model without them: the page Withdrawals shows how far they are."
            ),
        ),
        ObjectionState.NONE_HERE: Saying(
            "good",
            _("No picture of yours is used"),
            _("The staff looked: the hospital trains on no picture of yours."),
        ),
        ObjectionState.CALLED_OFF: Saying("plain", _("You took your wish back"), _("You can ask again at any time.")),
    }[ObjectionState(row.state)]


def withdrawal_letter(reader: str, who: str, address: str) -> Message:
    """Return the mail to another person of the staff: `who` ordered a withdrawal; `address` is that of the page."""
    text = _(
        "Hello %(reader)s,\n\n%(who)s ordered that the hospital takes data back from the federation. The agent puts it "
        "on the ledger, for ever. Follow it here: %(address)s\n\nIf nobody of you wanted this, take the order back on "
        "that page at once, while it waits.",
        reader=reader,
        who=who,
        address=address,
    )
    return Message(_("A withdrawal from the federation was ordered"), text)


def objection_letter(reader: str, address: str) -> Message:
    """Return the mail to the staff: a patient asks that own data are not used for training."""
    text = _(
        "Hello %(reader)s,\n\na patient asks that own pictures are not used for training any more. Sign in to see who, "
        "and to answer: %(address)s",
        reader=reader,
        address=address,
    )
    return Message(_("A patient asks to be left out of the training"), text)


def answer_letter(reader: str, address: str) -> Message:
    """Return the mail to a patient: there is an answer to the objection."""
    text = _(
        "Hello %(reader)s,\n\nthe hospital has answered your wish about the training. Sign in to read it: %(address)s",
        reader=reader,
        address=address,
    )
    return Message(_("An answer to your wish about the training"), text)
