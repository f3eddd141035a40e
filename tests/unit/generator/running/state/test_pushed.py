"""The copy of what was pushed: whole, of this fleet, and never gone because something else is."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from generator.running.settings.group import Settings, from_environ
from generator.running.state.mirroring import held_content, make_sure_of_folder, mirror, note_trouble
from generator.running.state.pushed import (
    MirroredVersion,
    is_pushed_empty,
    mirrored_version,
    pushed_state,
    pushed_version,
    unusable_files,
)

AT = datetime(2026, 11, 28, 10, 12, 30, 123000, tzinfo=UTC)


def version(number: int, count: int = 1, fleet: str = "main", **unusable: str) -> MirroredVersion:
    return MirroredVersion(fleet, number, AT, "ann@host", count, unusable)


@pytest.fixture
def settings(tmp_path) -> Settings:
    (tmp_path / "run").mkdir()
    environ = {"RUN_DIR": str(tmp_path / "run"), "CONFIG_SOURCE": "database", "DATABASE_URL": "mongodb://x"}
    return from_environ(environ)


def files(settings: Settings) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in settings.config_dir.glob("[!.]*")}


def folders(settings: Settings) -> set[str]:
    return {path.name for path in (settings.run_dir / "pushed").iterdir()}


def test_before_anything_was_pushed_there_is_an_empty_folder_and_no_version(settings):
    make_sure_of_folder(settings)
    assert files(settings) == {}
    assert (pushed_version(settings), is_pushed_empty(settings)) == (None, False)
    assert str(pushed_state(settings)) == "nothing has been pushed for fleet main yet: jira-sync push"


def test_a_version_is_read_whole_and_says_what_it_is(settings):
    make_sure_of_folder(settings)
    mirror(settings, version(12), {"a.json": b"a"})
    assert files(settings) == {"a.json": b"a"}
    assert pushed_version(settings) == 12
    assert mirrored_version(settings) == version(12)
    assert str(pushed_state(settings)) == "version 12, pushed 2026-11-28 10:12 UTC by ann@host"
    assert held_content(settings, "a.json") == b"a"
    assert held_content(settings, "b.json") is None
    for path in settings.config_dir.iterdir():
        assert path.stat().st_mode & 0o077 == 0


def test_only_the_version_before_is_kept_beside_the_newest_one(settings):
    make_sure_of_folder(settings)
    for number in (1, 2, 3):
        mirror(settings, version(number), {"a.json": b"%d" % number})
    assert folders(settings) == {"2", "3", "current"}
    assert files(settings) == {"a.json": b"3"}
    # Another database may have a version of the same number.
    mirror(settings, version(3), {"b.json": b"b"})
    assert files(settings) == {"b.json": b"b"}
    assert pushed_version(settings) == 3


def test_a_copy_that_breaks_off_changes_nothing(settings, monkeypatch):
    make_sure_of_folder(settings)
    mirror(settings, version(1), {"a.json": b"1"})
    written: list[object] = []

    def full(path, *_: object) -> int:
        written.append(path)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "open", full)
    with pytest.raises(OSError, match="No space"):
        mirror(settings, version(2), {"a.json": b"2", "b.json": b"2"})
    monkeypatch.undo()
    assert written
    assert (files(settings), pushed_version(settings)) == ({"a.json": b"1"}, 1)
    mirror(settings, version(2), {"a.json": b"2"})
    assert files(settings) == {"a.json": b"2"}


def test_what_is_of_another_fleet_is_not_here(settings):
    make_sure_of_folder(settings)
    mirror(settings, version(7), {"a.json": b"a"})
    other = replace(settings, fleet="staging")
    assert (pushed_version(other), is_pushed_empty(other)) == (None, False)
    make_sure_of_folder(other)
    assert files(other) == {}
    assert "fleet staging" in str(pushed_state(other))


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"number": 1}', '{"at": 7}', "\xff"])
def test_a_record_that_cannot_be_read_is_none(settings, text):
    make_sure_of_folder(settings)
    mirror(settings, version(1, count=0), {})
    assert is_pushed_empty(settings)
    (settings.config_dir / ".version.json").write_bytes(text.encode("latin-1"))
    assert (mirrored_version(settings), is_pushed_empty(settings)) == (None, False)


def test_files_that_could_not_be_put_here_are_named_and_do_not_make_a_version_empty(settings):
    make_sure_of_folder(settings)
    mirror(settings, version(1, 1, **{"a.json": "is not as it was pushed"}), {})
    assert unusable_files(settings) == {"a.json": "is not as it was pushed"}
    assert not is_pushed_empty(settings)


def test_what_a_person_should_know_is_said_until_it_is_over(settings):
    make_sure_of_folder(settings)
    note_trouble(settings, "the database was restored")
    assert str(pushed_state(settings)) == "the database was restored"
    mirror(settings, version(1), {})
    found = pushed_state(settings)
    assert found is not None
    assert (found.trouble, found.version) == ("the database was restored", version(1))
    note_trouble(settings, None)
    note_trouble(settings, None)
    found = pushed_state(settings)
    assert found is not None
    assert found.trouble is None


def test_a_group_with_a_folder_of_its_own_has_no_pushed_version(tmp_path):
    settings = from_environ({"RUN_DIR": str(tmp_path), "CONFIG_DIR": str(tmp_path)})
    assert (pushed_state(settings), pushed_version(settings), dict(unusable_files(settings))) == (None, None, {})
    assert isinstance(settings.config_dir, Path)
