"""Checks who is told of what happens to syncs, and sends everybody a test message if that is asked for."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from generator.running.settings.news import GROUP, NewsSettings, read_news_settings, unknown_channels
from generator.running.settings.news_channels import Channel
from health_monitor.news.records import Message
from health_monitor.news.reporter import name_of_group
from health_monitor.news.sending import NotSent, send
from health_monitor.observation.news_trouble import read_news_trouble
from jira_sync.checkup.finding import CheckReport, Finding, ReportSection, failed, passed, warning
from jira_sync.context.target import Target
from sync_model.definition.sync import Sync

NOBODY = "nobody is told when a sync needs a person: neither NOTIFY_URL nor NOTIFY_MAIL_TO nor NOTIFY_FILE is set"
SET_ONE = "set one in the group's environment; docs/news.md says how, and jira-sync stop and start make it hold"


def check_news(target: Target, name: str | None, syncs: Sequence[Sync], *, sends: bool) -> CheckReport | None:
    """Return what is found about the news of `syncs`, and of the group if no `name` is given.

    With `sends`, everybody gets a test message. None means that nobody is to be told, and nobody has asked for it.
    """
    faults: list[str] = []
    settings = read_news_settings(target.environ, faults, faults)
    findings = [failed(fault, "mend it; a file is read again by itself") for fault in faults]
    findings += _unknown(settings, syncs)
    if target.is_running and (trouble := read_news_trouble(target.run_dir)):
        findings.append(warning(trouble, "it is tried again by itself; jira-sync doctor --notify tries it now"))
    names = _names(settings, name, syncs)
    addresses = {channel.id: channel for channel_name in names for channel in settings.channels[channel_name]}
    if sends and addresses:
        findings += asyncio.run(_tested(target, settings, list(addresses.values())))
    elif addresses:
        findings += [passed(f"{channel.about} is told") for channel in addresses.values()]
    elif sends:
        findings.append(failed(NOBODY, SET_ONE))
    findings += _unencrypted(addresses.values())
    about = "a test message" if sends else "jira-sync doctor --notify sends a test message"
    return CheckReport("news", "who is told", (ReportSection(about, tuple(findings)),)) if findings else None


def _names(settings: NewsSettings, name: str | None, syncs: Sequence[Sync]) -> list[str]:
    """Return the channels of one sync, or all of them."""
    if name is None:
        return list(settings.channels)
    named = {channel for sync in syncs for channel in (sync.notify if sync.notify is not None else (GROUP,))}
    return [channel for channel in settings.channels if channel in named]


def _unknown(settings: NewsSettings, syncs: Iterable[Sync]) -> list[Finding]:
    known = [channel for channel in settings.channels if channel != GROUP]
    advice = f"it has {', '.join(known)}" if known else "it has a name and an address in each line; docs/news.md"
    return [
        failed(f"{sync.name}: notify: {fault}", advice)
        for sync in syncs
        for fault in unknown_channels(sync.notify, settings.channels)
    ]


def _unencrypted(channels: Iterable[Channel]) -> Iterator[Finding]:
    for channel in channels:
        if not channel.is_encrypted:
            yield warning(f"{channel.about} goes unencrypted", "let it begin with https://, or smtp:// without ?tls=no")


async def _tested(target: Target, settings: NewsSettings, channels: Sequence[Channel]) -> list[Finding]:
    """Send a test message to each channel, to all of them at once."""
    message = Message(
        id=secrets.token_hex(8),
        at=datetime.now(UTC),
        group=name_of_group(settings.page_url),
        page=settings.page_url,
        is_test=True,
    )

    async def test(channel: Channel) -> Finding:
        try:
            refused = await send(channel, message, target.environ)
        except NotSent as error:
            return failed(f"{channel.about} has not got it: {error}", "mend the address, or what stands behind it")
        if refused:
            return failed(f"{channel.about}: {refused}", "mend NOTIFY_MAIL_TO")
        return passed(f"{channel.about} has got it")

    return list(await asyncio.gather(*map(test, channels)))
