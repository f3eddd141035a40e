"""What a request is to the limits: one of an endpoint's, and perhaps a write to an issue."""

from __future__ import annotations

import pytest

from sync_worker.core.decisions.rate_limit import IssuePace, call_of


@pytest.mark.parametrize(
    # request                                                    endpoint                                   issue
    ("method", "path", "endpoint", "issue"),
    [
        ("GET", "/myself", "/myself", None),
        ("GET", "/serverInfo", "/serverInfo", None),
        ("POST", "/search/jql", "/search/jql", None),
        ("GET", "/search", "/search", None),
        ("GET", "/project/SUP", "/project/{}", None),
        ("GET", "/project/A_1", "/project/{}", None),
        ("POST", "/issue", "/issue", None),
        ("POST", "/issue/bulk", "/issue/bulk", None),
        ("POST", "/issue/bulkfetch", "/issue/bulkfetch", None),
        ("GET", "/issue/createmeta/10001/issuetypes", "/issue/createmeta/{}/issuetypes", None),
        ("GET", "/issue/createmeta/10001/issuetypes/3", "/issue/createmeta/{}/issuetypes/{}", None),
        ("GET", "/issue/10001", "/issue/{}", None),
        ("GET", "/issue/SUP-12", "/issue/{}", None),
        ("GET", "/issue/10001/changelog", "/issue/{}/changelog", None),
        ("GET", "/issue/10001/transitions", "/issue/{}/transitions", None),
        ("POST", "/issue/10001/transitions", "/issue/{}/transitions", "10001"),
        ("POST", "/issue/10001/comment", "/issue/{}/comment", "10001"),
        ("POST", "/issue/10001/remotelink", "/issue/{}/remotelink", "10001"),
        ("POST", "/issue/10001/attachments", "/issue/{}/attachments", "10001"),
        ("PUT", "/issue/10001", "/issue/{}", "10001"),
        ("DELETE", "/issue/10001/properties/jira-sync", "/issue/{}/properties/jira-sync", "10001"),
        ("GET", "/comment/10001/properties/jira-sync", "/comment/{}/properties/jira-sync", None),
        ("GET", "/attachment/content/10001", "/attachment/content/{}", None),
        ("GET", "/attachment/meta", "/attachment/meta", None),
    ],
)
def test_the_ids_and_keys_in_a_path_make_no_other_endpoint(method, path, endpoint, issue):
    call = call_of(method, f"/rest/api/2{path}")
    assert (call.endpoint, call.issue) == (f"{method} {endpoint}", issue)


@pytest.mark.parametrize("name", ["log.txt", "1.txt", "SUP-1", "a%2Fb", "issue"])
def test_files_of_any_name_have_one_endpoint_on_data_center(name):
    assert call_of("GET", f"/secure/attachment/10001/{name}").endpoint == "GET /secure/attachment/{}"


class TestIssuePace:
    def test_writes_to_one_issue_never_exceed_jira_s_limits(self):
        """However fast somebody writes: at most 20 within 2 seconds, and 100 within 30."""
        pace, now, made = IssuePace(), 0.0, []
        while len(made) < 300:
            wait = pace.seconds_to_wait("1", now)
            if wait == 0:
                made.append(now)
            now += wait
        for most, window in ((20, 2.0), (100, 30.0)):
            assert all(later - earlier >= window for earlier, later in zip(made, made[most:], strict=False))

    def test_each_issue_has_a_pace_of_its_own(self):
        pace = IssuePace()
        assert all(pace.seconds_to_wait(str(number), 0.0) == 0 for number in range(3000))

    def test_the_number_of_issues_that_are_paced_is_bounded(self):
        pace = IssuePace()
        for number in range(3000):
            pace.seconds_to_wait(str(number), 0.0)
        assert len(pace._times) == 1000

    def test_an_issue_without_recent_writes_is_forgotten(self):
        pace = IssuePace()
        for number in range(100):
            pace.seconds_to_wait(str(number), 0.0)
        pace.seconds_to_wait("last", 31.0)
        assert list(pace._times) == ["last"]
