"""The folder of a project, as commands find it from below."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from generator.running.settings.group import from_environ, run_dir_of
from generator.running.settings.project_folder import no_group_runs, project_folder


@pytest.fixture
def project() -> Iterator[Path]:
    """A folder whose group has run, with a folder two levels below. Its path is short enough for a socket."""
    with tempfile.TemporaryDirectory() as folder:
        yield _project(Path(folder) / "project")


def _project(project: Path) -> Path:
    (project / "run").mkdir(parents=True)
    (project / "run/supervisord.conf").write_text("")
    (project / "docs/images").mkdir(parents=True)
    return project


@pytest.mark.parametrize("record", ["settings.json", "supervisord.conf"])
@pytest.mark.parametrize("below", [".", "docs", "docs/images", "run"])
def test_the_nearest_folder_upwards_that_has_a_group_is_that_of_the_project(project, monkeypatch, below, record):
    (project / "run/supervisord.conf").rename(project / "run" / record)
    monkeypatch.chdir(project / below)
    settings = from_environ({"DATABASE_URL": "mongodb://127.0.0.1:1"})
    assert settings.project_dir == project
    assert (settings.run_dir, settings.config_dir) == (project / "run", project / "configs")
    assert run_dir_of({}) == project / "run"


def test_a_group_in_a_folder_of_its_own_is_found_from_below_too(project, monkeypatch):
    (project / "run/supervisord.conf").unlink()
    (project / "run").chmod(0o1777)
    own = project / f"run/group-{os.geteuid()}"
    own.mkdir(mode=0o700)
    (own / "settings.json").write_text("{}")
    monkeypatch.chdir(project / "docs")
    assert run_dir_of({}) == own


def test_a_group_that_we_may_not_enter_is_found(project):
    if os.geteuid() == 0:
        pytest.skip("root may enter every folder")
    (project / "run").chmod(0)
    assert project_folder({}, project / "docs") == project


def test_a_folder_with_files_of_syncs_is_a_project_of_its_own(project):
    inner = project / "docs"
    (inner / "configs").mkdir()
    assert project_folder({}, inner) == inner


def test_a_folder_run_that_holds_no_group_is_passed_over(project):
    (project / "docs/run").mkdir()
    assert project_folder({}, project / "docs") == project


def test_without_a_group_above_it_is_the_working_directory(tmp_path):
    assert project_folder({}, tmp_path) == tmp_path


def test_with_run_dir_nothing_is_searched(project, monkeypatch):
    monkeypatch.chdir(project / "docs")
    settings = from_environ({"RUN_DIR": "r", "DATABASE_URL": "mongodb://127.0.0.1:1"})
    assert (settings.project_dir, settings.run_dir) == (project / "docs", project / "docs/r")


def test_paths_in_the_environment_are_as_seen_from_the_working_directory(project, monkeypatch):
    monkeypatch.chdir(project / "docs")
    assert from_environ({"CONFIG_DIR": "images"}).config_dir == project / "docs/images"


def test_it_is_said_where_a_group_was_looked_for(project, tmp_path):
    start = "start one: jira-sync start"
    assert no_group_runs(project / "run", {}) == f"no group runs in {project / 'run'}; {start}"
    assert no_group_runs(tmp_path / "x", {"RUN_DIR": "x"}) == f"no group runs in {tmp_path / 'x'}; {start}"
    assert no_group_runs(tmp_path / "run", {}) == (
        f"no group runs in {tmp_path / 'run'}, nor is there a group in a folder above it; {start}, "
        "or go to the folder of one, or set RUN_DIR"
    )


def test_groups_of_others_in_the_same_folder_are_said(tmp_path):
    tmp_path.chmod(0o1777)
    (tmp_path / f"group-{os.geteuid()}").mkdir()
    other = tmp_path / "group-4711"
    other.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder to another user")
    os.chown(other, 4711, -1)
    said = no_group_runs(tmp_path / f"group-{os.geteuid()}", {"RUN_DIR": str(tmp_path)})
    assert "(there is group-4711 of others)" in said


@pytest.fixture
def demo(monkeypatch) -> Iterator[Path]:
    """The folder of a demo that runs, in a checkout, which is the present folder."""
    with tempfile.TemporaryDirectory() as folder:
        demo = Path(folder) / "run" / "demo"
        demo.mkdir(mode=0o700, parents=True)
        (demo / "settings.json").touch()
        (Path(folder) / "configs").mkdir()
        (Path(folder) / "docs").mkdir()
        monkeypatch.chdir(folder)
        yield demo


def test_commands_are_about_the_demo_while_nothing_else_has_been_started_here(demo, monkeypatch):
    assert run_dir_of({}) == demo
    monkeypatch.chdir("docs")
    assert run_dir_of({}) == demo
    (demo.parent / "settings.json").touch()
    assert run_dir_of({}) == demo.parent


def test_the_demo_takes_no_place_of_what_is_named_or_newly_started(demo):
    assert run_dir_of({"RUN_DIR": "other"}) == demo.parents[1] / "other"
    assert run_dir_of({"CONFIG_DIR": "configs"}) == demo.parent
    assert from_environ({}, is_new=True).run_dir == demo.parent


def test_the_demo_is_forgotten_once_it_was_stopped(demo):
    (demo / "settings.json").unlink()
    assert run_dir_of({}) == demo.parent
