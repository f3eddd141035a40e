"""Which version of the database a container follows, and which it does not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from generator.running.state.pushed import MirroredVersion
from jira_sync.commands.watch import follow_pushes
from jira_sync.context.fetching import why_not_followed
from sync_worker.database.shared.pushed_files import Stamp

AT = datetime(2026, 11, 28, 10, 12, tzinfo=UTC)
HERE = MirroredVersion("main", 12, AT, "ann", 3)
EARLIER, LATER = AT - timedelta(hours=1), AT + timedelta(hours=1)


@pytest.mark.parametrize(
    # what is newest in the database   what is here   is followed
    ("newest", "here", "is_followed"),
    [
        (None, None, True),
        (Stamp(1, EARLIER), None, True),
        (Stamp(12, AT), HERE, True),
        (Stamp(13, LATER), HERE, True),
        (Stamp(13, EARLIER), HERE, True),  # MongoDB's clock was set back
        (Stamp(1, LATER), HERE, True),  # pushed after the database was restored, or replaced
        (Stamp(12, LATER), HERE, True),
        (None, HERE, False),
        (Stamp(11, EARLIER), HERE, False),
        (Stamp(12, EARLIER), HERE, False),
    ],
)
def test_a_version_is_followed_when_it_was_pushed_later_and_an_older_one_never(newest, here, is_followed):
    why = why_not_followed(newest, here, "main")
    assert (why is None) is is_followed
    if why:
        assert why.endswith(
            "it was restored, or is another one; version 12 goes on until somebody pushes: jira-sync push"
        )


class Over(Exception):
    """The test has seen enough."""


@pytest.mark.parametrize(
    ("looks", "is_due", "applies"),
    [([False, False], False, 1), ([True, False, True], False, 3), ([False, False], True, 3)],
)
def test_what_is_here_is_applied_then_each_version_that_is_brought_and_what_failed(looks, is_due, applies):
    class Counted:
        count = 0

        def apply(self) -> None:
            self.count += 1

        def is_due(self) -> bool:
            return is_due

    counted, left = Counted(), list(looks)

    def wait(_seconds: float) -> None:
        if not left:
            raise Over

    with pytest.raises(Over):
        follow_pushes(lambda: left.pop(0), counted, wait)  # type: ignore[arg-type]
    assert counted.count == applies
