"""Whose group it is: commands of several users, on real groups."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from generator.running.run_directory import PID_FILE, SOCKET
from generator.running.supervision import processes, running_group
from generator.running.supervision.running_group import environment_of_group, supervisord_of
from generator.running.supervision.supervisor_rpc import Supervisor
from other_users import PATHS, interpreter_for_others

REPO = Path(__file__).parents[4]
OWNER, STRANGER = 4711, 4712
"""Users without a name."""
TOKEN = "s3cr3t-literal-token"
PATIENCE = 60.0


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


PYTHON = interpreter_for_others()
pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user"),
    pytest.mark.skipif(not PYTHON, reason="other users may not run this Python, or read the code that is tested"),
]


class Project:
    """A folder of a user, with files of syncs, and the commands as any user runs them there."""

    def __init__(self, folder: Path, owner: int, environ: dict[str, str]) -> None:
        self.folder, self.owner, self.run_dir, self.configs = folder, owner, folder / "run", folder / "configs"
        self.environ = {"PATH": os.environ["PATH"], "PYTHONPATH": PATHS, **environ}
        self.configs.mkdir()
        (folder / "docs").mkdir()
        self.write("sync-a")
        self.give(folder)

    def give(self, folder: Path) -> None:
        for path in [folder, *folder.rglob("*")]:
            os.lchown(path, self.owner, self.owner)

    def write(self, name: str, token: str = TOKEN) -> None:
        definition = {
            "name": name,
            "jira": {"baseUrl": "http://127.0.0.1:1", "apiToken": token},
            "userProjectKey": f"SUP{name[-1].upper()}",
            "devProjectKey": f"DEV{name[-1].upper()}",
            "rules": [{"sourceStatus": "A", "syncDirection": "both"}],
        }
        (self.configs / f"{name}.json").write_text(json.dumps(definition))

    def run(self, *arguments: str, user: int | None = None, folder: Path | None = None, **environ: str):
        """Run `jira-sync …`; by default as the owner, in the folder of the project."""
        user = self.owner if user is None else user
        done = subprocess.run(
            [str(PYTHON), "-m", "jira_sync", *arguments],
            user=user, group=user, extra_groups=[], cwd=folder or self.folder, env={**self.environ, **environ},
            capture_output=True, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def members(self) -> list[int]:
        mark = f"JIRA_SYNC_GROUP={self.run_dir}".encode()
        return [int(path.parent.name) for path in Path("/proc").glob("[0-9]*/environ") if mark in _content(path)]

    def files(self) -> dict[str, tuple[int, int, int]]:
        """Return what is in the run directory: whose it is, its inode, when its content was written."""
        found = {path: path.lstat() for path in self.run_dir.rglob("*") if path.suffix != ".log"}
        beats = self.run_dir / "heartbeats"
        return {
            str(path): (state.st_uid, state.st_ino, 0 if path.is_dir() else state.st_mtime_ns)
            for path, state in found.items()
            if beats not in path.parents and path.name != "monitor.json"
        }


@pytest.fixture(scope="module")
def new_project(mongo_server, free_port: Callable[[], int]) -> Iterator[Callable[..., Project]]:
    projects = []
    with tempfile.TemporaryDirectory() as above:
        Path(above).chmod(0o755)

        def new(owner: int = OWNER) -> Project:
            folder = Path(above) / f"p{len(projects)}"
            folder.mkdir()
            environ = {"DATABASE_URL": mongo_server.url, "PORT": str(free_port()), "HOME": "/nonexistent"}
            projects.append(Project(folder, owner, environ))
            return projects[-1]

        yield new
        for project in projects:
            project.run("stop")


@pytest.fixture(scope="module")
def running(new_project: Callable[..., Project]) -> Project:
    """The group of OWNER, which runs."""
    project = new_project()
    started = project.run("start")
    assert started.returncode == 0, started.stderr
    return project


@pytest.fixture
def impostor(wait_until) -> Iterator[Callable[[Path], int]]:
    """Start a process of STRANGER that says of itself that it is the supervisord of a group."""
    started = []

    def start(run_dir: Path) -> int:
        command = [str(PYTHON), "-c", "import signal; signal.pause()", "supervisor.supervisord", "-c"]
        environ = {"JIRA_SYNC_GROUP": str(run_dir), "DATABASE_URL": "mongodb://thief", "JIRA_BASE_URL": "http://thief"}
        process = subprocess.Popen(command, user=STRANGER, group=STRANGER, extra_groups=[], env=environ, cwd="/")
        started.append(process)
        wait_until(lambda: processes.is_supervisord(process.pid), "the impostor to run")
        return process.pid

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.mark.parametrize("command", ["apply", "start", "render", "stop", "watch"])
def test_root_is_refused_what_writes_to_the_group_of_another_user_and_nothing_is_written(running, command):
    before = running.files()
    ran = running.run(command, user=0)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr == (
        f"error: the group in {running.run_dir} belongs to user {OWNER}; "
        f"act as that one: sudo -u '#{OWNER}' jira-sync {command}\n"
    )
    assert running.files() == before
    assert running.run("apply").stdout == "= 1 unchanged\n"


def test_a_monitor_that_root_starts_by_hand_on_the_group_of_another_user_is_refused(running):
    environ = {**running.environ, "RUN_DIR": str(running.run_dir)}
    command = [str(PYTHON), "-m", "health_monitor"]
    ran = subprocess.run(command, env=environ, cwd="/", capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (ran.returncode, f"belongs to user {OWNER}; act as that one" in ran.stderr) == (1, True)


@pytest.mark.parametrize("command", [["status"], ["check"], ["doctor"], ["logs"], ["history", "sync-a", "SUP-1"]])
def test_root_may_look_at_the_group_of_another_user_and_leaves_nothing_behind(running, command):
    before = running.files()
    ran, of_owner = running.run(*command, user=0), running.run(*command)
    assert "belongs to" not in ran.stderr
    # The sync may be in another condition at the second look, and its column of another width.
    first, second = ([line.split() for line in each.stdout.splitlines()[:1]] for each in (ran, of_owner))
    assert (ran.returncode, first) == (of_owner.returncode, second)
    assert running.files() == before
    assert {state[0] for state in running.files().values()} == {OWNER}


def test_the_embedded_database_that_a_command_of_root_starts_is_run_by_the_owner_of_its_data(new_project, free_port):
    """Its files would else be root's, and the owner's group could not start again."""
    project = new_project()
    del project.environ["DATABASE_URL"]
    project.environ["MONGODB_PORT"] = str(free_port())
    assert project.run("start").returncode == 0
    assert project.run("stop").returncode == 0
    ran = project.run("history", "sync-a", "SUP-1", user=0)
    assert "database" not in ran.stderr
    assert {path.lstat().st_uid for path in project.run_dir.rglob("*")} == {OWNER}


def test_a_stranger_is_refused_whatever_the_command_is(running):
    new = ["init", "--site", "http://127.0.0.1:1", "--user-project", "SUP", "--dev-project", "DEV"]
    for command in (["status"], ["doctor"], ["apply"], ["pause", "sync-a"], new):
        ran = running.run(*command, user=STRANGER)
        assert ran.returncode == 1
        assert f"belongs to user {OWNER}; act as that one: sudo -u '#{OWNER}' jira-sync" in ran.stderr


def test_what_root_looks_at_is_read_as_the_owner_and_nothing_of_roots_shell_reaches_its_sites(new_project, tmp_path):
    """Else the files of another user's syncs would have root's secrets sent to sites of that one's choice."""
    project, secret = new_project(), tmp_path / "secret"
    secret.write_text("s3cr3t-of-root")
    project.write("sync-a", f"${{file:{secret}}}")
    project.write("sync-b", "${SECRET_OF_ROOT}")
    project.run_dir.mkdir()
    project.give(project.folder)
    ran = project.run("doctor", user=0, SECRET_OF_ROOT="s3cr3t-of-root")
    assert f"{secret} cannot be read: Permission denied" in ran.stdout
    assert "environment variable SECRET_OF_ROOT is not set" in ran.stdout
    assert project.run("check", user=0).stderr.count("Permission denied") == 1
    assert {path.stat().st_uid for path in project.folder.rglob("*")} == {OWNER}


