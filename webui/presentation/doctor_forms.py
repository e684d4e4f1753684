"""The forms of a doctor's work: the filters of the worklist, and a review.

Invariant: a review form offers only the classes of the check's own task.

Source: GOV.UK Design System, "Error summary".
"""

from __future__ import annotations

from flask_babel import lazy_gettext
from wtforms import (
    BooleanField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
    SubmitField,
    TextAreaField,
    ValidationError,
)
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length
from wtforms.widgets import CheckboxInput, ListWidget

from fl.protocol.task import Task
from webui.ports.decryption_requests import AskReason
from webui.presentation.forms import AskForm, Form
from webui.presentation.verdict_wording import class_name
from webui.store.worklist import NAME_TYPED, Wanted
from webui.usecases.reasons import MAX_SENTENCE_CHARS, Why
from webui.usecases.review_format import MAX_TEXT_CHARS, Decision, Part
from webui.usecases.urgency import Urgency
from webui.usecases.worklist import Verdict

KIT_TYPED = 200
SHOWN = {"high": Urgency.HIGH, "unsure": Urgency.UNSURE}


def _stripped(value: str | None) -> str:
    return (value or "").strip()


class FilterForm(Form):
    """The filters of the worklist. They change nothing, so they are part of the address."""

    class Meta:
        """Flask-WTF's settings of a form."""

        csrf = False

    show = SelectField(
        lazy_gettext("Answer"),
        choices=[
            SelectChoice("", lazy_gettext("All answers")),
            SelectChoice("high", lazy_gettext("Signs of disease")),
            SelectChoice("unsure", lazy_gettext("Not sure")),
        ],
        default="",
    )
    unreviewed = BooleanField(lazy_gettext("Without a review"))
    unread = BooleanField(lazy_gettext("Unread"))
    name = StringField(lazy_gettext("Patient's name"), [Length(max=NAME_TYPED)], filters=[_stripped])

    @property
    def wanted(self) -> Wanted:
        return Wanted(bool(self.unreviewed.data), bool(self.unread.data), self.name.data or "")

    @property
    def urgency(self) -> Urgency | None:
        return SHOWN.get(self.show.data or "")

    @property
    def address(self) -> dict[str, str]:
        """Return the filters in use, for links."""
        ticks = {name: "y" for name in ("unreviewed", "unread") if self[name].data}
        texts = {name: self[name].data for name in ("show", "name") if self[name].data}
        return ticks | texts


class ReviewForm(Form):
    """What a doctor says about a check."""

    decision = RadioField(
        lazy_gettext("Your answer"),
        [InputRequired(lazy_gettext("Please choose one."))],
        choices=[
            SelectChoice(Decision.CONFIRMED.value, lazy_gettext("I agree with the model's answer")),
            SelectChoice(Decision.OTHER.value, lazy_gettext("I give another answer")),
            SelectChoice(Decision.UNCLEAR.value, lazy_gettext("I cannot tell from this picture")),
        ],
    )
    answer = SelectField(lazy_gettext("My own answer"), default="")
    findings = SelectMultipleField(
        lazy_gettext("My own findings"),
        option_widget=CheckboxInput(),
        widget=ListWidget(prefix_label=False),
    )
    reason = TextAreaField(lazy_gettext("Why"), [Length(max=MAX_TEXT_CHARS)], filters=[_stripped])
    note = TextAreaField(lazy_gettext("Note for doctors"), [Length(max=MAX_TEXT_CHARS)], filters=[_stripped])
    message = TextAreaField(lazy_gettext("Message to the patient"), [Length(max=MAX_TEXT_CHARS)], filters=[_stripped])
    show_reason = BooleanField(lazy_gettext("The patient may read why"), default=True)
    show_note = BooleanField(lazy_gettext("The patient may read the note"))
    submit = SubmitField(lazy_gettext("Save this review"))

    def __init__(self, task: Task) -> None:
        """Offer the classes of `task`."""
        super().__init__()
        self._several = task.several
        classes = [SelectChoice(one.code, class_name(task, one.code)) for one in task.classes]
        if task.several:
            self.findings.choices = classes
            del self.answer
        else:
            self.answer.choices = [SelectChoice("", lazy_gettext("Please choose")), *classes]
            del self.findings

    def validate_answer(self, field: SelectField) -> None:
        """Another answer needs a class."""
        if self._other and not field.data:
            raise ValidationError(lazy_gettext("Please choose your own answer."))

    def validate_reason(self, field: TextAreaField) -> None:
        """Another answer needs a reason."""
        if self._other and not field.data:
            raise ValidationError(lazy_gettext("Please write why you give another answer."))

    @property
    def verdict(self) -> Verdict:
        texts = {"reason": self.reason.data or "", "note": self.note.data or "", "message": self.message.data or ""}
        sees = {Part.REASON: self.show_reason.data, Part.NOTE: self.show_note.data}
        shown = frozenset(part for part, ticked in sees.items() if ticked)
        return Verdict(Decision(self.decision.data), self._labels, **texts, patient_sees=shown)

    @property
    def _other(self) -> bool:
        return bool(self.decision.data == Decision.OTHER.value)

    @property
    def _labels(self) -> tuple[str, ...]:
        if not self._other:
            return ()
        return tuple(self.findings.data or ()) if self._several else (self.answer.data,)


class AskReasonForm(AskForm):
    """A doctor's request to the quorum, with the reason for the trustees and the patient."""

    reason = SelectField(lazy_gettext("Why"), coerce=int, validate_choice=False, default=0)
    sentence = StringField(lazy_gettext("Why, in one sentence"), [Length(max=MAX_SENTENCE_CHARS)], filters=[_stripped])

    def validate_reason(self, field: SelectField) -> None:
        """A doctor must give one of the reasons."""
        if field.data not in set(AskReason):
            raise ValidationError(lazy_gettext("Please choose why you ask."))

    def validate_sentence(self, field: StringField) -> None:
        """Another reason must be named."""
        if self.reason.data == AskReason.OTHER and not field.data:
            raise ValidationError(lazy_gettext("Please write your reason in one sentence."))

    @property
    def why(self) -> Why:
        return Why(AskReason(self.reason.data), self.sentence.data or "")


class KitForm(Form):
    """The public part of a trustee's key file, which a script fills in."""

    account = StringField(validators=[InputRequired(), Length(max=KIT_TYPED)])
    public_key = StringField(validators=[InputRequired(), Length(max=KIT_TYPED)])
    proof = StringField(validators=[InputRequired(), Length(max=KIT_TYPED)])
    saved = BooleanField(validators=[InputRequired()])
