"""What the answers of a token endpoint mean. Whatever it answers, it ends in a token or in an error of ours."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from jira_simulator.server import RunningSimulator
from sync_model.accounts.oauth import OAuthClient
from sync_model.secrecy.redaction import redacted
from sync_worker.core.decisions.retry import LONGEST_RETRY_AFTER
from sync_worker.core.errors import NeedsOperator, SiteThrottled
from sync_worker.jira import token_endpoint
from sync_worker.jira.http_client import new_http_client
from sync_worker.jira.token_endpoint import (
    LARGEST_ANSWER,
    LONGEST_LIFETIME,
    UNTOLD_LIFETIME,
    AccessToken,
    ask_for_token,
)

SECRET = "ATOA-s3cr3t=of+the/client"
LONGEST_MESSAGE = 1000
RAW = "HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n{headers}Connection: close\r\n\r\n"

Ask = Callable[[str], AccessToken]


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with new_http_client() as client:
        yield client


@pytest.fixture
def counted() -> list[int]:
    return []


@pytest.fixture
def ask(http, counted) -> Ask:
    def ask(url: str) -> AccessToken:
        return ask_for_token(http, OAuthClient("the-id", SecretStr(SECRET), f"{url}/token"), counted.append)

    return ask


def raw(status: int, body: bytes, headers: str = "") -> bytes:
    return RAW.format(status=status, length=len(body), headers=headers).encode() + body


def token(**changes) -> bytes:
    found = {"access_token": "an.access-token_1", "token_type": "Bearer", "expires_in": 3600, **changes}
    return json.dumps({name: value for name, value in found.items() if value is not None}).encode()


def test_the_request_is_a_form_as_the_standard_wants_it(ask, raw_site):
    """Data Center takes nothing else, and Atlassian takes it, too."""
    heard = []
    ask(raw_site(lambda request: heard.append(request) or raw(200, token())))
    head, _, body = heard[0].decode().partition("\r\n\r\n")
    assert head.startswith("POST /token HTTP/1.1")
    assert "content-type: application/x-www-form-urlencoded" in head.lower()
    assert "authorization" not in head.lower()
    assert dict(httpx.QueryParams(body)) == {
        "grant_type": "client_credentials",
        "client_id": "the-id",
        "client_secret": SECRET,
    }


@pytest.mark.parametrize(
    # changes                              lifetime
    ("changes", "lifetime"),
    [
        ({}, 3600),
        ({"token_type": "bearer", "expires_in": 7200.5}, 7200.5),
        ({"expires_in": "1800"}, 1800),
        ({"expires_in": None}, UNTOLD_LIFETIME),
        ({"expires_in": 10**12}, LONGEST_LIFETIME),
    ],
)
def test_a_token_lives_for_as_long_as_is_told(ask, raw_site, counted, changes, lifetime):
    found = ask(raw_site(lambda _: raw(200, token(**changes))))
    assert (found.text.get_secret_value(), found.lifetime, found.scopes) == ("an.access-token_1", lifetime, None)
    assert "an.access" not in repr(found)
    assert counted == [200]


def test_the_scopes_of_a_token_are_those_that_are_told(ask, raw_site):
    assert ask(raw_site(lambda _: raw(200, token(scope="a:b c:d")))).scopes == {"a:b", "c:d"}


@pytest.mark.parametrize(
    "body",
    [
        token(access_token="two words"),
        token(access_token="broken\n"),
        token(access_token="x" * 20_000),
        token(access_token=""),
        token(token_type=None),
        token(token_type="mac"),
        token(expires_in=True),
        token(expires_in=-1),
        token(expires_in="soon"),
        token().replace(b"3600", b"NaN"),
        token().replace(b"3600", b"1" * 400),
        b"[" * 100_000,
        b"\xff",
        b"",
    ],
    ids=range(14),
)
def test_a_success_without_a_token_that_can_be_used_may_pass(ask, raw_site, body):
    with pytest.raises(SiteThrottled, match="holds no access token that can be used"):
        ask(raw_site(lambda _: raw(200, body)))


def test_what_is_no_token_is_not_kept_in_mind(ask, raw_site):
    """An endpoint could else fill our memory, in as many forms as a secret has."""
    text = "what-is-not-a-token-of-ours"
    for odd in (token(access_token=text, token_type="mac"), token(access_token=text, expires_in=0)):
        with pytest.raises(SiteThrottled):
            ask(raw_site(lambda _, odd=odd: raw(200, odd)))
    assert redacted(text) == text


def test_an_answer_without_an_end_is_cut_off(ask, raw_site):
    def endless(_request: bytes) -> Iterator[bytes]:
        yield raw(200, b"").replace(b"Content-Length: 0\r\n", b"")
        for _ in range(LARGEST_ANSWER // 1024 * 4):
            yield b" " * 1024

    with pytest.raises(SiteThrottled, match="more than"):
        ask(raw_site(endless))


def test_an_answer_that_never_comes_whole_is_not_waited_for(ask, raw_site, monkeypatch):
    monkeypatch.setattr(token_endpoint, "LONGEST_REQUEST", 0.3)

    def slowly(_request: bytes) -> Iterator[bytes]:
        yield raw(200, b"").replace(b"Content-Length: 0\r\n", b"")
        while True:
            yield b" "

    with pytest.raises(SiteThrottled):
        ask(raw_site(slowly))


@pytest.mark.parametrize("code", ["invalid_client", "access_denied", "unauthorized_client"])
@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_an_endpoint_in_trouble_is_no_refusal_whatever_it_says(ask, raw_site, status, code):
    body = json.dumps({"error": code}).encode()
    with pytest.raises(SiteThrottled):
        ask(raw_site(lambda _: raw(status, body)))


def test_a_name_that_nobody_knows_is_a_failure_that_may_pass(ask, counted):
    with pytest.raises(SiteThrottled, match="no answer"):
        ask("http://no-such-host.invalid")
    assert counted == [0]


bodies = st.one_of(
    st.binary(max_size=200),
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20) | st.just(SECRET),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["access_token", "token_type", "expires_in", "scope", "error", "error_description", "x"]
                ),
                inner | st.sampled_from(["Bearer", "invalid_client", "access_denied", "invalid_scope", "a.b", 3600]),
            )
        ),
    ).map(lambda value: json.dumps(value).encode()),
)
headers = st.sampled_from(
    ["", "Content-Encoding: gzip\r\n", f"Location: https://x/{SECRET}\r\n", f"Content-Type: text/html; {SECRET}\r\n",
     "Retry-After: -5\r\n", "Retry-After: 1e999\r\n", f"Retry-After: {SECRET}\r\n", "Content-Type: \xff\r\n"]
)  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from([200, 201, 204, 301, 302, 400, 401, 403, 404, 418, 429, 500, 503]), bodies, headers)
def test_whatever_the_endpoint_answers_there_is_a_token_or_an_error_of_ours_and_no_secret(
    ask, raw_site, status, body, more
):
    url, failure = raw_site(lambda _: raw(status, body, more)), None
    try:
        found = ask(url)
    except (SiteThrottled, NeedsOperator) as error:
        failure = error
    if failure is None:
        assert found.lifetime > 0
        return
    said = str(failure)
    assert SECRET not in said
    assert said.isprintable()
    assert len(said) < LONGEST_MESSAGE
    assert 0 <= getattr(failure, "retry_after", 0) <= LONGEST_RETRY_AFTER


def test_the_simulator_s_own_endpoint_gives_a_token_that_it_takes(http, simulator: RunningSimulator):
    simulator.control.set_client("site", "sync", id="i", secret="s3")
    client = OAuthClient("i", SecretStr("s3"), f"{simulator.url}/site/oauth/token")
    found = ask_for_token(http, client, lambda _status: None)
    assert found.scopes == {"read:jira-work", "write:jira-work", "read:jira-user"}
