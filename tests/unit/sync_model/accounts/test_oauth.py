"""Accounts with OAuth 2.0: which fields they have, what is wrong with them, and where the client secret may go."""

from __future__ import annotations

from typing import Any

import pytest

from health_monitor.json_views import configuration
from sync_model.accounts.connection import Connection, resolve
from sync_model.definition.sync import Side, Sync
from sync_model.environment.allowances import lines_to_add
from sync_model.environment.needed_variables import needed_by_worker
from sync_model.secrecy.redaction import redacted

GATEWAY = "https://api.atlassian.com/ex/jira/1324a887-45db-1bf4-1e99-ef0ff456d421"
SITE = "https://customers.atlassian.net"
OWN = "https://jira.example.com"
ATLASSIANS = "https://auth.atlassian.com/oauth/token"
SECRET = "ATOA-s3cr3t-of-the-client"
CLOUD = {"baseUrl": GATEWAY, "siteUrl": SITE, "authType": "oauth", "clientId": "the-id", "clientSecret": "${SECRET}"}
ENVIRON = {"SECRET": SECRET, "JIRA_CLIENT_SECRET": "s3cr3t-of-the-group", "JIRA_CLIENT_ID": "id-of-the-group"}


def sync(jira: dict[str, Any] | None = None, **blocks: Any) -> Sync:
    rule = {"sourceStatus": "x", "syncDirection": "both"}
    account = {key: value for key, value in (jira or {}).items() if value is not None}
    return Sync.model_validate(
        {"name": "a", "userProjectKey": "U", "devProjectKey": "D", "rules": [rule], "jira": account, **blocks}
    )


def connected(definition: Sync, **environ: str) -> Connection:
    resolved = resolve(definition, Side.USER, environ)
    assert resolved.faults == ()
    assert resolved.connection is not None
    return resolved.connection


def faults(definition: Sync, side: Side = Side.USER, **environ: str) -> list[str]:
    said = [f"{fault.field}: {fault.message}" for fault in resolve(definition, side, environ).faults]
    assert "s3cr3t" not in "".join(said)
    return said


def test_a_service_account_asks_atlassian_for_tokens_and_has_none_itself():
    connection = connected(sync(CLOUD), **ENVIRON)
    client = connection.client
    assert client is not None
    assert (client.id, client.token_endpoint, client.scopes) == ("the-id", ATLASSIANS, None)
    assert client.secret.get_secret_value() == SECRET
    assert (connection.token, connection.email, connection.browse("U-1")) == (None, None, f"{SITE}/browse/U-1")
    assert SECRET not in repr(connection)
    assert SECRET not in redacted(f"secret={SECRET}")


def test_a_data_center_is_asked_for_tokens_itself_and_told_a_scope():
    client = connected(sync(CLOUD | {"baseUrl": f"{OWN}/jira"}), **ENVIRON).client
    assert client is not None
    assert (client.token_endpoint, client.scopes) == (f"{OWN}/jira/rest/oauth2/latest/token", "WRITE")
    client = connected(sync(CLOUD | {"baseUrl": OWN, "scopes": "READ"}), **ENVIRON).client
    assert client is not None
    assert client.scopes == "READ"


@pytest.mark.parametrize("jira", [{"authType": "oauth"}, {"authType": "OAuth"}, {"clientId": "an-id"}])
def test_what_a_file_with_oauth_leaves_out_comes_from_the_environment(jira, tmp_path):
    client = connected(sync(jira), JIRA_BASE_URL=GATEWAY, **ENVIRON).client
    assert client is not None
    assert (client.id, client.secret.get_secret_value()) == (
        jira.get("clientId", "id-of-the-group"),
        "s3cr3t-of-the-group",
    )
    (tmp_path / "secret").write_text("s3cr3t-in-a-file\n")
    names = {"JIRA_CLIENT_ID": "i", "JIRA_CLIENT_SECRET_FILE": str(tmp_path / "secret"), "JIRA_BASE_URL": GATEWAY}
    client = connected(sync(jira), **names).client
    assert client is not None
    assert client.secret.get_secret_value() == "s3cr3t-in-a-file"


