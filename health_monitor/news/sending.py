"""Sends one message to one address. It ends within a deadline, whatever the other side does.

No redirect is followed: it would carry the message to a host that nobody named. No error repeats an address, and of an
answer it has the status alone.
"""

from __future__ import annotations

import asyncio
import smtplib
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from generator.running.settings.news_channels import BodyFormat, Channel, Encryption, Mailbox, MailServer, Webhook
from health_monitor.news.bodies import body, mail
from health_monitor.news.records import Message
from sync_model.certificates import accept_private_authorities
from sync_model.environment.network_settings import faults
from sync_model.secrecy.redaction import redacted

DEADLINE_SECONDS = 30.0
"""For all of a request."""
MAIL_SECONDS = 60.0
"""For all of a mail, of which each answer of the server may take half as long."""
LONGEST_ANSWER = 4096
"""Bytes of an answer that are read."""
TEAMS_FAILED = "returned http error"
"""Teams answers 200 also to what it has not taken, and says so in words."""
LONGEST_RETRY_AFTER = 3600.0


class NotSent(Exception):
    """An address has not taken a message. The text says why. `retry_after` is in seconds, None if it does not say."""

    def __init__(self, why: str, retry_after: float | None = None) -> None:
        super().__init__(redacted(why))
        self.retry_after = retry_after


async def send(channel: Channel, message: Message, environ: Mapping[str, str]) -> str | None:
    """Send `message`; return what is wrong although it was sent, or None. Raises NotSent.

    `environ` has the proxies and the authorities that this process uses.
    """
    if isinstance(channel, Webhook):
        await _post(channel, message, environ)
        return None
    return await _mail(channel, message)


async def _post(webhook: Webhook, message: Message, environ: Mapping[str, str]) -> None:
    if problems := faults(environ):
        raise NotSent("; ".join(problems))
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            status, retry_after, words = await _answer(webhook, message)
    except TimeoutError:
        raise NotSent(f"it did not answer within {DEADLINE_SECONDS:.0f} seconds") from None
    except httpx.TimeoutException:
        raise NotSent("it did not answer in time") from None
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        raise NotSent(f"it cannot be reached: {_reason(error)}") from None
    if 300 <= status < 400:  # noqa: PLR2004
        raise NotSent(f"it answers {status}: it is another address now, which is not followed", retry_after)
    if not 200 <= status < 300:  # noqa: PLR2004
        raise NotSent(f"it answers {status}", retry_after)
    if webhook.format is BodyFormat.TEAMS and TEAMS_FAILED in words.lower():
        raise NotSent("Teams answers that it has not taken it", retry_after)


async def _answer(webhook: Webhook, message: Message) -> tuple[int, float | None, str]:
    """Return the status of the answer, for how many seconds it asks to wait, and its first words."""
    context = httpx.create_ssl_context()
    accept_private_authorities(context)
    headers = {"User-Agent": "jira-sync"}
    async with (
        httpx.AsyncClient(verify=context, follow_redirects=False, timeout=DEADLINE_SECONDS, headers=headers) as client,
        client.stream("POST", webhook.url, json=body(message, webhook.format)) as response,
    ):
        words = b""
        async for piece in response.aiter_raw():
            words += piece
            if len(words) >= LONGEST_ANSWER:
                break
        return response.status_code, _retry_after(response.headers), words[:LONGEST_ANSWER].decode("utf-8", "replace")


def _retry_after(headers: Mapping[str, str]) -> float | None:
    text = headers.get("Retry-After", "").strip()
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            return None
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER) if seconds == seconds else None  # noqa: PLR0124


