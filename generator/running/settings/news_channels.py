"""The channels that news go to: webhooks and mailboxes, as people name them. No message repeats an address.

Whoever knows the address of a webhook can post there, so the whole of it is a secret. Only its host is ever shown.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import parse_qsl, unquote, urlsplit

from sync_model.accounts.lookup import LOOPBACK_HOSTS
from sync_model.definition.values import items
from sync_model.web_address import split_url

SUBMISSION, RELAY, IMPLICIT_TLS = 587, 25, 465
"""The ports of mail servers: for who signs in, for who does not, and the one that is encrypted from its first byte."""
SLACK_HOSTS = ("slack.com",)
TEAMS_HOSTS = ("webhook.office.com", "logic.azure.com", "powerplatform.com", "powerautomate.com")
_MAIL_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?")
SMTP_EXAMPLE = "write it like smtp://user:password@mail.example.com:587, and what is special in a password as %XX"


class BodyFormat(StrEnum):
    """What a webhook takes."""

    JSON = "json"
    SLACK = "slack"
    TEAMS = "teams"


class Encryption(StrEnum):
    """How a connection to a mail server is encrypted."""

    STARTTLS = "STARTTLS"
    TLS = "TLS"
    NONE = "not encrypted"


@dataclass(frozen=True)
class Webhook:
    """An address that takes a POST. No text shows more of it than its host."""

    url: str = field(repr=False)
    format: BodyFormat

    @property
    def about(self) -> str:
        return f"the webhook at {urlsplit(self.url).hostname}"

    @property
    def is_encrypted(self) -> bool:
        url = urlsplit(self.url)
        return url.scheme == "https" or url.hostname in LOOPBACK_HOSTS

    @property
    def id(self) -> str:
        """What tells this channel from others, and tells nobody its address."""
        return hashlib.sha256(self.url.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class MailServer:
    """A server that takes mail. `user` is None where nobody signs in."""

    host: str
    port: int
    encryption: Encryption
    user: str | None = None
    password: str = field(default="", repr=False)


@dataclass(frozen=True)
class Mailbox:
    """Who gets mail, from whom, and by which server."""

    server: MailServer
    sender: str
    recipients: tuple[str, ...]

    @property
    def about(self) -> str:
        return f"mail to {', '.join(self.recipients)}"

    @property
    def is_encrypted(self) -> bool:
        return self.server.encryption is not Encryption.NONE or self.server.host in LOOPBACK_HOSTS

    @property
    def id(self) -> str:
        """What tells this channel from others."""
        return hashlib.sha256("\n".join(self.recipients).encode()).hexdigest()[:16]


Channel = Webhook | Mailbox


def webhook_fault(url: str) -> str | None:
    """Return what is wrong with the address of a webhook, as a sentence without its subject; None if nothing is."""
    parts = split_url(url)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        return "is not a web address; it begins with https://"
    if not url.isascii() or not url.isprintable() or " " in url:
        return "is not a web address: it holds a character that none has"
    if parts.username is not None or parts.password is not None:
        return "carries a user name or password; a webhook has its secret in its path"
    if parts.fragment:
        return "carries a fragment (#…), which is never sent; take it away"
    return None


def format_of(url: str) -> BodyFormat:
    """Return what the webhook at `url` takes, as far as its host tells."""
    host = (urlsplit(url).hostname or "").lower()
    for hosts, body_format in ((SLACK_HOSTS, BodyFormat.SLACK), (TEAMS_HOSTS, BodyFormat.TEAMS)):
        if any(host == known or host.endswith(f".{known}") for known in hosts):
            return body_format
    return BodyFormat.JSON


def read_mail_server(url: str) -> MailServer | str:
    """Return the mail server at `url`, or what is wrong with `url`, as a sentence without its subject."""
    parts = split_url(url)
    if parts is None or parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        return f"is not the address of a mail server; {SMTP_EXAMPLE}"
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    # With a / or a # in its password, what looks like the host is the name of the user.
    if parts.path.strip("/") or parts.fragment or "@" in parts.query or options.keys() - {"tls"}:
        return f"is not the address of a mail server; {SMTP_EXAMPLE}"
    if options.get("tls", "no") != "no" or (options and parts.scheme == "smtps"):
        return "has an option that it cannot have; the only one is ?tls=no, behind smtp://"
    encryption = Encryption.TLS if parts.scheme == "smtps" else Encryption.NONE if options else Encryption.STARTTLS
    user = unquote(parts.username) if parts.username else None
    if user and not parts.password:
        return "has a user, but no password for it"
    if user and encryption is Encryption.NONE and parts.hostname not in LOOPBACK_HOSTS:
        return "would send its password unencrypted; take ?tls=no away"
    usual = IMPLICIT_TLS if encryption is Encryption.TLS else SUBMISSION if user else RELAY
    return MailServer(parts.hostname, parts.port or usual, encryption, user, unquote(parts.password or ""))


def mail_addresses(text: str) -> tuple[tuple[str, ...], list[str]]:
    """Return the mail addresses in a list with commas or spaces, and what in it is none."""
    found = list(dict.fromkeys(items(text)))
    return tuple(filter(is_mail_address, found)), [item for item in found if not is_mail_address(item)]


def is_mail_address(text: str) -> bool:
    return _MAIL_ADDRESS.fullmatch(text) is not None
