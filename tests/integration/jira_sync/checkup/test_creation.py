"""What `jira-sync doctor` finds about the screens of new issues."""

from __future__ import annotations


def test_required_fields_of_screens_are_reported(doctor):
    resolved = {"name": "Finish", "target": "Done", "requiredFields": ["resolution"]}
    workflow = {"initial": "To Do", "transitions": [resolved, {"name": "Wait", "target": "Waiting"}]}
    strict = {"key": "RES", "workflow": workflow, "types": ["Task"], "screen": ["team", "description"],
              "required": ["team", "description"]}  # fmt: skip
    doctor.control.add_site(name="more", users=doctor.USERS, projects=[strict])
    doctor.control.create_many("more", "RES", 1, status="Waiting")
    account = {"baseUrl": f"{doctor.url}/more", "email": "sync@example.com", "apiToken": "${SYNC_TOKEN}"}
    done = {"id": "done", "sourceStatus": "Resolved", "syncDirection": "user_to_dev"}
    creates = {**doctor.TAKE_ON, "actions": {"createIssue": True}}
    moves = {**done, "actions": {"syncStatus": True, "targetStatus": "Done"}}
    doctor.write(devJira=account, devProjectKey="RES", rules=[creates, moves])
    found = doctor.problems()
    assert doctor.matching(
        found, "failed", "a new Task in RES must have Team (team), which jira-sync does not fill in", ""
    )
    assert doctor.matching(
        found, "warning", "a new Task in RES must have Description, which is filled in only where", ""
    )
    stuck = "RES: Done cannot be reached from Waiting (RES-1: “Finish” demands Resolution)"
    assert doctor.matching(found, "failed", stuck, "make the field optional there, or take it off")
    assert len(found) == 3
