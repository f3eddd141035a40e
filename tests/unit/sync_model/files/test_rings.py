"""Rings of syncs are found among all files of a folder."""

from __future__ import annotations

import pytest


def creating(definition, name: str, user: str, dev: str, direction: str = "user_to_dev", **rule):
    creates = {"sourceStatus": "*", "syncDirection": direction, "actions": {"createIssue": True}, **rule}
    return definition(name, userProjectKey=user, devProjectKey=dev, rules=[creates])


RING = "makes a ring with {}: what one creates comes back as another new issue, for ever"


def test_each_sync_of_a_ring_is_a_problem_that_names_the_others_and_the_rest_runs(folder, definition):
    folder.write("1.json", creating(definition, "sync-a", "AA", "BB"))
    folder.write("2.json", creating(definition, "sync-b", "CC", "BB", "dev_to_user"))
    folder.write("3.json", creating(definition, "sync-c", "CC", "AA", "both"))
    folder.write("4.json", creating(definition, "sync-d", "AA", "DD"))
    loaded = folder.load()
    assert [file.path.name for file in loaded.files] == ["4.json"]
    found = {
        problem.file: (problem.where, set(problem.message.split(":")[0].split()[4::2])) for problem in loaded.problems
    }
    assert found == {
        "1.json": ("rules", {"2.json", "3.json"}),
        "2.json": ("rules", {"1.json", "3.json"}),
        "3.json": ("rules", {"1.json", "2.json"}),
    }


@pytest.mark.parametrize(
    # what the second of two syncs does
    "second",
    [
        ("BB", "CC", "user_to_dev", {}),
        ("CC", "BB", "both", {"enabled": False}),
        ("CC", "BB", "dev_to_user", {"conditions": {"requireMapping": True}}),
        ("CC", "BB", "none", {}),
    ],
    ids=["a chain", "a rule that is off", "a rule that never creates", "no direction"],
)
def test_syncs_that_only_follow_each_other_are_no_ring(folder, definition, second):
    user, dev, direction, rule = second
    folder.write("1.json", creating(definition, "sync-a", "AA", "BB", "both"))
    folder.write("2.json", creating(definition, "sync-b", user, dev, direction, **rule))
    assert folder.problems() == []


def test_two_syncs_that_create_to_and_fro_over_a_third_project_are_a_ring(folder, definition):
    folder.write("1.json", creating(definition, "sync-a", "AA", "BB", "both"))
    folder.write("2.json", creating(definition, "sync-b", "BB", "CC", "both"))
    folder.write("3.json", creating(definition, "sync-c", "CC", "AA"))
    assert {problem.file for problem in folder.load().problems} == {"1.json", "2.json", "3.json"}
