"""Whatever is wrong around a command, it says so in a line or two, and how it can be helped."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from jira_sync.__main__ import app, main
from jira_sync.context.target import complete_name
from sync_worker.database import connection

REPO = Path(__file__).parents[3]
TOKEN, PASSWORD = "s3cr3t-jira-token", "s3cr3t-database-password"
NOBODY_LISTENS = f"mongodb://sync:{PASSWORD}@127.0.0.1:1/?authSource=admin"


NO_GROUP, UNKNOWN, BROKEN, NO_MONGODB, NO_FOLDER = (
    "no group running", "an unknown sync", "a broken file", "a dead MongoDB", "no such folder",
)  # fmt: skip
START_ONE = "no group runs in"
SAID = {
    # situation   what is said of it
    NO_GROUP: START_ONE,
    UNKNOWN: "no sync is called sync-abc; did you mean sync-ab?",
    BROKEN: "sync-ab.json",
    NO_MONGODB: "127.0.0.1:1: [Errno 111] Connection refused; DATABASE_URL says where it should be",
    NO_FOLDER: "nowhere is not a folder",
}
OF_FILES = {NO_GROUP: None, UNKNOWN: None, NO_MONGODB: None}
OF_A_GROUP = {UNKNOWN: None, BROKEN: START_ONE, NO_MONGODB: START_ONE, NO_FOLDER: START_ONE}
ITS_OWN = {NO_GROUP: None}  # where none runs, it starts the embedded server for itself
USAGES: dict[str, tuple[list[str], dict[str, str | None]]] = {
    # command: its arguments, and where it says something else than that; None where it is not concerned.
    # NAME is the sync that a situation is about.
    "check": ([], OF_FILES),
    "render": (["--stdout"], OF_FILES),
    "start": (["--strict"], OF_FILES),
    "apply": ([], OF_A_GROUP),
    "stop": ([], dict.fromkeys(SAID)),  # that nothing was running is no failure
    "watch": ([], OF_A_GROUP),
    "status": (["NAME"], {BROKEN: START_ONE, NO_MONGODB: START_ONE}),
    "logs": (["NAME"], {**OF_A_GROUP, UNKNOWN: START_ONE}),
    "sync-now": (["NAME"], {}),
    "pause": (["NAME"], {}),
    "resume": (["NAME"], {}),
    "retry": (["NAME", "SUP-1"], {}),
    "dismiss": (["NAME", "--all"], {}),
    "plan": (["NAME"], ITS_OWN),
    "resync": (["NAME", "SUP-1"], ITS_OWN),
    "backfill": (["NAME", "--since", "2026-01-01", "--yes"], {**ITS_OWN, NO_MONGODB: "no answer"}),  # Jira comes first
    "history": (["NAME", "SUP-1"], ITS_OWN),
    "backup": (["NAME", "sync-ab.backup"], ITS_OWN),
    "restore": (["NAME", "sync-ab.backup"], {**ITS_OWN, NO_MONGODB: "No such file"}),  # the file comes first
    "import": (["NAME", "--dry-run"], ITS_OWN),
    "doctor": (["NAME"], {NO_GROUP: "jira-sync start", BROKEN: "rulez: is not", NO_MONGODB: "127.0.0.1:1"}),
    "init": ([], dict.fromkeys(SAID)),  # it needs nothing of this
    "schema": ([], dict.fromkeys(SAID)),
}
REPORTING = ("doctor",)
"""What is wrong with a sync is this command's answer, line by line, on standard output."""
CASES = [
    (command, situation, said)
    for command, (_, others) in USAGES.items()
    for situation, usually in SAID.items()
    if (said := others.get(situation, usually))
]


