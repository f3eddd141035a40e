"""What is said beforehand when an edit moves a sync to another site, project or database."""

from __future__ import annotations

import json

import pytest

from generator.deploy.moves import moves
from generator.deploy.snapshots import write_snapshots
from sync_model.files.checks import claims_of
from sync_model.files.loading import load_folder

SITE = {"email": "a@b.c", "apiToken": "s3cr3t-literal-token"}
Y = {**SITE, "baseUrl": "https://y.atlassian.net"}


@pytest.fixture
def said(folder):
    """Return what is said of the files as they are now: fields, and words."""

    def said(environ=None) -> list[tuple[str, str]]:
        found = moves(load_folder(folder.path, environ or {}), folder.settings(), environ or {})
        return [(problem.where, problem.message) for problem in found]

    return said


def applied(folder, environ=None) -> None:
    """Let the files as they are now be those that were applied last."""
    loaded = load_folder(folder.path, environ or {})
    claims = {file.sync.name: claims_of(file.sync, environ or {}) for file in loaded.files}
    folder.settings().snapshots.mkdir(exist_ok=True)
    write_snapshots(folder.plan(), claims, folder.settings())


def test_nothing_is_said_of_a_new_sync_or_of_an_edit_that_moves_nothing(folder, said):
    folder.write("sync-a.json")
    assert said() == []
    applied(folder)
    assert said() == []
    folder.write("sync-a.json", syncIntervalMinutes=7)
    assert said() == []


@pytest.mark.parametrize(
    # edit                    what is named       from              to
    ("edit", "where", "was", "now"),
    [
        ({"jira": Y}, "jira.baseUrl", "x.atlassian.net", "y.atlassian.net"),
        ({"devJira": Y}, "devJira.baseUrl", "x.atlassian.net", "y.atlassian.net"),
        ({"userProjectKey": "UB"}, "userProjectKey", "Ua", "UB"),
        ({"devProjectKey": "DB"}, "devProjectKey", "Da", "DB"),
        ({"databaseName": "other"}, "databaseName", "sync_a", "other"),
    ],
)  # fmt: skip
def test_an_edit_of_a_site_a_project_or_the_database_is_said_with_what_to_type(folder, said, edit, where, was, now):
    folder.write("sync-a.json")
    applied(folder)
    folder.write("sync-a.json", **edit)
    ((field, words),) = said()
    assert field == where
    assert f"{now} now, and was {was} when it was applied last" in words
    assert "the sync stops and asks" in words
    assert "jira-sync adopt sync-a" in words


def test_both_sides_are_said_once_where_one_field_stands_for_both(folder, said):
    folder.write("sync-a.json", jira={**SITE, "baseUrl": "${HERE}"})
    applied(folder, {"HERE": "https://x.atlassian.net"})
    folder.write("sync-a.json", jira=Y)
    assert [where for where, _ in said({"HERE": "https://x.atlassian.net"})] == ["jira.baseUrl"]


def test_another_spelling_of_the_same_site_is_no_other_site(folder, said):
    folder.write("sync-a.json")
    applied(folder)
    folder.write("sync-a.json", jira={**SITE, "baseUrl": "https://X.atlassian.net/"})
    assert said() == []


@pytest.mark.parametrize("file", ["sync-a.json", "support.json"])
def test_a_renamed_sync_is_told_how_it_keeps_its_database(folder, said, file):
    folder.write("sync-a.json")
    applied(folder)
    definition = json.loads((folder.path / "sync-a.json").read_text())
    (folder.path / "sync-a.json").unlink()
    (folder.path / file).write_text(json.dumps({**definition, "name": "support"}))
    ((where, words),) = said()
    assert where == "databaseName"
    assert "the database is support now, and was sync_a" in words
    assert 'write "databaseName": "sync_a"' in words


def test_a_renamed_sync_that_keeps_its_database_is_not_spoken_of(folder, said):
    folder.write("sync-a.json")
    applied(folder)
    folder.write("sync-a.json", name="support", databaseName="sync_a", userProjectKey="Ua", devProjectKey="Da")
    assert said() == []


def test_a_copy_of_what_was_applied_that_cannot_be_read_is_passed_over(folder, said):
    folder.write("sync-a.json")
    applied(folder)
    (folder.settings().snapshots / "sync-a.json").write_text("{")
    folder.write("sync-a.json", userProjectKey="UB")
    assert said() == []
