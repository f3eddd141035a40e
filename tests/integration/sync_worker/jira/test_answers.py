"""What an answer means: whether it is Jira's, and what follows from it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from spoiled_answers import SPOILED
from sync_worker.core import ports
from sync_worker.core.errors import (
    InvalidRequest,
    NeedsOperator,
    NotJira,
    OutcomeUnknown,
    Redirected,
    SyncError,
    Unavailable,
)
from sync_worker.core.issues.issue import Attachment, Draft, Issue, Transition

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
ISSUE = Issue("10000", "SUP-1", "1", "Task", "s", None, "Open", False, None, (), None, LONG_AGO, LONG_AGO)
FILE = Attachment("10001", "a.txt", 1, "text/plain")
DRAFT = Draft("1", "1", {"summary": "s"}, {"issue": "1"})

READS = {
    "account": lambda jira: jira.account(),
    "search_lag": lambda jira: jira.search_lag,
    "project_id": lambda jira: jira.project_id("SUP"),
    "changed_since": lambda jira: jira.changed_since("1", None),
    "ids_in": lambda jira: jira.ids_in("1"),
    "listing": lambda jira: jira.listing("1", lambda glimpse: glimpse),
    "read": lambda jira: jira.read(["10000"]),
    "ids_of": lambda jira: jira.ids_of(["SUP-1"]),
    "issue": lambda jira: jira.issue("10000"),
    "with_history": lambda jira: jira.with_history(replace(ISSUE, history_from=LONG_AGO)),
    "with_marker": lambda jira: jira.with_marker(ISSUE),
    "marked": lambda jira: jira.marked("1"),
    "links_of": lambda jira: jira.links_of("10000"),
    "shows_markers": lambda jira: jira.shows_markers,
    "check_project": lambda jira: jira.check_project("SUP"),
    "statuses": lambda jira: jira.statuses("SUP"),
    "transition_to": lambda jira: jira.transition_to(ISSUE, "Done"),
    "reachable_statuses": lambda jira: jira.reachable_statuses(ISSUE),
    "mark_of": lambda jira: jira.mark_of("10000"),
    "made_since": lambda jira: jira.made_since("1", LONG_AGO),
    "issue_types": lambda jira: jira.issue_types("1"),
    "create_screen": lambda jira: jira.create_screen("1", "1"),
    "find_created": lambda jira: jira.find_created([DRAFT], LONG_AGO),
    "has_comment": lambda jira: jira.has_comment("10000", "m", LONG_AGO),
    "is_comment_marked": lambda jira: jira.is_comment_marked("10001", "m"),
    "own_comments": lambda jira: jira.own_comments("10000", LONG_AGO),
    "comments_of": lambda jira: jira.comments_of("10000"),
    "file_is_gone": lambda jira: jira.file_is_gone("10000"),
    "removed_files": lambda jira: jira.removed_files("10000"),
}
WRITES = {
    "create": lambda jira: jira.create(DRAFT),
    "create_many": lambda jira: jira.create_many([DRAFT, DRAFT]),
    "transition": lambda jira: jira.transition(ISSUE, Transition("1", "Go", "Done")),
    "comment": lambda jira: jira.comment("10000", "x", "m"),
    "link": lambda jira: jira.link("10000", "g", "https://x", "t", "s"),
    "upload": lambda jira: jira.upload("10000", FILE, iter([b"x"])),
    "delete_file": lambda jira: jira.delete_file("10000", "10001"),
}
READ_BY_POST = {"POST /search/jql", "POST /issue/bulkfetch"}
ASK_NOTHING = {"now", "site", "browse", "read_size", "create_size", "recognise", "read_labels"}
NOT_ASKED_FOR_JSON = {"download"}
MAY_STAY_UNKNOWN = {"upload_limit", "display_name", "identity", "check_clock"}
"""Auxiliary questions. What is not answered is not known, and the work goes on."""
ODD_BODIES = [
    "", "[]", "{}", "null", "7", '"x"', "true", "[[1]]", "NaN", '{"status": "ok"}', '{"issues": null}',
    '{"issues": 7}', '{"issues": [null], "isLast": true}', '{"issues": [{"id": null}], "isLast": true}',
    '{"values": {}}', '{"id": null, "key": null}', '{"id": [], "key": 7}', '{"id": true, "name": 7}',
    '{"comments": [{}], "transitions": [7], "permissions": [], "accountId": 7, "version": null}',
    "[" * 100_000, '{"a": ' * 100_000, "9" * 5000, "\xff", "<html></html>", "callback({})",
]  # fmt: skip


def answering(simulator, connect, **answer):
    """Return a client for a site in whose place something else gives this answer."""
    options = {"headers": {"Content-Type": "application/json"}, "status": 200, **answer}
    simulator.control.fault("site", "answer", user="sync", **options)
    return connect(simulator.url)


@pytest.mark.parametrize(
    # status   error         ambiguous
    ("status", "kind", "ambiguous"),
    [
        (400, InvalidRequest, None),
        (403, InvalidRequest, None),
        (404, InvalidRequest, None),
        (409, InvalidRequest, None),
        (413, InvalidRequest, None),
        (422, InvalidRequest, None),
        (500, Unavailable, True),
        (503, Unavailable, True),
        (408, Unavailable, True),
        (429, Unavailable, False),
    ],
)
def test_what_an_error_of_jira_means_for_a_write(simulator, connect, status, kind, ambiguous):
    simulator.control.fault("site", "status", status=status, method="POST", message="because of this")
    jira = connect(simulator.url)
    with pytest.raises(kind, match="because of this") as error:
        jira.comment("10000", "x", "m")
    assert error.value.status == status
    assert getattr(error.value, "ambiguous", None) is ambiguous


@pytest.mark.parametrize("status", [403, 404, 409, 413])
def test_an_error_of_jira_other_than_400_leaves_open_what_became_of_a_bulk_creation(simulator, connect, status):
    simulator.control.fault("site", "status", status=status, method="POST", message="because of this")
    with pytest.raises(OutcomeUnknown, match="because of this") as error:
        connect(simulator.url).create_many([DRAFT, DRAFT])
    assert (error.value.ambiguous, error.value.refusal) == (True, "")


def test_400_of_jira_s_own_says_that_nothing_of_a_bulk_creation_was_carried_out(simulator, connect):
    simulator.control.fault("site", "status", status=400, method="POST", message="because of this")
    with pytest.raises(InvalidRequest, match="because of this"):
        connect(simulator.url).create_many([DRAFT, DRAFT])


@pytest.mark.parametrize("call", WRITES)
def test_what_is_not_jira_s_leaves_open_what_became_of_a_write(simulator, connect, call):
    sent = {}
    for name, answer in SPOILED.items():
        simulator.control.heal("site")
        jira = answering(simulator, connect, **answer)
        with pytest.raises(Unavailable) as error:
            WRITES[call](jira)
        assert error.value.ambiguous, name
        sent[name] = sum(count for (endpoint, _), count in jira.calls.items() if not endpoint.startswith("GET"))
    assert set(sent.values()) == {4 if call in ("link", "delete_file") else 1}


def test_every_call_to_jira_is_among_those_that_are_tried_here():
    reading, writing = ({name for name in vars(port) if name[0] != "_"} for port in (ports.ReadOnlyJira, ports.Jira))
    assert reading == {*READS, *ASK_NOTHING, *NOT_ASKED_FOR_JSON, *MAY_STAY_UNKNOWN}
    assert writing == set(WRITES)


@pytest.mark.parametrize("call", READS)
def test_a_call_that_only_reads_sends_nothing_that_changes_something(simulator, connect, call):
    jira = connect(simulator.url)
    with suppress(SyncError):
        READS[call](jira)
    assert {endpoint for endpoint, _ in jira.calls if not endpoint.startswith("GET ")} <= READ_BY_POST


@pytest.mark.parametrize("call", [*READS, *WRITES])
def test_whatever_json_comes_is_said_to_be_not_jira_s_with_the_call_and_the_site(simulator, connect, call):
    """A Python error as the operator's message would help nobody."""
    for body in ODD_BODIES:
        if (call, body) == ("links_of", "[]"):
            continue  # an issue without links
        simulator.control.heal("site")
        jira = answering(simulator, connect, body=body)
        with pytest.raises(SyncError) as error:
            ({**READS, **WRITES}[call])(jira)
        assert isinstance(error.value, OutcomeUnknown if call in WRITES else NotJira), body
        said = str(error.value)
        assert "the answer is not Jira's; what is between us and the site 127.0.0.1:" in said
        assert said.startswith(("GET /rest/api/2/", "POST /rest/api/2/", "DELETE /rest/api/2/"))


