"""The forms of people who sign up, sign in or choose a new password.

Source: NIST SP 800-63B, 3.1.1.2 (passwords).
"""

from __future__ import annotations

from datetime import date

from flask_babel import gettext, lazy_gettext
from wtforms import DateField, EmailField, PasswordField, StringField, SubmitField
from wtforms.validators import EqualTo, InputRequired, Length, ValidationError

from webui.errors import EmailMalformed, NameMalformed
from webui.http.error_words import sentence_of
from webui.presentation.forms import CODE_TYPED, Form, new_password
from webui.store.base import EMAIL_CHARS
from webui.store.emails import email_key
from webui.store.passwords import MAX_TYPED
from webui.store.person_names import person_name

OLDEST_YEARS = 130


class BirthField(DateField):  # type: ignore[misc]  # WTForms brings no types
    """A date."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Parse the day; unlike WTForms' own message, ours gives an example."""
        try:
            super().process_formdata([value.strip() for value in valuelist])
        except ValueError as error:
            raise ValueError(lazy_gettext("This is not a date. Write it like 1987-04-12: year, month, day.")) from error


class SignUpForm(Form):
    """A new patient."""

    name = StringField(lazy_gettext("Full name"), [InputRequired(lazy_gettext("Please enter your name."))])
    date_of_birth = BirthField(
        lazy_gettext("Date of birth"), [InputRequired(lazy_gettext("Please enter your date of birth."))]
    )
    email = EmailField(
        lazy_gettext("E-mail address"), [InputRequired(lazy_gettext("Please enter your e-mail address."))]
    )
    password = new_password(lazy_gettext("Password"))
    again = PasswordField(
        lazy_gettext("Password again"), [EqualTo("password", lazy_gettext("The two passwords differ."))]
    )
    submit = SubmitField(lazy_gettext("Create account"))

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
            raise ValidationError(lazy_gettext("This cannot be a date of birth: it is in the future."))
        if (born.year + OLDEST_YEARS, born.month, born.day) < (today.year, today.month, today.day):
            text = gettext("This cannot be a date of birth: it is more than %(years)s years ago.", years=OLDEST_YEARS)
            raise ValidationError(text)


class SignInForm(Form):
    """A person with an account."""

    email = EmailField(
        lazy_gettext("E-mail address"),
        [InputRequired(lazy_gettext("Please give your e-mail address.")), Length(max=EMAIL_CHARS)],
    )
    password = PasswordField(
        lazy_gettext("Password"), [InputRequired(lazy_gettext("Please enter your password.")), Length(max=MAX_TYPED)]
    )
    submit = SubmitField(lazy_gettext("Sign in"))


class PasswordForm(Form):
    """A new password for a person who knows the old one."""

    old = PasswordField(
        lazy_gettext("Current password"),
        [InputRequired(lazy_gettext("Please enter your password.")), Length(max=MAX_TYPED)],
    )
    password = new_password(lazy_gettext("New password"))
    again = PasswordField(
        lazy_gettext("New password again"), [EqualTo("password", lazy_gettext("The two passwords differ."))]
    )
    submit = SubmitField(lazy_gettext("Change password"))


class ResetForm(Form):
    """A new password for a person who has a one-time code from the hospital."""

    email = EmailField(
        lazy_gettext("E-mail address"),
        [InputRequired(lazy_gettext("Please give your e-mail address.")), Length(max=EMAIL_CHARS)],
    )
    code = StringField(
        lazy_gettext("One-time code"), [InputRequired(lazy_gettext("Please enter the code.")), Length(max=CODE_TYPED)]
    )
    password = new_password(lazy_gettext("New password"))
    again = PasswordField(
        lazy_gettext("New password again"), [EqualTo("password", lazy_gettext("The two passwords differ."))]
    )
    submit = SubmitField(lazy_gettext("Set new password"))
