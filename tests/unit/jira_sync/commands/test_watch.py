"""When a folder counts as edited, and what becomes of an apply that fails."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from jira_sync.commands import watch
from jira_sync.commands.watch import Applier, follow, look


class Over(Exception):
    """The test has seen enough."""


class Counted:
    """Stands for an apply: takes note of what it would have read. `fails`: it is to be tried again."""

    def __init__(self, folder: Path) -> None:
        self._folder, self.fails = folder, False
        self.read: list[str] = []

    def apply(self) -> None:
        self.read.append(" ".join(path.read_text() for path in sorted(self._folder.glob("*.json"))))

    def is_due(self) -> bool:
        return self.fails


@pytest.fixture
def folder(tmp_path) -> Path:
    folder = tmp_path / "configs"
    folder.mkdir()
    (folder / "a.json").write_text("a1")
    return folder


def applied(folder: Path, *meanwhile: Callable[[], object], fails: bool = False) -> list[str]:
    """Follow the folder, let one thing after the other happen between two looks, and return what was applied."""
    counted, happening = Counted(folder), iter(meanwhile)
    counted.fails = fails

    def wait(_seconds: float) -> None:
        try:
            next(happening)()
        except StopIteration:
            raise Over from None

    with pytest.raises(Over):
        follow(folder, counted, wait)  # type: ignore[arg-type]
    return counted.read


def write(folder: Path, text: str, name: str = "a.json") -> Callable[[], object]:
    return lambda: (folder / name).write_text(text)


def nothing() -> None: ...


def test_what_is_there_is_applied_once_and_then_every_edit(folder):
    edits = [nothing, write(folder, "a2"), nothing, nothing, (folder / "a.json").unlink, nothing]
    assert applied(folder, *edits) == ["a1", "a2", ""]


def test_an_edit_in_several_writes_is_applied_when_it_is_complete(folder):
    edits = [write(folder, "a"), write(folder, "a2"), write(folder, "b1", "b.json"), nothing, nothing]
    assert applied(folder, *edits) == ["a1", "a2 b1"]


def test_what_editors_leave_beside_a_file_is_no_edit(folder):
    edits = [write(folder, "", name) for name in (".a.json.swp", "a.json~", "#a.json#", "x.example.json")]
    assert applied(folder, *edits, nothing, nothing) == ["a1"]


def test_what_failed_is_tried_again_without_an_edit(folder):
    assert applied(folder, nothing, nothing, fails=True) == ["a1", "a1", "a1"]


def test_a_link_that_turns_is_an_edit_as_in_a_config_map(tmp_path):
    """All versions have the same name, size and time, and perhaps the same inode of a former one."""
    folder = tmp_path / "configs"
    folder.mkdir()
    for version in ("1", "2"):
        (tmp_path / version).mkdir()
    (tmp_path / "1" / "a.json").write_text("a")
    (tmp_path / "2" / "a.json").hardlink_to(tmp_path / "1" / "a.json")
    (folder / "..data").symlink_to(tmp_path / "1")
    (folder / "a.json").symlink_to("..data/a.json")
    before = look(folder)
    (folder / "..new").symlink_to(tmp_path / "2")
    (folder / "..new").replace(folder / "..data")
    assert look(folder) != before


def test_a_folder_that_is_gone_is_something_else_than_an_empty_one(folder):
    (folder / "a.json").unlink()
    empty = look(folder)
    folder.rmdir()
    assert empty is not None
    assert look(folder) is None


def test_what_keeps_an_apply_from_working_is_said_once_and_tried_again_later(folder, tmp_path, capsys, monkeypatch):
    applier = Applier({"CONFIG_DIR": str(folder), "RUN_DIR": str(tmp_path / "run")}, tmp_path / "run")
    for _ in range(3):
        applier.apply()
        assert not applier.is_due()
    assert capsys.readouterr().err.count("error: no group runs in ") == 1
    monkeypatch.setattr(watch, "RETRY_EVERY", 0.0)
    assert applier.is_due()


def test_a_fault_of_ours_does_not_end_it_and_is_told_in_two_lines(capsys, tmp_path):
    applier = Applier(None, tmp_path)  # type: ignore[arg-type]
    applier.apply()
    said = capsys.readouterr().err
    assert said.startswith("error: this is a fault of ours, not yours: AttributeError")
    assert "report it with" in said
