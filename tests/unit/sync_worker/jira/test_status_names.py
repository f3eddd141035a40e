"""What a history says of statuses is told by the names that the site shows our account now."""

from __future__ import annotations

from dataclasses import replace

from sync_worker.core.issues.issue import StatusName
from sync_worker.jira.status_names import StatusNames
from worker_values import change, issue

STATUSES = [StatusName("1", "Offen", "Open"), StatusName("3", "In Arbeit", "In Progress")]


def history(*steps):
    """Return an issue whose history has these steps: ids and names of the statuses before and after."""
    changes = tuple(
        replace(change(number, number, before[1], after[1]), from_id=before[0], to_id=after[0])
        for number, (before, after) in enumerate(steps, 1)
    )
    return issue("Offen", *changes, status_id="1")


def names(found):
    return [(step.from_status, step.to_status) for step in found.changes]


def test_statuses_of_a_history_are_called_as_the_site_calls_them_now():
    found = StatusNames(lambda: STATUSES).named(history((("1", "Open"), ("3", "In Progress"))))
    assert names(found) == [("Offen", "In Arbeit")]


def test_a_status_that_is_not_there_any_more_keeps_the_name_that_the_history_has():
    found = StatusNames(lambda: STATUSES).named(
        history((("7", "Gone"), ("3", "In Progress")), (("", "Odd"), ("1", "Open")))
    )
    assert names(found) == [("Gone", "In Arbeit"), ("Odd", "Offen")]


def test_a_site_is_asked_once_and_only_about_statuses_that_its_issues_have_not_shown():
    asked = []
    known = StatusNames(lambda: asked.append(1) or STATUSES)
    known.named(history((("1", "Open"), ("1", "Open"))))
    assert asked == []
    for _ in range(2):
        known.named(history((("7", "Gone"), ("3", "In Progress"))))
    assert asked == [1]


def test_an_untranslated_name_stands_for_the_one_that_is_shown():
    known = StatusNames(lambda: STATUSES)
    known.named(history((("7", "Gone"), ("3", "In Progress"))))
    assert [known.shown(name) for name in ("in progress", "In Arbeit", "Other")] == ["In Arbeit", "In Arbeit", "Other"]
