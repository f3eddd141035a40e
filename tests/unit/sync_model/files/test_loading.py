"""A folder of files becomes syncs and problems."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sync_model.files.loading import load_folder

REPO = Path(__file__).parents[4]


def test_a_folder_that_does_not_exist_is_an_error(tmp_path):
    with pytest.raises(NotADirectoryError):
        load_folder(tmp_path / "absent", {})


def test_every_problem_of_every_file_is_found_in_one_pass_and_the_good_files_load(folder, definition):
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


def test_a_token_in_a_file_is_warned_about_and_never_repeated(folder, definition):
    token = folder.token
    jira = {"baseUrl": "https://x.example", "apiToken": token}
    folder.write("a.json", definition("sync-a", jira=jira))
    folder.write("b.json", definition("sync-b", jira={"baseUrl": f"https://u:{token}@x.example", "apiToken": [token]}))
    folder.write("c.json", definition("sync-c", jira={**jira, "authType": token, "baseUrl": f"{token} {token}"}))
    folder.write("d.json", json.dumps(definition("sync-d", jira=jira)).replace('"rules"', f'"{token}'))
    assert any("a.json: jira.apiToken: is written in the file itself" in warning for warning in folder.warnings())
    assert token not in "".join(folder.problems() + folder.warnings())


def test_the_example_and_the_demo_load_without_a_problem_or_a_warning(tmp_path):
    example = (REPO / "configs" / "sync.example.json").read_text()
    (tmp_path / "sync-ab.json").write_text(example)
    demo = {f"DEMO_{site}_TOKEN": "x" for site in ("ACME", "GLOBEX", "INITECH")}
    demo |= {f"DEMO_{site}_URL": f"http://127.0.0.1:8090/{site.lower()}" for site in ("ACME", "GLOBEX", "INITECH")}
    for folder, environ in [(tmp_path, {"JIRA_API_TOKEN": "t"}), (REPO / "configs" / "demo", demo)]:
        loaded = load_folder(folder, environ)
        assert (loaded.problems, loaded.warnings) == ((), ())
        assert loaded.files
