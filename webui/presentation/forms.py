"""The forms, and what they accept.

Invariant: every form that changes something is one of these, so each has a CSRF token.

Source: NIST SP 800-63B, 3.1.1.2 (passwords); GOV.UK Design System, "Error summary".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import request
from flask_babel import gettext, lazy_gettext
from flask_wtf import FlaskForm
from flask_wtf.file import FileField, FileRequired, MultipleFileField
from flask_wtf.form import _Auto
from werkzeug.datastructures import CombinedMultiDict, MultiDict
from wtforms import (
    BooleanField,
    IntegerField,
    PasswordField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
    SubmitField,
    TextAreaField,
)
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange, Optional, ValidationError

from fl.crypto.capsule import Readers
from fl.protocol.errors import EncodingError
from fl.protocol.names import DIGEST_BYTES, Digest, Purpose, parse_hex
from webui.errors import PasswordMalformed, WishNeeded
from webui.http.error_words import sentence_of
from webui.http.once import FormToken
from webui.http.page_lookups import hospital_called
from webui.ports.consent import RECORD_PURPOSES, Choice
from webui.presentation.request_wording import PURPOSES
from webui.store.base import EMAIL_CHARS
from webui.store.passwords import prepare
from webui.usecases.file_look_up import Fingerprints, parse
from webui.usecases.record_format import MAX_NOTE_CHARS

CODE_TYPED = 64
MAX_PAGES = 10_000
PRIVATE = "private"
"""The choice of a private prediction."""


class Form(FlaskForm):  # type: ignore[misc]  # Flask-WTF brings no types
    """A form of this site, with a token of its own (http/once.py)."""

    class Meta(FlaskForm.Meta):  # type: ignore[misc]
        """Flask-WTF's settings of a form."""

        csrf_class = FormToken

        def wrap_formdata(self, form: FlaskForm, formdata: object) -> object:
            """Return what was sent: files for file fields, text for all others. A JSON body is ignored."""
            if formdata is not _Auto:
                return formdata
            if not form.is_submitted():
                return None
            of_files = {field.name for field in form if isinstance(field, FileField | MultipleFileField)}
            files = [pair for pair in request.files.items(multi=True) if pair[0] in of_files]
            parts: list[MultiDict[str, Any]] = [MultiDict(files), request.form]
            return CombinedMultiDict(parts)


class PageNumberField(IntegerField):  # type: ignore[misc]  # WTForms brings no types
    """A page number."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Parse the number; unlike WTForms' own message, ours gives an example."""
        try:
            super().process_formdata(valuelist)
        except ValueError as error:
            raise ValueError(lazy_gettext("This is not a page number. Write it like 2.")) from error


def new_password(label: str) -> PasswordField:
    """Return the field for a new password."""
    return PasswordField(label, [InputRequired(lazy_gettext("Please choose a password.")), _can_be_a_password])


def _can_be_a_password(_form: Form, field: PasswordField) -> None:
    try:
        prepare(field.data)
    except PasswordMalformed as error:
        raise ValidationError(sentence_of(error)) from error


class PressForm(Form):
    """A button that changes something: nothing but the CSRF token."""

    submit = SubmitField()


def _one_or_more(_form: Form, field: MultipleFileField) -> None:
    """Keep the files that were chosen; a browser sends an empty one if there is none."""
    field.data = [each for each in field.data or () if getattr(each, "filename", "")]
    if not field.data:
        raise ValidationError(lazy_gettext("Please choose an image first."))


class ImageForm(Form):
    """Blood-cell images of one sample to check."""

    image = MultipleFileField(lazy_gettext("Blood-cell images"), [_one_or_more])
    """One file, or several of one sample."""
    drawn = BooleanField(lazy_gettext("I know that this model has only seen drawn cells"))
    """Only if the model was trained on drawn cells."""
    file_page = PageNumberField(
        lazy_gettext("Which page"), [Optional(), NumberRange(1, MAX_PAGES, lazy_gettext("Please enter a page number."))]
    )
    """Only if the file has several pages."""
    bits = SelectField(
        lazy_gettext("Bits of each value"),
        choices=[
            SelectChoice("", lazy_gettext("I do not know")),
            *(SelectChoice(str(n), lazy_gettext("%(count)s bits", count=n)) for n in (10, 12, 14)),
        ],
        default="",
    )
    """Only if the file does not say how many bits it uses."""
    server = SelectField(lazy_gettext("Which hospital's computer answers"), choices=[], validate_choice=False)
    """Only if the site knows several (`offer`)."""
    way = RadioField(
        lazy_gettext("How the answer is computed"),
        choices=[
            SelectChoice("normal", lazy_gettext("The normal way")),
            SelectChoice(PRIVATE, lazy_gettext("Private prediction")),
        ],
        default="normal",
    )
    """Only if the site has private predictions."""
    submit = SubmitField(lazy_gettext("Check this image"))

    def offer(self, hospitals: Sequence[str]) -> None:
        """Let the patient choose among the servers of these hospitals."""
        nearest = SelectChoice("", gettext("Let the site choose"))
        self.server.choices = [nearest, *(SelectChoice(name, hospital_called(name)) for name in hospitals)]

    @property
    def chosen_server(self) -> str:
        """Return the hospital that the patient chose among those offered; empty for no choice."""
        offered = {str(choice.value) for choice in self.server.choices or ()}
        return self.server.data if self.server.data in offered else ""


