"""Two ways out for mails: the hospital's mail server, or a folder of .eml files.

Invariant: a password never travels over a connection without TLS; the certificate and the name of the server are
checked. A mail in the folder appears whole or not at all.

Source: RFC 5321, 3.3 and 4.2 (replies); RFC 8314 (TLS for submission); RFC 6531 (addresses beyond ASCII).
"""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import formatdate

from fl.files import write_atomic
from fl.protocol.errors import SettingInvalid
from webui.config import MailSettings, SmtpSettings
from webui.errors import EmailMalformed, MailNotSent, MailUndeliverable
from webui.ports.mail import Carrier, Letter
from webui.store.emails import email_key

TIMEOUT_S = 10.0
FOR_EVER = 500
"""From this reply on, the same mail fails always (RFC 5321, 4.2.1)."""
SECURITIES = ("starttls", "tls", "none")
OWN_MACHINE = ("localhost", "127.0.0.1", "::1")


def carrier_of(settings: MailSettings) -> Carrier | None:
    """Return the way out that the settings name; None if mails must wait in the database.

    Raises:
        SettingInvalid: the settings of the mail server cannot be used.
    """
    if settings.smtp is not None:
        return SmtpCarrier(settings.smtp, settings.sender)
    return FolderCarrier(settings) if settings.folder is not None else None


class FolderCarrier:
    """Writes each mail into a folder, for tries and for sites without a mail server."""

    def __init__(self, settings: MailSettings) -> None:
        if settings.folder is None:
            raise TypeError("there is no folder")
        self._folder, self._sender = settings.folder, settings.sender

    def carry(self, letter: Letter) -> None:
        """Write the mail; a second try replaces the same file."""
        name = letter.message_id.partition("@")[0] or "mail"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_atomic(self._folder / f"{name}.eml", message_of(letter, self._sender).as_bytes(), mode=0o600)
        except OSError as error:
            raise MailNotSent(error.strerror or "the folder cannot be written") from error


class SmtpCarrier:
    """Hands each mail to the hospital's mail server, with one connection per mail."""

    def __init__(self, settings: SmtpSettings, sender: str, context: ssl.SSLContext | None = None) -> None:
        """Check the settings; `context` has the authorities that sign the server's certificate."""
        if settings.security not in SECURITIES:
            raise SettingInvalid("smtp-security", f"{settings.security!r} is not one of {', '.join(SECURITIES)}")
        if settings.security == "none" and (settings.user or settings.host not in OWN_MACHINE):
            raise SettingInvalid("smtp-security", "none works only for a server on this machine, without a password")
        self._settings, self._sender = settings, sender
        self._context = context or ssl.create_default_context()

    def carry(self, letter: Letter) -> None:
        """Send one mail."""
        message = message_of(letter, self._sender)
        try:
            with self._connection() as server:
                server.send_message(message, self._sender, [message["To"]])
        except smtplib.SMTPRecipientsRefused as error:
            code, why = next(iter(error.recipients.values()))
            raise _failure(code, why) from error
        except smtplib.SMTPNotSupportedError as error:
            raise MailUndeliverable("the mail server does not know this kind of address") from error
        except (smtplib.SMTPAuthenticationError, smtplib.SMTPConnectError, smtplib.SMTPHeloError) as error:
            raise MailNotSent(f"the mail server refused this site (reply {error.smtp_code})") from error
        except smtplib.SMTPSenderRefused as error:  # the settings are wrong, not this mail
            raise MailNotSent(f"the mail server refused the sender (reply {error.smtp_code})") from error
        except smtplib.SMTPResponseException as error:
            raise _failure(error.smtp_code, error.smtp_error) from error
        except (OSError, smtplib.SMTPException) as error:
            raise MailNotSent("the mail server did not answer, or its certificate is wrong") from error

    def _connection(self) -> smtplib.SMTP:
        settings = self._settings
        if settings.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                settings.host, settings.port, timeout=TIMEOUT_S, context=self._context
            )
        else:
            server = smtplib.SMTP(settings.host, settings.port, timeout=TIMEOUT_S)
        try:
            if settings.security == "starttls":
                server.starttls(context=self._context)
            if settings.user:
                server.login(settings.user, settings.password)
        except BaseException:
            server.close()
            raise
        return server


def message_of(letter: Letter, sender: str) -> EmailMessage:
    """Return the message as it travels; an automatic one, so that no machine answers it (RFC 3834)."""
    to = _routable(letter.to)
    message = EmailMessage(policy=SMTP if to.isascii() else SMTPUTF8)
    message["From"], message["To"], message["Subject"] = sender, to, letter.subject
    message["Date"] = formatdate(localtime=False)
    message["Message-ID"] = f"<{letter.message_id}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.text)
    for each in letter.attachments:
        main, sub = each.media_type.split("/")
        message.add_attachment(each.data, maintype=main, subtype=sub, filename=each.name)
    return message


def _routable(address: str) -> str:
    """Return an address with its domain as the name system knows it; the part before the @ stays as it was typed."""
    try:
        domain = email_key(address).rpartition("@")[2]
    except EmailMalformed as error:
        raise MailUndeliverable("this is not an e-mail address") from error
    return f"{address.rpartition('@')[0]}@{domain}"


def _failure(code: int, why: bytes | str) -> MailUndeliverable | MailNotSent:
    text = f"the mail server answered {code} {why.decode(errors='replace') if isinstance(why, bytes) else why}"
    return MailUndeliverable(text) if code >= FOR_EVER else MailNotSent(text)
