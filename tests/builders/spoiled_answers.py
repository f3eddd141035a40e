"""Answers of something between us and Jira in Jira's place, as options of the simulator's fault `answer_after`."""

from __future__ import annotations

from typing import Any

HTML = {"Content-Type": "text/html"}
JSON = {"Content-Type": "application/json"}
BLOCKED = "<html><title>Request blocked</title></html>"

SPOILED: dict[str, dict[str, Any]] = {
    "a welcome page": {"status": 200, "headers": HTML, "body": "<html><title>Welcome</title></html>"},
    "nothing": {"status": 200, "headers": JSON},
    "an empty object": {"status": 200, "headers": JSON, "body": "{}"},
    "an empty list": {"status": 200, "headers": JSON, "body": "[]"},
    "another object": {"status": 201, "headers": JSON, "body": '{"status": "ok"}'},
    "no content": {"status": 202},
    "a redirect": {"status": 302, "headers": {"Location": "https://sso.example.com/login?token=x"}},
    "a redirect to itself": {"status": 307, "headers": {"Location": "/"}},
    "a page with 400": {"status": 400, "headers": HTML, "body": BLOCKED},
    "an object with 400": {"status": 400, "headers": JSON, "body": '{"detail": "blocked by gateway"}'},
    "a page with 401": {"status": 401, "headers": HTML, "body": "<html>session expired</html>"},
    "a page with 403": {"status": 403, "headers": HTML, "body": BLOCKED},
    "an object with 403": {"status": 403, "headers": JSON, "body": '{"detail": "blocked by gateway"}'},
    "a text with 404": {"status": 404, "headers": {"Content-Type": "text/plain"}, "body": "no such host"},
    "a page with 407": {"status": 407, "headers": HTML, "body": "<html>who are you?</html>"},
    "a page with 409": {"status": 409, "headers": HTML, "body": BLOCKED},
    "a page with 413": {"status": 413, "headers": HTML, "body": BLOCKED},
    "a problem with 415": {
        "status": 415,
        "headers": {"Content-Type": "application/problem+json"},
        "body": '{"type": "about:blank", "title": "Unsupported", "status": 415, "detail": "is not supported"}',
    },
    "Jira's words for another status": {
        "status": 403,
        "headers": JSON,
        "body": '{"errorMessages": ["It is wrong."], "errors": {}, "status": 502}',
    },
    "a page with 502": {"status": 502, "headers": HTML, "body": BLOCKED},
}
"""None of them says what became of the request."""
REFUSED = {"status": 403, "headers": HTML, "body": BLOCKED}
