"""The demo as a newcomer meets it: commands are about it, its sites survive, and the checkout stays as it was."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

REPO = Path(__file__).parents[2]
PACKAGES = (
    "generator",
    "health_monitor",
    "jira_simulator",
    "jira_sync",
    "supervisor_plugin",
    "sync_model",
    "sync_worker",
)


class Checkout:
    """A copy of what the demo needs, and commands run in it."""

    def __init__(self, folder: Path, ports: tuple[int, int]) -> None:
        self.folder = folder
        for name in (*PACKAGES, "templates", "configs", "Makefile", "jira-sync"):
            path = REPO / name
            copy = shutil.copytree if path.is_dir() else shutil.copy
            copy(path, folder / name)
        binaries = folder / ".venv/bin"
        binaries.mkdir(parents=True)
        for name, arguments in (("python", ""), ("jira-sync", "-m jira_sync")):
            (binaries / name).write_text(f'#!/bin/sh\nexec {sys.executable} {arguments} "$@"\n')
            (binaries / name).chmod(0o755)
        keep = {name: os.environ[name] for name in ("HOME", "LANG", "PATH") if name in os.environ}
        self.site = f"http://127.0.0.1:{ports[0]}"
        self.environ = {**keep, "PYTHONPATH": str(folder)}
        self.ports = {"JIRA_SIMULATOR_PORT": str(ports[0]), "PORT": str(ports[1])}

    def run(self, *command: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=self.folder, env={**self.environ, **environ},
            capture_output=True, text=True, check=False, timeout=180,
        )  # fmt: skip

    def demo(self, command: str) -> subprocess.CompletedProcess[str]:
        return self.run(sys.executable, "-m", "jira_simulator.demo", command, **self.ports)

    def files(self) -> dict[str, bytes]:
        """Return what git would see: all but what running leaves behind."""
        ignored = ("run", ".venv", "__pycache__", "supervisord.conf")
        paths = [path for path in self.folder.rglob("*") if path.is_file() and not set(path.parts) & set(ignored)]
        return {
            str(path.relative_to(self.folder)): path.read_bytes() for path in paths if path.name != "supervisord.conf"
        }


@pytest.fixture
def checkout(tmp_path_factory, free_port):
    folder = tmp_path_factory.mktemp("c")
    checkout = Checkout(folder, (free_port(), free_port()))
    yield checkout
    checkout.demo("stop")


def test_the_demo_is_what_commands_are_about_and_leaves_the_checkout_as_it_was(checkout, wait_until):
    before = checkout.files()
    ran = checkout.demo("start")
    assert ran.returncode == 0, ran
    status = checkout.run("./jira-sync", "status")
    assert (status.returncode, status.stderr.startswith("this is about the demo")) == (0, True), status
    assert {line.split()[0] for line in status.stdout.splitlines()[1:]} == {"help-core", "sup-dev"}
    supervisorctl = checkout.run(sys.executable, "-m", "supervisor.supervisorctl", "status")
    assert (supervisorctl.returncode, "jira-simulator" in supervisorctl.stdout) == (0, True), supervisorctl

    # The group restarts as a whole, its simulated sites included: what history tells of is still there.
    history = json.loads(checkout.run("./jira-sync", "history", "sup-dev", "SUP-2", "--json").stdout)
    (pair,) = history["pairs"]

    def simulator() -> str:
        return checkout.run(sys.executable, "-m", "supervisor.supervisorctl", "pid", "jira-simulator").stdout.strip()

    earlier = simulator()
    checkout.run(sys.executable, "-m", "supervisor.supervisorctl", "reload")
    wait_until(lambda: simulator() not in (earlier, "0") and simulator().isdigit(), "another simulator")

    def keys() -> set[str]:
        try:
            answer = httpx.get(f"{checkout.site}/control/acme/issues", trust_env=False).raise_for_status()
        except httpx.HTTPError:
            return set()
        return {issue["key"] for issue in answer.json()}

    wait_until(lambda: pair["dev"] in keys(), f"{pair['dev']} to be there again")

    # An edit is one of a copy.
    file = checkout.folder / "run/demo/configs/sup-dev.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "description": "edited"}))
    assert "~ sup-dev restarted (config changed)" in checkout.run("./jira-sync", "apply", "sup-dev").stdout

    # A file of the checkout's own is no sync of the demo, and says so; `check` is about the files here.
    shutil.copy(checkout.folder / "configs/sync.example.json", checkout.folder / "configs/sync-ab.json")
    said = checkout.run("./jira-sync", "plan", "sync-ab").stderr
    assert "sync-ab is no sync of the demo, which is what runs here; make down ends it" in said
    assert "sync-ab" in checkout.run("./jira-sync", "check").stdout
    (checkout.folder / "configs/sync-ab.json").unlink()

    down = checkout.run("make", "down")
    assert (down.returncode, "nothing was running" in down.stdout) == (0, False), down
    assert checkout.run("./jira-sync", "status").returncode == 1
    assert checkout.files() == before
    assert not (checkout.folder / "supervisord.conf").is_symlink()


def test_make_down_stops_a_group_of_the_project_itself(checkout, mongo_server):
    environ = {"DATABASE_URL": mongo_server.url, "PORT": checkout.ports["PORT"]}
    assert checkout.run("./jira-sync", "start", **environ).returncode == 0
    down = checkout.run("make", "down")
    assert (down.returncode, down.stdout) == (0, "stopped 1 programs\n")
    assert checkout.run("make", "down").stdout == ""
