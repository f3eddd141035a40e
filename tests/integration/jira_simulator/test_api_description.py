"""The simulator's answers match Atlassian's own description of the API, where that is at hand."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft4Validator

from jira_simulator.client import Person
from jira_simulator.rest.token_endpoint import scope_on_cloud
from jira_simulator.site.access_tokens import OF_CLOUD
from sync_model.accounts.oauth import ATLASSIANS_ENDPOINT

DESCRIPTION = Path(__file__).parents[4] / "shared" / "jira" / "jira-openapi.json"

pytestmark = pytest.mark.skipif(
    not DESCRIPTION.exists(), reason="Atlassian's API description is not beside this checkout"
)

CALLS: list[tuple[str, str, dict[str, Any] | None, int]] = [
    # method    path                                                        body                 status
    ("GET", "/myself", None, 200),
    ("GET", "/serverInfo", None, 200),
    ("GET", "/project/search", None, 200),
    ("GET", "/project/SUP", None, 200),
    ("GET", "/project/NOPE", None, 404),
    ("GET", "/project/SUP/statuses", None, 200),
    ("GET", "/status", None, 200),
    ("GET", "/mypermissions?projectKey=SUP&permissions=EDIT_ISSUES", None, 200),
    ("GET", "/mypermissions", None, 400),
    ("GET", "/priority", None, 200),
    ("GET", "/field", None, 200),
    ("GET", "/attachment/meta", None, 200),
    ("GET", "/issue/createmeta/SUP/issuetypes", None, 200),
    ("GET", "/issue/createmeta/SUP/issuetypes/{type}", None, 200),
    ("GET", "/search/jql?jql=project+%3D+SUP&fields=*all&expand=changelog", None, 200),
    ("POST", "/search/jql", {"jql": "project = SUP", "fields": ["updated"], "maxResults": 1}, 200),
    ("POST", "/search/jql", {"jql": "project = SUP", "fields": ["updated"], "properties": ["p"]}, 200),
    ("POST", "/search/jql", {"jql": "ORDER BY key"}, 400),
    ("POST", "/issue/bulkfetch", {"issueIdsOrKeys": ["SUP-1"], "fields": ["*all"], "expand": ["changelog"]}, 200),
    ("POST", "/issue", {"fields": {"project": {"key": "SUP"}, "issuetype": {"name": "Bug"}, "summary": "x"}}, 201),
    ("POST", "/issue", {"fields": {"project": {"key": "SUP"}, "issuetype": {"name": "Bug"}}}, 400),
    ("POST", "/issue/bulk", {"issueUpdates": [{"fields": {}}]}, 400),
    ("GET", "/issue/SUP-1?expand=changelog,transitions", None, 200),
    ("GET", "/issue/SUP-999", None, 404),
    ("GET", "/issue/SUP-1/changelog", None, 200),
    ("GET", "/issue/SUP-1/transitions", None, 200),
    ("GET", "/issue/SUP-1/comment?orderBy=-created", None, 200),
    ("POST", "/issue/SUP-1/comment", {"body": "x", "properties": [{"key": "a", "value": 1}]}, 201),
    ("POST", "/issue/SUP-1/comment", {"body": ""}, 400),
    ("GET", "/issue/SUP-1/comment/{comment}", None, 200),
    ("GET", "/issue/SUP-1/comment/1", None, 404),
    ("PUT", "/issue/SUP-1/comment/{comment}", {"body": "x"}, 200),
    ("PUT", "/issue/SUP-1/comment/{comment}", {"body": ""}, 400),
    ("PUT", "/issue/SUP-1/comment/1", {"body": "x"}, 404),
    ("DELETE", "/issue/SUP-1/comment/{comment}", None, 204),
    ("DELETE", "/issue/SUP-1/comment/1", None, 404),
    ("GET", "/issue/SUP-1/properties", None, 200),
    ("PUT", "/issue/SUP-1/properties/p", {"x": 1}, 201),
    ("GET", "/attachment/{attachment}", None, 200),
    ("GET", "/issue/SUP-1/remotelink", None, 200),
    ("POST", "/issue/SUP-1/remotelink", {"globalId": "g", "object": {"url": "https://x", "title": "t"}}, 201),
    ("GET", "/issue/SUP-1/remotelink/{link}", None, 200),
    ("GET", "/issue/SUP-1/remotelink/1", None, 404),
    ("DELETE", "/issue/SUP-1/remotelink?globalId=given", None, 204),
    ("DELETE", "/issue/SUP-1/remotelink?globalId=other", None, 404),
    ("DELETE", "/issue/SUP-1/remotelink", None, 400),
    ("DELETE", "/issue/SUP-1/remotelink/{link}", None, 204),
    ("DELETE", "/issue/SUP-1/remotelink/1", None, 404),
    ("DELETE", "/issue/SUP-1/remotelink/x", None, 400),
    ("DELETE", "/attachment/{attachment}", None, 204),
    ("DELETE", "/attachment/1", None, 404),
]


@cache
def description() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DESCRIPTION.read_text())
    return found


def schema_for(method: str, path: str, status: int) -> dict[str, Any] | None:
    """Return the schema of an answer, or None when the description gives it no body."""
    operation = description()["paths"][path][method.lower()]
    content = operation["responses"][str(status)].get("content", {})
    return content.get("application/json", {}).get("schema")


def template_of(path: str) -> str:
    """Return the path in the description that `path` is an instance of, with the fewest variables."""
    plain = "/rest/api/3" + path.partition("?")[0]
    candidates = sorted(description()["paths"], key=lambda template: template.count("{"))
    return next(found for found in candidates if re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", found), plain))


def without_nulls(answer: Any) -> Any:
    """Jira writes null where its description knows only absence."""
    if isinstance(answer, dict):
        return {key: without_nulls(value) for key, value in answer.items() if value is not None}
    return [without_nulls(value) for value in answer] if isinstance(answer, list) else answer


def violations(answer: Any, schema: dict[str, Any]) -> list[str]:
    whole = {**schema, "components": description()["components"]}
    return [
        f"{'/'.join(map(str, error.path))}: {error.message[:200]}"
        for error in Draft4Validator(whole).iter_errors(answer)
    ]


def ids(ann: Person) -> dict[str, Any]:
    """Return what the placeholders in the paths stand for, and make what is not there yet."""
    fields = ann.http.get("/issue/SUP-1").json()["fields"]
    given = {"globalId": "given", "object": {"url": "https://x", "title": "t"}}
    return {
        "type": fields["issuetype"]["id"],
        "attachment": fields["attachment"][0]["id"],
        "comment": fields["comment"]["comments"][0]["id"],
        "link": ann.http.post("/issue/SUP-1/remotelink", json=given).json()["id"],
    }


@pytest.mark.parametrize(("method", "path", "body", "status"), CALLS)
def test_an_answer_has_the_shape_that_atlassian_describes(ann, control, method, path, body, status):
    path = path.format(**ids(ann))
    answer = ann.http.request(method, path, json=body)
    assert answer.status_code == status, answer.text
    schema = schema_for(method, template_of(path), status)
    if schema and answer.content:
        assert violations(without_nulls(answer.json()), schema) == []


REFUSED: list[tuple[str, str, dict[str, Any] | None, list[str], int]] = [
    # method, path, body, the permissions that are missing, status
    ("PUT", "/issue/SUP-1/comment/{comment}", {"body": "x"}, ["EDIT_OWN_COMMENTS", "EDIT_ALL_COMMENTS"], 400),
    ("DELETE", "/issue/SUP-1/comment/{comment}", None, ["DELETE_OWN_COMMENTS", "DELETE_ALL_COMMENTS"], 400),
    ("DELETE", "/issue/SUP-1/remotelink/{link}", None, ["EDIT_ISSUES"], 403),
    ("DELETE", "/issue/SUP-1/remotelink?globalId=given", None, ["LINK_ISSUES"], 403),
    ("DELETE", "/attachment/{attachment}", None, ["DELETE_OWN_ATTACHMENTS", "DELETE_ALL_ATTACHMENTS"], 403),
]


@pytest.mark.parametrize(("method", "path", "body", "missing", "status"), REFUSED)
def test_a_call_without_its_permission_is_refused_as_atlassian_describes(
    ann, control, method, path, body, missing, status
):
    path = path.format(**ids(ann))
    control.permissions("cloud", "ann", "SUP", revoke=missing)
    assert ann.http.request(method, path, json=body).status_code == status
    described = description()["paths"][template_of(path)][method.lower()]["responses"]
    assert re.search("permission", described[str(status)]["description"])


def test_limits_of_an_issue_are_answered_as_atlassian_describes(ann, control):
    ids(ann)
    control.settings("cloud", attachmentsPerIssue=1, commentsPerIssue=1, linksPerIssue=0)
    files, headers = {"file": ("a.txt", b"1")}, {"X-Atlassian-Token": "no-check"}
    paths = {
        "attachments": ann.http.post("/issue/SUP-1/attachments", files=files, headers=headers),
        "comment": ann.http.post("/issue/SUP-1/comment", json={"body": "x"}),
        "remotelink": ann.http.get("/issue/SUP-1/remotelink"),
    }
    for name, answer in paths.items():
        assert answer.status_code == 413
        method = answer.request.method.lower()
        described = description()["paths"][template_of(f"/issue/SUP-1/{name}")][method]["responses"]["413"]
        assert "per-issue limit" in described["description"]


def test_the_screen_of_a_transition_has_the_shape_that_atlassian_describes(control):
    screen = {"initial": "Open", "transitions": [{"name": "Go", "target": "Done", "requiredFields": ["resolution"]}]}
    users = [{"name": "ann", "email": "ann@example.com", "token": "t"}]
    control.add_site(name="more", users=users, projects=[{"key": "RES", "workflow": screen}])
    with control.person("more", "ann@example.com", "t") as person:
        path = f"/issue/{person.create('RES', 's')}/transitions"
        answer = person.http.get(path, params={"expand": "transitions.fields"}).json()
    assert answer["transitions"][0]["fields"]["resolution"]["name"] == "Resolution"
    assert violations(answer, schema_for("GET", template_of(path), 200)) == []


def test_the_answer_to_an_anonymous_caller_is_described_without_a_body(nobody):
    answer = nobody.get("/cloud/rest/api/2/myself")
    assert answer.status_code == 401
    assert schema_for("GET", "/rest/api/3/myself", 401) is None


def test_every_endpoint_that_is_used_exists_in_the_description(ann, control):
    ann.move("SUP-1", "In Progress")
    ann.edit("SUP-1", summary="y")
    ann.remove_file(ann.attach("SUP-1", "x.txt", b"x"))
    comment = ann.comment("SUP-1", "x")
    ann.edit_comment("SUP-1", comment, "y")
    ann.delete_comment("SUP-1", comment)
    used = {(call["method"], call["path"]) for call in control.calls("cloud")}
    for method, path in used:
        assert method.lower() in description()["paths"][template_of(path.removeprefix("/rest/api/2"))]


@pytest.mark.parametrize(("method", "path", "_body", "_status"), CALLS)
def test_a_call_needs_the_scope_that_atlassian_describes(method, path, _body, _status):
    path = path.format(type="1", attachment="1", comment="1", link="1")
    operation = description()["paths"][template_of(path)][method.lower()]
    (scopes,) = [way["OAuth2"] for way in operation["security"] if "OAuth2" in way]
    assert scopes == [scope for scope in [scope_on_cloud(method, "/rest/api/2" + path.partition("?")[0])] if scope]


def test_the_token_endpoint_is_where_atlassian_describes_it():
    flow = description()["components"]["securitySchemes"]["OAuth2"]["flows"]["authorizationCode"]
    assert flow["tokenUrl"] == ATLASSIANS_ENDPOINT
    assert set(OF_CLOUD) <= set(flow["scopes"])
