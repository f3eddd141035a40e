"""How `jira-sync doctor` prints its findings."""

from __future__ import annotations


def test_the_text_has_marks_and_advice_and_quiet_omits_what_passed(doctor):
    doctor.write("well", userProjectKey="SUP", devProjectKey="DEV")
    doctor.on_one_site(devProjectKey="EMPTY", rules=[doctor.TAKE_ON], databaseName="elsewhere", issueType="Epic")
    code, out, _ = doctor.run()
    assert code == 1
    assert "\x1b" not in out
    assert "    ✓ SUP is there: Support\n" in out
    _, quiet, _ = doctor.run("-q")
    assert quiet.splitlines() == [
        "sync-ab",
        f"  {doctor.url.removeprefix('http://')}/one, for SUP and EMPTY",
        "    ✗ EMPTY has no issue type 'Epic'; it has Task, Bug, Story, Sub-task",
        "      → mend issueType in the file, or let our account create that type",
        "",
        quiet.splitlines()[-1],
    ]
    assert quiet.splitlines()[-1].startswith("2 syncs: ")
    assert quiet.splitlines()[-1].endswith(" passed, 1 failed: sync-ab")


def test_control_characters_from_jira_are_not_printed(doctor):
    projects = [{"key": "EVIL", "name": "Red\x1b[31m alert", "workflow": "development"}]
    doctor.control.add_site(name="more", users=doctor.USERS, projects=projects)
    account = {"baseUrl": f"{doctor.url}/more", "email": "sync@example.com", "apiToken": "${SYNC_TOKEN}"}
    doctor.write(devJira=account, devProjectKey="EVIL")
    _, out, _ = doctor.run()
    assert "EVIL is there: Red\N{REPLACEMENT CHARACTER}[31m alert\n" in out
    assert "\x1b" not in out
