"""Answers that repeat the secrets of the request, as options of the simulator's fault `answer`."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any
from urllib.parse import quote

from simulated_sites import TOKEN

BASIC = b64encode(f"sync@example.com:{TOKEN}".encode()).decode()
ECHO = f"Authorization: Bearer {TOKEN} Basic {BASIC} token={quote(TOKEN)} {b64encode(TOKEN.encode()).decode()}"
SIGNS = (TOKEN[:11], BASIC[:20], BASIC[12:32])
"""Parts that show a secret of which the rest was cut off."""
JSON = {"Content-Type": "application/json"}
HTML = {"Content-Type": "text/html"}
TEXT = {"Content-Type": "text/plain"}


def padded(text: str) -> list[str]:
    """Return the text at places where messages are cut."""
    return [text, *("x" * length + text for length in (185, 285, 485))]


def errors_of_jira(status: int) -> dict[str, Any]:
    body = {"errorMessages": padded(ECHO), "errors": {"summary": ECHO, ECHO: "x"}}
    return {"status": status, "headers": JSON, "body": json.dumps(body)}


ANSWERS: dict[str, dict[str, Any]] = {
    **{f"Jira's error {status}": errors_of_jira(status) for status in (400, 401, 403, 429, 500)},
    **{
        f"a page with {status}": {"status": status, "headers": HTML, "body": f"<html><title>{ECHO}</title></html>"}
        for status in (200, 403, 502)
    },
    "a long title": {"status": 502, "headers": HTML, "body": f"<html><title>{'x' * 185}{ECHO}</title></html>"},
    "a text": {"status": 503, "headers": TEXT, "body": ECHO},
    "a long text": {"status": 403, "headers": TEXT, "body": "x" * 190 + ECHO},
    "a text whose end is cut": {"status": 403, "headers": TEXT, "body": "x" * 790 + ECHO},
    "another API's error": {"status": 502, "headers": JSON, "body": json.dumps({"error": {"message": ECHO}})},
    "a list of errors": {"status": 400, "headers": JSON, "body": json.dumps([ECHO, {"detail": ECHO}])},
    "a problem": {
        "status": 415,
        "headers": {"Content-Type": "application/problem+json"},
        "body": f'{{"detail": "{ECHO}"}}',
    },
    "another success": {"status": 200, "headers": JSON, "body": json.dumps({"id": ECHO, "key": ECHO, "name": ECHO})},
    "an issue": {
        "status": 200,
        "headers": JSON,
        "body": json.dumps({"issues": [{"id": ECHO, "key": ECHO, "fields": {"summary": ECHO, "created": ECHO}}]}),
    },
    "a user": {
        "status": 200,
        "headers": JSON,
        "body": json.dumps({"accountId": ECHO, "name": ECHO, "key": ECHO, "displayName": ECHO}),
    },
    "a kind of content": {"status": 200, "headers": {"Content-Type": ECHO}, "body": ECHO},
    "a reason for refusal": {
        "status": 401,
        "headers": {"X-Seraph-LoginReason": f"AUTHENTICATED_FAILED {ECHO}", "WWW-Authenticate": ECHO},
    },
    "a redirect": {"status": 302, "headers": {"Location": f"https://{TOKEN}.example.com/{TOKEN}?a={BASIC}"}},
    "a time to wait": {"status": 429, "headers": {"Retry-After": ECHO, **TEXT}, "body": ECHO},
}


def signs_in(text: str) -> list[str]:
    """Return the parts of secrets that `text` shows."""
    return [sign for sign in SIGNS if sign in text]
