"""The forms of an account: second steps, links by mail, preferences."""

from __future__ import annotations

from zoneinfo import available_timezones

from flask_babel import gettext, lazy_gettext
from wtforms import BooleanField, EmailField, PasswordField, SelectField, StringField, SubmitField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import EqualTo, InputRequired, Length, ValidationError

from webui.errors import EmailMalformed
from webui.http.error_words import sentence_of
from webui.http.languages import OWN_NAMES, spoken
from webui.presentation.forms import CODE_TYPED, Form, new_password
from webui.presentation.numbers_and_dates import an_example
from webui.store.account_tables import PASSKEY_NAME_CHARS
from webui.store.base import EMAIL_CHARS
from webui.store.emails import email_key
from webui.store.passwords import MAX_TYPED
from webui.store.patient_notices import News
from webui.store.preferences import DATES, Preferences

AREAS = ("Africa", "America", "Antarctica", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")


class CodeForm(Form):
    """A code of the app, or a recovery code."""

    code = StringField(
        lazy_gettext("Code"), [InputRequired(lazy_gettext("Please enter the code.")), Length(max=CODE_TYPED)]
    )
    submit = SubmitField(lazy_gettext("Go on"))


class ConfirmForm(Form):
    """The password once more, before a change of how somebody signs in."""

    password = PasswordField(
        lazy_gettext("Your password"),
        [InputRequired(lazy_gettext("Please enter your password.")), Length(max=MAX_TYPED)],
    )
    submit = SubmitField(lazy_gettext("Go on"))


class ForgotForm(Form):
    """An address to which the site may send a link."""

    email = EmailField(
        lazy_gettext("E-mail address"),
        [InputRequired(lazy_gettext("Please give your e-mail address.")), Length(max=EMAIL_CHARS)],
    )
    submit = SubmitField(lazy_gettext("Send me a link"))


class LinkForm(Form):
    """A new password, by a link from a mail."""

    password = new_password(lazy_gettext("New password"))
    again = PasswordField(
        lazy_gettext("New password again"), [EqualTo("password", lazy_gettext("The two passwords differ."))]
    )
    submit = SubmitField(lazy_gettext("Set new password"))


class AddressForm(Form):
    """A new e-mail address."""

    email = EmailField(
        lazy_gettext("New e-mail address"),
        [InputRequired(lazy_gettext("Please give your e-mail address.")), Length(max=EMAIL_CHARS)],
    )
    submit = SubmitField(lazy_gettext("Send me a link to confirm it"))

    def validate_email(self, field: EmailField) -> None:
        """Refuse a text that cannot be an address."""
        try:
            email_key(field.data)
        except EmailMalformed as error:
            raise ValidationError(sentence_of(error)) from error


class PasskeyNameForm(Form):
    """A name for a passkey."""

    name = StringField(
        lazy_gettext("Name"),
        [InputRequired(lazy_gettext("Please enter a name.")), Length(max=PASSKEY_NAME_CHARS)],
        filters=[lambda value: value.strip() if value else value],
    )
    submit = SubmitField(lazy_gettext("Save name"))

    def validate_name(self, field: StringField) -> None:
        """Refuse signs that nobody can see."""
        if not field.data.isprintable():
            raise ValidationError(gettext("Use only characters that you can see and type."))


class PreferenceForm(Form):
    """Language, time zone and form of dates, and for a doctor the mails."""

    language = SelectField(lazy_gettext("Language"))
    zone = SelectField(lazy_gettext("Time zone"))
    dates = SelectField(lazy_gettext("Dates"))
    bookings = BooleanField(lazy_gettext("Send me a mail when a patient books, moves or cancels an appointment"))
    asked = BooleanField(lazy_gettext("Send me a mail when somebody asks for one of my records"))
    opened = BooleanField(lazy_gettext("Send me a mail when others opened my records, at most one a day"))
    receipt = BooleanField(lazy_gettext("Send me a mail when the receipt of an answer can be compared with the ledger"))
    proof = BooleanField(lazy_gettext("Send me a mail when the proof of a receipt is there"))
    submit = SubmitField(lazy_gettext("Save"))

    def __init__(
        self,
        chosen: Preferences,
        hospital_zone: str,
        bookings: bool | None = None,
        news: frozenset[News] | None = None,
    ) -> None:
        """Offer the hospital's zone.

        Args:
            chosen: The choice until now.
            hospital_zone: Its time zone.
            bookings: A doctor's choice of mails; None for others.
            news: A patient's choice of mails; None for others.
        """
        data = {"language": chosen.language, "zone": chosen.zone, "dates": chosen.dates, "bookings": bookings}
        super().__init__(data={**data, **{kind.value: kind in (news or ()) for kind in News}})
        if bookings is None:
            del self.bookings
        if news is None:
            del self.asked, self.opened, self.receipt, self.proof
        self.language.choices = [
            SelectChoice("", gettext("As my browser asks")),
            *(SelectChoice(tag, OWN_NAMES.get(tag, tag)) for tag in spoken()),
        ]
        zones = sorted(zone for zone in available_timezones() if zone.partition("/")[0] in AREAS)
        self.zone.choices = [
            SelectChoice("", gettext("The hospital's: %(zone)s", zone=hospital_zone)),
            *(SelectChoice(zone, zone.replace("_", " ")) for zone in zones),
        ]
        words = [gettext("As the language does"), *(an_example(form) for form in DATES[1:])]
        self.dates.choices = [SelectChoice(value, text) for value, text in zip(DATES, words, strict=True)]

    @property
    def news(self) -> frozenset[News] | None:
        """Return the kinds of mails that a patient wants; None for others."""
        if self.asked is None:
            return None
        fields = {
            News.ASKED: self.asked,
            News.OPENED: self.opened,
            News.RECEIPT: self.receipt,
            News.PROOF: self.proof,
        }
        return frozenset(kind for kind, field in fields.items() if field.data)

    @property
    def value(self) -> Preferences:
        return Preferences(self.language.data, self.zone.data, self.dates.data)
