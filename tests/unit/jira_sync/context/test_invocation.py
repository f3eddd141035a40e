"""Advice in messages can be pasted: it spells the command as it is typed here."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from generator.running import terminal
from jira_sync.context.invocation import typed_command

REPO = Path(__file__).parents[4]


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout with the command installed, and a PATH on which it is not."""
    for file in ("jira-sync", ".venv/bin/jira-sync"):
        path = tmp_path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
    (tmp_path / "docs").mkdir()
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    return tmp_path


def test_in_a_checkout_it_is_the_script_beside_the_makefile_from_any_folder(checkout):
    program = str(checkout / ".venv/bin/jira-sync")
    assert typed_command(program, checkout) == "./jira-sync"
    assert typed_command(program, checkout / "docs") == "../jira-sync"


@pytest.mark.parametrize("folder", [".venv/bin", "."])
def test_on_the_path_it_is_its_name(checkout, monkeypatch, folder):
    monkeypatch.setenv("PATH", f"{checkout / folder}:/usr/bin")
    assert typed_command(str(checkout / ".venv/bin/jira-sync"), checkout) == "jira-sync"


def test_without_a_script_beside_it_is_the_path_that_was_typed(checkout):
    (checkout / "jira-sync").unlink()
    assert typed_command(str(checkout / ".venv/bin/jira-sync"), checkout) == ".venv/bin/jira-sync"


def test_run_as_a_module_it_is_its_name(checkout):
    assert typed_command("/app/jira_sync/__main__.py", checkout) == "jira-sync"


@pytest.fixture
def spelled():
    yield terminal.say_commands_as
    terminal.say_commands_as("jira-sync", [])


def test_messages_spell_commands_as_they_are_typed_and_nothing_else(spelled):
    spelled("./jira-sync", ["apply", "sync-now"])
    said = "jira-sync apply; jira-sync sync-now x; jira-sync is here; docker compose exec jira-sync jira-sync apply"
    assert terminal.one_line(said) == (
        "./jira-sync apply; ./jira-sync sync-now x; jira-sync is here; docker compose exec jira-sync jira-sync apply"
    )
    assert terminal.one_line("/opt/jira-sync apply") == "/opt/jira-sync apply"


def test_the_script_runs_the_installed_command_from_any_folder_and_through_links(checkout, tmp_path):
    shutil.copy(REPO / "jira-sync", checkout / "jira-sync")
    (checkout / ".venv/bin/jira-sync").write_text('#!/bin/sh\necho "$@"\nexit 7\n')
    (tmp_path / "link").symlink_to(checkout / "jira-sync")
    for command, folder in (("./jira-sync", checkout), ("../jira-sync", checkout / "docs"), (tmp_path / "link", "/")):
        done = subprocess.run([command, "a b", "c"], cwd=folder, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (7, "a b c\n")


def test_the_script_says_what_to_type_where_nothing_is_installed(checkout):
    shutil.copy(REPO / "jira-sync", checkout / "jira-sync")
    (checkout / ".venv/bin/jira-sync").unlink()
    done = subprocess.run([checkout / "jira-sync", "status"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == f"error: jira-sync is not installed here yet; type: make -C '{checkout}' install\n"
    assert os.access(REPO / "jira-sync", os.X_OK)
