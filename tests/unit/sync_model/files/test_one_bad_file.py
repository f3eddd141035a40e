"""Whatever one file holds, and whatever stands in its place, concerns that file alone: nothing raises or waits."""

from __future__ import annotations

import json
import os
import socket
import stat
import string
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync_model.files.config_files import config_paths, file_states, sorted_out
from sync_model.files.loading import Loaded, load_folder
from sync_model.files.problems import LONGEST_MESSAGE, MOST_PROBLEMS

REFERENCES = ["${TOKEN}", "${ABSENT}", "${file:/dev/zero}", "${file:/etc}", "${file:\0}", "${file:\udcff}"]
ODD_TEXTS = ["http://[", "", "\ud800", "\x1b]52;c;x\x07", "a" * 3000]
TEXTS = st.text(max_size=20) | st.sampled_from(REFERENCES) | st.sampled_from(ODD_TEXTS)
NUMBERS = st.integers() | st.floats() | st.sampled_from([10**400, -(10**4000), 1e308])
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda values: st.lists(values, max_size=3) | st.dictionaries(TEXTS, values, max_size=3),
    max_leaves=8,
)
KEYS = ["name", "jira", "userJira", "devJira", "userProjectKey", "rules", "databaseName", "mostMovesPerHour",
        "sideBySide", "syncIntervalMinutes", "defaultBehavior", "onDelete", "onDeleteStatus", "enabled", "attachments",
        "mostWritesPerHour"]  # fmt: skip
RULE_KEYS = ["sourceStatus", "syncDirection", "targetProject", "priority", "conditions", "actions", "id", "enabled"]
ACCOUNT_KEYS = ["baseUrl", "siteUrl", "email", "apiToken", "authType", "caFile", "clientCertificate", "clientKey"]
FILE_KEYS = ["syncDirection", "deletes", "maxMegabytes", "only", "except"]


