"""Whoever edits the file of a sync is trusted with that sync, not with the secrets of the group."""

from __future__ import annotations

from typing import Any

import pytest

from sync_model.accounts.connection import resolve
from sync_model.definition.sync import Side, Sync
from sync_model.environment.allowances import lines_to_add

OWN, THEIRS = "https://jira.example.com", "https://elsewhere.example.com"
SECRETS = {
    "ADMIN_TOKEN": "s3cr3t-admin",
    "DATABASE_URL": "mongodb://u:s3cr3t-db@h",
    "FORMER_DATABASE_URL": "mongodb://u:s3cr3t-db@h",
    "VIEW_TOKEN": "s3cr3t-view",
    "OPERATORS_FILE": "/s3cr3t/operators",
    "MY_TOKEN": "s3cr3t-mine",
    "OTHER": "s3cr3t-other",
    "JIRA_API_TOKEN": "s3cr3t-group",
    "JIRA_TOKEN_ACME": "s3cr3t-acme",
}


def sync(**jira: Any) -> Sync:
    rule = {"sourceStatus": "x", "syncDirection": "both"}
    own = {"baseUrl": OWN, "authType": "pat", "apiToken": "literal", **jira}
    account = {key: value for key, value in own.items() if value is not None}
    return Sync.model_validate(
        {"name": "a", "userProjectKey": "U", "devProjectKey": "D", "rules": [rule], "jira": account}
    )


def faults(definition: Sync, **environ: str) -> list[str]:
    found = resolve(definition, Side.USER, {**SECRETS, **environ}).faults
    said = [f"{fault.field}: {fault.message}" for fault in found]
    assert "s3cr3t" not in "".join(said)
    return said


@pytest.mark.parametrize("field", ["apiToken", "email", "siteUrl", "caFile", "clientCertificate"])
@pytest.mark.parametrize(
    "name",
    [
        "ADMIN_TOKEN",
        "VIEW_TOKEN",
        "OPERATORS_FILE",
        "DATABASE_URL",
        "FORMER_DATABASE_URL",
        "NOTIFY_URL",
        "NOTIFY_FILE",
        "SMTP_URL",
    ],
)
@pytest.mark.parametrize(
    "environ", [{}, {"CONFIG_VARIABLES": "ADMIN_TOKEN DATABASE_URL FORMER_DATABASE_URL NOTIFY_URL"}]
)
def test_what_no_sync_needs_is_looked_up_for_none(field, name, environ):
    assert f"jira.{field}: environment variable {name} is not for syncs" in faults(
        sync(**{field: f"${{{name}}}"}), **environ
    )


@pytest.mark.parametrize(
    "name",
    [
        "ADMIN_TOKEN_FILE",
        "VIEW_TOKEN_FILE",
        "OPERATORS_FILE",
        "DATABASE_URL_FILE",
        "NOTIFY_URL_FILE",
        "NOTIFY_FILE",
        "SMTP_URL_FILE",
    ],
)
def test_the_files_of_the_group_are_looked_up_for_no_sync(tmp_path, name):
    """In a container they lie beside the tokens of syncs."""
    (tmp_path / "secret").write_text("s3cr3t-file")
    (tmp_path / "link").symlink_to("secret")
    for path in (tmp_path / "secret", tmp_path / "link", tmp_path / "." / "secret"):
        environ = {name: str(tmp_path / "secret"), "SECRETS_DIR": str(tmp_path)}
        assert faults(sync(apiToken=f"${{file:{path}}}"), **environ) == [f"jira.apiToken: {path} is not for syncs"]
        assert faults(sync(caFile=str(path)), **environ) == [f"jira.caFile: {path} is not for syncs"]


@pytest.mark.parametrize("setting", [{"CONFIG_VARIABLES": "MY_TOKEN"}, {"CONFIG_VARIABLES": "X,MY_TOKEN"}])
def test_only_variables_that_are_named_and_those_of_jira_are_looked_up(setting):
    for name in ("MY_TOKEN", "JIRA_TOKEN_ACME"):
        assert faults(sync(apiToken=f"${{{name}}}"), **setting) == []
    (fault,) = faults(sync(apiToken="${OTHER}"), **setting)
    assert fault.startswith("jira.apiToken: environment variable OTHER is not for syncs, unless")
    assert fault.endswith("MY_TOKEN OTHER")


