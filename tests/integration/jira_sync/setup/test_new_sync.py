"""`jira-sync init` by options, and as a conversation on a terminal."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from generator.running.errors import Unusable
from jira_simulator.seed import Seed
from jira_simulator.server import RunningSimulator
from jira_sync.__main__ import main
from jira_sync.setup.access import api_address
from sync_model.files.loading import load_file
from sync_worker.core.site_info import Server

REPO = Path(__file__).parents[4]
TOKEN = "s3cr3t-sync-token"
DEADLINE = 30.0
USERS = [{"name": "sync", "email": "sync@example.com", "token": TOKEN, "displayName": "Sync"}]
SEED = {
    "sites": [
        {
            "name": "one",
            "users": USERS,
            "projects": [
                {"key": "SUP", "name": "Support", "workflow": "customer"},
                {"key": "DEV", "name": "Development", "workflow": "development"},
            ],
        },
        {
            "name": "two",
            "flavor": "data_center",
            "users": USERS,
            "projects": [{"key": "CORE", "workflow": "development"}],
        },
    ]
}
# Runs the rest of its command line on a new terminal, as a shell does.
ON_A_TERMINAL = "import os, sys; os.login_tty(0); os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"


@dataclass(frozen=True)
class Workplace:
    """A folder for syncs, two simulated Jira sites, and the command."""

    simulator: RunningSimulator
    configs: Path
    capsys: pytest.CaptureFixture[str]

    def url(self, site: str) -> str:
        return f"{self.simulator.url}/{site}"

    def run(self, *options: str) -> tuple[int, str, str]:
        code = main(["init", *options])
        out, err = self.capsys.readouterr()
        assert TOKEN not in out + err
        return code, out, err

    def options(self, **changes: str | None) -> list[str]:
        """Return options that make a sync of SUP and DEV; None takes one away."""
        given = {
            "site": self.url("one"),
            "email": "sync@example.com",
            "token_env": "SYNC_TOKEN",
            "user_project": "SUP",
            "dev_project": "DEV",
            **changes,
        }
        pairs = [(f"--{name.replace('_', '-')}", value) for name, value in given.items() if value is not None]
        return [word for pair in pairs for word in pair]

    def written(self, name: str = "sup-dev") -> dict[str, Any]:
        """Return what was written, after the loader and the schema beside it have accepted it."""
        path = self.configs / f"{name}.json"
        loaded = load_file(path, os.environ)
        assert loaded.problems == loaded.warnings == ()
        data: dict[str, Any] = json.loads(path.read_text())
        schema = json.loads((self.configs / data["$schema"]).read_text())
        assert Draft202012Validator(schema).is_valid(data)
        assert TOKEN not in path.read_text()
        return data


@pytest.fixture
def workplace(tmp_path, capsys, plain_environment, monkeypatch) -> Iterator[Workplace]:
    configs = tmp_path / "configs"
    monkeypatch.setenv("CONFIG_DIR", str(configs))
    monkeypatch.setenv("RUN_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("SYNC_TOKEN", TOKEN)
    with RunningSimulator(Seed.model_validate(SEED)) as simulator:
        yield Workplace(simulator, configs, capsys)


# By options


def test_init_by_options_writes_a_sync_from_what_the_site_has_and_only_reads_the_site(workplace):
    code, out, err = workplace.run(*workplace.options())
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        f"{workplace.configs}/sup-dev.json written: SUP ↔ DEV, 5 rules. Look it over, then:",
        "",
        "  jira-sync check",
        "  jira-sync doctor sup-dev",
        "  jira-sync plan sup-dev",
        "  jira-sync start    # in a container: docker compose up -d",
    ]
    data = workplace.written()
    assert data["jira"] == {"baseUrl": workplace.url("one"), "email": "sync@example.com", "apiToken": "${SYNC_TOKEN}"}
    assert data["initialSyncEnabled"] is False
    assert [(rule["id"], rule["sourceStatus"]) for rule in data["rules"]] == [
        ("take-on", "Will Do"),
        ("work-started", "In Progress"),
        ("work-done", ["Closed", "Done"]),
        ("cancelled", "Cancelled"),
        ("reopened-by-customer", "Reopened"),
    ]
    assert {call["method"] for call in workplace.simulator.control.calls("one")} == {"GET"}


def test_init_writes_a_sync_of_two_sites_with_a_token_in_a_file(workplace, tmp_path):
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    two = {"dev_site": workplace.url("two"), "dev_token_file": str(tmp_path / "token"), "dev_project": "core"}
    code, _, _ = workplace.run(*workplace.options(**two, name="help", take_on="open"))
    assert code == 0
    data = workplace.written("help")
    assert data["devJira"] == {
        "baseUrl": workplace.url("two"),
        "authType": "pat",
        "apiToken": f"${{file:{tmp_path / 'token'}}}",
    }
    assert (data["devProjectKey"], data["rules"][0]["sourceStatus"]) == ("CORE", "Open")


def test_init_replaces_an_existing_file_only_with_force(workplace, tmp_path):
    output = tmp_path / "mine.json"
    output.write_text("{}")
    code, _, err = workplace.run(*workplace.options(output=str(output)))
    assert (code, output.read_text()) == (1, "{}")
    assert "is there already; --replace replaces it" in err
    assert workplace.run(*workplace.options(output=str(output)), "--force")[0] == 0
    assert json.loads(output.read_text())["name"] == "sup-dev"


def test_init_reports_a_folder_without_write_access_before_it_asks_jira(workplace, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CONFIG_DIR", str(tmp_path / "file" / "configs"))
    code, _, err = workplace.run(*workplace.options())
    assert (code, err) == (
        1, f"error: {tmp_path}/file/configs cannot be written to from here; --output names another place\n"
    )  # fmt: skip
    assert workplace.simulator.control.calls("one") == []


def test_init_refuses_projects_that_another_sync_has(workplace):
    assert workplace.run(*workplace.options())[0] == 0
    code, _, err = workplace.run(*workplace.options(name="again"))
    assert (code, err) == (1, "error: sup-dev.json pairs the same projects: neither would run; nothing was written\n")
    assert workplace.run(*workplace.options(), "--force")[0] == 0
    assert sorted(path.name for path in workplace.configs.iterdir()) == ["sup-dev.json", "sync.schema.json"]


@pytest.mark.parametrize(
    # options                                         what is said
    ("changes", "said"),
    [
        ({"site": None, "dev_project": None}, "--site, --dev-project are missing; on a terminal, without --yes"),
        ({"site": "http://127.0.0.1:1"}, "--site: 127.0.0.1:1 refuses the connection"),
        ({"site": "http://a@b"}, "--site: carries a user name or password"),
        ({"email": None}, "--email: is missing; Jira Cloud takes a token only together with its account's e-mail"),
        ({"token_env": "NO_SUCH_VARIABLE"}, "${NO_SUCH_VARIABLE} holds no token here"),
        ({"token_env": TOKEN}, "--token-env: name a variable"),
        ({"token_env": "WRONG_TOKEN"}, "does not accept our credentials any more (AUTHENTICATED_FAILED); the token is"),
        ({"user_project": "SPU"}, "--user-project: our account sees no project 'SPU'; did you mean SUP?"),
        ({"dev_project": "SUP"}, "--dev-project: SUP cannot be both projects of a sync"),
        ({"take_on": "Opne"}, "--take-on: name a status of SUP: Open, Will Do"),
        ({"name": "a b"}, "--name: must be 1 to 63 letters"),
        ({"name": "mongodb"}, "--name: is reserved; choose another name"),
    ],
)
def test_a_missing_or_wrong_option_of_init_is_one_line_of_error_and_writes_nothing(
    workplace, monkeypatch, changes, said
):
    monkeypatch.setenv("WRONG_TOKEN", "wrong")
    code, out, err = workplace.run(*workplace.options(**changes))
    assert (code, out, err.count("\n")) == (2 if "are missing" in said else 1, "", 1)
    assert err.startswith("error: ")
    assert said in err
    assert not workplace.configs.exists()


# As a conversation


# As a service account


def as_client(workplace, monkeypatch, **changes: str | None) -> list[str]:
    """Return options for both projects on the Data Center site, by a service account of it."""
    workplace.simulator.control.add_project("two", key="SUP", workflow="customer")
    workplace.simulator.control.set_client("two", "sync", id="the-id", secret="ATOA-s3cr3t-client")
    monkeypatch.setenv("OUR_SECRET", "ATOA-s3cr3t-client")
    given = {"client_id": "the-id", "email": None, "token_env": "OUR_SECRET", "site": workplace.url("two")}
    return workplace.options(**{**given, "dev_project": "CORE", **changes})


def test_init_writes_a_service_account_that_it_has_signed_in_with(workplace, monkeypatch):
    code, out, err = workplace.run(*as_client(workplace, monkeypatch))
    assert (code, err) == (0, ""), out
    assert workplace.written("sup-core")["jira"] == {
        "baseUrl": workplace.url("two"),
        "authType": "oauth",
        "clientId": "the-id",
        "clientSecret": "${OUR_SECRET}",
    }


def test_init_says_what_is_wrong_with_a_service_account_and_writes_nothing(workplace, monkeypatch):
    options = as_client(workplace, monkeypatch)
    control = workplace.simulator.control
    control.set_client("two", "sync", id="the-id", secret="another")
    code, _, err = workplace.run(*options)
    assert code == 1
    assert "clientId or clientSecret is wrong" in err
    control.fault("two", "status", path="/token$", status=503)
    code, _, err = workplace.run(*options)
    assert code == 1
    assert "503 Service Unavailable; nothing was written" in err
    code, _, err = workplace.run(*as_client(workplace, monkeypatch, client_id="two words"))
    assert (code, "--client-id: holds a character" in err) == (1, True)
    assert "s3cr3t" not in err
    assert not workplace.configs.exists()


def test_a_service_account_of_cloud_works_at_the_gateway_for_the_cloud_id_that_the_site_tells(workplace):
    cloud, data_center = (Server(is_cloud, "1", None, None) for is_cloud in (True, False))
    control = workplace.simulator.control
    control.settings("one", identity="1324a887-45db-1bf4-1e99-ef0ff456d421")
    address = "https://api.atlassian.com/ex/jira/1324a887-45db-1bf4-1e99-ef0ff456d421"
    assert api_address(workplace.url("one"), cloud) == address
    assert api_address(workplace.url("two"), data_center) == workplace.url("two")
    control.settings("one", identity="../../elsewhere?")
    with pytest.raises(Unusable, match="does not tell its cloud id"):
        api_address(workplace.url("one"), cloud)


class Conversation:
    """`jira-sync init` on a terminal, and a person who reads each question before answering."""

    def __init__(self, *options: str) -> None:
        self._screen, terminal = pty.openpty()
        command = [sys.executable, "-c", ON_A_TERMINAL, "-m", "jira_sync", "init", *options]
        self._process = subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, cwd=REPO)
        os.close(terminal)
        self.said = ""
        self._read = 0

    def answer(self, question: str, text: str) -> None:
        """Wait until `question` is shown, then type the answer."""
        while question not in self.said[self._read :]:
            assert self._read_more(), f"{question!r} was not asked: {self.said}"
        self._read = len(self.said)
        os.write(self._screen, f"{text}\n".encode())

    def end(self) -> int:
        """Read the output to its end; return the exit code."""
        while self._read_more():
            pass
        return self._process.wait(DEADLINE)

    def close(self) -> None:
        self._process.kill()
        self._process.wait(DEADLINE)
        os.close(self._screen)

    def _read_more(self) -> bool:
        """Read the next output; return False at its end."""
        if not select.select([self._screen], [], [], DEADLINE)[0]:
            pytest.fail(f"nothing is said any more: {self.said}")
        try:
            said = os.read(self._screen, 4096)
        except OSError:  # the other end is closed
            return False
        self.said += said.decode()
        return bool(said)


@pytest.fixture
def converse() -> Iterator[Callable[..., Conversation]]:
    begun: list[Conversation] = []

    def begin(*options: str) -> Conversation:
        begun.append(Conversation(*options))
        return begun[-1]

    yield begin
    for conversation in begun:
        conversation.close()


def test_a_conversation_with_init_asks_again_after_a_wrong_answer_and_writes_a_sync(workplace, converse, monkeypatch):
    monkeypatch.delenv("SYNC_TOKEN")
    monkeypatch.setenv("TERM", "dumb")
    talk = converse()
    talk.answer("Address of your Jira:", "http://127.0.0.1:1")
    talk.answer("nothing listens there; is Jira down? is the port in baseUrl right?\r\nAddress", workplace.url("one"))
    talk.answer("Jira Cloud 1001.0.0\r\nE-mail of the account", "sync@example.com")
    talk.answer("[JIRA_API_TOKEN]: ", "SYNC_TOKEN")
    talk.answer("The token itself (not shown, kept nowhere): ", "wrong")
    talk.answer("AUTHENTICATED_FAILED)\r\nThe token itself (not shown, kept nowhere): ", TOKEN)
    talk.answer("it knows us as Sync\r\n  DEV        Development\r\n  SUP        Support\r\nKey of the project", "SPU")
    talk.answer("did you mean SUP?\r\nKey of the project in which customers report", "sup")
    talk.answer("Do the developers work on this Jira too, with this account? [Y/n]", "")
    talk.answer("Key of the project in which developers work", "SUP")
    talk.answer("SUP cannot be both projects of a sync\r\nKey of the project", "DEV")
    talk.answer("the developers shall take an issue on [Will Do]", "Opne")
    talk.answer("name a status of SUP", "")
    talk.answer("Name of the sync [sup-dev]", "a b")
    talk.answer("must be 1 to 63 letters", "ours")
    talk.answer("SUP Reopened      →  DEV Reopened", "")
    assert talk.end() == 0, talk.said
    assert TOKEN not in talk.said
    assert "  export SYNC_TOKEN=…" in talk.said
    assert "DEV has the types of new issues: Task or Sub-task becomes Task, Bug becomes Bug" in talk.said
    monkeypatch.setenv("SYNC_TOKEN", TOKEN)
    assert workplace.written("ours")["jira"]["apiToken"] == "${SYNC_TOKEN}"


def test_a_conversation_with_init_that_is_declined_writes_nothing(workplace, converse):
    talk = converse(*workplace.options())
    talk.answer("the developers shall take an issue on [Will Do]", "")
    talk.answer("Name of the sync [sup-dev]", "")
    talk.answer("sup-dev.json? [Y/n]", "n")
    assert talk.end() == 130
    assert "nothing was written" in talk.said
    assert not workplace.configs.exists()
