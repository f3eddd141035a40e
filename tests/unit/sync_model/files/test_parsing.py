"""One file becomes JSON data, or says where and why it cannot be read."""

from __future__ import annotations

import json

import pytest

from sync_model.files.parsing import digest_of


def test_a_byte_order_mark_does_not_matter(folder, definition):
    folder.write("sync-ab.json", b"\xef\xbb\xbf" + json.dumps(definition()).encode())
    assert folder.problems() == []


@pytest.mark.parametrize(
    # content                            message
    ("content", "message"),
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
def test_a_file_that_holds_no_json_object_is_a_problem_that_says_where_and_why(folder, content, message):
    folder.write("bad.json", content)
    (problem,) = folder.problems()
    assert problem.startswith("bad.json: ")
    assert message in problem


def test_a_file_that_cannot_be_opened_does_not_keep_others_from_loading(folder, definition):
    (folder.path / "loop.json").symlink_to("loop.json")
    folder.write("sync-ab.json", definition())
    assert [file.sync.name for file in folder.load().files] == ["sync-ab"]


def test_a_key_that_an_object_holds_twice_is_warned_about(folder, definition):
    text = json.dumps(definition())
    folder.write("sync-ab.json", text[:-1] + ', "description": "a", "description": "b"}')
    assert folder.warnings() == ["sync-ab.json: description: stands more than once; the last counts"]


def test_a_key_that_an_object_holds_twice_is_warned_about_in_a_broken_file_too(folder):
    folder.write("bad.json", '{"jira": {"email": "a", "email": "b"}, ')
    assert folder.warnings() == ["bad.json: email: stands more than once; the last counts"]
    assert len(folder.problems()) == 1


def test_the_digest_changes_with_the_data_of_a_file_and_not_with_its_layout(folder, definition):
    folder.write("sync-ab.json", json.dumps(definition()))
    before = folder.load().files[0].digest
    folder.write("sync-ab.json", json.dumps(dict(reversed(definition().items())), indent=4) + "\n")
    assert folder.load().files[0].digest == before
    folder.write("sync-ab.json", definition(syncIntervalMinutes=7))
    assert folder.load().files[0].digest != before
    assert digest_of({"a": 1, "b": 2}) == digest_of({"b": 2, "a": 1})
