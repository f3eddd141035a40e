"""The token endpoints answer as Atlassian's do, and access tokens are good for what they should be, and no more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from jira_simulator.addresses import REST_ROOT

if TYPE_CHECKING:
    from conftest import SiteClient

CLIENT = {"id": "the-id", "secret": "the-secret"}
GIVEN = {"grant_type": "client_credentials", "client_id": "the-id", "client_secret": "the-secret"}
HOUR = 3600


def endpoint(jira: SiteClient) -> str:
    return jira.base + ("/oauth/token" if jira.is_cloud else "/rest/oauth2/latest/token")


def ask(jira: SiteClient, **changes: Any) -> httpx.Response:
    given = {**GIVEN, **({} if jira.is_cloud else {"scope": "WRITE"}), **changes}
    form = {name: value for name, value in given.items() if value is not None}
    return httpx.post(endpoint(jira), data=form, trust_env=False)


def api(jira: SiteClient) -> str:
    """Return where access tokens sign in: at the gateway for Cloud, at the site for Data Center."""
    if not jira.is_cloud:
        return jira.base + REST_ROOT
    cloud_id = httpx.get(f"{jira.base}/_edge/tenant_info", trust_env=False).json()["cloudId"]
    return f"{jira.control.url}/ex/jira/{cloud_id}{REST_ROOT}"


def call(jira: SiteClient, token: str, path: str, method: str = "GET", **options: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.request(method, api(jira) + path, headers=headers, trust_env=False, **options)


@pytest.fixture(autouse=True)
def client(request: pytest.FixtureRequest) -> None:
    for flavor in ("cloud", "data_center"):
        site = request.getfixturevalue(flavor)
        site.control.set_client(site.name, "sync", **CLIENT)


def test_a_client_gets_a_token_that_signs_in_as_its_service_account(jira: SiteClient) -> None:
    answered = ask(jira)
    assert answered.status_code == 200
    token = answered.json()
    assert token["token_type"].lower() == "bearer"
    assert token["expires_in"] == HOUR
    assert "refresh_token" not in token
    assert call(jira, token["access_token"], "/myself").json()["displayName"] == "sync"
    assert ask(jira).json()["access_token"] != token["access_token"]


def test_cloud_says_the_scopes_of_a_token_and_takes_json_too(cloud: SiteClient) -> None:
    answered = httpx.post(endpoint(cloud), json=GIVEN, trust_env=False).json()
    assert set(answered["scope"].split()) == {"read:jira-work", "write:jira-work", "read:jira-user"}


def test_data_center_takes_a_form_alone(data_center: SiteClient) -> None:
    assert httpx.post(endpoint(data_center), json={**GIVEN, "scope": "READ"}, trust_env=False).status_code == 415


@pytest.mark.parametrize(
    # change                                     Cloud                                    Data Center
    ("change", "of_cloud", "of_data_center"),
    [
        ({"client_secret": "wrong"}, (401, "access_denied"), (401, "invalid_client")),
        ({"client_id": "nobody"}, (401, "access_denied"), (401, "invalid_client")),
        ({"client_secret": None}, (400, "invalid_request"), (400, "invalid_request")),
        ({"grant_type": "password"}, (403, "unsupported_grant_type"), (400, "unsupported_grant_type")),
        ({"scope": "ADMIN"}, (200, None), (400, "invalid_scope")),
        ({"scope": None}, (200, None), (400, "invalid_request")),
    ],
)
def test_what_is_wrong_with_a_request_for_a_token_is_said_in_the_form_of_oauth(
    jira: SiteClient, change: dict[str, Any], of_cloud: tuple[int, str], of_data_center: tuple[int, str]
) -> None:
    answered = ask(jira, **change)
    body = answered.json()
    assert (answered.status_code, body.get("error")) == (of_cloud if jira.is_cloud else of_data_center)
    assert set(body) >= ({"error", "error_description"} if "error" in body else {"access_token"})


@pytest.mark.parametrize("end", ["expired", "revoked", "never issued"])
def test_a_token_that_is_no_more_is_401(jira: SiteClient, end: str) -> None:
    token = ask(jira).json()["access_token"]
    if end == "expired":
        jira.control.clock(jira.name, HOUR + 1)
    elif end == "revoked":
        jira.control.revoke_access_tokens(jira.name)
    else:
        token = token[:-1]
    answered = call(jira, token, "/myself")
    assert answered.status_code == 401
    if jira.is_cloud:
        assert answered.json() == {"code": 401, "message": "Unauthorized"}
    jira.control.clock(jira.name, 0)


def test_a_token_of_cloud_is_good_at_the_gateway_alone(cloud: SiteClient) -> None:
    headers = {"Authorization": f"Bearer {ask(cloud).json()['access_token']}"}
    with cloud.visitor(headers=headers) as visitor:
        assert visitor.get("/myself").status_code == 401


def test_a_call_beyond_the_scopes_is_401_at_the_gateway_and_changes_nothing(cloud: SiteClient) -> None:
    key = cloud.create()
    cloud.control.set_client(cloud.name, "sync", **CLIENT, scopes=["read:jira-work"])
    token = ask(cloud).json()["access_token"]
    assert call(cloud, token, f"/issue/{key}").status_code == 200
    for refused in (
        call(cloud, token, "/myself"),
        call(cloud, token, f"/issue/{key}/comment", "POST", json={"body": "x"}),
    ):
        assert (refused.status_code, refused.json()) == (
            401,
            {"code": 401, "message": "Unauthorized; scope does not match"},
        )
    assert cloud.control.issue(cloud.name, key)["comments"] == []


def test_data_center_keeps_a_token_to_its_scope_and_to_the_api(data_center: SiteClient) -> None:
    key = data_center.create()
    [attached] = data_center.attach(key, "a.txt", b"1").json()
    token = ask(data_center, scope="READ").json()["access_token"]
    assert call(data_center, token, f"/issue/{key}").status_code == 200
    refused = call(data_center, token, f"/issue/{key}/comment", "POST", json={"body": "x"})
    assert refused.status_code == 403
    assert "insufficient_scope" in refused.headers["WWW-Authenticate"]
    headers = {"Authorization": f"Bearer {token}"}
    assert httpx.get(attached["content"], headers=headers, trust_env=False).status_code == 401
    assert ask(data_center, scope="READ WRITE").status_code == 200


@pytest.mark.parametrize("fault", ["status", "drop_before", "answer", "redirect"])
def test_faults_strike_the_token_endpoint(jira: SiteClient, fault: str) -> None:
    number = jira.control.fault(jira.name, fault, path="/token$", status=503, body="gone")
    try:
        answered = ask(jira).status_code
    except httpx.TransportError:  # a connection is closed, or reset where the request was not read to its end
        answered = 0
    assert answered == {"status": 503, "drop_before": 0, "answer": 503, "redirect": 302}[fault]
    jira.control.heal(jira.name, number)
    assert ask(jira).status_code == 200