class Around:
    """What is around a command: a folder with one good sync, in an environment where nothing runs."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self._monkeypatch = folder / "configs", monkeypatch
        self.folder.mkdir()
        self.set(CONFIG_DIR=str(self.folder), RUN_DIR=str(folder / "run"))
        self.write("sync-ab")

    def arrange(self, situation: str) -> str:
        """Bring a situation about; return the name of the sync that it is about."""
        if situation in (UNKNOWN, BROKEN, NO_MONGODB):
            self.set(DATABASE_URL=NOBODY_LISTENS)  # so that it is not for want of a group
        if situation == BROKEN:
            self.write("sync-ab", rulez=[])
        if situation == NO_FOLDER:
            self.set(CONFIG_DIR=str(self.folder / "nowhere"))
        return "sync-abc" if situation == UNKNOWN else "sync-ab"

    def set(self, **environ: str) -> None:
        for name, value in environ.items():
            self._monkeypatch.setenv(name, value)

    def write(self, name: str, **changes: object) -> None:
        definition = {
            "name": name,
            "jira": {"baseUrl": "http://127.0.0.1:1", "apiToken": TOKEN},
            "userProjectKey": "SUP",
            "devProjectKey": "DEV",
            "rules": [{"sourceStatus": "Open", "syncDirection": "both", "actions": {"createIssue": True}}],
        }
        (self.folder / f"{name}.json").write_text(json.dumps({**definition, **changes}))


@pytest.fixture
def around(tmp_path, monkeypatch, plain_environment, free_port) -> Around:
    monkeypatch.setattr(connection, "SECONDS_TO_FIND_A_SERVER", 0.2)
    around = Around(tmp_path, monkeypatch)
    around.set(PORT=str(free_port()), MONGODB_PORT=str(free_port()))
    return around


def commands() -> dict[str, typer.core.TyperCommand]:
    return dict(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


def test_the_table_has_every_command():
    assert sorted(USAGES) == sorted(commands())


@pytest.mark.parametrize(("command", "situation", "said"), CASES)
def test_what_is_wrong_is_said_in_a_line_or_two(around, capsys, command, situation, said):
    name = around.arrange(situation)
    code = main([command, *(name if each == "NAME" else each for each in USAGES[command][0])])
    out, err = capsys.readouterr()
    assert code == 1
    assert said in (err or out)
    if command not in REPORTING or err:
        assert 1 <= len(err.splitlines()) <= 2
        assert all(re.match("(error|warning): .", line) for line in err.splitlines())
    assert not [word for word in (TOKEN, PASSWORD, "Traceback") if word in out + err]


@pytest.mark.parametrize("command", USAGES)
def test_help_teaches_by_example(capsys, command):
    assert main([command, "--help"]) == 0
    out, _ = capsys.readouterr()
    assert "Example" in out
    assert commands()[command].rich_help_panel  # type: ignore[attr-defined]


def test_help_says_what_exit_codes_mean(capsys):
    assert main(["--help"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "Exit codes: 0 done, 1 a person must act, 2 the command was not understood, 130 interrupted." in out


def test_a_command_that_is_not_understood_is_another_exit_code(capsys):
    assert main(["pauze"]) == 2
    assert "Did you mean 'pause'?" in capsys.readouterr().err
    assert main(["status", "--loud"]) == 2


def test_who_names_no_sync_is_told_which_there_are(around, capsys):
    around.write("sync-cd", userProjectKey="C", devProjectKey="D", enabled=False)
    assert main(["pause"]) == 1
    assert capsys.readouterr().err == "error: name a sync, or say --all; there are sync-ab, sync-cd\n"


def test_a_shell_completes_the_names_of_syncs_and_is_told_nothing_else(around):
    around.write("sync-cd", userProjectKey="C", devProjectKey="D")
    assert complete_name("sync-c") == ["sync-cd"]
    assert complete_name("") == ["sync-ab", "sync-cd"]
    around.set(CONFIG_DIR="/nowhere")
    assert complete_name("") == []
    around.set(MONGODB_PORT="none")
    assert complete_name("") == []


def test_nothing_heavy_is_imported_until_a_command_runs():
    heavy = ("pydantic", "pymongo", "httpx", "aiohttp", "jinja2", "supervisor", "structlog")
    code = f"import sys, jira_sync.__main__; print(*(each for each in {heavy} if each in sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], cwd=REPO, capture_output=True, text=True, check=True)
    assert ran.stdout == "\n"
