"""Jira's JSON in all the shapes that it has."""

from __future__ import annotations

from typing import Any

import pytest

from sync_model.secrecy import redaction
from sync_worker.core.errors import InvalidRequest
from sync_worker.jira.parsing import issue_json, shapes, site_json

TIME = "2024-11-29T10:44:51.887+0000"
FIELDS = {
    "project": {"id": "1"},
    "issuetype": {"name": "Task"},
    "summary": "one",
    "status": {"name": "Open", "statusCategory": {"key": "new"}},
    "created": TIME,
    "updated": TIME,
}


def issue(**fields: Any) -> dict[str, Any]:
    return {"id": "1", "key": "A-1", "fields": {**FIELDS, **fields}}


def entry(**item: Any) -> dict[str, Any]:
    return {"id": "7", "created": TIME, "items": [{"fromString": "Open", "toString": "Done", **item}]}


@pytest.mark.parametrize("category", [None, {}, {"key": None}, {"key": "new"}])
def test_a_status_without_a_category_is_not_done(category):
    assert not issue_json.issue(issue(status={"name": "Open", "statusCategory": category})).is_done


@pytest.mark.parametrize("value", [None, [], {}])
def test_fields_that_are_empty_in_whatever_way_are_no_reason_to_leave_an_issue_out(value):
    empty = {"labels": value or None, "attachment": value or None, "creator": None, "priority": None}
    found = issue_json.issue({**issue(**empty), "changelog": {"histories": None, "total": None}})
    assert (found.labels, found.attachments, found.creator, found.priority, found.changes) == ((), (), None, None, ())


@pytest.mark.parametrize(
    # an item of the history                                            whether the status changed
    ("item", "changed"),
    [
        ({"field": "status", "fieldtype": "jira", "fieldId": "status"}, True),
        ({"field": "status", "fieldtype": "jira"}, True),
        ({"field": "status", "fieldtype": "jira", "fieldId": None}, True),
        ({"field": "status"}, True),
        ({"field": "Stato", "fieldtype": "jira", "fieldId": "status"}, True),
        ({"field": "status", "fieldtype": "custom"}, False),
        ({"field": "status", "fieldtype": "custom", "fieldId": None}, False),
        ({"field": "status", "fieldtype": "custom", "fieldId": "customfield_10001"}, False),
        ({"field": "status", "fieldtype": "jira", "fieldId": "status", "from": "1", "to": "2"}, True),
        ({"field": "status", "fieldtype": "jira", "fieldId": "status", "from": "1", "to": "1"}, False),
        ({"field": "summary", "fieldtype": "jira", "fieldId": "summary"}, False),
    ],
)
def test_only_the_status_itself_is_the_status(item, changed):
    assert len(issue_json.status_changes([entry(**item)])) == changed


@pytest.mark.parametrize("items", [None, []])
def test_an_entry_of_the_history_may_be_empty(items):
    assert issue_json.status_changes([{"id": "7", "created": TIME, "items": items}]) == ()


DOCUMENT = {
    "type": "doc",
    "version": 1,
    "content": [
        {"type": "heading", "content": [{"type": "text", "text": "How"}]},
        {
            "type": "bulletList",
            "content": [
                {"type": "listItem", "content": [{"type": "paragraph", "content": [{"type": "text", "text": "one"}]}]},
                {"type": "listItem", "content": [{"type": "paragraph"}]},
            ],
        },
        {
            "type": "paragraph",
            "content": [
                {"type": "text", "text": "two ", "marks": [{"type": "strong"}]},
                {"type": "mention", "attrs": {"id": "5", "text": "@ann"}},
                {"type": "hardBreak"},
                {"type": "text", "text": "three"},
            ],
        },
    ],
}


def test_where_a_rich_text_comes_in_place_of_a_text_its_text_is_taken():
    assert issue_json.issue(issue(description=DOCUMENT)).description == "How\none\n\ntwo @ann\nthree"
    assert issue_json.issue(issue(summary=DOCUMENT)).summary.startswith("How")
    assert shapes.text(None) is None
    assert shapes.text("h2. How") == "h2. How"


@pytest.mark.parametrize("description", [7, [], True, {"content": []}, {"type": 7}])
def test_what_is_no_text_makes_an_issue_unprocessable(description):
    read = issue_json.issues([issue(description=description)])
    assert read.issues == []
    assert read.unprocessable["1"].startswith("Jira's answer for A-1 cannot be understood: ")


