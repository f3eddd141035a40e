"""All actions of a cause are carried out, whatever becomes of one of them."""

from __future__ import annotations

import pytest

from sync_worker.core.errors import NeedsOperator

PERMISSIONS = [
    # site   project  permission            what we cannot do     issues
    ("two", "DEV", "CREATE_ISSUES", "create issues", 1),
    ("two", "DEV", "CREATE_ISSUES", "create issues", 3),
    ("two", "DEV", "CREATE_ATTACHMENTS", "attach files", 1),
    ("two", "DEV", "LINK_ISSUES", "link issues", 1),
    ("one", "SUP", "LINK_ISSUES", "link issues", 1),
    ("one", "SUP", "ADD_COMMENTS", "comment", 3),
]


@pytest.mark.parametrize(("site", "project", "permission", "what", "issues"), PERMISSIONS)
def test_a_missing_permission_pauses_the_sync_and_nothing_is_lost_when_it_is_granted(
    bench, site, project, permission, what, issues
):
    keys = [bench.user.create("SUP", f"issue {number}") for number in range(issues)]
    for key in keys:
        bench.user.attach(key, "log.txt", b"log")
        bench.user.move(key, "Will Do")
    bench.control.permissions(site, "sync", project, revoke=[permission])
    for _ in range(2):
        error = bench.try_cycle()
        assert isinstance(error, NeedsOperator)
        assert str(error) == f"our account may not {what} in project {project}: grant it {permission}"
    assert (bench.failures(), bench.dead_letters()) == ([], [])
    bench.control.permissions(site, "sync", project, grant=[permission])
    assert bench.cycle().failed == 0
    devs = bench.devs()
    assert sorted(issue["summary"] for issue in devs) == [f"issue {number}" for number in range(issues)]
    assert [(len(issue["attachments"]), len(issue["links"])) for issue in devs] == [(1, 1)] * issues
    assert [len(bench.comments(key)) for key in keys] == [1] * issues


def test_moves_wait_for_the_permission_to_move_issues(bench):
    keys = [bench.pair() for _ in range(2)]
    bench.control.permissions("one", "sync", "SUP", revoke=["TRANSITION_ISSUES"])
    for _, counterpart in keys:
        bench.dev.move(counterpart, "Closed")
    error = bench.try_cycle()
    assert str(error) == "our account may not move issues in project SUP: grant it TRANSITION_ISSUES"
    bench.control.permissions("one", "sync", "SUP", grant=["TRANSITION_ISSUES"])
    bench.cycle()
    assert [bench.status(key) for key, _ in keys] == ["Resolved"] * 2
