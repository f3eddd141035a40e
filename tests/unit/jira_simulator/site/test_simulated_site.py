"""What a change leaves behind on a site."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from jira_simulator.site.model import JiraError, SimulatedIssue
from jira_simulator.site.simulated_site import SimulatedSite, served_by_node

NewSite = Callable[..., SimulatedSite]


def create(site: SimulatedSite, project_key: str, **fields: Any) -> SimulatedIssue:
    wanted = {"project": {"key": project_key}, "issuetype": {"name": "Task"}, "summary": "s", **fields}
    return site.create(site.users["sync"], wanted)


def transition_to(site: SimulatedSite, issue: SimulatedIssue, status: str) -> None:
    transition = next(found for found in issue.transitions if found.target.name == status)
    site.transition(site.users["sync"], issue, transition.id, {})


# Transitions


def test_a_transition_that_is_not_open_is_refused_and_changes_nothing(new_site: NewSite) -> None:
    site = new_site()
    issue = create(site, "SUP")
    reopen = next(step for step in issue.project.workflow.transitions if step.target.name == "Reopened")
    with pytest.raises(JiraError) as refusal:
        site.transition(site.users["sync"], issue, reopen.id, {})
    assert refusal.value.status == 400
    assert (issue.status.name, issue.histories) == ("Open", [])


WITH_RESOLUTION = {
    "initial": "Open",
    "transitions": [{"name": "Finish", "sources": None, "target": "Done", "requiredFields": ["resolution"]}],
}


def test_a_transition_without_a_required_field_is_refused(new_site: NewSite) -> None:
    site = new_site(projects=[{"key": "SUP", "workflow": WITH_RESOLUTION}])
    issue = create(site, "SUP")
    with pytest.raises(JiraError) as refusal:
        site.transition(site.users["sync"], issue, "11", {})
    assert refusal.value.errors == {"resolution": "Resolution is required."}
    site.transition(site.users["sync"], issue, "11", {"resolution": {"name": "Done"}})
    assert issue.status.name == "Done"


def test_a_field_that_is_not_on_the_screen_of_a_transition_is_refused(new_site: NewSite) -> None:
    site = new_site()
    issue = create(site, "SUP")
    transition = issue.transitions[0]
    with pytest.raises(JiraError) as refusal:
        site.transition(site.users["sync"], issue, transition.id, {"resolution": {"name": "Done"}})
    assert set(refusal.value.errors) == {"resolution"}
    assert issue.status.name == "Open"


# Changes


def test_a_transition_is_in_the_history(new_site: NewSite) -> None:
    site = new_site()
    issue = create(site, "SUP")
    transition_to(site, issue, "Will Do")
    [change] = issue.histories[0].items
    assert (change.field, change.before_text, change.after_text) == ("status", "Open", "Will Do")


@pytest.mark.parametrize(
    "change",
    [
        lambda site, issue: site.edit(site.users["sync"], issue, {"summary": "other"}, {}),
        lambda site, issue: transition_to(site, issue, "Will Do"),
        lambda site, issue: site.add_comment(site.users["sync"], issue, "text"),
        lambda site, issue: site.attach(site.users["sync"], issue, "a.txt", "text/plain", b"1"),
    ],
    ids=["edit", "transition", "comment", "attachment"],
)
def test_a_change_raises_updated(new_site: NewSite, change: Callable[[SimulatedSite, SimulatedIssue], object]) -> None:
    site = new_site()
    issue = create(site, "SUP")
    before = issue.updated
    change(site, issue)
    assert issue.updated > before


@pytest.mark.parametrize(
    # the node of the second change is   updated goes back
    ("offset", "goes_back"),
    [(0.0, False), (-0.5, False), (-5.0, True), (5.0, False)],
)
def test_updated_is_the_time_of_the_node_that_serves_the_change(
    new_site: NewSite, offset: float, *, goes_back: bool
) -> None:
    site = new_site()
    issue = create(site, "SUP")
    before = issue.updated
    with served_by_node(timedelta(seconds=offset)):
        site.touch(issue)
    assert (issue.updated < before) is goes_back
    assert issue.updated != before


@pytest.mark.parametrize(
    "fields",
    [{"priority": {"name": "Medium"}}, {"summary": "s"}, {"labels": []}],
    ids=["priority", "summary", "labels"],
)
def test_an_edit_that_changes_nothing_leaves_updated_and_history_alone(
    new_site: NewSite, fields: dict[str, Any]
) -> None:
    site = new_site()
    issue = create(site, "SUP")
    before = issue.updated
    site.edit(site.users["sync"], issue, fields, {})
    assert (issue.updated, issue.histories) == (before, [])


LINK = {"globalId": "g", "object": {"url": "http://one.example", "title": "one"}}


@pytest.mark.parametrize("counts", [False, True])
def test_a_remote_link_raises_updated_if_the_site_is_set_so(new_site: NewSite, counts: bool) -> None:
    site = new_site()
    issue = create(site, "SUP")
    before = issue.updated
    site.links_count_as_updates = counts
    site.add_remote_link(issue, LINK)
    assert (issue.updated > before) is counts


@pytest.mark.parametrize("counts", [False, True])
def test_a_link_that_is_removed_raises_updated_if_the_site_is_set_so(new_site: NewSite, counts: bool) -> None:
    site = new_site()
    issue = create(site, "SUP")
    link, _ = site.add_remote_link(issue, LINK)
    before = issue.updated
    site.links_count_as_updates = counts
    site.remove_remote_link(issue, link)
    assert (issue.links, issue.updated > before) == ([], counts)


def test_a_comment_that_is_edited_at_once_is_updated_later_than_it_was_created(new_site: NewSite) -> None:
    site = new_site()
    user = site.users["sync"]
    comment = site.add_comment(user, create(site, "SUP"), "before")
    with served_by_node(timedelta(seconds=-0.5)):
        site.edit_comment(user, comment, "after", None)
    assert comment.updated > comment.created


def test_a_site_that_an_earlier_version_has_kept_takes_the_defaults(new_site: NewSite) -> None:
    site = new_site(flavor="data_center")
    kept = site.__getstate__()
    del kept["issue_limits"], kept["comment_changes_count_as_updates"]
    restored = SimulatedSite.__new__(SimulatedSite)
    restored.__setstate__(kept)
    assert restored.issue_limits == site.issue_limits
    assert restored.comment_changes_count_as_updates is False
    assert restored.projects is site.projects


# Moves and deletions


def test_an_old_key_still_finds_a_moved_issue(new_site: NewSite) -> None:
    site = new_site()
    issue = create(site, "SUP")
    site.move(site.users["sync"], issue, site.projects["DEV"])
    assert issue.key == "DEV-1"
    assert site.issue("SUP-1") is site.issue("DEV-1") is issue


def moved(site: SimulatedSite, status: str) -> SimulatedIssue:
    issue = create(site, "SUP")
    transition_to(site, issue, status)
    site.move(site.users["yuki"], issue, site.projects["DEV"])
    return issue


def test_a_moved_issue_keeps_a_status_that_the_other_workflow_has_too(new_site: NewSite) -> None:
    issue = moved(new_site(), "In Progress")
    assert issue.status.name == "In Progress"
    assert [change.field for change in issue.histories[-1].items] == ["Key"]


def test_a_moved_issue_gets_the_initial_status_of_a_workflow_without_its_own(new_site: NewSite) -> None:
    site = new_site()
    issue = moved(site, "Will Do")
    assert issue.status is site.projects["DEV"].workflow.initial
    assert issue.transitions


def test_a_move_with_a_new_status_is_one_entry_of_the_history(new_site: NewSite) -> None:
    site = new_site()
    issue = moved(site, "Will Do")
    [_, entry] = issue.histories
    key, status = entry.items
    assert (key.field, key.before_text, key.after_text) == ("Key", "SUP-1", "DEV-1")
    assert (status.field, status.before_text, status.after_text) == ("status", "Will Do", "To Do")
    assert (status.before, status.after) == (site.statuses["Will Do"].id, site.statuses["To Do"].id)
    assert entry.author.name == "yuki"


def test_a_moved_issue_keeps_a_status_that_transitions_only_lead_out_of(new_site: NewSite) -> None:
    workflow = {"initial": "Open", "transitions": [{"name": "Go", "sources": ["Will Do"], "target": "Done"}]}
    site = new_site(projects=[{"key": "SUP", "workflow": "customer"}, {"key": "DEV", "workflow": workflow}])
    assert moved(site, "Will Do").status.name == "Will Do"


def test_a_deleted_issue_is_found_by_neither_key_nor_id(new_site: NewSite) -> None:
    site = new_site()
    issue = create(site, "SUP")
    site.delete(issue)
    assert (site.issue("SUP-1"), site.issue(str(issue.id))) == (None, None)


def test_the_site_s_clock_may_be_off(new_site: NewSite) -> None:
    site = new_site()
    before = site.now()
    site.clock_offset = timedelta(hours=-1)
    assert site.now() < before - timedelta(minutes=59)