def _reason(error: Exception) -> str:
    """Return why a connection failed, in words that hold no address."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted ({cause.verify_message})"
        if isinstance(cause, ssl.SSLError):
            return f"TLS failed ({(cause.reason or 'unknown').replace('_', ' ').lower()})"
        if isinstance(cause, socket.gaierror):
            return "its name is not known here"
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        cause = cause.__cause__ or cause.__context__
    return "all connection attempts failed" if isinstance(error, httpx.ConnectError) else type(error).__name__


async def _mail(mailbox: Mailbox, message: Message) -> str | None:
    session = _MailSession(mailbox.server)
    sending = asyncio.get_running_loop().create_future()

    def run() -> None:
        try:
            result: str | Exception | None = session.send(mailbox, message)
        except Exception as error:  # noqa: BLE001 - it is raised where it is waited for
            result = error
        with suppress(RuntimeError):  # the loop has ended meanwhile
            sending.get_loop().call_soon_threadsafe(_settle, sending, result)

    # Not in the loop's own threads: at its end, it waits for those.
    threading.Thread(target=run, name="mail", daemon=True).start()
    try:
        async with asyncio.timeout(MAIL_SECONDS):
            refused: str | None = await sending
            return refused
    except (smtplib.SMTPException, OSError, ValueError) as error:
        raise NotSent(_why_no_mail(error, mailbox)) from None
    finally:
        session.abort()


def _why_no_mail(error: Exception, mailbox: Mailbox) -> str:
    """Return why a mail was not taken, without what the server says: it may repeat what we have shown it."""
    match error:
        case TimeoutError():
            return f"the mail server did not take it within {MAIL_SECONDS:.0f} seconds"
        case smtplib.SMTPAuthenticationError():
            return f"the mail server does not accept the user and password ({error.smtp_code})"
        case smtplib.SMTPRecipientsRefused():
            codes = sorted({code for code, _ in error.recipients.values()})
            return f"the mail server refuses all recipients ({', '.join(map(str, codes))})"
        case smtplib.SMTPSenderRefused():
            return f"the mail server refuses the sender {mailbox.sender} ({error.smtp_code})"
        case smtplib.SMTPResponseException() if error.smtp_code < 0:
            return f"what answers at {mailbox.server.host} is no mail server"
        case smtplib.SMTPResponseException():
            return f"the mail server answers {error.smtp_code}"
        case smtplib.SMTPNotSupportedError():
            return _unsupported(mailbox.server)
        case smtplib.SMTPServerDisconnected():
            return "the mail server has closed the connection"
    return f"the mail server cannot be reached: {_reason(error)}"


def _unsupported(server: MailServer) -> str:
    if server.encryption is Encryption.STARTTLS:
        return (
            "the mail server offers no STARTTLS, or no way to sign in; of a relay in your own network, say "
            f"SMTP_URL=smtp://{server.host}:{server.port}?tls=no"
        )
    return "the mail server offers no way to sign in"


def _settle(sending: asyncio.Future[str | None], result: str | Exception | None) -> None:
    if sending.cancelled() or sending.done():
        return
    if isinstance(result, Exception):
        sending.set_exception(result)
    else:
        sending.set_result(result)


class _MailSession:
    """One connection to a mail server, which another thread can end at any time."""

    def __init__(self, server: MailServer) -> None:
        self._server = server
        self._smtp: smtplib.SMTP | None = None

    def send(self, mailbox: Mailbox, message: Message) -> str | None:
        """Send a mail, and return which of its recipients were refused, in a sentence; None if none was."""
        server = self._server
        context = ssl.create_default_context()
        accept_private_authorities(context)
        timeout = MAIL_SECONDS / 2
        smtp = self._smtp = (
            smtplib.SMTP_SSL(timeout=timeout, context=context)
            if server.encryption is Encryption.TLS
            else smtplib.SMTP(timeout=timeout)
        )
        # smtplib checks the certificate against this name, which its constructor would set.
        smtp._host = server.host  # type: ignore[attr-defined]  # noqa: SLF001
        try:
            refused = self._hand_over(smtp, context, mailbox, message)
            # It has been taken: what the server says to a farewell must not have it sent again.
            with suppress(smtplib.SMTPException, OSError):
                smtp.quit()
        finally:
            smtp.close()
        return f"the mail server refuses {', '.join(sorted(refused))}" if refused else None

    def _hand_over(
        self, smtp: smtplib.SMTP, context: ssl.SSLContext, mailbox: Mailbox, message: Message
    ) -> Mapping[str, object]:
        """Return the recipients that were refused, by their addresses. At least one was not."""
        server = self._server
        code, _ = smtp.connect(server.host, server.port)
        if code != 220:  # noqa: PLR2004
            raise smtplib.SMTPConnectError(code, "")
        if server.encryption is Encryption.STARTTLS:
            smtp.starttls(context=context)
        if server.user is not None:
            smtp.login(server.user, server.password)
        envelope = mail(message, mailbox.sender, mailbox.recipients)
        return smtp.send_message(envelope, mailbox.sender, mailbox.recipients)

    def abort(self) -> None:
        """End the connection, whatever it is at: a thread that waits for an answer gets an error."""
        connection = self._smtp.sock if self._smtp else None
        if connection is not None:
            with suppress(OSError, ValueError):
                connection.shutdown(socket.SHUT_RDWR)
