"""What `jira-sync doctor` finds about the two projects of a sync."""

from __future__ import annotations


def test_an_unknown_project_is_reported_with_the_nearest_one(doctor):
    doctor.write(userProjectKey="SPU", devProjectKey="XY")
    found = doctor.problems()
    assert doctor.matching(
        found, "failed", "there is no project SPU, or our account may not see it", "did you mean SUP?"
    )
    assert doctor.matching(found, "failed", "there is no project XY, or our account may not see it", "it sees DEV")
    assert len(found) == 2


def test_only_missing_permissions_that_the_rules_need_are_reported(doctor):
    doctor.control.permissions("one", "sync", "SUP", revoke=["ADD_COMMENTS", "CREATE_ISSUES"])
    doctor.control.permissions(
        "two", "sync", "DEV", revoke=["TRANSITION_ISSUES", "CREATE_ATTACHMENTS", "CREATE_ISSUES"]
    )
    assert doctor.problems() == [
        (
            "failed",
            "our account may not comment in SUP, as take-on asks",
            "grant it ADD_COMMENTS in the permission scheme of SUP",
        ),
        (
            "failed",
            "our account may not attach files in DEV, as take-on asks",
            "grant it CREATE_ATTACHMENTS in the permission scheme of DEV",
        ),
        (
            "failed",
            "our account may not create issues in DEV, as take-on asks",
            "grant it CREATE_ISSUES in the permission scheme of DEV",
        ),
        (
            "failed",
            "our account may not move issues in DEV, as reopen asks",
            "grant it TRANSITION_ISSUES in the permission scheme of DEV",
        ),
    ]


def test_attachments_that_cannot_be_copied_are_reported(doctor):
    doctor.control.settings("one", uploadLimit=20 * 1024 * 1024)
    assert doctor.matching(
        doctor.problems(), "warning", "attachments of up to 10 MB; SUP takes up to 20 MB", "larger files"
    )
    doctor.control.settings("two", attachments=False)
    assert doctor.matching(
        doctor.problems(), "failed", "attachments are switched off on this site", "take syncAttachments out"
    )


def test_advice_about_attachments_names_the_fields_that_are_in_the_file(doctor):
    doctor.write(attachments="user_to_dev")
    doctor.control.settings("one", uploadLimit=20 * 1024 * 1024)
    assert doctor.matching(doctor.problems(), "warning", "attachments of up to 10 MB", "not copied, and are linked to")
    doctor.control.settings("two", attachments=False)
    advice = "take attachments and syncAttachments out"
    assert doctor.matching(doctor.problems(), "failed", "attachments are switched off on this site", advice)


def test_a_request_that_fails_ends_the_checks_of_its_side_only(doctor):
    doctor.control.fault("one", "status", status=503, path="/mypermissions$")
    found = doctor.problems()
    assert len(doctor.matching(found, "failed", "503", "the rest was not asked")) == len(found) == 1
    assert any(finding.says.startswith("our account may see issues") for finding in doctor.findings())
