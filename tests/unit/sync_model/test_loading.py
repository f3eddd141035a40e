"""A folder of files becomes syncs and problems."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sync_model.loading import Loaded, digest_of, load_folder

REPO = Path(__file__).parents[3]
TOKEN = "s3cr3t-token"


def definition(name: str = "sync-ab", **changes: Any) -> dict[str, Any]:
    rule = {"sourceStatus": "Will Do", "syncDirection": "user_to_dev", "actions": {"createIssue": True}}
    jira = {"baseUrl": "https://example.atlassian.net", "email": "bot@example.com", "apiToken": "${TOKEN}"}
    keys = {"userProjectKey": f"U{name[-1]}".upper(), "devProjectKey": f"D{name[-1]}".upper()}
    return {"name": name, "jira": jira, **keys, "rules": [rule], **changes}


class Folder:
    """A folder of configurations, and what loading it says."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, name: str, content: dict[str, Any] | str | bytes) -> None:
        text = json.dumps(content) if isinstance(content, dict) else content
        (self.path / name).write_bytes(text if isinstance(text, bytes) else text.encode())

    def load(self, **environ: str) -> Loaded:
        return load_folder(self.path, {"TOKEN": TOKEN, **environ})

    def problems(self, **environ: str) -> list[str]:
        return [str(problem) for problem in self.load(**environ).problems]

    def warnings(self, **environ: str) -> list[str]:
        return [str(warning) for warning in self.load(**environ).warnings]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_examples_schemas_hidden_files_and_editors_leftovers_are_no_syncs(folder):
    folder.write("sync-ab.json", definition())
    leftovers = [
        "sync.example.json",
        "sync.schema.json",
        ".hidden.json",
        ".#sync-ab.json",
        "#sync-ab.json#",
        "sync-ab.json~",
        ".sync-ab.json.swp",
    ]
    for name in [*leftovers, "notes.txt", "sync-ab.json.bak", "#x.json", "~x.json"]:
        folder.write(name, "{ not a sync")
    (folder.path / "folder.json").mkdir()
    assert [file.path.name for file in folder.load().files] == ["sync-ab.json"]
    assert folder.problems() == []


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(NotADirectoryError):
        load_folder(tmp_path / "absent", {})


def test_a_byte_order_mark_does_not_matter(folder):
    folder.write("sync-ab.json", b"\xef\xbb\xbf" + json.dumps(definition()).encode())
    assert folder.problems() == []


@pytest.mark.parametrize(
    # content                            what is said
    ("content", "said"),
    [
        ('{"name": "a",\n  "x" 4}', "line 2, column 7: is not valid JSON: expecting ':' delimiter"),
        ('{"name": "a",}', "is not valid JSON"),
        ("", "is empty"),
        ("  \n", "is empty"),
        ("[]", "must hold one object"),
        ('"x"', "must hold one object"),
        ('{"a": NaN}', "NaN is not a JSON value"),
        ('{"name": "ä"}'.encode("latin-1"), "is not UTF-8"),
        ('{"name": "a"}'.encode("utf-16"), "is not UTF-8"),
        ("[" * 100_000, "is nested too deeply"),
        (" " * 1_000_001, "is larger than"),
    ],
)
def test_a_file_that_cannot_be_read_says_where_and_why(folder, content, said):
    folder.write("bad.json", content)
    (problem,) = folder.problems()
    assert problem.startswith("bad.json: ")
    assert said in problem


def test_a_file_that_may_not_be_read_is_a_problem_of_that_file(folder):
    (folder.path / "loop.json").symlink_to("loop.json")
    folder.write("sync-ab.json", definition())
    assert [file.sync.name for file in folder.load().files] == ["sync-ab"]


