"""What may be pushed: files that are right wherever they run, without a secret in them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from sync_model.definition.sync import Sync
from sync_model.files.config_files import is_config_name
from sync_model.files.loading import load_folder
from sync_model.files.pushable import load_pushed, load_to_push

LITERAL = "s3cr3t-literal-token"
SITE = "https://jira.example.com"


def secret_fields(
    schema: dict[str, Any], node: dict[str, Any], path: tuple[str, ...] = ()
) -> Iterator[tuple[str, ...]]:
    """Yield the path of each field that the JSON Schema of a sync says is a password."""
    choices = [node, *node.get("anyOf", [])]
    if any(choice.get("format") == "password" for choice in choices):
        yield path
    for choice in choices:
        found = schema["$defs"][choice["$ref"].rpartition("/")[2]] if "$ref" in choice else choice
        for name, field in found.get("properties", {}).items():
            yield from secret_fields(schema, field, (*path, name))
        if "items" in found:
            yield from secret_fields(schema, found["items"], path)


SCHEMA = Sync.model_json_schema(by_alias=True)
SECRETS = list(dict.fromkeys(secret_fields(SCHEMA, SCHEMA)))


def said(folder) -> list[str]:
    loaded = load_to_push(folder.path)
    told = [*map(str, loaded.problems), *map(str, loaded.warnings)]
    assert LITERAL not in "".join(told)
    assert loaded.broken.isdisjoint(file.path.name for file in loaded.files)
    return list(map(str, loaded.problems))


def test_the_schema_names_the_secrets():
    assert {("jira", "apiToken"), ("userJira", "clientSecret"), ("devJira", "apiToken")} <= set(SECRETS)


@pytest.mark.parametrize("path", SECRETS, ids=".".join)
@pytest.mark.parametrize("secret", [LITERAL, f"Bearer ${{{LITERAL}}}", f"${{TOKEN}} {LITERAL}", f"$\u007b{LITERAL}"])
def test_a_file_that_holds_a_secret_itself_is_refused_wherever_it_stands(folder, definition, path, secret):
    account = {"baseUrl": SITE, **({"clientId": "x"} if path[-1] == "clientSecret" else {})}
    folder.write("a.json", definition("sync-a", **{path[0]: {**account, path[-1]: secret}}))
    folder.write("b.json", definition("sync-b", **{path[0]: {**account, path[-1]: "${TOKEN}"}}))
    (problem,) = said(folder)
    assert problem.startswith(f"a.json: {'.'.join(path)}: is written in the file itself, and what is pushed holds no")


def test_a_secret_that_a_second_key_hides_is_refused_too(folder, definition):
    text = json.dumps(definition("sync-a"))
    folder.write("a.json", text.replace('"apiToken"', f'"apiToken": "{LITERAL}", "apiToken"'))
    assert said(folder) == [
        "a.json: apiToken: stands more than once; only the last would count, and all would be pushed: remove the others"
    ]


def test_what_a_file_refers_to_need_not_be_on_this_machine_and_is_not_read_here(folder, definition, monkeypatch):
    read: list[str] = []
    monkeypatch.setattr("sync_model.accounts.lookup.read_secret", read.append)
    references = {"baseUrl": "${SITE}", "email": "${WHO}", "apiToken": "${file:/etc/hostname}"}
    folder.write("a.json", definition("sync-a", jira=references))
    folder.write("b.json", definition("sync-b", jira={"baseUrl": SITE, "caFile": "${CA}", "clientCertificate": "/x"}))
    folder.write("c.json", definition("sync-c", jira={}))
    folder.write("d.json", definition("sync-d", jira={"scopes": "READ"}))  # the group's JIRA_AUTH_TYPE says oauth
    folder.write("e.json", definition("sync-e", jira={"tokenEndpoint": "${TOKENS}", "clientSecret": "${file:x}"}))
    assert said(folder) == read == []
    assert load_to_push(folder.path).warnings == ()


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"jira": {"apiToken": "${ADMIN_TOKEN}"}}, "jira.apiToken: environment variable ADMIN_TOKEN is not for syncs"),
        ({"jira": {"apiToken": "${A}", "clientId": "x", "authType": "basic"}}, "jira.clientId: is only for authType"),
        ({"userJira": {"apiToken": "${A}"}}, "userJira.baseUrl: is missing; add it to the file"),
        ({"userJira": {"baseUrl": SITE}}, "userJira.apiToken: is missing; add it to the file"),
        ({"jira": {"clientKey": "/x"}}, "jira.clientKey: is given without clientCertificate"),
        ({"jira": {"baseUrl": "https://x.atlassian.net", "clientSecret": "${A}"}}, "jira.baseUrl: is the site, where"),
        ({"devProjectKey": "UA", "userProjectKey": "UA"}, "devProjectKey: is the same project as userProjectKey"),
        ({"rulez": []}, "rulez: is not a known key"),
    ],
)
def test_what_no_environment_could_put_right_is_a_problem(folder, definition, changes, problem):
    folder.write("a.json", definition("sync-a", **changes))
    assert said(folder)[0].startswith(f"a.json: {problem}")


def test_two_sites_that_only_the_containers_know_may_be_two(folder, definition):
    for name, variable in (("sync-a", "ACME"), ("sync-b", "GLOBEX")):
        account = {"baseUrl": f"${{{variable}}}", "apiToken": "${T}"}
        changes = {"jira": account, "userProjectKey": "SUP", "devProjectKey": "DEV"}
        folder.write(f"{name}.json", definition(name, **changes))
    own = {
        "userJira": {"baseUrl": "${ACME}", "apiToken": "${T}"},
        "devJira": {"baseUrl": "${OTHER}", "apiToken": "${T}"},
    }
    folder.write("sync-c.json", definition("sync-c", **own, userProjectKey="X", devProjectKey="X"))
    assert said(folder) == []


def test_what_files_claim_together_is_a_problem_of_each(folder, definition):
    for file in ("a.json", "b.json"):
        folder.write(file, definition("sync-a"))
    assert {problem.partition(":")[0] for problem in said(folder)} == {"a.json", "b.json"}


def test_what_was_pushed_is_taken_as_a_file_is(definition):
    good = json.dumps(definition("sync-a")).encode()
    (file,) = load_pushed("a.json", good)
    assert (file.path.name, file.content, file.sync.name) == ("a.json", good, "sync-a")
    for bad in (b"{", good.replace(b"${TOKEN}", LITERAL.encode()), b"[" * 100_000, b"\xff"):
        assert load_pushed("a.json", bad) == ()


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("a.json", True),
        ("ä b.json", True),
        ("../a.json", False),
        ("/etc/a.json", False),
        ("a/b.json", False),
        ("..", False),
        ("", False),
        (".json", False),
        (".a.json", False),
        ("#a.json", False),
        ("~a.json", False),
        ("a.JSON", False),
        ("a.example.json", False),
        ("a.SCHEMA.json", False),
        ("a.txt", False),
        ("a\0.json", False),
        ("a" * 250 + ".json", True),
        ("a" * 251 + ".json", False),
        ("ä" * 126 + ".json", False),
    ],
)
def test_a_name_from_elsewhere_is_one_that_the_loader_takes(name, is_one):
    assert is_config_name(name) is is_one


def test_a_file_that_should_be_there_and_could_not_be_put_there_is_broken_and_not_gone(folder, definition):
    folder.write("a.json", definition("sync-a"))
    loaded = load_folder(folder.path, {"TOKEN": "x" * 20}, {"b.json": "is not what was pushed", "a.json": "is gone"})
    assert sorted(map(str, loaded.problems)) == ["a.json: is gone", "b.json: is not what was pushed"]
    assert loaded.files == ()
    assert loaded.keeps("b.json")
