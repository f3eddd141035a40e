"""Where news go is read from the environment of the group; all mistakes are told at once, and no address is."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from generator.running.errors import Unusable
from generator.running.settings.group import from_environ
from generator.running.settings.news import GROUP, NewsSettings, read_news_settings
from generator.running.settings.news_channels import BodyFormat, Encryption, Mailbox, MailServer, Webhook

SECRET = "xoxb-s3cr3t-of-the-hook"


def read(**environ: str) -> tuple[NewsSettings, list[str], list[str]]:
    problems: list[str] = []
    faults: list[str] = []
    return read_news_settings(environ, problems, faults), problems, faults


def test_without_a_setting_nobody_is_told():
    assert read() == (NewsSettings(), [], [])


@pytest.mark.parametrize(
    # address                                              format    what is sent
    ("url", "named", "format_"),
    [
        ("https://hooks.slack.com/services/T/B/x", "", BodyFormat.SLACK),
        ("https://acme.webhook.office.com/webhookb2/x", "", BodyFormat.TEAMS),
        ("https://prod-1.westeurope.logic.azure.com:443/workflows/x?sig=y", "", BodyFormat.TEAMS),
        ("https://x.environment.api.powerplatform.com/powerautomate/x", "", BodyFormat.TEAMS),
        ("https://chat.example.com/hooks/x", "", BodyFormat.JSON),
        ("https://chat.example.com/hooks/x", "slack", BodyFormat.SLACK),
        ("https://notslack.com/x", "", BodyFormat.JSON),
        ("https://hooks.slack.com.evil.example/x", "", BodyFormat.JSON),
        ("https://hooks.slack.com/services/T/B/x", "Json", BodyFormat.JSON),
    ],
)
def test_the_format_follows_from_the_host_unless_it_is_named(url, named, format_):
    settings, problems, faults = read(NOTIFY_URL=url, NOTIFY_FORMAT=named)
    assert settings.channels == {GROUP: (Webhook(url, format_),)}
    assert (problems, faults) == ([], [])


@pytest.mark.parametrize(
    # address                                            server
    ("url", "server"),
    [
        ("smtp://ann:p%40ss@mail.example.com", MailServer("mail.example.com", 587, Encryption.STARTTLS, "ann", "p@ss")),
        ("smtp://mail.example.com", MailServer("mail.example.com", 25, Encryption.STARTTLS)),
        ("smtps://a%40b.c:d@mail.example.com", MailServer("mail.example.com", 465, Encryption.TLS, "a@b.c", "d")),
        ("smtp://relay:2525?tls=no", MailServer("relay", 2525, Encryption.NONE)),
        ("smtp://ann:pass@localhost?tls=no", MailServer("localhost", 587, Encryption.NONE, "ann", "pass")),
    ],
)
def test_the_address_of_a_mail_server_says_how_it_is_reached(url, server):
    settings, problems, faults = read(SMTP_URL=url, NOTIFY_MAIL_TO="x@y.z, v@w.x", NOTIFY_MAIL_FROM="us@y.z")
    assert settings.channels == {GROUP: (Mailbox(server, "us@y.z", ("x@y.z", "v@w.x")),)}
    assert (problems, faults) == ([], [])


def test_who_signs_in_with_a_mail_address_is_the_sender_unless_another_one_is_named():
    settings, problems, _ = read(SMTP_URL="smtp://us%40y.z:pass@mail.y.z", NOTIFY_MAIL_TO="x@y.z")
    [mailbox] = settings.channels[GROUP]
    assert isinstance(mailbox, Mailbox)
    assert (mailbox.sender, problems) == ("us@y.z", [])


@pytest.mark.parametrize(
    # settings, and a word of the one problem that is told
    ("environ", "word"),
    [
        ({"NOTIFY_URL": f"ftp://example.com/{SECRET}"}, "NOTIFY_URL is not a web address"),
        ({"NOTIFY_URL": f"{SECRET}"}, "NOTIFY_URL is not a web address"),
        ({"NOTIFY_URL": f"https://example.com:{SECRET}/"}, "NOTIFY_URL is not a web address"),
        ({"NOTIFY_URL": f"https://ann:{SECRET}@example.com/"}, "NOTIFY_URL carries a user"),
        ({"NOTIFY_URL": f"https://example.com/#{SECRET}"}, "NOTIFY_URL carries a fragment"),
        ({"NOTIFY_URL": f"https://example.com/{SECRET} x"}, "a character that none has"),
        ({"NOTIFY_URL": "https://example.com/", "NOTIFY_FORMAT": "yaml"}, "NOTIFY_FORMAT is 'yaml'"),
        ({"NOTIFY_FORMAT": "slack"}, "NOTIFY_FORMAT needs NOTIFY_URL"),
        ({"SMTP_URL": f"mail.example.com:{SECRET}", "NOTIFY_MAIL_TO": "x@y.z"}, "SMTP_URL is not the address"),
        ({"SMTP_URL": f"smtp://ann:{SECRET}/x@y.z", "NOTIFY_MAIL_TO": "x@y.z"}, "SMTP_URL is not the address"),
        ({"SMTP_URL": f"smtp://ann:{SECRET}#x@y.z", "NOTIFY_MAIL_TO": "x@y.z"}, "SMTP_URL is not the address"),
        ({"SMTP_URL": f"smtp://ann:{SECRET}?x@y.z", "NOTIFY_MAIL_TO": "x@y.z"}, "SMTP_URL is not the address"),
        ({"SMTP_URL": f"smtp://ann:{SECRET}@y.z?tls=no", "NOTIFY_MAIL_TO": "x@y.z"}, "unencrypted"),
        ({"SMTP_URL": "smtp://y.z?tls=maybe", "NOTIFY_MAIL_TO": "x@y.z"}, "?tls=no"),
        ({"SMTP_URL": "smtps://y.z?tls=no", "NOTIFY_MAIL_TO": "x@y.z"}, "?tls=no"),
        ({"SMTP_URL": "smtp://ann@y.z", "NOTIFY_MAIL_TO": "x@y.z"}, "no password"),
        ({"SMTP_URL": "smtp://y.z", "NOTIFY_MAIL_TO": "x@y.z"}, "needs NOTIFY_MAIL_FROM"),
        ({"SMTP_URL": "smtp://y.z", "NOTIFY_MAIL_FROM": "us@y.z"}, "needs NOTIFY_MAIL_TO"),
        ({"NOTIFY_MAIL_TO": "x@y.z"}, "NOTIFY_MAIL_TO needs SMTP_URL"),
        ({"SMTP_URL": "smtp://y.z", "NOTIFY_MAIL_FROM": "u@y.z", "NOTIFY_MAIL_TO": "x@y.z y"}, "'y' is not a mail"),
        ({"NOTIFY_MAIL_FROM": "Ann <ann@y.z>"}, "NOTIFY_MAIL_FROM is"),
        ({"NOTIFY_QUIET": "22-7"}, "NOTIFY_QUIET is '22-7'"),
        ({"NOTIFY_QUIET": "22:00-22:00"}, "NOTIFY_QUIET"),
        ({"NOTIFY_QUIET": "22:00-07:00 Europe/Atlantis"}, "no time zone Europe/Atlantis"),
        ({"NOTIFY_QUIET": "22:00-07:00 ../../etc/passwd"}, "no time zone"),
        ({"NOTIFY_AFTER": "soon"}, "NOTIFY_AFTER"),
        ({"NOTIFY_AFTER": "-1"}, "NOTIFY_AFTER"),
        ({"NOTIFY_AFTER": "nan"}, "NOTIFY_AFTER"),
        ({"NOTIFY_DETAILS": "yes"}, "NOTIFY_DETAILS"),
        ({"PAGE_URL": "sync.example.com"}, "PAGE_URL is not a web address"),
        ({"PAGE_URL": f"https://ann:{SECRET}@example.com"}, "PAGE_URL carries a user"),
    ],
)
def test_a_mistake_is_one_sentence_that_names_the_variable_and_repeats_no_secret(environ, word):
    _, problems, faults = read(**environ)
    assert [word in problem for problem in problems] == [True]
    assert faults == []
    assert SECRET not in " ".join(problems)


def test_a_group_does_not_start_with_mistakes_and_tells_all_of_them(tmp_path):
    environ = {
        "RUN_DIR": str(tmp_path / "run"),
        "NOTIFY_URL": "x",
        "NOTIFY_QUIET": "y",
        "NOTIFY_FILE": str(tmp_path / "absent"),
    }
    with pytest.raises(Unusable) as refused:
        from_environ(environ)
    assert sorted(problem.split()[0] for problem in refused.value.problems) == [
        "NOTIFY_FILE:",
        "NOTIFY_QUIET",
        "NOTIFY_URL",
    ]


def test_a_monitor_starts_although_a_file_cannot_be_used_now(tmp_path):
    path = tmp_path / "url"
    path.write_text("smtp://mail.y.z")  # it needs a sender
    environ = {"RUN_DIR": str(tmp_path / "run"), "NOTIFY_URL_FILE": str(tmp_path / "absent")}
    from_environ({**environ, "SMTP_URL_FILE": str(path), "NOTIFY_MAIL_TO": "x@y.z"}, waits_for_files=True)


def test_addresses_in_files_count_and_their_faults_are_apart(tmp_path):
    url, smtp = tmp_path / "url", tmp_path / "smtp"
    url.write_text("https://example.com/hook\n")
    smtp.write_text(f"smtp://ann:{SECRET}/@y.z")
    settings, problems, faults = read(
        NOTIFY_URL_FILE=str(url), SMTP_URL_FILE=str(smtp), NOTIFY_MAIL_TO="x@y.z", NOTIFY_MAIL_FROM="x@y.z"
    )
    assert list(settings.channels) == [GROUP]
    assert problems == []
    assert len(faults) == 1
    assert "SMTP_URL_FILE" in faults[0]
    assert SECRET not in faults[0]


def test_a_file_names_channels_and_each_bad_line_alone_is_left_out(tmp_path):
    path = tmp_path / "notify"
    path.write_text(
        "# who      where\n"
        "\n"
        "team-a  https://hooks.slack.com/services/T/B/y\n"
        "team-a  mailto:team-a@y.z\n"
        "team-b  https://chat.example.com/hooks/z  slack\n"
        f"team-c  ftp://example.com/{SECRET}\n"
        f"team-d  https://example.com/{SECRET}  yaml\n"
        f"group   https://example.com/{SECRET}\n"
        "team/e  https://example.com/\n"
        "team-f\n"
        "team-g  mailto:\n"
        "team-h  mailto:h@y.z slack\n"
    )
    settings, problems, faults = read(NOTIFY_FILE=str(path), SMTP_URL="smtp://mail.y.z", NOTIFY_MAIL_FROM="us@y.z")
    assert {name: len(found) for name, found in settings.channels.items()} == {"team-a": 2, "team-b": 1}
    assert problems == []
    assert [fault.split(",")[1] for fault in faults] == [f" line {number}" for number in range(6, 13)]
    assert SECRET not in " ".join(faults)


def test_mail_in_the_file_needs_a_server(tmp_path):
    path = tmp_path / "notify"
    path.write_text("team-a  mailto:team-a@y.z\n")
    settings, problems, faults = read(NOTIFY_FILE=str(path))
    assert settings.channels == {}
    assert problems == []
    assert "needs SMTP_URL" in faults[0]


@pytest.mark.parametrize(
    # hours                            time in UTC      quiet
    ("hours", "hour", "minute", "quiet"),
    [
        ("22:00-07:00", 21, 59, False),
        ("22:00-07:00", 22, 0, True),
        ("22:00-07:00", 6, 59, True),
        ("22:00-07:00", 7, 0, False),
        ("09:00-17:30", 17, 29, True),
        ("09:00-17:30", 17, 30, False),
        ("09:00-17:30", 3, 0, False),
        ("22:00-07:00 Asia/Tokyo", 13, 0, True),
        ("22:00-07:00 Asia/Tokyo", 22, 0, False),
    ],
)
def test_quiet_hours_are_by_the_clocks_of_their_zone(hours, hour, minute, quiet):
    settings, problems, _ = read(NOTIFY_QUIET=hours)
    assert problems == []
    assert settings.quiet is not None
    assert settings.quiet.hold(datetime(2026, 3, 2, hour, minute, tzinfo=UTC)) is quiet


def test_no_text_of_a_channel_shows_its_address_or_password():
    hook = Webhook(f"https://example.com/{SECRET}", BodyFormat.JSON)
    mailbox = Mailbox(MailServer("y.z", 25, Encryption.TLS, "ann", SECRET), "a@y.z", ("b@y.z",))
    for channel in (hook, mailbox):
        assert SECRET not in f"{channel} {channel!r} {channel.about} {channel.id}"