@pytest.mark.parametrize(
    # change                                              what is said
    ("change", "said"),
    [
        ({"rulez": []}, "rulez: is not a known key; did you mean rules?"),
        ({"sync_interval_minutes": 5}, "sync_interval_minutes: is not a known key; did you mean syncIntervalMinutes?"),
        ({"jira": {"baseURL": "x"}}, "jira.baseURL: is not a known key; did you mean baseUrl?"),
        ({"jira": {"token": "x"}}, "jira.token: is not a known key; did you mean apiToken?"),
        ({"zzz": 1}, "zzz: is not a known key; known are"),
        ({"userProjectKey": None}, "userProjectKey: is missing"),
        ({"userProjectKey": "A-1"}, "userProjectKey: is not a project key"),
        ({"rules": None}, "rules: is missing"),
        ({"rules": {}}, "rules: must be a list"),
        ({"jira": []}, "jira: must be an object"),
        ({"syncIntervalMinutes": 0}, "syncIntervalMinutes: must be greater than 0"),
        ({"rules": [{"sourceStatus": "x", "syncDirection": "left"}]}, "rules[0].syncDirection: must be 'user_to_dev'"),
        ({"rules": [{"sourceStatus": [], "syncDirection": "both"}]}, "rules[0].sourceStatus: "),
        ({"rules": [{"sourceStatus": " ", "syncDirection": "both"}]}, "rules[0].sourceStatus[0]: is empty"),
        ({"jira": {"baseUrl": "example.com", "apiToken": "${TOKEN}"}}, "jira.baseUrl: is not a web address"),
        ({"jira": {"baseUrl": "https://u:p@example.com"}}, "jira.baseUrl: carries a user name or password"),
        ({"devProjectKey": "ub", "userProjectKey": "UB"}, "devProjectKey: is the same project as userProjectKey"),
    ],
)
def test_a_problem_names_its_field_and_what_is_wrong(folder, change, said):
    folder.write("bad.json", definition(**change))
    assert any(problem.startswith(f"bad.json: {said}") for problem in folder.problems()), folder.problems()


def test_every_problem_of_every_file_is_found_in_one_pass_and_the_good_files_load(folder):
    folder.write("good.json", definition("sync-g"))
    folder.write("bad-1.json", "{")
    folder.write("bad-2.json", definition(name="all", rulez=[], rules=[{"sourceStatus": "x"}], userProjectKey=None))
    loaded = folder.load()
    assert [file.sync.name for file in loaded.files] == ["sync-g"]
    assert {(problem.file, problem.where) for problem in loaded.problems} == {
        ("bad-1.json", "line 1, column 2"),
        ("bad-2.json", "name"),
        ("bad-2.json", "rulez"),
        ("bad-2.json", "rules[0].syncDirection"),
        ("bad-2.json", "userProjectKey"),
    }


@pytest.mark.defect(8)
@pytest.mark.parametrize(
    # the second file                                       where
    ("second", "where"),
    [
        ({"name": "sync-a", "databaseName": "x"}, "name"),
        ({"name": "SYNC-A", "databaseName": "x"}, "name"),
        ({"name": "sync-b", "databaseName": "sync_a"}, "databaseName"),
        ({"name": "sync-b", "databaseName": "SYNC_A"}, "databaseName"),
        ({"name": "sync-b", "userProjectKey": "UA", "devProjectKey": "DA"}, "userProjectKey"),
        ({"name": "sync-b", "userProjectKey": "da", "devProjectKey": "ua"}, "userProjectKey"),
    ],
)
def test_two_files_that_claim_the_same_are_a_problem_of_both_and_the_third_runs(folder, second, where):
    folder.write("first.json", definition("sync-a"))
    folder.write("second.json", {**definition("sync-b"), **second})
    folder.write("third.json", definition("sync-c"))
    loaded = folder.load()
    assert [file.path.name for file in loaded.files] == ["third.json"]
    assert {(each.file, each.where) for each in loaded.problems} == {("first.json", where), ("second.json", where)}
    assert "second.json" in str(loaded.problems[0])


def test_the_same_project_keys_on_another_site_are_another_pair(folder):
    other = {"baseUrl": "https://other.atlassian.net", "email": "b@example.com", "apiToken": "${TOKEN}"}
    folder.write("first.json", definition("sync-a", userProjectKey="U", devProjectKey="D"))
    folder.write("second.json", definition("sync-b", userProjectKey="U", devProjectKey="D", jira=other))
    folder.write("third.json", definition("sync-c", userProjectKey="U", devProjectKey="U", devJira=other))
    assert folder.problems() == []


def test_a_pair_spelt_with_another_site_address_is_the_same_pair(folder):
    jira = {"baseUrl": "${SITE}", "email": "b@example.com", "apiToken": "${TOKEN}"}
    folder.write("first.json", definition("sync-a", userProjectKey="U", devProjectKey="D"))
    folder.write("second.json", definition("sync-b", userProjectKey="U", devProjectKey="D", jira=jira))
    assert len(folder.problems(SITE="https://EXAMPLE.atlassian.net/")) == 2
    assert folder.problems(SITE="https://elsewhere.atlassian.net") == []


def test_a_disabled_file_claims_nothing(folder):
    folder.write("first.json", definition("sync-a"))
    folder.write("second.json", definition("sync-a", enabled=False))
    assert folder.problems() == []


def test_the_digest_changes_with_what_a_file_says_and_not_with_how_it_is_written(folder):
    folder.write("sync-ab.json", json.dumps(definition()))
    before = folder.load().files[0].digest
    folder.write("sync-ab.json", json.dumps(dict(reversed(definition().items())), indent=4) + "\n")
    assert folder.load().files[0].digest == before
    folder.write("sync-ab.json", definition(syncIntervalMinutes=7))
    assert folder.load().files[0].digest != before
    assert digest_of({"a": 1, "b": 2}) == digest_of({"b": 2, "a": 1})