@pytest.mark.parametrize(
    # answer                 what it means          what is said of it
    ("answer", "kind", "says"),
    [
        ("a welcome page", NeedsOperator, "it answered with a web page, 'Welcome', as a login page does"),
        ("a redirect", Redirected, "redirected to https://sso.example.com, which is not followed: a login"),
        ("a redirect to itself", Redirected, "redirected to another path, which is not followed"),
        ("a page with 401", NeedsOperator, "401 Unauthorized: the credentials are wrong or have expired"),
        ("a page with 403", NotJira, "403 Forbidden: Request blocked: the answer is not Jira's"),
        ("an object with 403", NotJira, "403 Forbidden: blocked by gateway: the answer is not Jira's"),
        ("a text with 404", NotJira, "404 Not Found: no such host: the answer is not Jira's"),
        ("a page with 502", Unavailable, "502 Bad Gateway: Request blocked"),
    ],
)
def test_what_is_not_jira_s_is_said_of_a_read(simulator, connect, answer, kind, says):
    jira = answering(simulator, connect, **SPOILED[answer])
    with pytest.raises(kind) as error:
        jira.account()
    assert says in str(error.value)
    assert "GET /rest/api/2/myself" in str(error.value)
    assert "token=x" not in str(error.value)


@pytest.mark.parametrize("location", ["http://[::1", "//", "https://user:pass@login.example/x", "\x01"])
def test_a_redirect_to_nowhere_has_words_too_and_tells_no_password(simulator, connect, location):
    jira = answering(simulator, connect, status=302, headers={"Location": location})
    with pytest.raises(Unavailable) as error:
        jira.account()
    assert "pass" not in str(error.value)