@pytest.mark.parametrize(
    # fields                                    what is said of them
    ("fields", "says"),
    [
        ({"status": None}, "its status is missing"),
        ({"status": "Open"}, "its status is not as Jira gives it"),
        ({"issuetype": []}, "its issuetype is not as Jira gives it"),
        ({"updated": "yesterday"}, "one of its fields is not as Jira gives it"),
        ({"created": "2024-11-29T10:44:51"}, "one of its fields is not as Jira gives it"),
        ({"attachment": [{"id": "1", "filename": None, "size": 1}]}, "one of its fields is not as Jira gives it"),
    ],
)
def test_an_issue_that_cannot_be_understood_is_said_to_be_so_without_a_word_of_python(fields, says):
    with pytest.raises(InvalidRequest) as error:
        issue_json.understood(issue(**fields))
    assert str(error.value) == f"Jira's answer for A-1 cannot be understood: {says}"


def test_an_issue_that_cannot_be_understood_holds_up_no_other():
    read = issue_json.issues([{"id": "2", "key": "A-2"}, issue()])
    assert [found.key for found in read.issues] == ["A-1"]
    assert read.unprocessable == {"2": "Jira's answer for A-2 cannot be understood: it has no fields"}


@pytest.mark.parametrize("identity", [None, "", "x", -1, 1.5, True, [], {}, "1 OR 1=1"])
def test_an_id_is_a_number_and_nothing_else(identity):
    with pytest.raises(ValueError, match="no id"):
        shapes.identity({"id": identity})


def test_an_id_may_come_as_a_number_or_as_a_text():
    assert shapes.identity({"id": 10000}) == shapes.identity({"id": "10000"}) == "10000"


@pytest.mark.parametrize(
    # the body of an error                                               its status   whether Jira wrote it
    ("body", "status", "is_jiras"),
    [
        ({"errorMessages": ["It is wrong."], "errors": {}}, 400, True),
        ({"errorMessages": [], "errors": {"summary": "is required"}}, 400, True),
        ({"errorMessages": ["It is wrong."]}, 400, True),
        ({"errorMessages": [], "errors": {}, "status": 403}, 403, True),
        ({"errorMessages": [], "errors": {}, "status": None}, 403, True),
        ({"errorMessages": ["It is wrong."], "warningMessages": []}, 410, True),
        ({"message": "Client must be authenticated", "status-code": 401}, 401, True),
        ({"message": "null for uri: x", "status-code": 404, "sub-code": 0}, 404, True),
        ({"errorMessages": ["It is wrong."], "errors": {}, "status": 502}, 403, False),
        ({"message": "no", "status-code": 401}, 403, False),
        ({"message": "Forbidden"}, 403, False),
        ({"detail": "blocked by gateway"}, 403, False),
        ({"errors": {"code": "WAF"}}, 403, False),
        ({"errors": ["blocked"]}, 403, False),
        ({"errorMessages": "blocked", "errors": {}}, 403, False),
        ({"errorMessages": ["x"], "errors": []}, 403, False),
        ({"type": "about:blank", "title": "Forbidden", "status": 403, "detail": "no"}, 403, False),
        ({"detail": {"errorMessages": ["x"], "errors": {}}}, 400, False),
        ({}, 403, False),
        ([], 403, False),
        (None, 403, False),
        ("It is wrong.", 400, False),
    ],
)
def test_an_error_in_jira_s_own_form_is_told_from_all_others(body, status, is_jiras):
    assert site_json.is_error(body, status) is is_jiras


CREATED = [{"id": "1", "key": "D-1"}, {"id": "2", "key": "D-2"}]
REFUSED = {"failedElementNumber": 1, "status": 400, "elementErrors": {"errorMessages": ["no"], "errors": {}}}


