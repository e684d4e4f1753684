"""The form for weights that a hospital trained with its own tools."""

from __future__ import annotations

from flask_babel import lazy_gettext as _
from flask_wtf.file import FileField, FileRequired
from wtforms import FloatField, IntegerField, StringField, SubmitField
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from fl.training.model.handed_in import MOST_SAMPLES, Declared
from webui.ports.local_training import MOST_PASSES
from webui.presentation.forms import Form

HEX_CHARS = 66
MOST_LOSS = 32.0


class Whole(IntegerField):  # type: ignore[misc]  # WTForms brings no types
    """A whole number."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Parse the number; unlike WTForms' own message, ours gives an example."""
        try:
            super().process_formdata(valuelist)
        except ValueError as error:
            raise ValueError(_("This is not a whole number. Write it like 1200.")) from error


class Decimal(FloatField):  # type: ignore[misc]  # WTForms brings no types
    """A number."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Parse the number; unlike WTForms' own message, ours gives an example."""
        try:
            super().process_formdata(valuelist)
        except ValueError as error:
            raise ValueError(_("This is not a number. Write it like 0.42.")) from error


class WeightsForm(Form):
    """A file of weights, and what the uploader declares about it."""

    file = FileField(_("File of weights (safetensors)"), [FileRequired(_("Please choose a file."))])
    samples = Whole(
        _("Training images"),
        [
            InputRequired(_("Please say on how many images you trained.")),
            NumberRange(1, MOST_SAMPLES, _("Give a number of images from 1 to 2,097,151.")),
        ],
    )
    correct = Whole(
        _("Of these, judged correctly"),
        [Optional(), NumberRange(0, MOST_SAMPLES, _("Give a number of images, or leave it empty."))],
    )
    loss = Decimal(
        _("Mean loss of the last pass"),
        [Optional(), NumberRange(0.0, MOST_LOSS, _("Give a number from 0 to 32, or leave it empty."))],
    )
    base = StringField(
        _("Digest of the base model"),
        [Optional(), Length(max=HEX_CHARS, message=_("A digest has 64 signs."))],
        filters=[lambda value: value.strip() if value else value],
    )
    submit = SubmitField(_("Check and hand over"))

    @property
    def declared(self) -> Declared:
        return Declared(self.samples.data, self.correct.data or 0, self.loss.data or 0.0)


class PassesForm(Form):
    """How long to train."""

    passes = Whole(
        _("Passes over the images"),
        [
            InputRequired(_("Please say how many passes.")),
            NumberRange(1, MOST_PASSES, _("Give a number of passes from 1 to 100.")),
        ],
        default=1,
    )
    submit = SubmitField(_("Start the training"))
