"""Every command reports faults around it in a line or two, and has help with an example."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from jira_sync.__main__ import app, main
from sync_worker.jira import transport

REPO = Path(__file__).parents[3]
PASSWORD = "s3cr3t-database-password"
NOBODY_LISTENS = f"mongodb://sync:{PASSWORD}@127.0.0.1:1/?authSource=admin"


NO_GROUP, UNKNOWN, BROKEN, NO_MONGODB, NO_FOLDER = (
    "no group running", "an unknown sync", "a broken file", "a dead MongoDB", "no such folder",
)  # fmt: skip
NO_GROUP_RUNS = "no group runs in"
NO_SERVER = "set DATABASE_URL or DATABASE_URL_FILE"
MESSAGES = {
    # situation: what its message contains
    NO_GROUP: NO_GROUP_RUNS,
    UNKNOWN: "no sync is called sync-abc; did you mean sync-ab?",
    BROKEN: "sync-ab.json",
    NO_MONGODB: "127.0.0.1:1: [Errno 111] Connection refused; DATABASE_URL says where it should be",
    NO_FOLDER: "nowhere is not a folder",
}
WITHOUT_GROUP = {NO_GROUP: None, UNKNOWN: None, NO_MONGODB: None}
WITH_GROUP = {UNKNOWN: None, BROKEN: NO_GROUP_RUNS, NO_MONGODB: NO_GROUP_RUNS, NO_FOLDER: NO_GROUP_RUNS}
OWN_SERVER = {NO_GROUP: None}  # if no group runs, the command starts the embedded server for itself
USAGES: dict[str, tuple[list[str], dict[str, str | None]]] = {
    # command: its arguments, and the situations with another message, or None if it is not concerned.
    # NAME stands for the name of the sync that the situation is about.
    "check": ([], WITHOUT_GROUP),
    "render": (["--stdout"], WITHOUT_GROUP),
    "start": (["--strict"], WITHOUT_GROUP),
    "apply": ([], WITH_GROUP),
    "restart": (["NAME"], {**WITH_GROUP, UNKNOWN: NO_GROUP_RUNS}),
    "stop": ([], dict.fromkeys(MESSAGES)),  # a group that does not run is no fault
    "watch": ([], WITH_GROUP),
    "push": ([], {NO_GROUP: NO_SERVER, UNKNOWN: None, BROKEN: None, NO_FOLDER: NO_SERVER}),
    "pull": (["elsewhere"], {NO_GROUP: NO_SERVER, UNKNOWN: None, BROKEN: None, NO_FOLDER: NO_SERVER}),
    "versions": ([], {NO_GROUP: NO_SERVER, UNKNOWN: None, BROKEN: None, NO_FOLDER: NO_SERVER}),
    "status": (["NAME"], {BROKEN: NO_GROUP_RUNS, NO_MONGODB: NO_GROUP_RUNS}),
    "logs": (["NAME"], {NO_MONGODB: NO_GROUP_RUNS}),
    "sync-now": (["NAME"], {}),
    "pause": (["NAME"], {}),
    "resume": (["NAME"], {}),
    "retry": (["NAME", "SUP-1"], {}),
    "dismiss": (["NAME", "--all"], {}),
    "confirm": (["NAME", "--yes"], {}),
    "plan": (["NAME"], OWN_SERVER),
    "resync": (["NAME", "SUP-1"], OWN_SERVER),
    "backfill": (
        ["NAME", "--since", "2026-01-01", "--yes"],
        {**OWN_SERVER, NO_MONGODB: "no answer"},
    ),  # Jira comes first
    "adopt": (["NAME", "--same-site", "--yes"], OWN_SERVER),
    "history": (["NAME", "SUP-1"], OWN_SERVER),
    "forget": (["NAME", "SUP-1", "--yes"], OWN_SERVER),
    "backup": (["NAME", "sync-ab.backup"], OWN_SERVER),
    "restore": (["NAME", "sync-ab.backup"], {**OWN_SERVER, NO_MONGODB: "No such file"}),  # the file comes first
    "import": (["NAME", "--dry-run"], OWN_SERVER),
    "doctor": (["NAME"], {NO_GROUP: "jira-sync start", BROKEN: "rulez: is not", NO_MONGODB: "127.0.0.1:1"}),
    "init": ([], dict.fromkeys(MESSAGES)),  # needs none of this
    "schema": ([], dict.fromkeys(MESSAGES)),
}
REPORTING = ("doctor",)
"""Commands that report a fault of a sync on standard output, because it is their answer."""
CASES = [
    (command, situation, message)
    for command, (_, others) in USAGES.items()
    for situation, usual_message in MESSAGES.items()
    if (message := others.get(situation, usual_message))
]


def arrange(environment, situation: str) -> str:
    """Bring a situation about; return the name of the sync that it is about."""
    if situation in (UNKNOWN, BROKEN, NO_MONGODB):
        # With a server of its own, the command does not need the group's server.
        environment.set(DATABASE_URL=NOBODY_LISTENS)
    if situation == BROKEN:
        environment.write("sync-ab", rulez=[])
    if situation == NO_FOLDER:
        environment.set(CONFIG_DIR=str(environment.folder / "nowhere"))
    return "sync-abc" if situation == UNKNOWN else "sync-ab"


def commands() -> dict[str, typer.core.TyperCommand]:
    return dict(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


def test_the_usages_in_this_test_cover_every_command():
    assert sorted(USAGES) == sorted(commands())


@pytest.mark.parametrize(("command", "situation", "message"), CASES)
def test_a_command_reports_a_fault_around_it_in_one_or_two_lines(
    environment, capsys, monkeypatch, command, situation, message
):
    monkeypatch.setattr(transport, "FIRST_PAUSE", 0.0)
    name = arrange(environment, situation)
    code = main([command, *(name if argument == "NAME" else argument for argument in USAGES[command][0])])
    out, err = capsys.readouterr()
    assert code == (2 if message == MESSAGES[UNKNOWN] else 1)
    assert message in (err or out)
    if command not in REPORTING or err:
        assert 1 <= len(err.splitlines()) <= 2
        assert all(re.match("(error|warning): .", line) for line in err.splitlines())
    assert not [word for word in (environment.TOKEN, PASSWORD, "Traceback") if word in out + err]


@pytest.mark.parametrize("command", USAGES)
def test_the_help_of_every_command_has_an_example_and_a_panel(capsys, command):
    assert main([command, "--help"]) == 0
    out, _ = capsys.readouterr()
    assert "Example" in out
    assert commands()[command].rich_help_panel  # type: ignore[attr-defined]


def test_help_explains_the_exit_codes(capsys):
    assert main(["--help"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    told = (
        "0 done",
        "1 a person must act",
        "2 the command was not understood",
        "70 a fault of ours",
        "130 interrupted",
    )
    assert f"Exit codes: {', '.join(told)}, 141 nobody reads the output any more." in out


def test_an_unknown_command_or_option_exits_with_2(capsys):
    assert main(["pauze"]) == 2
    assert "Did you mean 'pause'?" in capsys.readouterr().err
    assert main(["status", "--loud"]) == 2


def test_no_heavy_module_is_imported_before_a_command_runs():
    heavy = ("pydantic", "pymongo", "httpx", "aiohttp", "jinja2", "supervisor", "structlog")
    code = f"import sys, jira_sync.__main__; print(*(name for name in {heavy} if name in sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], cwd=REPO, capture_output=True, text=True, check=True)
    assert ran.stdout == "\n"