def test_the_issues_of_a_bulk_creation_are_told_from_those_that_were_refused():
    first, second, third = site_json.creations({"issues": CREATED, "errors": [REFUSED]}, 3)
    assert (first.key, third.key) == ("D-1", "D-2")
    assert isinstance(second, InvalidRequest)
    assert "no" in str(second)


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"errors": {}},
        {"issues": CREATED},
        {"issues": [], "errors": []},
        {"issues": CREATED, "errors": []},
        {"issues": [*CREATED, *CREATED], "errors": []},
        {"issues": CREATED, "errors": [REFUSED, REFUSED]},
        {"issues": CREATED[:1], "errors": [REFUSED, REFUSED]},
        {"issues": CREATED, "errors": [{**REFUSED, "failedElementNumber": 3}]},
        {"issues": CREATED, "errors": [{**REFUSED, "failedElementNumber": -1}]},
        {"issues": CREATED, "errors": [{**REFUSED, "failedElementNumber": "1"}]},
        {"issues": CREATED, "errors": [{**REFUSED, "elementErrors": "no"}]},
        {"issues": [CREATED[0], None], "errors": [REFUSED]},
        {"issues": [CREATED[0], {"id": "2"}], "errors": [REFUSED]},
        {"errorMessages": [], "errors": {"issueUpdates": "is required"}},
    ],
)
def test_an_answer_to_a_bulk_creation_that_does_not_add_up_is_not_believed(answer):
    with pytest.raises(shapes.ODD):
        site_json.creations(answer, 3)


NO_KEYS = [
    "",
    "A-",
    "-1",
    "A 1",
    "A-1\n",
    "A-1\x1b[2J",
    "A-1\u202e",
    "../../serverInfo",
    "A-1?x=",
    "1-1",
    "A-" + "1" * 300,
    7,
    None,
]


@pytest.mark.parametrize("key", NO_KEYS)
def test_a_key_that_is_none_makes_its_issue_unprocessable_and_is_repeated_nowhere(key):
    """It would become a part of addresses, of searches, and of lines on a terminal."""
    read = issue_json.issues([{**issue(), "key": key}, {**issue(), "id": "2"}])
    assert [found.id for found in read.issues] == ["2"]
    assert read.unprocessable == {"1": "Jira's answer for 1 cannot be understood: its key is none"}
    assert issue_json.candidate({**issue(), "key": key}).key is None
    assert issue_json.glimpse({**issue(), "key": key}).key == ""
    with pytest.raises(shapes.ODD):
        site_json.created({"id": "1", "key": key})


@pytest.mark.parametrize("key", ["A-1", "SUP_2-10", "abc-1", "ÄÖ-7"])
def test_what_sites_may_choose_for_keys_is_a_key(key):
    assert issue_json.issue({**issue(), "key": key}).key == key


@pytest.mark.parametrize("given", ["", "1\n", "x", "١", "²", -1, 1.5, True, "1" * 300, None])
def test_an_id_is_digits(given):
    with pytest.raises(shapes.ODD):
        shapes.identity({"id": given})


@pytest.mark.parametrize("given", ["a\n", "\x1b]52;c;x\x07", "\u202e", "a" * 300, 7])
def test_the_name_of_an_account_is_one_line_that_can_be_seen(given):
    with pytest.raises(shapes.ODD):
        site_json.own_account({"accountId": given})


@pytest.fixture
def secrets(monkeypatch):
    """Have this process know a secret, and no other one, until the test is over."""
    monkeypatch.setattr(redaction, "_remembered", {})
    monkeypatch.setattr(redaction, "_forms", None)
    yield redaction.remember
    redaction._forms = None


def test_a_status_whose_name_holds_a_secret_is_known_by_the_masked_name_wherever_it_is_read(
    secrets,
):
    secrets("s3cr3t-of-the-site")
    name = "In s3cr3t-of-the-site"
    found = issue_json.issue(
        {
            **issue(status={"id": "3", "name": name}),
            "changelog": {"histories": [entry(field="status", to="3", toString=name)]},
        }
    )
    transition = site_json.transition({"id": "1", "name": name, "to": {"id": "3", "name": name}})
    (status,) = site_json.status_names([{"id": "3", "name": name}])
    names = {
        found.status,
        found.changes[0].to_status,
        transition.name,
        transition.to_status,
        status.name,
        status.untranslated,
    }
    assert names == {"In …"}


def test_a_word_in_the_name_of_a_status_is_no_secret_even_if_it_is_somebody_s_password(secrets):
    secrets("password")
    assert site_json.status_name({"id": "3", "name": "Waiting for password reset"}).name == "Waiting for password reset"