def load_beside_a_good_one(write: Callable[[Path], object], good: dict[str, Any]) -> Loaded:
    """Load a folder with a good file and whatever `write` puts there; the good one loads in any case."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "good.json").write_text(json.dumps(good))
        write(Path(folder))
        loaded = load_folder(Path(folder), {"TOKEN": "s3cr3t-token"})
        file_states(Path(folder))
    assert "good.json" in {file.path.name for file in loaded.files}
    for problem in (*loaded.problems, *loaded.warnings):
        str(problem).encode()
        assert "cannot be used" not in problem.message  # what is foreseen has words of its own
    return loaded


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=200) | st.text(alphabet=string.printable, max_size=200).map(str.encode))
def test_no_bytes_in_a_file_raise(definition, content):
    load_beside_a_good_one(lambda folder: (folder / "x.json").write_bytes(content), definition("sync-g"))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    top=st.dictionaries(st.sampled_from(KEYS) | TEXTS, VALUES, max_size=3),
    rule=st.dictionaries(st.sampled_from(RULE_KEYS) | TEXTS, VALUES, max_size=3),
    account=st.dictionaries(st.sampled_from(ACCOUNT_KEYS) | TEXTS, VALUES, max_size=3),
    files=st.dictionaries(st.sampled_from(FILE_KEYS) | TEXTS, VALUES, max_size=3),
)
def test_no_value_of_any_field_raises(definition, top, rule, account, files):
    data = definition("sync-x", attachments=files)
    data["jira"] |= account
    data["rules"] = [data["rules"][0] | rule]
    text = json.dumps(data | top)
    load_beside_a_good_one(lambda folder: (folder / "x.json").write_text(text), definition("sync-g"))


@pytest.mark.parametrize(
    # content                                                      problem
    ("content", "problem"),
    [
        ('{"priority": ' + "1" * 5000 + "}", "bad.json: holds a number of thousands of digits; this is no sync"),
        ('{"priority": -' + "1" * 90_000 + "}", "bad.json: holds a number of thousands of digits; this is no sync"),
        (" " * 100_001, "bad.json: is larger than 100,000 bytes; this is no sync"),
        ('{"a": ' * 10_000, "bad.json: is nested too deeply; this is no sync"),
    ],
)
def test_content_that_no_person_wrote_is_one_problem_of_its_file(folder, content, problem):
    folder.write("bad.json", content)
    assert folder.problems() == [problem]


def test_whatever_a_file_makes_fail_is_a_problem_of_that_file(folder, definition, monkeypatch):
    """What nobody has foreseen yet is shown by a fault in the code, because no known file causes one."""
    from sync_model.files import loading

    def digest_of(data: dict[str, Any]) -> str:
        if data["name"] == "sync-x":
            raise MemoryError
        return "d"

    monkeypatch.setattr(loading, "digest_of", digest_of)
    folder.write("x.json", definition("sync-x"))
    folder.write("g.json", definition("sync-g"))
    assert [file.sync.name for file in folder.load().files] == ["sync-g"]
    assert folder.problems() == ["x.json: cannot be used (MemoryError)"]


def test_a_file_of_wrong_keys_has_few_problems_and_says_how_many_there_are(folder):
    folder.write("bad.json", json.dumps({f"key{number}": number for number in range(5000)}))
    problems = folder.problems()
    assert len(problems) == MOST_PROBLEMS
    assert problems[0] == f"bad.json: has {5000 + 4 - MOST_PROBLEMS + 1} more of them"


def test_a_file_that_says_odd_things_again_and_again_has_few_warnings(folder, definition):
    rule = {"sourceStatus": "x", "syncDirection": "both", "actions": {"commentTemplate": "${no}" * 10}}
    folder.write("a.json", definition("sync-a", rules=[rule] * 200))
    twice = ", ".join(f'"key{number}": 1, "key{number}": 2' for number in range(200))
    folder.write("b.json", f'{{"jira": {{{twice}}}, ')
    loaded = folder.load()
    for name in ("a.json", "b.json"):
        assert len([warning for warning in loaded.warnings if warning.file == name]) == MOST_PROBLEMS


def test_a_key_of_ninety_thousand_letters_is_named_by_its_first_ones(folder):
    folder.write("bad.json", json.dumps({"k" * 90_000: 1}))
    assert all(len(problem) < LONGEST_MESSAGE + 200 for problem in folder.problems())


def dangling(path: Path) -> None:
    path.symlink_to("nowhere.json")


def loop(path: Path) -> None:
    path.symlink_to(path.name)


def too_long(path: Path) -> None:
    """Looking at it fails for everybody, as a link into a folder that we may not enter does for us."""
    path.symlink_to("n" * 300)


def behind_a_file(path: Path) -> None:
    path.symlink_to("good.json/x.json")


def link_to_a_pipe(path: Path) -> None:
    os.mkfifo(path.with_suffix(".pipe"))
    path.symlink_to(path.with_suffix(".pipe"))


def bound_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


def endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def half_memory(path: Path) -> None:
    path.symlink_to("/proc/self/mem")


@pytest.mark.parametrize("make", [dangling, loop, too_long, behind_a_file, half_memory])
def test_a_file_that_cannot_be_read_is_broken_and_not_gone(definition, make):
    loaded = load_beside_a_good_one(lambda folder: make(folder / "x.json"), definition("sync-g"))
    assert loaded.broken == {"x.json"}
    assert loaded.keeps("x.json")


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (os.mkfifo, "it is a pipe, not a file"),
        (link_to_a_pipe, "it is a pipe, not a file"),
        (Path.mkdir, "it is a folder, not a file"),
        (bound_socket, "it is a socket, not a file"),
        (endless, "it is a device, not a file"),
    ],
)
def test_what_stands_under_the_name_of_a_sync_and_is_no_file_is_warned_about(definition, make, what):
    loaded = load_beside_a_good_one(lambda folder: make(folder / "x.json"), definition("sync-g"))
    assert (loaded.problems, loaded.keeps("x.json")) == ((), True)
    assert f"x.json: is not read: {what}" in [str(warning) for warning in loaded.warnings]


@pytest.mark.parametrize("name", ["x.JSON", "x.Json"])
def test_a_name_in_capitals_is_warned_about(definition, name):
    loaded = load_beside_a_good_one(lambda folder: (folder / name).write_text("{"), definition("sync-g"))
    assert loaded.problems == ()
    (warning,) = [str(warning) for warning in loaded.warnings]
    assert warning == f"{name}: is not read: its name ends in {name[1:]}; rename it to end in .json"


@pytest.mark.parametrize("name", [b"\xff.json", b"a\nb.json", b"\x1b]0;x\x07.json", b"\xe2\x80\xae.json", b"a b.json"])
def test_no_name_of_a_file_raises(definition, name):
    def write(folder: Path) -> None:
        (folder / os.fsdecode(name)).write_text("{")

    loaded = load_beside_a_good_one(write, definition("sync-g"))
    assert len(loaded.problems) == 1


def test_where_a_link_that_leads_nowhere_leads_is_said(folder):
    dangling(folder.path / "x.json")
    assert folder.problems() == ["x.json: is a link to 'nowhere.json', which is not there; mend or remove it"]


def test_listings_agree_on_what_is_a_sync(folder, definition):
    folder.write("a.json", definition())
    os.mkfifo(folder.path / "b.json")
    assert [path.name for path in config_paths(folder.path)] == ["a.json"]
    assert set(sorted_out(folder.path)[1]) == {"b.json"}
    assert stat.S_ISFIFO((folder.path / "b.json").stat().st_mode)
