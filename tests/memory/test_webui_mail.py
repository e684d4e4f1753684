"""Mail leaves the site with its change, once, through a real server or into a folder."""

from __future__ import annotations

import ssl
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from fl.protocol.errors import SettingInvalid
from tests.support.databases import new_sqlite
from tests.support.smtp_server import HOST, PASSWORD, USER, Mailbox, smtp_server
from webui.config import MailSettings, SmtpSettings
from webui.ports.mail import Attachment, Carrier, Letter
from webui.store.carriers import FolderCarrier, SmtpCarrier, carrier_of
from webui.store.database import Database
from webui.store.mail import FIRST_WAIT_S, GIVE_UP_S, KEPT_S, MailStore
from webui.store.mail_tables import MailRow
from webui.usecases.mail import Mail

SENDER = "no-reply@clinic.example"
MAYA = "maya@patients.example"


class Clock:
    """The time of a test."""

    now = 1_790_000_000

    def __call__(self) -> int:
        return self.now


class Post:
    """One outbox with one way out."""

    def __init__(self, folder: Path, carrier: Carrier | None) -> None:
        self.clock = Clock()
        self.database = Database(new_sqlite(folder))
        self.mail = Mail(MailStore(self.database, self.clock), carrier)

    def send(self, to: str = MAYA, text: str = "There is news. Please sign in.\n") -> None:
        self.database.write(lambda session: self.mail.queue(session, to, "News", text))

    def row(self) -> MailRow:
        with self.database.reading() as session:
            return session.query(MailRow).one()


def smtp(mailbox: Mailbox, security: str, context: ssl.SSLContext | None, password: str = PASSWORD) -> SmtpCarrier:
    user = USER if security != "none" else ""
    return SmtpCarrier(SmtpSettings(HOST, mailbox.port, security, user, password), SENDER, context)


@pytest.mark.parametrize("security", ["starttls", "tls", "none"])
def test_a_queued_mail_reaches_its_reader_once(tmp_path: Path, security: str) -> None:
    with smtp_server(tmp_path, security) as (mailbox, context):
        post = Post(tmp_path, smtp(mailbox, security, context))
        post.send()
        assert post.mail.deliver() == 1
        assert post.mail.deliver() == 0
    ((recipients, message),) = mailbox.received
    assert recipients == [MAYA]
    assert (message["From"], message["To"], message["Subject"]) == (SENDER, MAYA, "News")
    assert message["Auto-Submitted"] == "auto-generated"
    assert message.get_content().splitlines() == ["There is news. Please sign in."]
    assert post.row().text == "", "the site must not keep the text of a delivered mail"


