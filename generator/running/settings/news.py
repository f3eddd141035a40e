"""The settings of the news: where they go, from the environment of the group and from the files that it names.

A sync's file names a channel of NOTIFY_FILE and no address, so that whoever edits syncs cannot send to any host.
"""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time
from zoneinfo import ZoneInfo

from generator.running.settings.news_channels import (
    BodyFormat,
    Channel,
    Mailbox,
    MailServer,
    Webhook,
    format_of,
    is_mail_address,
    mail_addresses,
    read_mail_server,
    webhook_fault,
)
from generator.running.settings.variables import default_of
from sync_model.definition.values import NAME_PATTERN, url_fault
from sync_model.secrecy.secret_text import FileFault, read_secret

GROUP = "group"
"""The channel of NOTIFY_URL and NOTIFY_MAIL_TO. Syncs whose files name no other one use it, and the group itself."""
LONGEST_AFTER = 24 * 3600.0
_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)(?:\s+(\S+))?", re.ASCII)


@dataclass(frozen=True)
class QuietHours:
    """From `begins` to `ends` by the clocks in `zone`. They may include midnight."""

    begins: time
    ends: time
    zone: ZoneInfo

    def hold(self, now: datetime) -> bool:
        """Tell whether `now` is in them."""
        clock = now.astimezone(self.zone).time()
        if self.begins <= self.ends:
            return self.begins <= clock < self.ends
        return clock >= self.begins or clock < self.ends


@dataclass(frozen=True)
class NewsSettings:
    """Where news go, by the name of the channel, and when.

    `after`: the seconds for which something must be wrong before it is told. `page_url`: where people see the status
    page, without a slash at its end. `tells_details`: messages repeat what sites say, which may be texts of issues.
    """

    channels: Mapping[str, tuple[Channel, ...]] = field(default_factory=dict)
    quiet: QuietHours | None = None
    after: float = float(default_of("NOTIFY_AFTER"))
    page_url: str = ""
    tells_details: bool = False


def read_news_settings(environ: Mapping[str, str], problems: list[str], file_faults: list[str]) -> NewsSettings:
    """Read the settings; append what is wrong with them to `problems`.

    What is wrong with a file, or in it, goes to `file_faults`: it can be put right without a restart.
    """
    channels: dict[str, list[Channel]] = {}
    server = _mail_server(environ, problems, file_faults)
    # Whether there has to be a sender may depend on a file, which may change while the group runs.
    sender = _sender(environ, server, problems, problems if environ.get("SMTP_URL", "").strip() else file_faults)
    for channel in _of_group(environ, server, sender, problems, file_faults):
        channels.setdefault(GROUP, []).append(channel)
    for name, channel in _of_file(environ, server, sender, file_faults):
        channels.setdefault(name, []).append(channel)
    return NewsSettings(
        {name: tuple(found) for name, found in channels.items()},
        _quiet(environ, problems),
        _after(environ, problems),
        _page_url(environ, problems),
        _is_on(environ, "NOTIFY_DETAILS", problems),
    )


def unknown_channels(notify: Iterable[str] | None, channels: Container[str]) -> list[str]:
    """Return a sentence for each name in a sync's `notify` that is none of the group's `channels`."""
    unset = "neither NOTIFY_URL nor NOTIFY_MAIL_TO is set"
    return [
        unset if name == GROUP else f"nobody is called {name} in NOTIFY_FILE"
        for name in notify or ()
        if name not in channels
    ]


def _of_group(
    environ: Mapping[str, str],
    server: MailServer | None,
    sender: str,
    problems: list[str],
    file_faults: list[str],
) -> Iterator[Channel]:
    """Yield the channels of NOTIFY_URL and NOTIFY_MAIL_TO."""
    body_format = _format(environ.get("NOTIFY_FORMAT", ""), "NOTIFY_FORMAT", problems)
    url, is_from_file = _value_or_file(environ, "NOTIFY_URL", file_faults)
    faults = file_faults if is_from_file else problems
    if url and (fault := webhook_fault(url)):
        faults.append(f"{_named('NOTIFY_URL', is_from_file=is_from_file)} {fault}")
    elif url:
        yield Webhook(url, body_format or format_of(url))
    elif body_format and not is_from_file:
        problems.append("NOTIFY_FORMAT needs NOTIFY_URL, whose format it is")
    recipients, wrong = mail_addresses(environ.get("NOTIFY_MAIL_TO", ""))
    problems += [f"NOTIFY_MAIL_TO: {item!r} is not a mail address" for item in wrong]
    if recipients and server and sender:
        yield Mailbox(server, sender, recipients)
    elif recipients and not _is_set(environ, "SMTP_URL"):
        problems.append("NOTIFY_MAIL_TO needs SMTP_URL, the server that takes the mail")
    elif server and not recipients and not environ.get("NOTIFY_FILE", "").strip():
        problems.append("SMTP_URL needs NOTIFY_MAIL_TO: who gets the mail")


def _of_file(
    environ: Mapping[str, str], server: MailServer | None, sender: str, faults: list[str]
) -> Iterator[tuple[str, Channel]]:
    """Yield the channels of a file that has a name and an address in each line, and the format of a webhook."""
    path = environ.get("NOTIFY_FILE", "").strip()
    if not path:
        return
    try:
        lines = read_secret(path).splitlines()
    except FileFault as error:
        faults.append(f"NOTIFY_FILE: {error}")
        return
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        channel = _of_line(words, server, sender)
        if isinstance(channel, str):
            faults.append(f"NOTIFY_FILE, line {number}, {channel}")
        else:
            yield words[0], channel