@pytest.mark.parametrize("setting", [{"JIRA_SITES": OWN}, {"SECRETS_DIR": "/run/secrets"}])
def test_where_one_of_the_three_is_set_nothing_else_is_looked_up(setting, tmp_path):
    (tmp_path / "token").write_text("s3cr3t-file")
    for reference in ("${OTHER}", f"${{file:{tmp_path}/token}}"):
        (fault,) = faults(sync(apiToken=reference), **setting)
        assert fault.startswith("jira.apiToken: ")
    assert faults(sync(apiToken="${OTHER}")) == faults(sync(apiToken=f"${{file:{tmp_path}/token}}")) == []


def test_files_are_looked_up_in_the_folder_of_secrets_wherever_links_lead(tmp_path):
    inside, outside = tmp_path / "secrets", tmp_path / "outside"
    (inside / "..data").mkdir(parents=True)
    outside.mkdir()
    for folder in (inside / "..data", outside):
        (folder / "token").write_text("s3cr3t-file")
    (inside / "token").symlink_to("..data/token")  # as Kubernetes does it
    (inside / "away").symlink_to(outside / "token")
    (tmp_path / "link").symlink_to(inside)
    environ = {"SECRETS_DIR": f"/run/secrets:{tmp_path / 'link'}"}
    assert faults(sync(apiToken=f"${{file:{inside}/token}}"), **environ) == []
    for path in (inside / "away", outside / "token", inside / ".." / "outside" / "token"):
        (fault,) = faults(sync(apiToken=f"${{file:{path}}}"), **environ)
        assert fault.startswith(f"jira.apiToken: {path} is not in /run/secrets:")


@pytest.mark.parametrize("field", ["caFile", "clientCertificate", "clientKey"])
def test_files_of_certificates_and_keys_are_bound_like_secrets(field, tmp_path):
    """Whoever edits a sync could else sign in anywhere with a key that is somebody else's."""
    (tmp_path / "secrets").mkdir()
    for name in ("own.pem", "secrets/own.pem"):
        (tmp_path / name).write_text("x")
    beside = {"clientCertificate": str(tmp_path / "secrets" / "own.pem")} if field == "clientKey" else {}
    outside, inside = (sync(**beside, **{field: str(tmp_path / name)}) for name in ("own.pem", "secrets/own.pem"))
    bound = {"SECRETS_DIR": str(tmp_path / "secrets")}
    (fault,) = faults(outside, **bound)
    assert fault.startswith(f"jira.{field}: {tmp_path}/own.pem is not in {tmp_path}/secrets; put it there, or name")
    assert faults(inside, **bound) == faults(inside) == faults(outside) == []
    (line, *_) = lines_to_add([outside], SECRETS)
    assert line.startswith("SECRETS_DIR=")
    assert str(tmp_path) in line.split("=")[1].split(":")
    (fault,) = faults(sync(**beside, **{field: "${MY_TOKEN}"}), **bound, CONFIG_VARIABLES="MY_TOKEN")
    assert fault == f"jira.{field}: environment variable MY_TOKEN names a file that is not for syncs"


def test_the_project_s_own_folder_of_secrets_is_one(tmp_path, monkeypatch):
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "token").write_text("s3cr3t-file")
    monkeypatch.chdir(tmp_path)
    assert faults(sync(apiToken="${file:secrets/token}"), JIRA_SITES=OWN) == []


@pytest.mark.parametrize(
    # sites                                        called
    ("sites", "called"),
    [
        (OWN, True),
        ("jira.example.com", True),
        (f"{THEIRS}, {OWN}/", True),
        (THEIRS, False),
        (f"{OWN}/jira", False),
        ("http://jira.example.com", False),
        (f"{OWN}:8443", False),
        ("https://[", False),
    ],
)
def test_only_sites_that_are_named_are_called(sites, called):
    said = faults(sync(), JIRA_SITES=sites)
    assert said == ([] if called else [
        "jira.baseUrl: is none of the sites in JIRA_SITES, which the group's environment allows"
    ])  # fmt: skip
    assert faults(sync(), JIRA_SITES=sites, JIRA_BASE_URL=OWN) == []