def test_the_group_s_own_account_may_be_one_with_oauth_beside_a_token_that_nobody_uses():
    names = {"JIRA_BASE_URL": GATEWAY, "JIRA_AUTH_TYPE": "oauth", "JIRA_API_TOKEN": "t", "JIRA_EMAIL": "a@b.c"}
    assert connected(sync(), **names, **ENVIRON).client is not None
    assert connected(sync({"authType": "basic"}), **names, **ENVIRON).client is None


def test_the_environment_fills_in_no_client_in_a_side_s_own_account():
    definition = sync(CLOUD, devJira={"baseUrl": GATEWAY, "authType": "oauth"})
    assert faults(definition, Side.DEV, **ENVIRON) == [
        "devJira.clientId: is missing; add it to the file",
        "devJira.clientSecret: is missing; add it to the file",
    ]


@pytest.mark.parametrize(
    # change                                             the beginnings of all faults
    ("change", "beginnings"),
    [
        (
            {"apiToken": "t", "clientId": None, "clientSecret": None},
            ["apiToken: is given, but authType is oauth", "clientId: is missing", "clientSecret: is missing"],
        ),
        ({"clientSecret": "${UNSET}"}, ["clientSecret: environment variable UNSET is not set"]),
        ({"clientSecret": "two words"}, ["clientSecret: holds a space"]),
        ({"clientSecret": "${TWO}"}, ["clientSecret: environment variable TWO holds more than one line"]),
        ({"clientId": "ö"}, ["clientId: holds a character that no client id has"]),
        ({"scopes": "READ,WRITE"}, ["scopes: are written with spaces between"]),
        ({"tokenEndpoint": "${WORD}"}, ["tokenEndpoint: is not a web address"]),
        (
            {"tokenEndpoint": "http://sso.example.com/t"},
            ["tokenEndpoint: is http: the client secret would travel unencrypted"],
        ),
        ({"baseUrl": SITE}, ["baseUrl: is the site, where no access token signs in; write https://api.atlassian.com"]),
        (
            {"baseUrl": "https://api.atlassian-us-gov-mod.com/ex/jira/1"},
            ["tokenEndpoint: is missing; this gateway's token endpoint"],
        ),
        (
            {"authType": "basic", "email": "a@b.c", "apiToken": "t"},
            ["clientId: is only for authType oauth", "clientSecret: is only for authType oauth"],
        ),
        ({"authType": "pat", "clientId": None}, ["clientSecret: is only for authType oauth", "apiToken: is missing"]),
    ],
)
def test_all_that_is_wrong_with_an_account_is_said_at_once_with_its_field(change, beginnings):
    said = faults(sync(CLOUD | change), SECRET=SECRET, TWO="one\ntwo", WORD="word")
    assert [text[: len(f"jira.{start}")] for text, start in zip(said, beginnings, strict=True)] == [
        f"jira.{start}" for start in beginnings
    ]


def test_a_token_in_the_file_and_oauth_in_the_environment_contradict_each_other():
    said = faults(sync({"baseUrl": GATEWAY, "apiToken": "t"}), JIRA_AUTH_TYPE="oauth", **ENVIRON)
    assert said[0].startswith("jira.apiToken: is given, but JIRA_AUTH_TYPE is oauth; write authType into the file")


def test_an_e_mail_beside_oauth_and_a_secret_in_the_file_are_warned_about():
    account = CLOUD | {"email": "a@b.c", "clientSecret": SECRET}
    warnings = resolve(sync(account), Side.USER, {}).warnings
    assert [warning.field for warning in warnings] == ["jira.email", "jira.clientSecret"]


