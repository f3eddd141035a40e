"""One message on its way to a real receiver of webhooks, and to a real mail server, good ones and bad ones."""

from __future__ import annotations

import asyncio
import email
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from email.policy import default
from email.utils import format_datetime
from urllib.parse import quote

import pytest

from generator.running.settings.news_channels import BodyFormat, Channel, Mailbox, Webhook, read_mail_server
from generator.running.settings.news_channels import MailServer as MailAddress
from health_monitor.news import sending
from health_monitor.news.records import Change, Message, Turn
from health_monitor.news.sending import NotSent, send
from receivers import PASSWORD
from relay import Authority

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MESSAGE = Message(
    id="0123abcd",
    at=NOW,
    group="box",
    changes=(Change(sync="sync-ä", turn=Turn.NEEDS_YOU, condition="stuck", why="it is so", turned=NOW),),
)


def sent(channel: Channel) -> str | None:
    return asyncio.run(send(channel, MESSAGE, os.environ))


def refusal(channel: Channel) -> NotSent:
    with pytest.raises(NotSent) as refused:
        sent(channel)
    text = str(refused.value)
    assert "s3cr3t" not in text
    assert PASSWORD not in text
    return refused.value


def mailbox(port: int, scheme: str = "smtp", user: str = "", options: str = "", *more: str) -> Mailbox:
    server = read_mail_server(f"{scheme}://{user}127.0.0.1:{port}{options}")
    assert isinstance(server, MailAddress), server
    return Mailbox(server, "us@example.com", ("ann@example.com", *more))


SIGNED_IN = f"ann:{quote(PASSWORD, safe='')}@"


@pytest.fixture
def trusted(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))


@pytest.mark.parametrize("body_format", list(BodyFormat))
def test_a_webhook_gets_the_message_in_its_format(receiver, body_format):
    assert sent(Webhook(receiver.url, body_format)) is None
    assert "sync-ä needs you" in str(receiver.got)
    assert set(receiver.got[0]) >= {"slack": {"text"}, "teams": {"attachments"}, "json": {"changes"}}[body_format]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 429, 500, 503])
def test_an_answer_that_takes_nothing_is_told_by_its_status_alone(receiver, status):
    receiver.status, receiver.body = status, b"s3cr3t words of the receiver"
    assert str(refusal(Webhook(receiver.url, BodyFormat.JSON))) == f"it answers {status}"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(receiver, new_receiver, status):
    other = new_receiver()
    receiver.status, receiver.headers = status, {"Location": other.url}
    assert "not followed" in str(refusal(Webhook(receiver.url, BodyFormat.JSON)))
    assert other.paths == []


@pytest.mark.parametrize(
    # header                                                             seconds
    ("header", "least", "most"),
    [
        ("120", 120, 120),
        ("0", 0, 0),
        ("-5", 0, 0),
        ("1e9", sending.LONGEST_RETRY_AFTER, sending.LONGEST_RETRY_AFTER),
        ("in 20 minutes", 600, 1200),
    ],
)
def test_how_long_a_receiver_asks_to_wait_is_understood_and_bounded(receiver, header, least, most):
    if header.startswith("in"):
        header = format_datetime(datetime.now(UTC) + timedelta(minutes=20))
    receiver.status, receiver.headers = 429, {"Retry-After": header}
    retry_after = refusal(Webhook(receiver.url, BodyFormat.JSON)).retry_after
    assert retry_after is not None
    assert least <= retry_after <= most


@pytest.mark.parametrize("header", ["soon", "nan", ""])
def test_a_wait_that_is_no_time_is_none(receiver, header):
    receiver.status, receiver.headers = 429, {"Retry-After": header}
    assert refusal(Webhook(receiver.url, BodyFormat.JSON)).retry_after is None


@pytest.mark.parametrize("fault", ["hangs", "trickles"])
def test_a_receiver_that_never_ends_its_answer_is_not_waited_for(receiver, monkeypatch, fault):
    monkeypatch.setattr(sending, "DEADLINE_SECONDS", 0.5)
    setattr(receiver, fault, True)
    assert "did not answer" in str(refusal(Webhook(receiver.url, BodyFormat.JSON)))


def test_a_long_answer_is_not_read_to_its_end(receiver):
    receiver.body = b"x" * 50_000_000
    assert sent(Webhook(receiver.url, BodyFormat.JSON)) is None


def test_teams_that_says_in_words_that_it_has_not_taken_it_has_not(receiver):
    receiver.body = b"Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429"
    assert "not taken" in str(refusal(Webhook(receiver.url, BodyFormat.TEAMS)))
    assert sent(Webhook(receiver.url, BodyFormat.JSON)) is None


