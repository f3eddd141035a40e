"""The secrets of a group are masked in whatever its programs and its commands say."""

from __future__ import annotations

from contextlib import suppress

import pytest

from generator.running.errors import Unusable
from generator.running.settings.group import from_environ
from generator.running.terminal import one_line
from health_monitor.access.credentials import read_credentials
from sync_model.secrecy.redaction import redacted


@pytest.mark.parametrize(
    # variable                  what it holds, around the secret
    ("name", "holds"),
    [
        ("ADMIN_TOKEN", "{}"),
        ("ADMIN_TOKEN_FILE", "{}\n"),
        ("VIEW_TOKEN", "{}"),
        ("VIEW_TOKEN_FILE", "{}\n"),
        ("OPERATORS_FILE", "# all\nann  first-token-of-ann\n\nbob {}\n"),
        ("DATABASE_URL", "mongodb://ann:{}@h"),
        ("DATABASE_URL_FILE", "mongodb://ann:{}@h\n"),
        ("NOTIFY_URL", "https://hooks.example.com/services/{}"),
        ("NOTIFY_URL", "https://hooks.example.com/services?sig={}"),
        ("NOTIFY_URL", "https://ann:{}@hooks.example.com/"),
        ("NOTIFY_URL_FILE", "https://hooks.example.com/services/{}\n"),
        ("SMTP_URL", "smtp://ann:{}@h"),
        ("SMTP_URL", "smtp://ann:{}@h/with/a/slash"),
        ("SMTP_URL_FILE", "smtps://ann:{}@h\n"),
        ("NOTIFY_FILE", "# who where\nteam-a https://hooks.example.com/{}\nteam-b mailto:b@example.com\n"),
    ],
)
def test_whoever_reads_the_settings_tells_no_secret_of_the_group(tmp_path, name, holds):
    secret = f"s3cr3t-{name.lower()}-of-test"
    value = holds.format(secret)
    if name.endswith("_FILE"):
        (tmp_path / "file").write_text(value)
        value = str(tmp_path / "file")
    environ = {name: value}
    with suppress(Unusable):  # not each of them can be used here
        from_environ({**environ, "RUN_DIR": str(tmp_path / "run")})
    assert redacted(f"it says {secret}") == "it says …"
    assert one_line(f"it says {secret}!") == "it says …!"


def test_a_token_that_was_renewed_while_the_monitor_runs_is_masked_from_its_first_use_on(tmp_path):
    file, renewed = tmp_path / "token", "0b7c94e86ab04be2a34c2fd7d5a7c111"
    file.write_text("3f0c94e86ab04be2a34c2fd7d5a7c222")
    read_credentials({"ADMIN_TOKEN_FILE": str(file)})
    file.write_text(renewed)
    assert read_credentials({"ADMIN_TOKEN_FILE": str(file)}).find(renewed)
    assert redacted(f"Bearer {renewed}") == "Bearer …"


def test_a_short_token_that_lets_nobody_act_masks_no_word():
    read_credentials({"ADMIN_TOKEN": "jira-sync"})
    assert redacted("jira-sync apply") == "jira-sync apply"
