"""The same message as each kind of receiver gets it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from generator.running.settings.news_channels import BodyFormat
from health_monitor.news.bodies import body, mail, subject, text
from health_monitor.news.records import Change, Message, Turn

AT = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)


def change(sync: str = "sync-ab", turn: Turn = Turn.NEEDS_YOU, why: str = "it is so", **more: object) -> Change:
    known = {"condition": "refused", "since": datetime(2026, 1, 31, 9, 0, tzinfo=UTC), "advice": "jira-sync doctor"}
    return Change.model_validate({"sync": sync, "turn": turn, "why": why, "turned": AT, **known, **more})


def message(*changes: Change, **more: object) -> Message:
    return Message.model_validate(
        {"id": "0123", "at": AT, "group": "box", "page": "https://p.example.com/base", "changes": changes, **more}
    )


def test_a_message_says_who_what_why_since_when_and_what_to_type():
    assert text(message(change())) == (
        "jira-sync on box: sync-ab needs you\n"
        "\n"
        "✗ sync-ab needs you: refused: it is so\n"
        "  since 2026-01-31 09:00 UTC\n"
        "  → jira-sync doctor\n"
        "\n"
        "https://p.example.com/base/syncs/sync-ab"
    )


def test_the_end_of_a_trouble_says_what_it_was_and_how_long_it_lasted():
    assert "✓ sync-ab is well again; it was refused for 30 min" in text(message(change(turn=Turn.WELL_AGAIN)))


@pytest.mark.parametrize(
    # syncs and how they turned                    subject
    ("changes", "expected"),
    [
        ([change("a")], "a needs you"),
        ([change("a"), change("b")], "a, b need you"),
        ([change(name) for name in "abcde"], "a, b, c and 2 more need you"),
        ([change("a"), change("b", Turn.WELL_AGAIN)], "a needs you; b is well again"),
        ([change("")], "the group needs you"),
    ],
)
def test_the_subject_names_the_first_syncs(changes, expected):
    assert subject(message(*changes)) == expected


def test_the_plain_body_has_each_change_with_its_page():
    found = body(message(change("a/b"), change("", Turn.NEEDS_A_LOOK), more=3), BodyFormat.JSON)
    assert found["changes"][0]["page"] == "https://p.example.com/base/syncs/a/b"
    assert found["changes"][1]["sync"] is None
    assert (found["id"], found["at"], found["more"], found["test"]) == ("0123", "2026-01-31T09:30:00Z", 3, False)


HOSTILE = "<!channel> <https://evil.example|click> [click](https://evil.example) & **all**"


def test_what_a_site_says_is_no_link_and_no_mention_in_slack():
    found = body(message(change(why=HOSTILE)), BodyFormat.SLACK)
    assert set(found) == {"text"}
    assert "&lt;!channel&gt; &lt;https://evil.example|click&gt;" in found["text"]
    assert "<" not in found["text"]


def test_what_a_site_says_is_no_markup_in_teams():
    found = body(message(change(why=HOSTILE)), BodyFormat.TEAMS)
    [attachment] = found["attachments"]
    card = attachment["content"]
    assert {block["type"] for block in card["body"]} == {"RichTextBlock"}
    assert any(HOSTILE in run["text"] for block in card["body"] for run in block["inlines"])
    assert card["actions"][0]["url"] == "https://p.example.com/base/syncs/sync-ab"


def test_a_mail_has_one_id_a_date_and_no_header_of_another():
    envelope = mail(message(change("a\nBcc: evil@example.com")), "us@y.z", ("ann@y.z", "bob@y.z"))
    assert envelope["Message-ID"] == "<0123.jira-sync@y.z>"
    assert envelope["To"] == "ann@y.z, bob@y.z"
    assert envelope["Auto-Submitted"] == "auto-generated"
    assert envelope["Bcc"] is None
    assert b"\nBcc:" not in bytes(envelope)
    assert bytes(envelope).isascii()
    assert mail(message(change()), "us@y.z", ("ann@y.z",))["Subject"] == "[jira-sync] sync-ab needs you"


@pytest.mark.parametrize("body_format", list(BodyFormat))
def test_a_test_message_says_that_nothing_is_wrong(body_format):
    assert "Nothing is wrong" in str(body(message(is_test=True), body_format))
