"""When an access token is asked for anew, and when not. The clock is handed in."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
from pydantic import SecretStr

from sync_model.accounts.oauth import OAuthClient
from sync_model.secrecy.redaction import MASK, redacted, remember
from sync_worker.core.errors import CredentialsRefused, NeedsOperator, SiteThrottled, SyncError
from sync_worker.jira.access_tokens import SECONDS_BETWEEN_DROPS, AccessTokens
from sync_worker.jira.token_endpoint import MARGIN, AccessToken

HOUR = 3600.0
CLIENT = OAuthClient("the-id", SecretStr("the-secret"), "https://auth.example/token")
RENEWED = OAuthClient("the-id", SecretStr("another-secret"), "https://auth.example/token")


class Endpoint:
    """Gives out tokens that count up, or fails."""

    def __init__(self) -> None:
        self.now, self.lifetime = 1000.0, HOUR
        self.asked: list[OAuthClient] = []
        self.failure: Callable[[], SyncError] | None = None
        self.tokens = AccessTokens(self.ask, lambda: self.now)

    def ask(self, client: OAuthClient) -> AccessToken:
        self.asked.append(client)
        if self.failure:
            raise self.failure()
        return AccessToken(SecretStr(f"token-{len(self.asked)}"), self.now, self.lifetime)

    def current(self, client: OAuthClient = CLIENT) -> str:
        return self.tokens.current(client).text.get_secret_value()


@pytest.fixture
def endpoint() -> Endpoint:
    return Endpoint()


def refused() -> SyncError:
    return CredentialsRefused("clientSecret is wrong", status=401)


def down() -> SyncError:
    return SiteThrottled("no answer")


def test_a_token_serves_all_requests_until_shortly_before_its_end(endpoint):
    assert [endpoint.current() for _ in range(3)] == ["token-1"] * 3
    endpoint.now += HOUR - MARGIN - 1
    assert endpoint.current() == "token-1"
    endpoint.now += 1
    assert [endpoint.current() for _ in range(3)] == ["token-2"] * 3


def test_the_life_of_a_token_counts_from_when_it_was_asked_for():
    token = AccessToken(SecretStr("t"), asked_at=10.0, lifetime=100.0)
    assert [token.is_due(at) for at in (89.9, 90.0)] == [False, True]
    assert [token.is_over(at) for at in (109.9, 110.0)] == [False, True]


def test_many_requests_at_once_ask_for_one_token(endpoint):
    started = threading.Barrier(8)

    def request() -> None:
        started.wait()
        endpoint.current()

    threads = [threading.Thread(target=request) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(endpoint.asked) == 1


def test_while_one_request_renews_a_token_the_others_go_on_with_the_old_one(endpoint):
    endpoint.current()
    endpoint.now += HOUR - MARGIN
    asking, answered = threading.Event(), threading.Event()
    ask = endpoint.ask

    def slowly(client: OAuthClient) -> AccessToken:
        asking.set()
        answered.wait()
        return ask(client)

    endpoint.tokens._ask = slowly
    thread = threading.Thread(target=endpoint.current)
    thread.start()
    asking.wait()
    assert endpoint.current() == "token-1"
    answered.set()
    thread.join()
    assert endpoint.current() == "token-2"


@pytest.mark.parametrize("failure", [down, refused])
def test_an_endpoint_that_fails_shortly_before_the_end_of_a_token_keeps_nobody_from_working(endpoint, failure):
    endpoint.current()
    endpoint.now += HOUR - MARGIN
    endpoint.failure = failure
    assert [endpoint.current() for _ in range(5)] == ["token-1"] * 5
    assert len(endpoint.asked) == 2  # and it is left alone for a while
    endpoint.now += MARGIN - 1
    assert endpoint.current() == "token-1"
    endpoint.now += 1
    with pytest.raises((SiteThrottled, NeedsOperator)):
        endpoint.current()
    endpoint.failure = None
    endpoint.now += MARGIN
    assert endpoint.current().startswith("token-")


def test_an_endpoint_that_is_down_is_left_alone_for_longer_each_time(endpoint):
    endpoint.failure = down
    waits = []
    for _ in range(7):
        with pytest.raises(SiteThrottled) as raised:
            endpoint.current()
        for _ in range(3):
            with pytest.raises(SiteThrottled, match="no answer"):
                endpoint.current()
        waits.append(raised.value.retry_after)
        endpoint.now += raised.value.retry_after
    assert waits == [2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    assert len(endpoint.asked) == 7


def test_what_the_endpoint_asks_for_is_waited_for(endpoint):
    endpoint.failure = lambda: SiteThrottled("429", status=429, retry_after=120.0)
    with pytest.raises(SiteThrottled):
        endpoint.current()
    endpoint.now += 119
    with pytest.raises(SiteThrottled):
        endpoint.current()
    assert len(endpoint.asked) == 1


def test_a_refusal_counts_as_one_failed_login_however_many_requests_wait_for_it(endpoint):
    endpoint.failure = refused
    with pytest.raises(CredentialsRefused):
        endpoint.current()
    with pytest.raises(NeedsOperator, match="clientSecret is wrong") as raised:
        endpoint.current()
    assert not isinstance(raised.value, CredentialsRefused)
    assert len(endpoint.asked) == 1


def test_another_secret_is_tried_at_once_and_gets_a_token_of_its_own(endpoint):
    endpoint.failure = refused
    with pytest.raises(CredentialsRefused):
        endpoint.current()
    endpoint.failure = None
    assert endpoint.current(RENEWED) == "token-2"
    assert endpoint.asked == [CLIENT, RENEWED]


def test_a_worker_that_runs_for_months_keeps_no_more_than_two_tokens_in_mind():
    """Each is masked in many forms, which take memory, and time for each text."""
    endpoint, texts = Endpoint(), []
    ask = endpoint.ask

    def ask_and_remember(client: OAuthClient) -> AccessToken:
        token = ask(client)
        texts.append(f"a-long-access-token-{len(texts)}")
        remember(texts[-1])
        return replace(token, text=SecretStr(texts[-1]))

    endpoint.tokens._ask = ask_and_remember
    for _ in range(5):
        endpoint.current()
        endpoint.now += HOUR
    assert [redacted(text) == MASK for text in texts] == [False, False, False, True, True]


def test_a_token_that_the_site_refuses_is_renewed_and_no_loop_follows(endpoint):
    first = endpoint.tokens.current(CLIENT)
    assert endpoint.tokens.refused(first)
    second = endpoint.tokens.current(CLIENT)
    assert second is not first
    assert not endpoint.tokens.refused(second)  # a site that refuses the new one, too, means something else
    assert endpoint.tokens.refused(first)  # a request that was slower: there is another token by now
    assert endpoint.current() == "token-2"
    endpoint.now += SECONDS_BETWEEN_DROPS
    assert endpoint.tokens.refused(second)
    assert endpoint.current() == "token-3"
