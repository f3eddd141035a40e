"""A side's account becomes a connection: references, the environment, and how to sign in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sync_model.connection import resolve, site_of
from sync_model.definition import Side, Sync

CLOUD = "https://example.atlassian.net"
OWN = "https://jira.example.com"


def sync(**blocks: Any) -> Sync:
    rule = {"sourceStatus": "x", "syncDirection": "both"}
    return Sync.model_validate({"name": "a", "userProjectKey": "U", "devProjectKey": "D", "rules": [rule], **blocks})


def connected(definition: Sync, side: Side = Side.USER, **environ: str) -> tuple[str, str | None, str]:
    connection = resolve(definition, side, environ).connection
    assert connection is not None
    return connection.base_url, connection.email, connection.token.get_secret_value()


def faults(definition: Sync, side: Side = Side.USER, **environ: str) -> list[str]:
    return [f"{fault.field}: {fault.message}" for fault in resolve(definition, side, environ).faults]


def test_references_are_looked_up_in_the_environment_and_in_files(tmp_path: Path):
    (tmp_path / "token").write_text("from-file\n")
    jira = {"baseUrl": "${SITE}", "email": "${MAIL}", "apiToken": f"${{file:{tmp_path}/token}}"}
    assert connected(sync(jira=jira), SITE=CLOUD + "/", MAIL="m@example.com") == (CLOUD, "m@example.com", "from-file")


def test_a_rotated_secret_file_is_read_again(tmp_path: Path):
    token = tmp_path / "token"
    definition = sync(jira={"baseUrl": OWN, "authType": "pat", "apiToken": f"${{file:{token}}}"})
    token.write_text("old")
    before = connected(definition)
    token.write_text("new")
    assert (before[2], connected(definition)[2]) == ("old", "new")


def test_a_field_that_the_file_leaves_out_comes_from_the_environment(tmp_path: Path):
    (tmp_path / "token").write_text("from-file")
    names = {"JIRA_BASE_URL": OWN, "JIRA_EMAIL": "m@example.com", "JIRA_API_TOKEN": "t", "JIRA_AUTH_TYPE": "basic"}
    assert connected(sync(), **names) == (OWN, "m@example.com", "t")
    assert connected(sync(), **(names | {"JIRA_AUTH_TYPE": "PAT"})) == (OWN, None, "t")
    names = {"JIRA_BASE_URL": OWN, "JIRA_API_TOKEN_FILE": str(tmp_path / "token")}
    assert connected(sync(), **names) == (OWN, None, "from-file")


def test_the_environment_fills_in_nothing_in_a_side_s_own_account():
    """A token must not reach a site that it was not written for."""
    definition = sync(jira={"baseUrl": CLOUD, "email": "a@b.c", "apiToken": "t"}, devJira={"baseUrl": OWN})
    names = {"JIRA_API_TOKEN": "env", "JIRA_EMAIL": "e@f.g"}
    assert connected(definition, Side.USER, **names) == (CLOUD, "a@b.c", "t")
    assert faults(definition, Side.DEV, **names) == ["devJira.apiToken: is missing; add it to the file"]


@pytest.mark.defect(22)
@pytest.mark.parametrize(
    # site   authType  email    signs in with e-mail
    ("site", "auth_type", "email", "basic"),
    [
        (CLOUD, "basic", "a@b.c", True),
        (CLOUD, None, "a@b.c", True),
        (CLOUD, "pat", "a@b.c", True),  # Cloud takes its tokens no other way
        (OWN, "pat", None, False),
        (OWN, "pat", "a@b.c", False),
        (OWN, None, None, False),
        (OWN, "BASIC", "name", True),
    ],
)
def test_signing_in_with_an_e_mail_follows_from_site_auth_type_and_e_mail(site, auth_type, email, basic):
    definition = sync(jira={"baseUrl": site, "authType": auth_type, "email": email, "apiToken": "t"})
    assert connected(definition)[1] == (email if basic else None)


@pytest.mark.parametrize(
    # jira                                                    message
    ("jira", "message"),
    [
        ({"baseUrl": CLOUD, "authType": "pat", "apiToken": "t"}, "jira.email: is missing; Jira Cloud takes"),
        ({"baseUrl": OWN, "authType": "basic", "apiToken": "t"}, "jira.email: is missing; authType basic needs it"),
        ({"baseUrl": "${SITE}", "apiToken": "t"}, "jira.baseUrl: is not a web address"),
        ({"baseUrl": OWN, "apiToken": "${file:/etc}"}, "jira.apiToken: /etc cannot be read: Is a directory"),
        ({"baseUrl": OWN, "apiToken": "${file:/dev/null}"}, "jira.apiToken: /dev/null is empty"),
    ],
)
def test_what_prevents_a_connection_is_reported(jira, message):
    (fault,) = faults(sync(jira=jira), SITE="nonsense")
    assert fault.startswith(message)


def test_links_for_people_may_lead_to_another_address_than_the_api():
    jira = {"baseUrl": "https://api.example/ex/jira/1", "siteUrl": CLOUD, "email": "e", "apiToken": "t"}
    connection = resolve(sync(jira=jira), Side.USER, {}).connection
    assert connection is not None
    assert connection.browse("U-1") == f"{CLOUD}/browse/U-1"


def test_an_unencrypted_site_is_warned_about_unless_it_is_this_machine():
    def warned(url: str) -> bool:
        resolved = resolve(sync(jira={"baseUrl": url, "apiToken": "${T}"}), Side.USER, {"T": "t"})
        return any("unencrypted" in warning.message for warning in resolved.warnings)

    assert (warned("http://jira.example.com"), warned("http://127.0.0.1:8090/a"), warned(OWN)) == (True, False, False)


def test_sites_are_told_apart_by_host_port_and_path():
    spellings = ["https://A.example/", "https://a.example", "http://a.example"]
    assert len({site_of(url) for url in spellings}) == 1
    assert len({site_of(url) for url in ["https://a.example", "https://a.example:8443", "https://a.example/jira"]}) == 3
