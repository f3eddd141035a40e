"""Service accounts with OAuth 2.0: workers get access tokens, renew them, and survive whatever the endpoint answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from jira_simulator.site.access_tokens import OF_CLOUD
from relay import Relay
from simulated_sites import LONG_ENOUGH
from sync_model.secrecy.redaction import redacted
from sync_worker.core.errors import CredentialsRefused, NeedsOperator, SiteThrottled, SyncError
from worker_bench import LOG, Bench

CLOUD_IDS = {"one": "1324a887-45db-1bf4-1e99-ef0ff456d421", "two": "90a1f9c6-0f43-4a8e-9d52-6d1a4a3b7c11"}
SECRETS = {"one": "ATOA-s3cr3t-client-one", "two": "ATOA-s3cr3t-client-two"}
BLOCKS = {"one": "jira", "two": "devJira"}
TOKEN_PATH = "/token$"
UNAUTHORIZED = '{"code": 401, "message": "Unauthorized"}'
EITHER = pytest.mark.parametrize("bench", ["cloud-cloud"], indirect=True)


@pytest.fixture
def accounts(bench: Bench) -> Iterator[Bench]:
    """Both sides of the bench sign in with OAuth: Cloud at its gateway, Data Center at the site."""
    with ExitStack() as stack:
        for site, block in BLOCKS.items():
            bench.control.set_client(site, "sync", id=f"client-{site}", secret=SECRETS[site])
            bench.environ[f"SECRET_{site}"] = SECRETS[site]
            address, is_cloud = f"{bench.url}/{site}", "email" in bench.definition[block]
            account = {"authType": "oauth", "clientId": f"client-{site}", "clientSecret": f"${{SECRET_{site}}}"}
            if is_cloud:
                bench.control.settings(site, identity=CLOUD_IDS[site])
                gateway = stack.enter_context(Relay(bench.url))
                account |= {"baseUrl": f"{gateway.url}/ex/jira/{CLOUD_IDS[site]}", "siteUrl": address}
                account["tokenEndpoint"] = f"{address}/oauth/token"
            else:
                account["baseUrl"] = address
            bench.definition[block] = account
        yield bench


def token_requests(bench: Bench, site: str) -> list[dict[str, Any]]:
    return [call for call in bench.control.calls(site) if call["path"].endswith("/token")]


def access_tokens(bench: Bench) -> set[str]:
    """Return the access tokens that the worker has now."""
    found = [jira._transport.access_token for jira in bench.runner._jira_clients]
    return {token.text.get_secret_value() for token in found if token}


def everything_said(bench: Bench) -> str:
    """Return the log, the heartbeats and all documents of the sync and of what all syncs share."""
    heartbeats = [path.read_text() for path in (bench.folder / "heartbeats").iterdir()]
    documents = [
        str(document)
        for database in (bench.database, bench._client["jira_sync"])
        for name in database.list_collection_names()
        for document in database[name].find()
    ]
    return "\n".join([bench.log.getvalue(), *heartbeats, *documents])


@pytest.mark.parametrize("bench", ["cloud-cloud", "cloud-dc"], indirect=True)
def test_a_sync_of_service_accounts_carries_everything_over_with_one_token_per_side(accounts):
    dc = "baseUrl" in accounts.definition["devJira"] and "tokenEndpoint" not in accounts.definition["devJira"]
    key = accounts.taken_on_with({"log.txt": LOG})
    accounts.cycle()
    accounts.assert_taken_on_once(key)
    (dev,) = accounts.devs()
    accounts.dev.move(dev["key"], "In Progress")
    for _ in range(3):
        accounts.cycle()
    assert accounts.status(key) == "In Progress"
    assert [len(token_requests(accounts, site)) for site in ("one", "two")] == [1, 1]
    assert dc or accounts.link_on("two", dev["key"])[1].endswith(f"/one/browse/{key}")
    counted = accounts.worker.heartbeats.usage().calls
    assert counted["POST /oauth/token", 200] == 2


@EITHER
def test_another_process_asks_for_a_token_of_its_own(accounts):
    accounts.cycle()
    accounts.start()
    accounts.cycle()
    assert len(token_requests(accounts, "one")) == 2


@EITHER
@pytest.mark.parametrize("end", ["revoked", "expired"])
def test_a_token_that_the_site_refuses_is_renewed_once_within_the_same_cycle(accounts, end):
    """Such as after the machine slept, in which our monotonic clock stood still."""
    key, counterpart = accounts.pair()
    if end == "revoked":
        accounts.control.revoke_access_tokens("one")
    else:
        accounts.pass_time(3601)
    accounts.dev.move(counterpart, "In Progress")
    accounts.cycle()
    assert accounts.status(key) == "In Progress"
    assert len(token_requests(accounts, "one")) == 2
    assert accounts.failures() == []


@EITHER
@pytest.mark.parametrize("path", ["/remotelink$", "/attachments$", "/comment$", "/transitions$", "/issue(/bulk)?$"])
def test_a_token_that_is_revoked_before_a_write_loses_nothing_and_doubles_nothing(accounts, path):
    key = accounts.taken_on_with({"log.txt": LOG})
    accounts.cycle()
    other = accounts.taken_on("Another")
    for site in ("one", "two"):
        accounts.control.fault(site, "answer", method="POST", path=path, times=1, status=401, body=UNAUTHORIZED)
    for _ in range(4):
        accounts.try_cycle()
        accounts.pass_time(LONG_ENOUGH)
    assert len(accounts.devs()) == 2
    assert [len(accounts.comments(issue)) for issue in (key, other)] == [1, 1]
    assert accounts.dead_letters() == accounts.failures() == []


@EITHER
def test_a_site_that_refuses_every_token_is_a_refusal_and_no_loop(accounts):
    accounts.cycle()
    accounts.control.fault("one", "unauthorized", path="^/rest")
    error = accounts.try_cycle()
    assert isinstance(error, CredentialsRefused)
    assert len(token_requests(accounts, "one")) <= 2
    accounts.control.heal("one")
    accounts.forget_refusals()
    accounts.start()
    accounts.cycle()


DOWN = {
    "down": ("drop_before", {}),
    "500": ("status", {"status": 500}),
    "503": ("status", {"status": 503, "retryAfter": "7"}),
    "429": ("status", {"status": 429, "retryAfter": "7"}),
    "a login page": ("html_login", {}),
    "a redirect": ("redirect", {"location": "https://elsewhere.example/token"}),
    "a proxy's 403": ("answer", {"status": 403, "body": "<html><title>Blocked</title>"}),
    "a proxy's 404": ("answer", {"status": 404, "body": "not here"}),
    "no JSON": ("answer", {"status": 200, "body": "{"}),
    "no token": ("answer", {"status": 200, "body": "{}"}),
    "a list": ("answer", {"status": 200, "body": "[1]"}),
    "temporarily": ("answer", {"status": 400, "body": '{"error": "temporarily_unavailable"}'}),
    "over at once": ("answer", {"status": 200, "body": '{"access_token":"t","token_type":"Bearer","expires_in":1}'}),
}


@EITHER
@pytest.mark.parametrize("kind", DOWN)
def test_an_endpoint_that_gives_no_token_is_a_passing_failure_that_nobody_hammers(accounts, kind):
    key = accounts.taken_on()
    fault, options = DOWN[kind]
    accounts.control.fault("one", fault, path=TOKEN_PATH, **options)
    error = accounts.try_cycle()
    assert isinstance(error, SiteThrottled), error
    assert "token endpoint" in str(error)
    assert error.retry_after > (6 if "retryAfter" in options else 1)
    assert len(token_requests(accounts, "one")) == 1
    assert "elsewhere.example/" not in str(error)
    accounts.control.heal("one")
    accounts.start()
    accounts.cycle()
    assert len(accounts.comments(key)) == 1


REFUSALS = {
    "a wrong secret": ({"secret": "another"}, None, "clientId or clientSecret is wrong"),
    "not OAuth's credential": (None, (403, "unauthorized_client"), "clientId names no credential"),
    "a wrong scope": (None, (400, "invalid_scope"), "scopes names one"),
    "a wrong endpoint": (None, (403, "unsupported_grant_type"), "tokenEndpoint is none"),
}


@EITHER
@pytest.mark.parametrize("kind", REFUSALS)
def test_an_endpoint_that_refuses_us_names_the_field_that_a_person_must_mend(accounts, kind):
    change, answer, says = REFUSALS[kind]
    if change:
        accounts.control.set_client("one", "sync", id="client-one", **change)
    if answer:
        status, error = answer
        body = json.dumps({"error": error, "error_description": f"No, {SECRETS['one']}"})
        accounts.control.fault("one", "answer", path=TOKEN_PATH, status=status, body=body)
    found = accounts.try_cycle()
    assert isinstance(found, NeedsOperator)
    assert not isinstance(found, SiteThrottled)
    assert says in str(found)
    assert SECRETS["one"] not in str(found)
    assert len(token_requests(accounts, "one")) == 1


@EITHER
def test_a_client_secret_that_is_refused_three_times_is_left_alone_by_all_syncs_that_use_it(accounts):
    accounts.control.set_client("one", "sync", id="client-one", secret="another")
    for _ in range(3):
        assert isinstance(accounts.try_cycle(), CredentialsRefused)
        accounts.start()
    asked = len(token_requests(accounts, "one"))
    accounts.start()
    error = accounts.try_cycle()
    assert isinstance(error, NeedsOperator)
    assert "refused 3 times" in str(error)
    assert len(token_requests(accounts, "one")) == asked == 3


@EITHER
def test_an_idle_cycle_makes_no_other_calls_than_with_a_token(accounts):
    accounts.cycle()
    accounts.control.forget_calls("one")
    accounts.cycle()
    paths = sorted(f"{call['method']} {call['path']}" for call in accounts.control.calls("one"))
    assert paths == ["GET /rest/api/2/myself", "POST /rest/api/2/search/jql"]


@EITHER
def test_a_client_secret_that_was_renewed_in_its_file_counts_without_a_restart(accounts, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text(SECRETS["one"])
    accounts.definition["jira"]["clientSecret"] = f"${{file:{secret}}}"
    accounts.cycle()
    secret.write_text("ATOA-s3cr3t-renewed")
    accounts.control.set_client("one", "sync", id="client-one", secret="ATOA-s3cr3t-renewed")
    accounts.control.revoke_access_tokens("one")
    accounts.cycle()
    assert [call["status"] for call in token_requests(accounts, "one")] == [200, 200]
    assert accounts.worker.has_news() is False


@EITHER
def test_a_worker_that_waits_for_a_person_notices_a_new_client_secret(accounts, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("ATOA-s3cr3t-wrong")
    accounts.definition["jira"]["clientSecret"] = f"${{file:{secret}}}"
    assert isinstance(accounts.try_cycle(), CredentialsRefused)
    assert not accounts.worker.has_news()
    secret.write_text(SECRETS["one"])
    assert accounts.worker.has_news()
    accounts.cycle()


@EITHER
@pytest.mark.parametrize("lacking", OF_CLOUD)
def test_a_scope_that_is_missing_is_named_and_is_no_reason_to_renew_the_token_again_and_again(accounts, lacking):
    scopes = [scope for scope in OF_CLOUD if scope != lacking]
    accounts.control.set_client("one", "sync", id="client-one", secret=SECRETS["one"], scopes=scopes)
    key = accounts.taken_on()
    errors = []
    for _ in range(6):
        error = accounts.try_cycle()
        errors += [str(error)] if error else accounts.failures() + accounts.dead_letters()
        accounts.pass_time(LONG_ENOUGH)
    assert any(f"lacks the scope {lacking}" in error for error in errors), errors
    assert len(token_requests(accounts, "one")) <= 2
    accounts.control.set_client("one", "sync", id="client-one", secret=SECRETS["one"])
    accounts.start()
    for _ in range(4):
        accounts.try_cycle()
        accounts.pass_time(LONG_ENOUGH)
    assert len(accounts.devs()) == 1
    assert len(accounts.comments(key)) <= 1


@pytest.mark.parametrize("bench", ["dc-cloud"], indirect=True)
def test_a_file_that_data_center_serves_no_service_account_stops_nothing_else(accounts):
    key = accounts.taken_on_with({"log.txt": LOG})
    for _ in range(2):
        accounts.try_cycle()
        accounts.pass_time(LONG_ENOUGH)
    assert len(accounts.comments(key)) == 1
    assert [issue["attachments"] for issue in accounts.devs()] == [[]]
    assert any("service account" in error for error in accounts.dead_letters())
    assert [len(token_requests(accounts, site)) for site in ("one", "two")] == [1, 1]


@EITHER
def test_the_client_secret_goes_to_the_endpoint_and_access_tokens_to_the_site_alone(accounts):
    """No other request has the one or the other, not even when it is redirected."""
    with Relay(accounts.url) as endpoint, Relay(accounts.url) as gateway:
        account = accounts.definition["jira"]
        account["tokenEndpoint"] = f"{endpoint.url}/one/oauth/token"
        account["baseUrl"] = f"{gateway.url}/ex/jira/{CLOUD_IDS['one']}"
        accounts.taken_on_with({"log.txt": LOG})
        accounts.cycle()
        tokens = access_tokens(accounts)
        for path in (TOKEN_PATH, "/myself$"):
            accounts.control.revoke_access_tokens("one")
            fault = accounts.control.fault("one", "redirect", path=path, location=f"{gateway.url}/elsewhere")
            accounts.try_cycle()
            accounts.control.heal("one", fault)
    to_endpoint, to_gateway = "\n".join(endpoint.heard), "\n".join(gateway.heard)
    assert SECRETS["one"] in to_endpoint
    assert "authorization" not in to_endpoint.lower()
    assert SECRETS["one"] not in to_gateway
    assert any(f"Bearer {token}" in to_gateway for token in tokens)
    assert "/elsewhere" not in "\n".join([*gateway.requests, *endpoint.requests])


@EITHER
@pytest.mark.parametrize("status", [200, 400, 401, 500])
def test_what_the_endpoint_repeats_of_our_secret_is_told_nowhere(accounts, status):
    echo = SECRETS["one"]
    for body in (f'{{"error": "invalid_client", "error_description": "{echo}"}}', f"<title>{echo}</title>", echo):
        headers = {"Location": f"https://x.example/{echo}", "Retry-After": echo, "Content-Type": f"text/html; {echo}"}
        fault = accounts.control.fault("one", "answer", path=TOKEN_PATH, status=status, body=body, headers=headers)
        accounts.start()
        error = accounts.try_cycle()
        accounts.worker.heartbeats.enter(accounts.worker.heartbeats.phase, None, str(error))
        accounts.control.heal("one", fault)
        accounts.forget_refusals()
        assert isinstance(error, SyncError)
    said = everything_said(accounts)
    assert echo not in said
    assert "Traceback" not in said


@EITHER
def test_an_access_token_that_the_site_repeats_is_in_no_log_heartbeat_or_document(accounts):
    accounts.cycle()
    tokens = access_tokens(accounts)
    assert len(tokens) == 2
    accounts.taken_on_with({"log.txt": LOG})
    for token in tokens:
        for site in ("one", "two"):
            says = {"status": 403, "body": f"no {token} {SECRETS[site]}", "headers": {"Content-Type": "text/plain"}}
            accounts.control.fault(site, "answer", user="sync", times=4, **says)
        accounts.try_cycle()
        accounts.worker.heartbeats.enter(accounts.worker.heartbeats.phase, None, f"refused {token}")
        accounts.pass_time(LONG_ENOUGH)
    said = everything_said(accounts)
    assert "…" in said
    parts = [*SECRETS.values(), *(token[at : at + 40] for token in tokens for at in (0, 200, 900))]
    assert [part for part in parts if part in said] == []
    assert all(redacted(token) == "…" for token in tokens)