class LedgerFileForm(Form):
    """A file to look up on the ledger."""

    file = FileField(lazy_gettext("File"), [FileRequired(lazy_gettext("Please choose a file first."))])
    submit = SubmitField(lazy_gettext("Look it up"))


class LedgerDigestForm(Form):
    """A digest to look up on the ledger. The form changes nothing, so the digest may be part of the address."""

    class Meta:
        """Flask-WTF's settings of a form."""

        csrf = False

    digest = StringField("SHA-256", [InputRequired(lazy_gettext("Please enter a SHA-256."))])
    weights = StringField()
    """What a browser computed of a file of weights (usecases/file_look_up.py); nobody types it."""

    def validate_digest(self, field: StringField) -> None:
        """Refuse a text that is not a SHA-256; `0x` and blanks around it are allowed."""
        try:
            parse_hex(field.data.strip(), DIGEST_BYTES, "SHA-256")
        except EncodingError as error:
            raise ValidationError(
                lazy_gettext("This is not a SHA-256. It has 64 digits: 0 to 9 and a to f.")
            ) from error

    def validate_weights(self, field: StringField) -> None:
        try:
            parse(Digest(bytes(DIGEST_BYTES)), field.data or "")
        except EncodingError as error:
            raise ValidationError(
                lazy_gettext("This is not a SHA-256. It has 64 digits: 0 to 9 and a to f.")
            ) from error

    @property
    def value(self) -> Fingerprints:
        return parse(Digest(parse_hex(self.digest.data.strip(), DIGEST_BYTES, "SHA-256")), self.weights.data or "")


class NoteForm(Form):
    """A doctor's note on a check."""

    text = TextAreaField(
        lazy_gettext("Your note"),
        [DataRequired(lazy_gettext("Please write your note first.")), Length(max=MAX_NOTE_CHARS)],
        filters=[lambda value: value.strip() if value else value],
    )
    submit = SubmitField(lazy_gettext("Add this note"))


class FindForm(Form):
    """A patient's address, or a record's number."""

    text = StringField(
        lazy_gettext("E-mail address or record number"),
        [InputRequired(lazy_gettext("Please enter an e-mail address or a record number.")), Length(max=EMAIL_CHARS)],
    )
    submit = SubmitField(lazy_gettext("Look up"))


class AskForm(Form):
    """A request to the quorum for one record."""

    number = StringField(validators=[InputRequired(), Length(max=EMAIL_CHARS)])
    purpose = SelectField(
        lazy_gettext("What for"), coerce=int, choices=[SelectChoice(int(p), PURPOSES[p][0]) for p in RECORD_PURPOSES]
    )
    submit = SubmitField(lazy_gettext("Ask the trustees"))


class ConsentForm(Form):
    """Who can open a patient's records, and what others may ask for."""

    readers = RadioField(
        lazy_gettext("Who can open my records"),
        choices=[
            SelectChoice(
                str(int(Readers.HOSPITAL_AND_TRUSTEES)), lazy_gettext("My doctors and I at this hospital, and a quorum")
            ),
            SelectChoice(str(int(Readers.TRUSTEES)), lazy_gettext("Only a quorum of trustees")),
        ],
    )
    purposes = SelectMultipleField(
        lazy_gettext("What others may ask for"), choices=[SelectChoice(str(int(p)), p.name) for p in RECORD_PURPOSES]
    )
    sure = BooleanField()
    """Whether the patient confirmed the choice."""
    submit = SubmitField(lazy_gettext("Save this choice"))

    def __init__(self, choice: Choice) -> None:
        super().__init__(data={"readers": str(int(choice.readers)), "purposes": [str(int(p)) for p in choice.consent]})

    def validate_purposes(self, field: SelectMultipleField) -> None:
        """Refuse a choice that would lock the patient out for ever."""
        if self.readers.data == str(int(Readers.TRUSTEES)) and str(int(Purpose.PATIENT_WISH)) not in (field.data or ()):
            raise ValidationError(sentence_of(WishNeeded()))

    @property
    def choice(self) -> Choice:
        return Choice(Readers(int(self.readers.data)), frozenset(Purpose(int(p)) for p in self.purposes.data or ()))