@pytest.mark.parametrize("apiToken", [None, "${JIRA_API_TOKEN}", "${file:FILE}"])
@pytest.mark.parametrize(
    # environ                                              goes
    ("environ", "goes"),
    [
        ({}, True),
        ({"JIRA_BASE_URL": OWN}, True),
        ({"JIRA_BASE_URL": THEIRS}, False),
        ({"JIRA_BASE_URL": THEIRS, "JIRA_SITES": OWN}, True),
    ],
)
def test_the_token_of_the_group_goes_to_the_sites_of_the_group(tmp_path, apiToken, environ, goes):  # noqa: N803
    token = tmp_path / "token"
    token.write_text("s3cr3t-file")
    reference = apiToken and apiToken.replace("FILE", str(token))
    said = faults(sync(apiToken=reference), **environ, JIRA_API_TOKEN_FILE=str(token), SECRETS_DIR=str(tmp_path))
    assert bool(said) is not goes
    assert faults(sync(apiToken="literal"), JIRA_BASE_URL=THEIRS) == []  # its own token goes to its own site
    if said:
        assert said[0].startswith("jira.baseUrl: is not where JIRA_API_TOKEN goes")


def test_the_token_of_the_group_does_not_leave_as_a_name_either():
    (fault,) = faults(sync(email="${JIRA_API_TOKEN}", authType="basic"), JIRA_BASE_URL=THEIRS)
    assert fault.startswith("jira.baseUrl: is not where JIRA_API_TOKEN goes")


def test_the_lines_to_add_allow_what_is_referred_to_now(tmp_path):
    (tmp_path / "token").write_text("s3cr3t-file")
    syncs = [sync(apiToken="${MY_TOKEN}"), sync(apiToken=f"${{file:{tmp_path}/token}}"), sync(apiToken=None)]
    lines = lines_to_add(syncs, SECRETS)
    assert lines == [f"SECRETS_DIR=/run/secrets:secrets:{tmp_path}", "CONFIG_VARIABLES=MY_TOKEN", f"JIRA_SITES={OWN}"]
    added = dict(line.split("=", 1) for line in lines)
    assert [faults(definition, **added) for definition in syncs] == [[], [], []]
    assert lines_to_add(syncs, {**SECRETS, **added}) == []


def test_there_is_nothing_to_add_where_files_refer_to_nothing_of_the_group():
    assert (
        lines_to_add([sync(), sync(apiToken="${JIRA_TOKEN_ACME}"), sync(apiToken="${file:/run/secrets/x}")], {}) == []
    )
    assert lines_to_add([sync(apiToken=None)], {**SECRETS, "JIRA_BASE_URL": OWN}) == []


@pytest.mark.parametrize("sites", [{}, {"JIRA_SITES": OWN}])
def test_files_from_a_database_are_bounded_whatever_is_set(tmp_path, sites):
    """Whoever may write to the database could else send any variable or file of a container to a site of theirs."""
    (tmp_path / "token").write_text("s3cr3t-file")
    pushed = {"CONFIG_SOURCE": "database", **sites}
    for reference in ("${OTHER}", "${MY_TOKEN}", f"${{file:{tmp_path}/token}}"):
        (fault,) = faults(sync(apiToken=reference), **pushed)
        assert fault.startswith("jira.apiToken: ")
        assert faults(sync(apiToken=reference), CONFIG_SOURCE="folder") == []
    assert len(faults(sync(caFile=str(tmp_path / "token")), **pushed)) == 1
    assert faults(sync(apiToken="${JIRA_TOKEN_ACME}"), **pushed) == []
    assert faults(sync(apiToken="${MY_TOKEN}"), **pushed, CONFIG_VARIABLES="MY_TOKEN") == []


def test_the_token_of_the_group_goes_nowhere_by_files_from_a_database_unless_a_site_is_named():
    pushed = {"CONFIG_SOURCE": "database"}
    (fault,) = faults(sync(apiToken=None), **pushed)
    assert fault.startswith("jira.baseUrl: is not where JIRA_API_TOKEN goes")
    assert faults(sync(apiToken=None), **pushed, JIRA_BASE_URL=THEIRS) == [fault]
    assert faults(sync(apiToken=None), **pushed, JIRA_BASE_URL=OWN) == []
    assert faults(sync(apiToken=None), **pushed, JIRA_SITES=OWN) == []


def test_who_runs_files_from_a_database_is_told_to_name_the_sites():
    syncs, pushed = [sync(apiToken="${JIRA_TOKEN_ACME}")], {**SECRETS, "CONFIG_SOURCE": "database"}
    assert lines_to_add(syncs, pushed) == [f"JIRA_SITES={OWN}"]
    assert lines_to_add(syncs, {**pushed, "JIRA_SITES": OWN}) == []