@pytest.mark.parametrize(
    # tokenEndpoint                           environ                                  goes there
    ("token_endpoint", "environ", "goes"),
    [
        (None, {"JIRA_SITES": GATEWAY}, True),
        (ATLASSIANS, {"JIRA_SITES": GATEWAY}, True),
        ("https://evil.example/oauth/token", {}, True),  # its own secret, and nothing bounds anything
        ("https://evil.example/oauth/token", {"JIRA_SITES": GATEWAY}, False),
        ("https://auth.atlassian.com.evil.example/oauth/token", {"JIRA_SITES": GATEWAY}, False),
        ("https://auth.atlassian.com:8443/oauth/token", {"JIRA_SITES": GATEWAY}, False),
        ("https://api.atlassian.com/oauth/token", {"JIRA_SITES": GATEWAY}, False),
        ("https://sso.example.com/a/token", {"JIRA_SITES": f"{GATEWAY} https://sso.example.com"}, True),
        ("https://sso.example.com/a/token", {"JIRA_SITES": f"{GATEWAY} https://sso.example.com/a/token"}, True),
        ("https://sso.example.com/b/token", {"JIRA_SITES": f"{GATEWAY} https://sso.example.com/a"}, False),
        ("https://sso.example.com/a/../b", {"JIRA_SITES": f"{GATEWAY} https://sso.example.com/a"}, False),
        ("https://sso.example.com/ab", {"JIRA_SITES": f"{GATEWAY} sso.example.com/a"}, False),
        ("https://sso.example.com/t", {"JIRA_BASE_URL": GATEWAY}, True),
    ],
)
def test_the_sites_of_the_group_bound_the_token_endpoint(token_endpoint, environ, goes):
    said = faults(
        sync(CLOUD | {"tokenEndpoint": token_endpoint, "clientSecret": "${JIRA_OWN}"}), JIRA_OWN=SECRET, **environ
    )
    assert bool(said) is not goes
    assert all(text.startswith("jira.tokenEndpoint: ") for text in said)


@pytest.mark.parametrize("field", ["clientSecret", "clientId", "scopes"])
@pytest.mark.parametrize("name", ["JIRA_CLIENT_SECRET", "JIRA_API_TOKEN"])
@pytest.mark.parametrize("by_file", [False, True])
def test_the_secrets_of_the_group_go_to_no_endpoint_that_only_the_file_names(field, name, by_file, tmp_path):
    """Whoever edits a file could else have them sent to a host of his choice."""
    (tmp_path / "secret").write_text("s3cr3t-of-the-group")
    reference = f"${{file:{tmp_path}/secret}}" if by_file else f"${{{name}}}"
    environ = {"JIRA_OWN": SECRET, name: "s3cr3t-of-the-group", f"{name}_FILE": str(tmp_path / "secret")}
    account = CLOUD | {"clientSecret": "${JIRA_OWN}", field: reference}
    for change in ({"tokenEndpoint": "https://evil.example/t"}, {"baseUrl": "https://evil.example"}):
        (fault,) = faults(sync(account | change), **environ, JIRA_BASE_URL=GATEWAY)
        assert f"is not where {name} goes" in fault
    assert faults(sync(account), **environ, JIRA_BASE_URL=GATEWAY) == []
    (fault,) = faults(sync(account | {"tokenEndpoint": "https://evil.example/t"}), **environ)
    assert fault.startswith(f"jira.tokenEndpoint: is not where {name} goes")


def test_the_lines_that_bound_a_group_name_its_token_endpoints():
    named = sync(CLOUD | {"tokenEndpoint": "https://sso.example.com/token"})
    lines = lines_to_add([named, sync(CLOUD)], ENVIRON)
    assert lines[-1] == f"JIRA_SITES={GATEWAY} https://sso.example.com/token"
    added = dict(line.split("=", 1) for line in lines)
    assert faults(named, **ENVIRON, **added) == []


def test_a_worker_keeps_the_variables_of_its_own_way_to_sign_in_alone():
    environ = {**ENVIRON, "JIRA_API_TOKEN": "t", "JIRA_EMAIL": "e", "JIRA_BASE_URL": GATEWAY}
    kept = needed_by_worker(sync({"authType": "oauth"}), environ)
    assert kept == {"JIRA_CLIENT_SECRET", "JIRA_CLIENT_ID", "JIRA_BASE_URL"}
    assert needed_by_worker(sync(), environ) == {"JIRA_API_TOKEN", "JIRA_EMAIL", "JIRA_BASE_URL"}
    assert needed_by_worker(sync(), {**environ, "JIRA_AUTH_TYPE": "OAUTH"}) == {*kept, "JIRA_AUTH_TYPE"}
    assert needed_by_worker(sync(CLOUD), environ) == {"SECRET", "JIRA_BASE_URL"}


@pytest.mark.parametrize(("written", "shown"), [(SECRET, "***"), ("${SECRET}", "${SECRET}")])
def test_the_page_shows_of_a_client_secret_the_reference_alone(written, shown):
    assert configuration(sync(CLOUD | {"clientSecret": written}))["jira"]["clientSecret"] == shown
