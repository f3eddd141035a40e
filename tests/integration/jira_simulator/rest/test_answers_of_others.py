"""Faults in which something else answers in Jira's place, or carries a request out later than it says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from jira_simulator.hosting.faults import InjectedFault

if TYPE_CHECKING:
    from conftest import SiteClient

BODY = {"fields": {"project": {"key": "SUP"}, "issuetype": {"name": "Task"}, "summary": "s"}}
CREATING = {"method": "POST", "path": "/issue$"}
PAGE = {"status": 200, "headers": {"Content-Type": "text/html", "X-By": "a proxy"}, "body": "<title>Hello</title>"}


@pytest.mark.parametrize(("kind", "created"), [("answer", 0), ("answer_after", 1)])
def test_an_answer_of_something_else_is_given_as_it_is_and_has_no_header_of_jira(jira: SiteClient, kind, created):
    jira.control.fault(jira.name, kind, **PAGE, **CREATING)
    response = jira.http.post("/issue", json=BODY)
    assert (response.status_code, response.text, response.headers["X-By"]) == (200, PAGE["body"], "a proxy")
    assert "X-AUSERNAME" not in response.headers
    assert len(jira.control.issues(jira.name)) == created


def test_an_answer_of_something_else_may_have_no_body(jira: SiteClient):
    jira.control.fault(jira.name, "answer", status=204, path="/myself")
    assert jira.http.get("/myself").content == b""


def test_a_late_request_is_carried_out_when_the_fault_is_removed(jira: SiteClient, wait_until):
    fault = jira.control.fault(jira.name, "late", status=504, times=1, **CREATING)
    assert jira.http.post("/issue", json=BODY).status_code == 504
    assert jira.control.issues(jira.name) == []
    assert jira.http.post("/issue", json=BODY).status_code == 201
    jira.control.heal(jira.name, fault)
    wait_until(lambda: len(jira.control.issues(jira.name)) == 2, "the late issue")


def test_a_file_that_is_filed_late_is_whole(jira: SiteClient, wait_until):
    key, content = jira.create(), b"0123456789" * 30_000
    fault = jira.control.fault(jira.name, "late", status=504, path="/attachments$")
    assert jira.attach(key, "a.bin", content).status_code == 504
    jira.control.heal(jira.name, fault)
    wait_until(lambda: jira.control.issue(jira.name, key)["attachments"], "the late file")
    (file,) = jira.control.issue(jira.name, key)["attachments"]
    assert (file["filename"], file["size"]) == ("a.bin", len(content))


def test_comments_may_come_oldest_first_whatever_order_is_asked_for(jira: SiteClient):
    key = jira.create()
    for text in ("first", "second"):
        jira.http.post(f"/issue/{key}/comment", json={"body": text})

    def bodies() -> list[str]:
        page = jira.http.get(f"/issue/{key}/comment", params={"orderBy": "-created"}).json()
        return [comment["body"] for comment in page["comments"]]

    assert bodies() == ["second", "first"]
    jira.control.fault(jira.name, "ignore_order")
    assert bodies() == ["first", "second"]


def test_a_file_may_be_filed_under_another_name(jira: SiteClient):
    jira.control.fault(jira.name, "rename_attachment")
    (file,) = jira.attach(jira.create(), "ä b+c-1.txt", b"x").json()
    assert file["filename"] == "__b_c-1.txt"


@pytest.mark.parametrize("kind", ["status", "status_after", "late"])
def test_an_error_of_jira_has_no_status_of_success(kind):
    with pytest.raises(ValidationError, match="400 or more"):
        InjectedFault(kind=kind, status=200)
