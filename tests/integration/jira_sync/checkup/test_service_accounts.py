"""What `jira-sync doctor` finds about a service account with OAuth 2.0."""

from __future__ import annotations

import json

import pytest

from jira_simulator.site.access_tokens import OF_CLOUD
from jira_sync.__main__ import main
from relay import Relay

SECRET = "ATOA-s3cr3t-of-the-client"


@pytest.fixture
def account(doctor, monkeypatch):
    """The customers' site, which is one of Cloud, is reached by a service account through the gateway."""
    cloud_id = "1324a887-45db-1bf4-1e99-ef0ff456d421"
    doctor.control.settings("one", identity=cloud_id)
    doctor.control.set_client("one", "sync", id="the-id", secret=SECRET)
    monkeypatch.setenv("CLIENT_SECRET", SECRET)
    with Relay(doctor.url) as gateway:
        jira = {
            "baseUrl": f"{gateway.url}/ex/jira/{cloud_id}",
            "siteUrl": f"{doctor.url}/one",
            "authType": "oauth",
            "clientId": "the-id",
            "clientSecret": "${CLIENT_SECRET}",
            "tokenEndpoint": f"{doctor.url}/one/oauth/token",
        }
        doctor.write(jira=jira)
        yield doctor


def test_a_service_account_is_told_with_its_endpoint_and_how_long_its_tokens_are_good(account):
    assert account.problems() == []
    said = [finding.says for finding in account.findings() if "token endpoint" in finding.says]
    assert len(said) == 1
    scopes = " ".join(sorted(OF_CLOUD))
    assert said[0].endswith(f"answers; its tokens are good for 60 min, for {scopes}")


@pytest.mark.parametrize("lacking", OF_CLOUD)
def test_a_missing_scope_is_named_with_all_that_a_sync_needs(account, lacking):
    scopes = [scope for scope in OF_CLOUD if scope != lacking]
    account.control.set_client("one", "sync", id="the-id", secret=SECRET, scopes=scopes)
    found = account.matching(account.problems(), "failed", f"service account lacks {lacking}", "write:jira-work")
    assert len(found) == 1


@pytest.mark.parametrize(
    # fault            options              says                          advice
    ("fault", "options", "says", "advice"),
    [
        ("status", {"status": 503}, "503 Service Unavailable", "workers wait until it answers"),
        ("drop_before", {}, "no answer", "do HTTPS_PROXY and a firewall let us through"),
        ("status", {"status": 401, "message": "x"}, "401", "workers wait until it answers"),
        (
            "answer",
            {"status": 401, "body": json.dumps({"error": "access_denied", "error_description": f"no {SECRET}"})},
            "clientId or clientSecret is wrong",
            "The secret is read from ${CLIENT_SECRET}",
        ),
        (
            "answer",
            {"status": 400, "body": json.dumps({"error": "invalid_scope"})},
            "scopes names one",
            "put it right in the sync's file",
        ),
    ],
)
def test_an_endpoint_that_gives_no_token_has_a_finding_of_its_own(account, capsys, fault, options, says, advice):
    account.control.fault("one", fault, path="/oauth/token$", **options)
    found = account.problems()
    assert len(account.matching(found, "failed", says, advice)) == len(found) == 1
    main(["doctor"])
    shown = capsys.readouterr()
    assert SECRET not in shown.out + shown.err


def test_a_site_that_takes_no_token_of_the_account_is_told(account):
    account.control.fault("one", "unauthorized", user="sync")
    found = account.problems()
    assert account.matching(found, "failed", "does not accept our credentials", "is its cloud id in baseUrl")