def _of_line(words: list[str], server: MailServer | None, sender: str) -> Channel | str:
    """Return the channel of a line, or what is wrong with the line."""
    name, address, text = (*words, "", "")[:3]
    problems: list[str] = []
    body_format = _format(text, "its third word", problems)
    if len(words) not in (2, 3) or not NAME_PATTERN.fullmatch(name):
        return "must hold a name, a space, an address, and perhaps a space and json, slack or teams"
    if name == GROUP:
        return f"must have another name: {GROUP} is NOTIFY_URL and NOTIFY_MAIL_TO"
    if problems:
        return problems[0]
    if not address.startswith("mailto:"):
        fault = webhook_fault(address)
        return f"the address {fault}" if fault else Webhook(address, body_format or format_of(address))
    recipient = address.removeprefix("mailto:")
    if not is_mail_address(recipient) or text:
        return "the address must be one mail address behind mailto:, and nothing else"
    if not (server and sender):
        return "has a mail address, and needs SMTP_URL and NOTIFY_MAIL_FROM"
    return Mailbox(server, sender, (recipient,))


def _mail_server(environ: Mapping[str, str], problems: list[str], file_faults: list[str]) -> MailServer | None:
    url, is_from_file = _value_or_file(environ, "SMTP_URL", file_faults)
    found = read_mail_server(url) if url else None
    if isinstance(found, str):
        faults = file_faults if is_from_file else problems
        faults.append(f"{_named('SMTP_URL', is_from_file=is_from_file)} {found}")
        return None
    return found


def _sender(
    environ: Mapping[str, str], server: MailServer | None, problems: list[str], faults_of_server: list[str]
) -> str:
    text = environ.get("NOTIFY_MAIL_FROM", "").strip()
    if text and not is_mail_address(text):
        problems.append(f"NOTIFY_MAIL_FROM is {text!r}; it must be one mail address, such as jira-sync@example.com")
        return ""
    if text or server is None:
        return text
    if server.user and is_mail_address(server.user):
        return server.user
    faults_of_server.append("SMTP_URL needs NOTIFY_MAIL_FROM: from whom the mail is, such as jira-sync@example.com")
    return ""


def _value_or_file(environ: Mapping[str, str], name: str, file_faults: list[str]) -> tuple[str, bool]:
    """Return the value of a variable, or else what its file holds, and whether the file counts."""
    value, path = environ.get(name, "").strip(), environ.get(f"{name}_FILE", "").strip()
    if value or not path:
        return value, False
    try:
        return read_secret(path), True
    except FileFault as error:
        file_faults.append(f"{name}_FILE: {error}")
        return "", True


def _is_set(environ: Mapping[str, str], name: str) -> bool:
    return any(environ.get(spelling, "").strip() for spelling in (name, f"{name}_FILE"))


def _named(variable: str, *, is_from_file: bool) -> str:
    return f"what {variable}_FILE names" if is_from_file else variable


def _format(text: str, name: str, problems: list[str]) -> BodyFormat | None:
    word = text.strip().lower()
    if word and word not in list(BodyFormat):
        problems.append(f"{name} is {text!r}; it must be one of {', '.join(BodyFormat)}")
        return None
    return BodyFormat(word) if word else None


def _quiet(environ: Mapping[str, str], problems: list[str]) -> QuietHours | None:
    text = environ.get("NOTIFY_QUIET", "").strip()
    if not text:
        return None
    found = _HOURS.fullmatch(text)
    zone = _zone(found[5] or "UTC") if found else None
    if found is None or zone is None or found.group(1, 2) == found.group(3, 4):
        wrong = f"there is no time zone {found[5]}" if found and zone is None else "it must be two times"
        problems.append(f"NOTIFY_QUIET is {text!r}; {wrong}, such as 22:00-07:00 Europe/Berlin; without a zone, UTC")
        return None
    hour, minute, last_hour, last_minute = map(int, found.group(1, 2, 3, 4))
    return QuietHours(time(hour, minute), time(last_hour, last_minute), zone)


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _after(environ: Mapping[str, str], problems: list[str]) -> float:
    text = environ.get("NOTIFY_AFTER") or default_of("NOTIFY_AFTER")
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= LONGEST_AFTER:
        problems.append(f"NOTIFY_AFTER is {text!r}; it must be a number of seconds, 0 to {LONGEST_AFTER:.0f}")
    return seconds


def _page_url(environ: Mapping[str, str], problems: list[str]) -> str:
    text = environ.get("PAGE_URL", "").strip().rstrip("/")
    if text and (fault := url_fault(text)):
        # What is wrong with it may be that it holds a password.
        problems.append(f"PAGE_URL {fault.partition(';')[0]}; write it like https://sync.example.com")
    return text


def _is_on(environ: Mapping[str, str], name: str, problems: list[str]) -> bool:
    text = environ.get(name) or default_of(name)
    if text not in ("0", "1"):
        problems.append(f"{name} is {text!r}; it must be 1 or 0")
    return text == "1"
