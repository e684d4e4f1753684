"""The forms, and what they accept.

Invariant: every form that changes something is one of these, so every one carries a CSRF token.

Source: NIST SP 800-63B, 5.1.1.2 (passwords).
Not here: what happens with the values (pages/).
"""

from __future__ import annotations

from datetime import date

from flask_wtf import FlaskForm
from flask_wtf.file import FileField, FileRequired
from wtforms import (
    BooleanField,
    DateField,
    EmailField,
    PasswordField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
    SubmitField,
    TextAreaField,
)
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, EqualTo, InputRequired, Length, ValidationError

from fl.crypto.capsule import Readers
from fl.protocol.errors import EncodingError
from fl.protocol.names import DIGEST_BYTES, Digest, Purpose, parse_hex
from webui.consent import RECORD_PURPOSES, Choice
from webui.record_body import MAX_NOTE_CHARS
from webui.request_words import PURPOSES
from webui.store.accounts import fold_email
from webui.store.models import EMAIL_CHARS, NAME_CHARS
from webui.store.passwords import MAX_CHARS, MIN_CHARS
from webui.store.refusals import EmailMalformed, WishNeeded

EARLIEST_BIRTH = date(1900, 1, 1)


class Form(FlaskForm):  # type: ignore[misc]  # Flask-WTF brings no types
    """A form of this site."""


class PressForm(Form):
    """A button that changes something: nothing but the CSRF token."""

    submit = SubmitField()


class SignUpForm(Form):
    """A new patient."""

    name = StringField("Full name", [InputRequired("Please tell us your name."), Length(max=NAME_CHARS)])
    date_of_birth = DateField("Date of birth", [InputRequired("Please give your date of birth.")])
    email = EmailField("E-mail address", [InputRequired("Please give your e-mail address."), Length(max=EMAIL_CHARS)])
    password = PasswordField(
        "Password",
        [
            InputRequired("Please choose a password."),
            Length(MIN_CHARS, MAX_CHARS, f"Between {MIN_CHARS} and {MAX_CHARS} characters, please."),
        ],
    )
    again = PasswordField("Password again", [EqualTo("password", "The two passwords differ.")])
    submit = SubmitField("Create account")

    def __init__(self, today: date) -> None:
        super().__init__()
        self._today = today

    def validate_name(self, field: StringField) -> None:
        """Refuse blanks and control characters."""
        if not field.data.strip() or not field.data.isprintable():
            raise ValidationError("Please tell us your name.")

    def validate_email(self, field: EmailField) -> None:
        """Refuse what cannot be an address."""
        try:
            fold_email(field.data)
        except EmailMalformed as error:
            raise ValidationError(str(error)) from error

    def validate_date_of_birth(self, field: DateField) -> None:
        """Refuse days ahead and centuries ago."""
        if field.data is None or not EARLIEST_BIRTH <= field.data <= self._today:
            raise ValidationError("This cannot be a date of birth.")

    def validate_password(self, field: PasswordField) -> None:
        """Refuse a password that is the address or the name, or one character over and over."""
        folded = field.data.casefold()
        known = {(self.email.data or "").strip().casefold(), (self.name.data or "").strip().casefold()}
        if folded in known or len(set(folded)) < len("abcd"):
            raise ValidationError("This password is too easy to guess.")


class SignInForm(Form):
    """Somebody with an account."""

    email = EmailField("E-mail address", [InputRequired("Please give your e-mail address."), Length(max=EMAIL_CHARS)])
    password = PasswordField("Password", [InputRequired("Please give your password."), Length(max=MAX_CHARS)])
    submit = SubmitField("Sign in")


class ImageForm(Form):
    """A blood-cell image to check."""

    image = FileField("Blood-cell image", [FileRequired("Please choose an image first.")])
    drawn = BooleanField("I know that this model has only seen drawn cells")
    """Asked for where the model was trained on drawn cells."""
    submit = SubmitField("Check this image")


class LedgerFileForm(Form):
    """A file to look up on the ledger."""

    file = FileField("File", [FileRequired("Please choose a file first.")])
    submit = SubmitField("Look it up")


class LedgerDigestForm(Form):
    """A digest to look up on the ledger; it changes nothing, so it may stand in an address."""

    class Meta:
        """A form that is sent by GET."""

        csrf = False

    digest = StringField("SHA-256", [InputRequired("Please give a SHA-256.")])

    def validate_digest(self, field: StringField) -> None:
        """Refuse what is no SHA-256; `0x` in front and blanks around it do not matter."""
        try:
            parse_hex(field.data.strip(), DIGEST_BYTES, "SHA-256")
        except EncodingError as error:
            raise ValidationError("This is no SHA-256: 64 hexadecimal digits, please.") from error

    @property
    def value(self) -> Digest:
        """Return the digest, once the form validated."""
        return Digest(parse_hex(self.digest.data.strip(), DIGEST_BYTES, "SHA-256"))


class NoteForm(Form):
    """A doctor's note on a check."""

    text = TextAreaField(
        "Your note",
        [DataRequired("Please write something first."), Length(max=MAX_NOTE_CHARS)],
        filters=[lambda value: value.strip() if value else value],
    )
    submit = SubmitField("Seal and add this note")


class FindForm(Form):
    """A patient's address, or a record's number."""

    text = StringField(
        "E-mail address or record number", [InputRequired("Please give one of the two."), Length(max=EMAIL_CHARS)]
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
            SelectChoice(str(int(Readers.HOSPITAL_AND_TRUSTEES)), "This hospital for me and my doctors, and a quorum"),
            SelectChoice(str(int(Readers.TRUSTEES)), "A quorum of trustees alone"),
        ],
    )
    purposes = SelectMultipleField(
        "What others may ask for", choices=[SelectChoice(str(int(p)), p.name) for p in RECORD_PURPOSES]
    )
    sure = BooleanField()
    """Whether the patient was asked once more."""
    submit = SubmitField("Keep this choice")

    def __init__(self, choice: Choice) -> None:
        super().__init__(data={"readers": str(int(choice.readers)), "purposes": [str(int(p)) for p in choice.consent]})

    def validate_purposes(self, field: SelectMultipleField) -> None:
        """Refuse what would lock the patient out for ever."""
        if self.readers.data == str(int(Readers.TRUSTEES)) and str(int(Purpose.PATIENT_WISH)) not in (field.data or ()):
            raise ValidationError(WishNeeded.sentence)

    @property
    def choice(self) -> Choice:
        """Return what was chosen, once the form validated."""
        return Choice(Readers(int(self.readers.data)), frozenset(Purpose(int(p)) for p in self.purposes.data or ()))