def test_a_process_of_another_user_is_no_part_of_a_group_whatever_it_says_of_itself(new_project, impostor):
    project = new_project(owner=0)
    impostor(project.run_dir)
    project.run_dir.mkdir(mode=0o700)
    impostor(project.run_dir)
    assert processes.members(project.run_dir) == []
    assert environment_of_group(project.run_dir) is None
    ran = project.run("status")
    assert (ran.returncode, "no group runs in" in ran.stderr) == (1, True)
    assert project.run("stop").stdout == f"nothing was running in {project.run_dir}\n"


def test_the_environment_of_a_group_is_that_of_the_process_which_answers_on_its_socket(running, impostor, wait_until):
    impostor(running.run_dir)
    pid = Supervisor(running.run_dir / SOCKET).pid()
    assert supervisord_of(running.run_dir) == pid
    environment = environment_of_group(running.run_dir)
    assert environment is not None
    assert environment["DATABASE_URL"] == running.environ["DATABASE_URL"]
    # As long as supervisord answers, one of the owner's own counts as little, though the file with the pid names it.
    pid_file = running.run_dir / PID_FILE
    command = [str(PYTHON), "-c", "import signal; signal.pause()", "supervisor.supervisord", "-c"]
    environ = {"JIRA_SYNC_GROUP": str(running.run_dir)}
    with subprocess.Popen(command, user=OWNER, group=OWNER, extra_groups=[], env=environ, cwd="/") as double:
        wait_until(lambda: processes.is_supervisord(double.pid), "the double to run")
        try:
            pid_file.write_text(f"{double.pid}\n")
            assert supervisord_of(running.run_dir) == pid
        finally:
            pid_file.write_text(f"{pid}\n")
            double.kill()


