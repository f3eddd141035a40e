"""What `jira-sync doctor` finds about statuses and whether they can be reached."""

from __future__ import annotations

OFFERED = (
    "our account is offered Cancelled, In Progress, Resolved and Will Do: "
    "add a transition, or change the target of rule finish"
)
FREE = {"initial": "New", "transitions": [{"name": f"Be {name}", "target": name} for name in ("New", "Done", "Closed")]}


def test_an_unknown_status_is_reported_with_the_nearest_one(doctor):
    wrong = {
        **doctor.FINISH,
        "sourceStatus": ["Doen", "Closed"],
        "actions": {"syncStatus": True, "targetStatus": "Shipped"},
    }
    doctor.write(rules=[doctor.TAKE_ON, wrong])
    assert doctor.problems() == [
        (
            "failed",
            "SUP has no status Shipped, to which rule finish moves issues",
            "it has Open, Will Do, In Progress, Resolved, Closed, Reopened and Cancelled",
        ),
        ("failed", "DEV has no status Doen, which rule finish answers", "did you mean Done?"),
    ]


def test_a_status_that_cannot_be_reached_from_every_status_is_a_warning(doctor):
    doctor.control.create_many("two", "DEV", 1, status="To Do")
    follow = {"id": "follow", "sourceStatus": "Will Do", "syncDirection": "user_to_dev"}
    doctor.write(rules=[{**follow, "actions": {"syncStatus": True, "targetStatus": "In Review"}}, doctor.REOPEN])
    assert doctor.problems() == [
        (
            "warning",
            "DEV: In Review can be reached from In Progress, but not from Done (DEV-1) or To Do (DEV-3)",
            "what rule follow asks of an issue there is given up; add a transition, unless that is as it should be",
        ),
        (
            "warning",
            "DEV: Reopened can be reached from Done and In Progress, but not from To Do (DEV-3)",
            "what rule reopen asks of an issue there is given up; add a transition, unless that is as it should be",
        ),
    ]


def test_a_status_that_no_issue_reaches_fails_and_an_empty_project_is_a_warning(doctor):
    follow = {"id": "follow", "sourceStatus": "Will Do", "syncDirection": "user_to_dev"}
    doctor.on_one_site(
        devProjectKey="EMPTY",
        rules=[
            {**follow, "actions": {"syncStatus": True, "targetStatus": "Done"}},
            {**doctor.FINISH, "actions": {"syncStatus": True, "targetStatus": "Closed"}},
        ],
    )
    assert doctor.problems() == [
        (
            "failed",
            "SUP: Closed cannot be reached from Open (SUP-1) or Will Do (SUP-2)",
            OFFERED,
        ),
        (
            "warning",
            "EMPTY shows us no issue to try on whether one gets into Done",
            "ask again when there is one: create one there by hand, or let the sync do it",
        ),
    ]


def test_statuses_that_the_latest_hundred_issues_lack_are_searched_for_samples(doctor):
    doctor.control.create_many("two", "DEV", 1, status="In Review")
    doctor.control.create_many("two", "DEV", 101, status="In Progress")
    assert any(
        "Reopened can be reached from Done, In Progress and In Review" in finding.says for finding in doctor.findings()
    )


def test_what_is_true_for_some_issue_types_only_is_a_warning(doctor):
    bugs = {"key": "BUG", "types": ["Task", "Bug"], "workflow": "development", "workflows": {"Bug": FREE},
            "issues": [{"summary": "A bug", "status": "Done", "type": "Bug"},
                       {"summary": "A task", "status": "Done"}]}  # fmt: skip
    doctor.control.add_site(name="more", users=doctor.USERS, projects=[bugs])
    account = {"baseUrl": f"{doctor.url}/more", "email": "sync@example.com", "apiToken": "${SYNC_TOKEN}"}
    doctor.write(devJira=account, devProjectKey="BUG", rules=[doctor.TAKE_ON, doctor.REOPEN])
    found = doctor.problems()
    assert doctor.matching(
        found, "warning", "Reopened is not in the workflow of Bug in BUG", "what rule reopen asks for them"
    )
    assert doctor.matching(found, "warning", "BUG: Reopened can be reached from Done, but not from Done (BUG-1)", "")
    assert len(found) == 2


def test_a_rule_for_all_statuses_is_a_warning_if_statuses_have_no_namesake(doctor):
    doctor.write(
        rules=[{"id": "all", "sourceStatus": "*", "syncDirection": "user_to_dev", "actions": {"syncStatus": True}}]
    )
    says = "rule all moves issues of DEV to the status of the same name, but there is no Open, Will Do or Resolved"
    [(level, found, _)] = doctor.problems()
    assert (level, found) == ("warning", says)