def test_an_attachment_arrives_byte_for_byte(tmp_path: Path) -> None:
    calendar = Attachment("appointment.ics", "text/calendar", b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n")
    with smtp_server(tmp_path, "none") as (mailbox, _):
        post = Post(tmp_path, smtp(mailbox, "none", None))
        post.database.write(lambda session: post.mail.queue(session, MAYA, "News", "Sign in.", [calendar]))
        post.mail.deliver()
    (part,) = mailbox.received[0][1].iter_attachments()
    assert (part.get_filename(), part.get_content_type()) == (calendar.name, calendar.media_type)
    assert part.get_payload(decode=True) == calendar.data


def test_no_mail_without_its_change(tmp_path: Path) -> None:
    post = Post(tmp_path, FolderCarrier(MailSettings(folder=tmp_path / "outbox")))

    def work(session: Session) -> None:
        post.mail.queue(session, MAYA, "News", "Sign in.")
        raise SettingInvalid("change", "it failed")

    with pytest.raises(SettingInvalid):
        post.database.write(work)
    assert post.mail.deliver() == 0
    assert not (tmp_path / "outbox").exists()


def test_a_silent_server_is_tried_again_with_growing_waits_until_it_answers(tmp_path: Path) -> None:
    with smtp_server(tmp_path, "none") as (mailbox, _):
        carrier = smtp(mailbox, "none", None)
        mailbox.answers = ["451 try later"] * 2
        post = Post(tmp_path, carrier)
        post.send()
        for wait in (FIRST_WAIT_S, 2 * FIRST_WAIT_S):
            assert post.mail.deliver() == 0
            assert post.row().next_at == post.clock.now + wait
            assert post.mail.deliver() == 0, "it must wait"
            post.clock.now += wait
        assert post.mail.deliver() == 1
    first = mailbox.received[0][1]
    assert first["Message-ID"] == f"<{post.row().message_id}>"


def test_a_mail_that_no_server_takes_is_given_up_at_once_and_the_next_one_goes(tmp_path: Path) -> None:
    with smtp_server(tmp_path, "none") as (mailbox, _):
        mailbox.answers = ["550 nobody has this name"]
        post = Post(tmp_path, smtp(mailbox, "none", None))
        post.send("nobody@patients.example")
        post.send()
        assert post.mail.deliver() == 1
        (given_up,) = post.mail.store.given_up()
    assert given_up.recipient == "nobody@patients.example"
    assert "550" in str(given_up.why)


def test_a_server_that_stays_away_for_days_ends_the_mail(tmp_path: Path) -> None:
    post = Post(tmp_path, SmtpCarrier(SmtpSettings(HOST, 9, "none"), SENDER))  # nobody listens on port 9
    post.send()
    post.mail.deliver()
    post.clock.now += GIVE_UP_S
    post.mail.deliver()
    assert (post.row().next_at, post.row().sent_at, post.row().text) == (None, None, "")
    post.clock.now += KEPT_S
    post.mail.keep_up()
    assert post.mail.store.given_up() == []


def test_a_server_with_a_strange_certificate_gets_no_password_and_no_mail(tmp_path: Path) -> None:
    with smtp_server(tmp_path, "starttls") as (mailbox, _):
        post = Post(tmp_path, smtp(mailbox, "starttls", ssl.create_default_context()))
        post.send()
        assert post.mail.deliver() == 0
    assert mailbox.received == []
    assert "certificate" in str(post.row().why)


def test_a_wrong_password_of_the_server_keeps_the_mail(tmp_path: Path) -> None:
    with smtp_server(tmp_path, "starttls") as (mailbox, context):
        post = Post(tmp_path, smtp(mailbox, "starttls", context, "wrong"))
        post.send()
        assert post.mail.deliver() == 0
    assert post.row().next_at is not None


def test_without_a_server_each_mail_is_a_private_file(tmp_path: Path) -> None:
    post = Post(tmp_path, carrier_of(MailSettings(SENDER, folder=tmp_path / "outbox")))
    post.send("zoë@münchen.example")
    assert post.mail.deliver() == 1
    (path,) = (tmp_path / "outbox").glob("*.eml")
    message = message_from_bytes(path.read_bytes(), policy=policy.default)
    assert "xn--mnchen-3ya.example" in str(message["To"])
    assert path.stat().st_mode & 0o077 == 0


def test_a_mail_that_another_process_is_sending_is_left_alone(tmp_path: Path) -> None:
    post = Post(tmp_path, FolderCarrier(MailSettings(folder=tmp_path / "outbox")))
    post.send()
    assert post.mail.store.claim() is not None
    assert post.mail.deliver() == 0


@pytest.mark.parametrize("settings", [SmtpSettings("mail.example", 25, "none"), SmtpSettings("h", 25, "ssl")])
def test_an_open_connection_to_another_machine_is_refused(settings: SmtpSettings) -> None:
    with pytest.raises(SettingInvalid):
        SmtpCarrier(settings, SENDER)


def test_a_subject_cannot_bring_further_headers() -> None:
    with pytest.raises(ValueError, match="one line"):
        Letter(MAYA, "News\r\nBcc: all@patients.example", "Sign in.")
