"""The forms, and what they accept.

Invariant: every form that changes something is one of these, so each has a CSRF token.

Source: NIST SP 800-63B, 3.1.1.2 (passwords); GOV.UK Design System, "Error summary".
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from flask import request
from flask_babel import gettext, lazy_gettext
from flask_wtf import FlaskForm
from flask_wtf.file import FileField, FileRequired, MultipleFileField
from flask_wtf.form import _Auto
from werkzeug.datastructures import CombinedMultiDict, MultiDict
from wtforms import (
    BooleanField,
    DateField,
    EmailField,
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
from wtforms.validators import DataRequired, EqualTo, InputRequired, Length, NumberRange, Optional, ValidationError

from fl.crypto.capsule import Readers
from fl.protocol.errors import EncodingError
from fl.protocol.names import DIGEST_BYTES, Digest, Purpose, parse_hex
from webui.errors import EmailMalformed, NameMalformed, PasswordMalformed, WishNeeded
from webui.http.error_words import sentence_of
from webui.http.once import FormToken
from webui.ports.consent import RECORD_PURPOSES, Choice
from webui.presentation.request_wording import PURPOSES
from webui.store.base import EMAIL_CHARS
from webui.store.emails import email_key
from webui.store.passwords import MAX_TYPED, prepare
from webui.store.person_names import person_name
from webui.usecases.record_format import MAX_NOTE_CHARS

OLDEST_YEARS = 130
CODE_TYPED = 64
MAX_PAGES = 10_000


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


class BirthField(DateField):  # type: ignore[misc]  # WTForms brings no types
    """A date."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Parse the day; unlike WTForms' own message, ours gives an example."""
        try:
            super().process_formdata([value.strip() for value in valuelist])
        except ValueError as error:
            raise ValueError("This is not a date. Write it like 1987-04-12: year, month, day.") from error


class PageNumberField(IntegerField):  # type: ignore[misc]  # WTForms brings no types
    """A page number."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Parse the number; unlike WTForms' own message, ours gives an example."""
        try:
            super().process_formdata(valuelist)
        except ValueError as error:
            raise ValueError("This is not a page number. Write it like 2.") from error


def new_password(label: str) -> PasswordField:
    """Return the field for a new password."""
    return PasswordField(label, [InputRequired("Please choose a password."), _can_be_a_password])


def _can_be_a_password(_form: Form, field: PasswordField) -> None:
    try:
        prepare(field.data)
    except PasswordMalformed as error:
        raise ValidationError(sentence_of(error)) from error


class PressForm(Form):
    """A button that changes something: nothing but the CSRF token."""

    submit = SubmitField()


class SignUpForm(Form):
    """A new patient."""

    name = StringField("Full name", [InputRequired("Please enter your name.")])
    date_of_birth = BirthField("Date of birth", [InputRequired("Please enter your date of birth.")])
    email = EmailField("E-mail address", [InputRequired("Please enter your e-mail address.")])
    password = new_password("Password")
    again = PasswordField("Password again", [EqualTo("password", "The two passwords differ.")])
    submit = SubmitField("Create account")

    def __init__(self, today: date) -> None:
        super().__init__()
        self._today = today

    def validate_name(self, field: StringField) -> None:
        """Refuse a text that cannot be a name."""
        try:
            person_name(field.data)
        except NameMalformed as error:
            raise ValidationError(sentence_of(error)) from error

    def validate_email(self, field: EmailField) -> None:
        """Refuse a text that cannot be an address."""
        try:
            email_key(field.data)
        except EmailMalformed as error:
            raise ValidationError(sentence_of(error)) from error

    def validate_date_of_birth(self, field: DateField) -> None:
        """Refuse a day in the future, or too long ago; today is the day in the hospital's zone."""
        born, today = field.data, self._today
        if born is None:  # not a date; the field itself reports that
            return
        if born > today:
            raise ValidationError("This cannot be a date of birth: it is in the future.")
        if (born.year + OLDEST_YEARS, born.month, born.day) < (today.year, today.month, today.day):
            raise ValidationError(f"This cannot be a date of birth: it is more than {OLDEST_YEARS} years ago.")


class SignInForm(Form):
    """A person with an account."""

    email = EmailField("E-mail address", [InputRequired("Please give your e-mail address."), Length(max=EMAIL_CHARS)])
    password = PasswordField("Password", [InputRequired("Please enter your password."), Length(max=MAX_TYPED)])
    submit = SubmitField("Sign in")


class PasswordForm(Form):
    """A new password for a person who knows the old one."""

    old = PasswordField("Current password", [InputRequired("Please enter your password."), Length(max=MAX_TYPED)])
    password = new_password("New password")
    again = PasswordField("New password again", [EqualTo("password", "The two passwords differ.")])
    submit = SubmitField("Change password")


class ResetForm(Form):
    """A new password for a person who has a one-time code from the hospital."""

    email = EmailField("E-mail address", [InputRequired("Please give your e-mail address."), Length(max=EMAIL_CHARS)])
    code = StringField("One-time code", [InputRequired("Please enter the code."), Length(max=CODE_TYPED)])
    password = new_password("New password")
    again = PasswordField("New password again", [EqualTo("password", "The two passwords differ.")])
    submit = SubmitField("Set new password")