def test_only_jira_itself_can_say_that_an_issue_a_property_or_a_project_is_not_there(simulator, connect):
    jira = answering(simulator, connect, **SPOILED["a text with 404"])
    for look in (READS["issue"], READS["mark_of"], READS["project_id"]):
        with pytest.raises(NotJira):
            look(jira)
    simulator.control.heal("site")
    assert jira.issue("99999") is None
    assert jira.mark_of("99999") is None
    with pytest.raises(NeedsOperator, match="project NOPE is not there"):
        jira.project_id("NOPE")


def test_an_answer_that_repeats_our_credentials_puts_them_into_no_message(raw_site, connect):
    def echo(request: bytes) -> bytes:
        secret = next(line for line in request.split(b"\r\n") if line.startswith(b"Authorization"))
        body = b"you sent " + secret + b" and s3cr3t-token-of-ours"
        head = b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nConnection: close\r\n"
        return head + b"Content-Length: %d\r\n\r\n%s" % (len(body), body)

    jira = connect(raw_site(echo), token="s3cr3t-token-of-ours")
    with pytest.raises(NotJira, match="you sent") as error:
        jira.account()
    assert "s3cr3t" not in str(error.value)
    assert "c3luY0" not in str(error.value)  # how the header begins


def test_a_request_that_never_left_was_not_carried_out(connect, free_port):
    jira = connect(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(Unavailable, match="no answer") as error:
        jira.comment("10000", "x", "m")
    assert not error.value.ambiguous


def test_a_request_that_a_proxy_does_not_let_through_never_left(raw_site, connect, monkeypatch):
    proxy = raw_site(lambda _request: b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    jira = connect("https://jira.example")
    with pytest.raises(Unavailable, match="no answer: 407") as error:
        jira.comment("10000", "x", "m")
    assert not error.value.ambiguous


def test_a_proxy_that_swallows_the_request_for_a_connection_has_let_nothing_through(raw_site, connect, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", raw_site(lambda _request: b""))
    with pytest.raises(Unavailable, match="no answer") as error:
        connect("https://jira.example").comment("10000", "x", "m")
    assert not error.value.ambiguous


def test_credentials_that_are_renewed_meanwhile_do_not_send_a_write_again_that_may_have_been_carried_out(
    simulator, connect
):
    """Something answers 401 to what Jira has carried out, and the token was rotated just then."""
    with simulator.control.person("site", "sync@example.com", "t") as person:
        key = person.create("SUP", "x")
    simulator.control.fault("site", "answer_after", times=1, method="POST", **SPOILED["a page with 401"])
    tokens = iter(["t", "t-new", "t-new"])
    jira = connect(simulator.url, token=lambda: next(tokens))
    with pytest.raises(OutcomeUnknown):
        jira.comment(simulator.control.issue("site", key)["id"], "x", "m")
    assert len(simulator.control.issue("site", key)["comments"]) == 1


def test_renewed_credentials_do_not_send_a_bulk_creation_again_of_which_parts_may_have_been_carried_out(
    simulator, connect
):
    simulator.control.fault("site", "status_after", status=401, method="POST", times=1)
    tokens = iter(["t", "t-new", "t-new"])
    jira = connect(simulator.url, token=lambda: next(tokens))
    with pytest.raises(NeedsOperator) as error:
        jira.create_many([DRAFT, DRAFT])
    assert error.value.ambiguous
    assert jira.calls == {("POST /issue/bulk", 401): 1}


def test_a_captcha_is_told_from_a_wrong_token(simulator, connect):
    """Jira's answer says both: that it denies authentication, and that it wants a captcha solved."""
    simulator.control.fault("site", "captcha")
    with pytest.raises(NeedsOperator, match="solve its captcha"):
        connect(simulator.url).account()


def test_retry_after_may_be_a_date(simulator, connect):
    simulator.control.clock("site", 0)
    pauses: list[float] = []
    jira = connect(simulator.url, pauses.append)
    date = {"Date": "Sat, 28 Nov 2026 05:00:00 GMT", "Retry-After": "Sat, 28 Nov 2026 05:00:20 GMT"}
    simulator.control.fault("site", "answer", status=503, headers=date, times=1, path="/myself$")
    assert jira.account()
    assert 20 in pauses
