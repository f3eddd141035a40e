"""How the command ends, whatever has happened: its exit code, and what it says."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from generator.deploy import commands as group_commands
from generator.running.errors import Unusable
from jira_sync.__main__ import app, main
from sync_model import VERSION

REPO = Path(__file__).parents[3]
PIPED = "import sys; from jira_sync.__main__ import main; sys.exit(main())"


def every_command() -> dict[str, typer.core.TyperCommand]:
    return dict(typer.main.get_group(app).commands)


def takes_a_sync(command: typer.core.TyperCommand) -> bool:
    return any(parameter.metavar == "NAME" and parameter.param_type_name == "argument" for parameter in command.params)


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_the_version_is_told(capsys, option):
    assert main([option]) == 0
    assert capsys.readouterr().out == f"jira-sync {VERSION}\n"


@pytest.fixture
def broken(environment, monkeypatch) -> None:
    """Have `check` fail in our own code, by an error that quotes a secret."""
    monkeypatch.setenv("JIRA_API_TOKEN", "s3cr3t-token-of-this-shell")

    def check(_environ, **_options):
        raise KeyError("s3cr3t-token-of-this-shell")

    monkeypatch.setattr(group_commands, "check", check)


@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize("has_run_dir", [True, False])
def test_a_fault_of_ours_is_called_one_in_two_lines_and_its_details_are_in_a_file(
    capsys, tmp_path, monkeypatch, has_run_dir
):
    folder = Path(os.environ["RUN_DIR"]) if has_run_dir else tmp_path / "temporary"
    folder.mkdir(mode=0o700)
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    assert main(["check"]) == 70
    out, err = capsys.readouterr()
    first, second = err.splitlines()
    assert first.startswith("error: this is a fault of ours, not yours: KeyError")
    (file,) = folder.glob("fault-*.txt")
    assert second.startswith(f"error: report it with {file}")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    details = file.read_text()
    assert f"jira-sync {VERSION}" in details
    assert "Traceback" in details
    assert "s3cr3t" not in out + err + details


@pytest.mark.usefixtures("broken")
def test_a_fault_of_ours_is_told_whole_where_no_file_can_be_written(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    assert main(["check"]) == 70
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert "s3cr3t" not in err


NOT_UNDERSTOOD = [
    [],
    ["nope"],
    ["--nope"],
    ["check", "--nope"],
    ["check", "too-much"],
    ["plan"],
    ["plan", "sync-ab", "--limit", "many"],
    ["history", "sync-ab"],
    ["pause"],
    ["pause", "--all", "sync-ab"],
    ["retry", "sync-ab", "SUP-1", "--all"],
    ["init"],
    ["init", "--yes"],
    ["adopt", "sync-ab", "--new", "--moved"],
    ["import", "sync-ab", "--json"],
    ["backfill", "sync-ab", "--since", "yesterday"],
    ["backfill", "sync-ab", "--since", "2026-01-01", "--json"],
    ["forget", "sync-ab", "SUP-1", "--json"],
    ["start", "--json", "--foreground"],
    ["start", "sync-ab", "--strict"],
    ["render", "--stdout", "--diff"],
]


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("arguments", NOT_UNDERSTOOD, ids=" ".join)
def test_what_is_not_understood_exits_with_2_and_says_so(capsys, arguments):
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert err or "Usage" in out
    assert "fault of ours" not in err


MORE_ARGUMENTS = {
    "history": ["SUP-1"],
    "resync": ["SUP-1"],
    "forget": ["SUP-1"],
    "backup": ["file"],
    "restore": ["file"],
    "backfill": ["--since", "2026-01-01"],
    "import": ["--dry-run"],
}
OF_A_RUNNING_GROUP = {"apply", "start", "stop", "restart"}
"""Where no group runs, that is what they say. tests/integration has the rest."""


@pytest.mark.parametrize("command", sorted(name for name, found in every_command().items() if takes_a_sync(found)))
def test_a_name_that_no_sync_has_is_not_understood_and_the_nearest_is_named(environment, capsys, command):
    code = main([command, "sync-abc", *MORE_ARGUMENTS.get(command, [])])
    err = capsys.readouterr().err
    if command in OF_A_RUNNING_GROUP:
        assert (code, "no group runs" in err) == (1, True)
        return
    assert (code, "no sync is called sync-abc; did you mean sync-ab?" in err) == (2, True)


@pytest.mark.usefixtures("environment")
def test_a_name_like_no_other_is_answered_with_all_names(capsys):
    assert main(["logs", "zzz"]) == 2
    assert "no sync is called zzz; there is sync-ab" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["schema"], ["--help"], ["check", "--help"], ["check", "--json"], ["check"]])
def test_a_reader_that_has_ended_ends_the_command_in_silence_with_141(tmp_path, arguments):
    (tmp_path / "configs").mkdir()
    reading, writing = os.pipe()
    os.close(reading)
    ran = subprocess.run(
        [sys.executable, "-c", PIPED, *arguments], stdout=writing, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(REPO), "RUN_DIR": str(tmp_path / "run")}, cwd=tmp_path, check=False,
    )  # fmt: skip
    os.close(writing)
    assert (ran.returncode, ran.stderr) == (141, "")


def test_a_reader_of_the_errors_that_has_ended_is_no_fault_of_ours(tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    ran = subprocess.run(
        [sys.executable, "-c", PIPED, "apply"], stdout=writing, stderr=writing, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(REPO), "RUN_DIR": str(tmp_path / "run")}, check=False,
    )  # fmt: skip
    os.close(writing)
    assert ran.returncode == 141


OPTIONS = {
    # what an option means in all commands that have it: its names
    "--all": {"--all"},
    "--yes": {"--yes", "-y"},
    "--json": {"--json"},
    "--dry-run": {"--dry-run"},
    "--follow": {"--follow", "-f"},
    "--replace": {"--replace", "--force"},
    "--limit": {"--limit", "--lines", "-n"},
    "--quiet": {"--quiet", "-q"},
}


def test_an_option_is_spelled_alike_in_all_commands():
    for name, command in every_command().items():
        for parameter in command.params:
            spelled = set(parameter.opts)
            for usual, names in OPTIONS.items():
                if spelled & names:
                    assert usual in spelled, f"{name} {spelled}"
                    assert spelled <= names, f"{name} {spelled}"


def test_the_commands_that_do_something_can_tell_a_script_what():
    without = {name for name, found in every_command().items() if "--json" not in str([p.opts for p in found.params])}
    # What they print or write is a text of its own.
    assert without == {"init", "render", "schema"}


@pytest.mark.parametrize("old", [["backup", "--own-format"], ["logs", "-n"], ["logs", "--lines"], ["init", "--force"]])
def test_an_old_name_of_an_option_goes_on(old):
    command, option = old
    assert any(option in parameter.opts for parameter in every_command()[command].params)


def test_no_error_type_for_people_is_taken_for_a_fault(capsys, monkeypatch, environment):
    def check(_environ, **_options):
        raise Unusable("mend it")

    monkeypatch.setattr(group_commands, "check", check)
    assert main(["check"]) == 1
    assert re.fullmatch(r"error: mend it\n", capsys.readouterr().err)
