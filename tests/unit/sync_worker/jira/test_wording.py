"""What is kept of the words of an error, whoever wrote them."""

from __future__ import annotations

import json

import pytest

from sync_worker.jira import wording

PAGE = b"<!doctype html><html><head><title>\n 403 &ndash; Forbidden\t</title></head><body>secret</body></html>"
PROBLEM = {"type": "about:blank", "title": "Not Found", "status": 404, "detail": "No endpoint GET /search."}


def said(body, content_type="application/json"):
    if isinstance(body, bytes):
        return wording.said(body, None, content_type)
    return wording.said(json.dumps(body).encode(), body, content_type)


@pytest.mark.parametrize(
    # body                                                                  what is said of it
    ("body", "expected"),
    [
        ({"errorMessages": ["It is wrong."], "errors": {"summary": "too long"}}, "It is wrong.; summary: too long"),
        (PROBLEM, "No endpoint GET /search."),
        ({"title": "Forbidden", "status": 403}, "Forbidden"),
        ({"errorCode": "OTHER", "errorMessage": "Site temporarily unavailable"}, "Site temporarily unavailable"),
        ({"error": "A token could not be read"}, "A token could not be read"),
        ({"error": "invalid_grant", "error_description": "The token has expired"}, "The token has expired"),
        ({"error": {"code": 7, "message": "blocked by policy"}}, "blocked by policy"),
        ({"detail": {"errorMessages": ["type is required"], "errors": {}}}, "type is required"),
        ({"detail": [{"loc": ["body"], "msg": "x", "message": "field required"}]}, "field required"),
        ({"message": "Client must be authenticated", "status-code": 401}, "Client must be authenticated"),
        ("just a text", "just a text"),
        (["one", "two"], "one; two"),
        ({"errorMessages": [], "errors": {}}, ""),
        ({"code": 7}, ""),
        (7, ""),
        ({}, ""),
    ],
)
def test_json_says_what_is_wrong_in_one_of_many_forms(body, expected):
    assert said(body) == expected


def test_a_web_page_says_its_title():
    assert said(PAGE, "text/html; charset=utf-8") == "403 – Forbidden"
    assert said(PAGE, "application/json") == "403 – Forbidden"
    assert said(b"<html><body>no title</body></html>", "text/html") == ""


def test_a_plain_text_says_its_beginning_in_one_line():
    text = "The IP address has been rejected\r\n because it is not on the allowlist.\x1b[2J"
    expected = "The IP address has been rejected because it is not on the allowlist. [2J"
    assert said(text.encode(), "text/plain") == expected
    assert len(said(b"x" * 100_000, "text/plain")) == 200


@pytest.mark.parametrize("body", [b"\xff\xfe\x00", b"%PDF-1.7"])
def test_what_is_no_text_says_nothing(body):
    assert said(body, "application/octet-stream") == ""


def test_words_that_are_nested_too_deeply_are_left_out():
    body = {"message": "x"}
    for _ in range(900):
        body = {"detail": body}
    assert said(body) == ""


def test_half_a_character_is_in_no_message_because_no_log_and_no_database_would_take_it():
    words = said({"errorMessages": ["broken \ud83d\x00\x1b[2J summary"], "errors": {"a\udc00": "b"}})
    assert words == "broken [2J summary; a : b"
    assert said({"detail": "\ud83d x"}) == "x"