def test_a_supervisord_that_does_not_answer_is_known_by_the_file_in_the_folder_of_the_group(
    running, impostor, monkeypatch
):
    monkeypatch.setattr(running_group, "SECONDS_TO_SAY_ITS_PID", 0.2)
    pid = supervisord_of(running.run_dir)
    assert pid is not None
    impostor(running.run_dir)
    os.kill(pid, signal.SIGSTOP)
    try:
        assert supervisord_of(running.run_dir) == pid
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_group_whose_folder_was_removed_can_be_ended(new_project):
    project = new_project()
    assert project.run("start").returncode == 0
    project.run_dir.rename(project.folder / "elsewhere")
    assert "left behind" in project.run("stop").stdout
    assert project.members() == []


def test_a_folder_for_everybody_holds_a_group_in_a_folder_of_its_own(new_project):
    """As the tmpfs of a swarm, or the emptyDir of a pod. The image's conf link leads to the conf in it."""
    project = new_project()
    project.run_dir.mkdir()
    project.run_dir.chmod(0o1777)
    own = project.run_dir / f"group-{OWNER}"
    assert project.run("start", RUN_DIR=str(project.run_dir)).returncode == 0
    assert [path.name for path in project.run_dir.iterdir() if path != own] == ["supervisord.conf"]
    assert (own.stat().st_uid, own.stat().st_mode & 0o777) == (OWNER, 0o700)
    for path in own.iterdir():
        assert path.lstat().st_uid == OWNER
        assert path.is_socket() or path.stat().st_mode & 0o022 == 0
    assert all(path.stat().st_mode & 0o777 == 0o700 for path in own.iterdir() if path.is_dir())
    ctl = [str(PYTHON), "-m", "supervisor.supervisorctl", "-c", str(project.run_dir / "supervisord.conf"), "status"]
    said = subprocess.run(ctl, user=OWNER, env=project.environ, cwd="/", capture_output=True, text=True, check=False)
    assert "sync-a " in said.stdout, said
    for arguments in (["apply"], ["status"], ["check"]):
        ran = project.run(*arguments, folder=project.folder / "docs")
        assert ran.returncode == 0, (arguments, ran)
    assert project.run("stop", folder=project.folder / "docs").stdout.startswith("stopped")
    assert not (project.run_dir / "supervisord.conf").is_symlink()
    assert project.run("stop").stdout == f"nothing was running in {own}\n"


def test_what_stands_where_the_own_folder_would_be_is_refused(new_project):
    project = new_project()
    project.run_dir.mkdir()
    project.run_dir.chmod(0o1777)
    (project.run_dir / f"group-{OWNER}").mkdir()
    for command in ("start", "apply", "status", "stop"):
        ran = project.run(command)
        assert ran.returncode == 1
        assert "was made by root; remove it, or set RUN_DIR to a folder of your own" in ran.stderr
    assert list(project.run_dir.rglob("*/*")) == []


def test_a_folder_that_only_somebody_else_can_write_to_is_a_clear_error(new_project):
    project = new_project()
    project.run_dir.mkdir(mode=0o755)
    ran = project.run("start")
    assert ran.returncode == 1
    assert ran.stderr == (
        f"error: RUN_DIR: {project.run_dir} belongs to root; set RUN_DIR to a folder of your own, "
        "or act as that one: sudo -u root jira-sync start\n"
    )


def test_what_an_apply_of_root_left_in_an_earlier_version_is_replaced_or_said(new_project):
    project = new_project()
    assert project.run("render").returncode == 0
    os.chown(project.run_dir / "syncs/.manifest.json", 0, 0)
    os.chown(project.run_dir / "supervisord.conf", 0, 0)
    assert project.run("render").returncode == 0
    assert (project.run_dir / "supervisord.conf").stat().st_uid == OWNER
    os.chown(project.run_dir / "heartbeats", 0, 0)
    assert f"belongs to root; give it back: sudo chown -R user {OWNER}" in project.run("render").stderr
