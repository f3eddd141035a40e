"""A side's account becomes a connection: references, the environment, and how to sign in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sync_model.accounts.connection import resolve, site_of
from sync_model.accounts.lookup import TlsFiles
from sync_model.definition.sync import Side, Sync

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
        ({"baseUrl": OWN, "apiToken": "${file:/dev/null}"}, "jira.apiToken: /dev/null cannot be read: it is a device"),
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


@pytest.mark.parametrize(
    # content                          fault
    ("content", "fault"),
    [
        (b"tok-1\nsecond line\n", "holds more than one line"),
        (b"tok-1\xef\xbb\xbf\n", "holds a byte order mark"),
        ("tok-\N{ZERO WIDTH SPACE}1".encode(), "holds a character that cannot be seen"),
        ("tok-ö".encode(), "holds a letter beyond ASCII, which no token has"),
    ],
)
def test_a_token_that_cannot_be_one_is_a_fault_of_its_field_that_names_the_file(tmp_path: Path, content, fault):
    token = tmp_path / "token"
    token.write_bytes(content)
    jira = {"baseUrl": OWN, "authType": "pat", "apiToken": f"${{file:{token}}}"}
    (found,) = resolve(sync(jira=jira), Side.USER, {}).faults
    assert (found.field, found.unset) == ("jira.apiToken", False)
    assert found.message.startswith(f"{token} {fault}")
    assert "tok-" not in found.message.removeprefix(str(token))


def test_a_token_that_cannot_be_one_is_said_with_where_it_was_found(tmp_path: Path):
    assert faults(sync(jira={"baseUrl": OWN, "apiToken": "a\nb"})) == ["jira.apiToken: holds more than one line"]
    (found,) = faults(sync(jira={"baseUrl": OWN, "apiToken": "${TOKEN}"}), TOKEN="a\nb")
    assert found == "jira.apiToken: environment variable TOKEN holds more than one line"
    (found,) = faults(sync(jira={"baseUrl": OWN}), JIRA_API_TOKEN="ö")
    assert found.startswith("jira.apiToken: environment variable JIRA_API_TOKEN holds a letter beyond ASCII")
    (tmp_path / "name").write_text("one\ntwo")
    jira = {"baseUrl": OWN, "email": f"${{file:{tmp_path}/name}}", "apiToken": "t"}
    assert faults(sync(jira=jira)) == [f"jira.email: {tmp_path}/name holds more than one line"]


def test_files_of_tls_are_looked_up_and_looked_for(tmp_path: Path):
    for name in ("ca.pem", "client.pem", "client.key"):
        (tmp_path / name).write_text("x")
    jira = {"baseUrl": OWN, "apiToken": "t", "caFile": f"{tmp_path}/ca.pem", "clientCertificate": "${CLIENT}",
            "clientKey": f"{tmp_path}/client.key"}  # fmt: skip
    connection = resolve(sync(jira=jira), Side.USER, {"CLIENT": f"{tmp_path}/client.pem"}).connection
    assert connection is not None
    assert connection.tls == TlsFiles(*(f"{tmp_path}/{name}" for name in ("ca.pem", "client.pem", "client.key")))
    (tmp_path / "ca.pem").unlink()
    (fault,) = resolve(sync(jira=jira), Side.USER, {"CLIENT": f"{tmp_path}/client.pem"}).faults
    assert str(fault.message) == f"{tmp_path}/ca.pem cannot be read: No such file or directory"
    assert (fault.field, fault.unset) == ("jira.caFile", True)
    assert faults(sync(jira={"baseUrl": OWN, "apiToken": "t", "clientKey": f"{tmp_path}/client.key"})) == [
        "jira.clientKey: is given without clientCertificate"
    ]


@pytest.mark.parametrize("site_url", [None, CLOUD])
def test_an_api_gateway_that_shows_no_issue_to_people_wants_the_site_s_own_address(site_url):
    gateway = "https://api.atlassian.com/ex/jira/1324a887-45db-1bf4-1e99-ef0ff456d421"
    jira = {"baseUrl": gateway, "siteUrl": site_url, "email": "a@b.c", "apiToken": "${T}"}
    resolved = resolve(sync(jira=jira), Side.USER, {"T": "t"})
    assert resolved.connection is not None
    assert resolved.connection.email == "a@b.c"
    assert [warning.field for warning in resolved.warnings] == ([] if site_url else ["jira.siteUrl"])
    assert resolved.connection.browse("U-1") == f"{site_url or gateway}/browse/U-1"


def test_a_name_ends_at_a_colon():
    jira = {"baseUrl": OWN, "email": "me:too", "apiToken": "t"}
    assert faults(sync(jira=jira)) == ["jira.email: holds a colon, at which a name ends"]


@pytest.mark.parametrize("address", ["https://me:12/S3cret@jira.example.com", "https://me:S3cret/x@jira.example.com"])
def test_a_password_in_an_address_is_no_part_of_a_message(address):
    (found,) = faults(sync(jira={"baseUrl": "${SITE}", "apiToken": "t"}), SITE=address)
    assert found.startswith("jira.baseUrl: ")
    assert "S3cret" not in found
