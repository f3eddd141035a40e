"""A program keeps the variables that it needs, and drops the others."""

from __future__ import annotations

from generator.running.settings.variables import VARIABLES
from sync_model.definition.sync import Sync
from sync_model.environment.needed_variables import needed_by_monitor, needed_by_worker

OF_NEWS = {name for name in VARIABLES if name.startswith(("NOTIFY_", "SMTP_URL"))}
NAMES_OF_FILES = {"NOTIFY_URL_FILE", "NOTIFY_FILE", "SMTP_URL_FILE"}
SYNC = Sync.model_validate(
    {
        "name": "a",
        "userProjectKey": "U",
        "devProjectKey": "D",
        "notify": ["team"],
        "rules": [{"sourceStatus": "A", "syncDirection": "both"}],
    }
)


def test_a_worker_keeps_no_address_that_news_go_to_and_the_monitor_keeps_all():
    environ = dict.fromkeys(OF_NEWS, "x")
    assert {"NOTIFY_URL", "SMTP_URL", "NOTIFY_MAIL_TO"} <= OF_NEWS
    # A worker refuses a file of a sync that refers to one of these, and has to know their names for that.
    assert needed_by_worker(SYNC, environ) == NAMES_OF_FILES
    assert needed_by_monitor({**environ, "JIRA_SITES": "x"}, frozenset(VARIABLES)) == OF_NEWS | {"JIRA_SITES"}


def test_what_bounds_lookups_reaches_every_worker():
    bounds = {"CONFIG_SOURCE", "SECRETS_DIR", "CONFIG_VARIABLES", "JIRA_SITES", "JIRA_BASE_URL"}
    assert needed_by_worker(SYNC, dict.fromkeys(bounds, "x")) == bounds