def _one_or_more(_form: Form, field: MultipleFileField) -> None:
    """Keep the files that were chosen; a browser sends an empty one if there is none."""
    field.data = [each for each in field.data or () if getattr(each, "filename", "")]
    if not field.data:
        raise ValidationError("Please choose an image first.")


class ImageForm(Form):
    """Blood-cell images of one sample to check."""

    image = MultipleFileField("Blood-cell images", [_one_or_more])
    """One file, or several of one sample."""
    drawn = BooleanField("I know that this model has only seen drawn cells")
    """Only if the model was trained on drawn cells."""
    file_page = PageNumberField("Which page", [Optional(), NumberRange(1, MAX_PAGES, "Please enter a page number.")])
    """Only if the file has several pages."""
    bits = SelectField(
        "Bits of each value",
        choices=[SelectChoice("", "I do not know"), *(SelectChoice(str(n), f"{n} bits") for n in (10, 12, 14))],
        default="",
    )
    """Only if the file does not say how many bits it uses."""
    server = SelectField(lazy_gettext("Which hospital's computer answers"), choices=[], validate_choice=False)
    """Only if the site knows several (`offer`)."""
    submit = SubmitField("Check this image")

    def offer(self, hospitals: Sequence[str]) -> None:
        """Let the patient choose among the servers of these hospitals."""
        nearest = SelectChoice("", gettext("Let the site choose"))
        self.server.choices = [nearest, *(SelectChoice(name, name) for name in hospitals)]

    @property
    def chosen_server(self) -> str:
        """Return the hospital that the patient chose among those offered; empty for no choice."""
        offered = {str(choice.value) for choice in self.server.choices or ()}
        return self.server.data if self.server.data in offered else ""


class LedgerFileForm(Form):
    """A file to look up on the ledger."""

    file = FileField("File", [FileRequired("Please choose a file first.")])
    submit = SubmitField("Look it up")


class LedgerDigestForm(Form):
    """A digest to look up on the ledger. The form changes nothing, so the digest may be part of the address."""

    class Meta:
        """Flask-WTF's settings of a form."""

        csrf = False

    digest = StringField("SHA-256", [InputRequired("Please enter a SHA-256.")])

    def validate_digest(self, field: StringField) -> None:
        """Refuse a text that is not a SHA-256; `0x` and blanks around it are allowed."""
        try:
            parse_hex(field.data.strip(), DIGEST_BYTES, "SHA-256")
        except EncodingError as error:
            raise ValidationError("This is not a SHA-256. It has 64 digits: 0 to 9 and a to f.") from error

    @property
    def value(self) -> Digest:
        return Digest(parse_hex(self.digest.data.strip(), DIGEST_BYTES, "SHA-256"))


class NoteForm(Form):
    """A doctor's note on a check."""

    text = TextAreaField(
        "Your note",
        [DataRequired("Please write your note first."), Length(max=MAX_NOTE_CHARS)],
        filters=[lambda value: value.strip() if value else value],
    )
    submit = SubmitField("Add this note")


class FindForm(Form):
    """A patient's address, or a record's number."""

    text = StringField(
        "E-mail address or record number",
        [InputRequired("Please enter an e-mail address or a record number."), Length(max=EMAIL_CHARS)],
    )
    submit = SubmitField("Look up")


class AskForm(Form):
    """A request to the quorum for one record."""

    number = StringField(validators=[InputRequired(), Length(max=EMAIL_CHARS)])
    purpose = SelectField(
        "What for", coerce=int, choices=[SelectChoice(int(p), PURPOSES[p][0]) for p in RECORD_PURPOSES]
    )
    submit = SubmitField("Ask the trustees")


class ConsentForm(Form):
    """Who can open a patient's records, and what others may ask for."""

    readers = RadioField(
        "Who can open my records",
        choices=[
            SelectChoice(str(int(Readers.HOSPITAL_AND_TRUSTEES)), "My doctors and I at this hospital, and a quorum"),
            SelectChoice(str(int(Readers.TRUSTEES)), "Only a quorum of trustees"),
        ],
    )
    purposes = SelectMultipleField(
        "What others may ask for", choices=[SelectChoice(str(int(p)), p.name) for p in RECORD_PURPOSES]
    )
    sure = BooleanField()
    """Whether the patient confirmed the choice."""
    submit = SubmitField("Save this choice")

    def __init__(self, choice: Choice) -> None:
        super().__init__(data={"readers": str(int(choice.readers)), "purposes": [str(int(p)) for p in choice.consent]})

    def validate_purposes(self, field: SelectMultipleField) -> None:
        """Refuse a choice that would lock the patient out for ever."""
        if self.readers.data == str(int(Readers.TRUSTEES)) and str(int(Purpose.PATIENT_WISH)) not in (field.data or ()):
            raise ValidationError(WishNeeded.sentence)

    @property
    def choice(self) -> Choice:
        return Choice(Readers(int(self.readers.data)), frozenset(Purpose(int(p)) for p in self.purposes.data or ()))
