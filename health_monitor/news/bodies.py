"""A message as text, as the three bodies that webhooks take, and as a mail. Pure.

Nothing in a message is markup: what Slack would take for a link or a mention is escaped, and Teams gets runs of text,
in which it looks for none.
"""

from __future__ import annotations

from collections.abc import Iterator
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any
from urllib.parse import quote

from generator.running.settings.news_channels import BodyFormat
from health_monitor.news.records import Change, Message, Turn
from sync_model.health.judgement import format_duration

Json = dict[str, Any]
ADAPTIVE_CARD = "application/vnd.microsoft.card.adaptive"
NAMED_IN_SUBJECT = 3
MARKS = {Turn.NEEDS_YOU: "✗", Turn.NEEDS_A_LOOK: "!", Turn.WELL_AGAIN: "✓"}
COLORS = {Turn.NEEDS_YOU: "attention", Turn.NEEDS_A_LOOK: "warning", Turn.WELL_AGAIN: "good"}
TEST = "This is a test: news of jira-sync reach you here. Nothing is wrong."


def body(message: Message, body_format: BodyFormat) -> Json:
    """Return the JSON that a webhook of this format takes."""
    match body_format:
        case BodyFormat.SLACK:
            return {"text": _for_slack(text(message))}
        case BodyFormat.TEAMS:
            return _teams(message)
    return _json(message)


def subject(message: Message) -> str:
    """Return the message in one line: which syncs, and what of them."""
    if message.is_test:
        return "a test of the news"
    parts = []
    for turn in Turn:
        names = [_name(change) for change in message.changes if change.turn is turn]
        if names:
            others = len(names) - NAMED_IN_SUBJECT
            more = f" and {others} more" if others > 0 else ""
            parts.append(f"{', '.join(names[:NAMED_IN_SUBJECT])}{more} {_verb(turn, len(names))}")
    return "; ".join(parts)


def text(message: Message) -> str:
    """Return the message as lines for a person."""
    return "\n".join([f"jira-sync on {message.group}: {subject(message)}", *_lines(message)])


def mail(message: Message, sender: str, recipients: tuple[str, ...]) -> EmailMessage:
    """Return the message as a mail. Its id is that of the message, so that a mail that came twice is seen as one."""
    envelope = EmailMessage()
    envelope["Subject"] = f"[jira-sync] {subject(message)}"
    envelope["From"] = sender
    envelope["To"] = ", ".join(recipients)
    envelope["Date"] = format_datetime(message.at)
    envelope["Message-ID"] = f"<{message.id}.jira-sync@{sender.rpartition('@')[2]}>"
    envelope["Auto-Submitted"] = "auto-generated"
    # A relay of long ago may take ASCII alone.
    envelope.set_content(f"{text(message)}\n", cte="quoted-printable")
    return envelope


def _lines(message: Message) -> Iterator[str]:
    if message.is_test:
        yield TEST
    for change in message.changes:
        yield ""
        yield f"{MARKS[change.turn]} {_name(change)} {change.turn}{_detail(change)}"
        if change.turn is not Turn.WELL_AGAIN and change.since:
            yield f"  since {change.since:%Y-%m-%d %H:%M} UTC"
        if change.advice:
            yield f"  → {change.advice}"
    if message.more:
        yield ""
        yield f"and {message.more} more"
    if message.page:
        yield ""
        yield _page(message)


def _detail(change: Change) -> str:
    if change.turn is not Turn.WELL_AGAIN:
        again = f" (it has come back {change.relapses} times)" if change.relapses > 1 else ""
        return f": {change.condition}: {change.why}{again}"
    lasted = f" for {format_duration((change.turned - change.since).total_seconds())}" if change.since else ""
    return f"; it was {change.condition}{lasted}"


def _json(message: Message) -> Json:
    return {
        "id": message.id,
        "at": message.at.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "group": message.group,
        "page": message.page or None,
        "text": text(message),
        "test": message.is_test,
        "changes": [_json_change(message, change) for change in message.changes],
        "more": message.more,
    }


def _json_change(message: Message, change: Change) -> Json:
    return {
        "sync": change.sync or None,
        "turn": change.turn,
        "condition": change.condition,
        "why": change.why,
        "since": change.since.isoformat(timespec="seconds").replace("+00:00", "Z") if change.since else None,
        "advice": change.advice or None,
        "page": f"{message.page}/syncs/{quote(change.sync)}" if message.page and change.sync else None,
    }


def _teams(message: Message) -> Json:
    title = f"jira-sync on {message.group}: {subject(message)}"
    blocks = [_run(title, weight="bolder", size="medium")]
    blocks += [_run(TEST)] * message.is_test
    for change in message.changes:
        blocks.append(_run(f"{_name(change)} {change.turn}{_detail(change)}", color=COLORS[change.turn]))
        if change.turn is not Turn.WELL_AGAIN and change.since:
            blocks.append(_run(f"since {change.since:%Y-%m-%d %H:%M} UTC", spacing="none"))
        if change.advice:
            blocks.append(_run(f"→ {change.advice}", spacing="none", fontType="monospace"))
    blocks += [_run(f"and {message.more} more")] * bool(message.more)
    card: Json = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": blocks,
    }
    if message.page:
        card["actions"] = [{"type": "Action.OpenUrl", "title": "Status page", "url": _page(message)}]
    attachment = {"contentType": ADAPTIVE_CARD, "contentUrl": None, "content": card}
    return {"type": "message", "summary": title, "attachments": [attachment]}


def _run(words: str, spacing: str = "default", **style: str) -> Json:
    run = {"type": "TextRun", "text": words, **style}
    return {"type": "RichTextBlock", "spacing": spacing, "inlines": [run]}


def _page(message: Message) -> str:
    """Return the address of the page, or that of the one sync that the message is about."""
    [first, *others] = message.changes or (None,)
    only = first.sync if first and not others and not message.more else ""
    return f"{message.page}/syncs/{quote(only)}" if only else f"{message.page}/"


def _name(change: Change) -> str:
    return _one_line(change.sync) or "the group"


def _verb(turn: Turn, number: int) -> str:
    plurals = {Turn.NEEDS_YOU: "need you", Turn.NEEDS_A_LOOK: "need a look", Turn.WELL_AGAIN: "are well again"}
    return plurals[turn] if number > 1 else str(turn)


def _for_slack(words: str) -> str:
    return words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _one_line(words: str) -> str:
    return " ".join("".join(character if character.isprintable() else " " for character in words).split())