def test_a_value_that_only_this_environment_lacks_is_a_warning(folder):
    jira = {"baseUrl": "https://x.example", "authType": "pat", "apiToken": "${file:/nowhere/token}"}
    folder.write("a.json", definition("sync-a", jira={**jira, "apiToken": "${NOT_SET}"}))
    folder.write("b.json", definition("sync-b", jira=jira))
    assert folder.problems() == []
    assert folder.warnings() == [
        "a.json: jira.apiToken: environment variable NOT_SET is not set",
        "b.json: jira.apiToken: /nowhere/token cannot be read: No such file or directory",
    ]


def test_a_value_that_stands_nowhere_is_a_problem(folder):
    folder.write("sync-ab.json", definition(jira=None))
    assert folder.problems() == [
        "sync-ab.json: jira.apiToken: is missing; add it to the file, or set JIRA_API_TOKEN",
        "sync-ab.json: jira.baseUrl: is missing; add it to the file, or set JIRA_BASE_URL",
    ]
    assert folder.problems(JIRA_BASE_URL="https://x.example", JIRA_API_TOKEN="t") == []


@pytest.mark.parametrize(
    # the rule                                                                      what is doubtful
    ("rule", "doubt"),
    [
        ({"id": "x", "targetProject": "user"}, "rules[0].targetProject: is user, but syncDirection is user_to_dev"),
        ({"targetStatus": "A", "actions": {"targetStatus": "B", "syncStatus": True}}, "rules[0].targetStatus: differs"),
        ({"actions": {"targetStatus": "B"}}, "rules[0].actions.targetStatus: is given, but actions.syncStatus is off"),
        (
            {"actions": {"createIssue": True}, "conditions": {"requireMapping": True}},
            "rules[0].conditions.requireMapping",
        ),
        ({"actions": {"commentTemplate": "x"}}, "rules[0].actions.commentTemplate: is given, but"),
        (
            {"actions": {"addComment": True, "commentTemplate": "${key}"}},
            "rules[0].actions.commentTemplate: ${key} is no",
        ),
        ({"enabled": False}, "rules: no rule is switched on"),
        ({"syncDirection": "none"}, "rules: no rule is switched on"),
    ],
)
def test_a_rule_that_contradicts_itself_loads_with_a_warning(folder, rule, doubt):
    data = definition()
    data["rules"][0].update(rule)
    folder.write("sync-ab.json", data)
    assert folder.problems() == []
    assert any(warning.startswith(f"sync-ab.json: {doubt}") for warning in folder.warnings()), folder.warnings()


def test_a_token_in_a_file_is_warned_about_and_never_repeated(folder):
    jira = {"baseUrl": "https://x.example", "apiToken": TOKEN}
    folder.write("a.json", definition("sync-a", jira=jira))
    folder.write("b.json", definition("sync-b", jira={"baseUrl": f"https://u:{TOKEN}@x.example", "apiToken": [TOKEN]}))
    folder.write("c.json", definition("sync-c", jira={**jira, "authType": TOKEN, "baseUrl": f"{TOKEN} {TOKEN}"}))
    folder.write("d.json", json.dumps(definition("sync-d", jira=jira)).replace('"rules"', f'"{TOKEN}'))
    assert any("a.json: jira.apiToken: is written in the file itself" in warning for warning in folder.warnings())
    assert TOKEN not in "".join(folder.problems() + folder.warnings())


def test_a_key_that_stands_twice_is_warned_about(folder):
    text = json.dumps(definition())
    folder.write("sync-ab.json", text[:-1] + ', "description": "a", "description": "b"}')
    assert folder.warnings() == ["sync-ab.json: description: stands more than once; the last counts"]


def test_the_example_and_the_demo_load_without_a_problem_or_a_doubt(tmp_path):
    example = (REPO / "configs" / "sync.example.json").read_text()
    (tmp_path / "sync-ab.json").write_text(example)
    demo = {f"DEMO_{site}_TOKEN": "x" for site in ("ACME", "GLOBEX", "INITECH")}
    demo |= {f"DEMO_{site}_URL": f"http://127.0.0.1:8090/{site.lower()}" for site in ("ACME", "GLOBEX", "INITECH")}
    for folder, environ in [(tmp_path, {"JIRA_API_TOKEN": "t"}), (REPO / "configs" / "demo", demo)]:
        loaded = load_folder(folder, environ)
        assert (loaded.problems, loaded.warnings) == ((), ())
        assert loaded.files