@pytest.mark.parametrize(
    # address                                                    word
    ("url", "word"),
    [
        ("http://127.0.0.1:1/s3cr3t", "cannot be reached"),
        ("http://no-such-host.invalid/s3cr3t", "cannot be reached"),
        ("https://127.0.0.1:{port}/s3cr3t", "TLS failed"),
    ],
)
def test_a_webhook_that_cannot_be_reached_is_told_without_its_address(receiver, url, word):
    assert word in str(refusal(Webhook(url.format(port=receiver.port), BodyFormat.JSON)))


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize(("encrypted", "scheme"), [("starttls", "smtp"), ("tls", "smtps")])
def test_a_mail_arrives_encrypted_from_who_has_signed_in(start_mail_server, encrypted, scheme):
    server = start_mail_server(encrypted, signs_in=True)
    assert sent(mailbox(server.port, scheme, SIGNED_IN, "", "bob@example.com")) is None
    [envelope] = server.mails
    assert server.room.encrypted == [True]
    assert envelope.rcpt_tos == ["ann@example.com", "bob@example.com"]
    received = email.message_from_bytes(envelope.content, policy=default)
    assert received["Subject"] == "[jira-sync] sync-ä needs you"
    assert received["Message-ID"] == "<0123abcd.jira-sync@example.com>"
    assert "sync-ä needs you: stuck: it is so" in received.get_content()


@pytest.mark.parametrize(("encrypted", "scheme"), [("starttls", "smtp"), ("tls", "smtps")])
def test_a_mail_server_whose_certificate_nobody_trusts_gets_neither_password_nor_mail(
    start_mail_server, encrypted, scheme
):
    server = start_mail_server(encrypted, signs_in=True)
    assert "not trusted" in str(refusal(mailbox(server.port, scheme, SIGNED_IN)))
    assert server.mails == []


def test_without_starttls_nothing_is_sent_unless_that_is_asked_for(start_mail_server):
    server = start_mail_server("no")
    assert "?tls=no" in str(refusal(mailbox(server.port)))
    assert server.mails == []
    assert sent(mailbox(server.port, options="?tls=no")) is None
    assert server.room.encrypted == [False]


@pytest.mark.usefixtures("trusted")
def test_a_wrong_password_is_told_without_what_the_server_says(start_mail_server):
    server = start_mail_server("starttls", signs_in=True)
    told = str(refusal(mailbox(server.port, user="ann:s3cr3t-wrong@")))
    assert told == "the mail server does not accept the user and password (535)"


@pytest.mark.usefixtures("trusted")
def test_a_recipient_that_is_refused_keeps_the_others_from_nothing(start_mail_server):
    server = start_mail_server()
    server.room.refused = {"bob@example.com"}
    warning = sent(mailbox(server.port, "smtp", "", "", "bob@example.com"))
    assert warning == "the mail server refuses bob@example.com"
    assert [envelope.rcpt_tos for envelope in server.mails] == [["ann@example.com"]]
    server.room.refused = {"ann@example.com", "bob@example.com"}
    assert "refuses all recipients (550)" in str(refusal(mailbox(server.port, "smtp", "", "", "bob@example.com")))


@contextmanager
def server_that_says(*pieces: bytes) -> Iterator[tuple[int, Callable[[], bool]]]:
    """Yield the port of a server that says these pieces, one after the other, for ever, and whether it was left."""
    left = threading.Event()

    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            try:
                while True:
                    for piece in pieces:
                        connection.sendall(piece)
                    connection.settimeout(0.05)
                    try:
                        if connection.recv(1000) == b"":
                            break
                    except TimeoutError:
                        continue
            except OSError:
                pass
        left.set()

    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        yield listener.getsockname()[1], left.is_set


@pytest.mark.parametrize("pieces", [(), (b"2",), (b"220-still\r\n",)])
def test_a_mail_server_that_never_comes_to_an_end_is_left(monkeypatch, wait_until, pieces):
    monkeypatch.setattr(sending, "MAIL_SECONDS", 0.5)
    began = time.monotonic()
    with server_that_says(*pieces) as (port, is_left):
        assert str(refusal(mailbox(port)))
        wait_until(is_left, "the connection to be closed")
        wait_until(lambda: not [t for t in threading.enumerate() if t.name == "mail"], "the thread to end")
    assert time.monotonic() - began < 60


@pytest.mark.parametrize("greeting", [b"HTTP/1.1 400 Bad Request\r\n", b"554 go away\r\n", b"\xff\xfe\r\n"])
def test_what_is_no_mail_server_is_told_in_a_sentence(greeting):
    with server_that_says(greeting) as (port, _):
        assert "mail server" in str(refusal(mailbox(port)))
