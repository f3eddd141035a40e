"""What is said when an edit lets rules answer a status that they did not answer before."""

from __future__ import annotations

from typing import Any

import pytest

from generator.deploy.newly_answered import newly_answered
from generator.deploy.snapshots import write_snapshots
from sync_model.files.checks import claims_of
from sync_model.files.loading import load_folder

CREATES = {"syncDirection": "user_to_dev", "actions": {"createIssue": True}}
MOVES = {"syncDirection": "user_to_dev", "actions": {"syncStatus": True}}
COMMENTS = {"syncDirection": "user_to_dev", "actions": {"addComment": True}}


def rule(*statuses: str, of: dict[str, Any] = CREATES, **more: Any) -> dict[str, Any]:
    return {"sourceStatus": list(statuses), **of, **more}


@pytest.fixture
def said(folder):
    """Apply rules, then edit them, and return what is said of it."""

    def said(before: list[dict[str, Any]], after: list[dict[str, Any]], **changes: Any) -> list[str]:
        folder.write("sync-a.json", rules=before)
        apply(folder)
        folder.write("sync-a.json", rules=after, **changes)
        return messages(folder)

    return said


def apply(folder) -> None:
    """Let the files as they are now be those that were applied last."""
    claims = {file.sync.name: claims_of(file.sync, {}) for file in load_folder(folder.path, {}).files}
    folder.settings().snapshots.mkdir(exist_ok=True)
    write_snapshots(folder.plan(), claims, folder.settings())


def messages(folder) -> list[str]:
    return [f"{problem}" for problem in newly_answered(load_folder(folder.path, {}), folder.settings(), {})]


def test_a_status_that_is_answered_with_a_creation_since_an_edit_names_backfill(said):
    (words,) = said([rule("A")], [rule("A", "In Progress")])
    assert words == (
        "sync-a.json: rules: the status 'In Progress' of project Ua is answered now, and was not when the file was "
        "applied last; what is in it already and has no counterpart gets none, unless you type: "
        "jira-sync backfill sync-a --since DATE"
    )


@pytest.mark.parametrize(
    ("after", "named"),
    [
        ([rule("A"), rule("B")], "the status 'B'"),
        ([rule("A", "B", "C")], "the statuses 'B', 'C'"),
        ([rule("A", "*")], "every status"),
        ([rule("A"), rule("B", "b ")], "the status 'b'"),
        ([rule("A", "B", syncDirection="both")], "the status 'B' of project Ua"),
    ],
)
def test_each_newly_answered_status_is_named_once(said, after, named):
    (words,) = [words for words in said([rule("A")], after) if " Ua " in words]
    assert named in words


def test_both_sides_are_told_apart(said):
    words = said([rule("A")], [rule("A", "B", syncDirection="both")])
    assert [("'A', 'B' of project Da" in line, "'B' of project Ua" in line) for line in words] == [
        (False, True),
        (True, False),
    ]


@pytest.mark.parametrize(
    "before",
    [
        [rule("A"), rule("B", enabled=False)],
        [rule("A"), rule("B", conditions={"requireMapping": True})],
        [rule("A"), rule("B", syncDirection="none")],
        [rule("A"), rule("B", syncDirection="dev_to_user")],
        [rule("A"), rule("B", of=MOVES)],
    ],
)
def test_a_rule_that_creates_only_since_the_edit_counts(said, before):
    (words,) = said(before, [rule("A"), rule("B")])
    assert "'B' of project Ua is answered now" in words
    assert "jira-sync backfill sync-a --since DATE" in words


def test_a_status_that_only_moves_counterparts_names_resync(said):
    (words,) = said([rule("A")], [rule("A"), rule("B", of=MOVES)])
    assert "the status 'B' of project Ua is answered now" in words
    assert words.endswith("jira-sync resync sync-a ISSUE…")


@pytest.mark.parametrize(
    "after",
    [
        [rule("A", "B")],
        [rule(" a ", "b")],
        [rule("B"), rule("A")],
        [rule("A", "B", id="another name", description="x", priority=3)],
        [rule("A")],
        [rule("A", "B", of=MOVES)],
        [rule("A", "B"), rule("C", of=COMMENTS)],
        [rule("A", "B"), rule("C", enabled=False)],
        [rule("A", "B"), rule("C", conditions={"requireMapping": True})],
    ],
)
def test_nothing_is_said_of_an_edit_that_lets_no_status_be_answered_for_the_first_time(said, after):
    assert said([rule("A", "B")], after, syncIntervalMinutes=7) == []


def test_nothing_is_new_to_a_sync_that_answered_every_status(said):
    assert said([rule("*")], [rule("*", "B")]) == []


def test_nothing_is_said_of_a_new_sync(folder):
    folder.write("sync-a.json", rules=[rule("A")])
    assert messages(folder) == []


@pytest.mark.parametrize("changes", [{"databaseName": "other"}, {"userProjectKey": "UB"}])
def test_nothing_is_said_where_a_first_look_decides(said, changes):
    assert said([rule("A")], [rule("A", "B")], **changes) == []


def test_nothing_is_said_once_the_edit_is_applied(said, folder):
    assert len(said([rule("A")], [rule("A", "B")])) == 1
    apply(folder)
    assert messages(folder) == []


def test_a_renamed_sync_that_keeps_its_database_is_told_by_its_new_name(folder):
    folder.write("sync-a.json", rules=[rule("A")])
    apply(folder)
    keys = {"userProjectKey": "Ua", "devProjectKey": "Da", "databaseName": "sync_a"}
    folder.write("sync-a.json", rules=[rule("A", "B")], name="support", **keys)
    (words,) = messages(folder)
    assert "jira-sync backfill support --since DATE" in words
