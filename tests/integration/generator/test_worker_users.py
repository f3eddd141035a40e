"""WORKER_USERS: each worker has a user of its own, and sees nothing of the others."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sync_model.health.heartbeat import read_heartbeat
from warm_processes import COMMAND

FIRST = 20001
VARIABLES = {
    "URL_A": "http://127.0.0.1:1/s3cr3t-a", "URL_B": "http://127.0.0.1:1/s3cr3t-b", "ADMIN_TOKEN": "s3cr3t-x"
}  # fmt: skip
READ = """
import os, sys
os.setgroups([]); os.setgid({uid}); os.setuid({uid})
for path in sys.argv[1:]:
    try:
        with open(path, "rb", buffering=0) as file:
            if path.endswith("/mem"):
                file.seek(int(open(path[:-3] + "maps").readline().partition("-")[0], 16))
            file.read(1)
        print("read")
    except OSError as error:
        print(error.strerror)
"""
WRITE = """
import os, sys
os.setgroups([]); os.setgid({uid}); os.setuid({uid})
for path in sys.argv[1:]:
    try:
        open(path, "a").close()
        print("written")
    except OSError as error:
        print(error.strerror)
"""
needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can let workers become other users")


def act_as(uid: int, code: str, *paths: Path | str) -> list[str]:
    """Return what becomes of each path when another user reads or writes it."""
    command = [sys.executable, "-c", code.format(uid=uid), *map(str, paths)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


@pytest.fixture
def open_folder(group) -> Iterator[Path]:
    """A folder that every user may enter, with the run directory and the secrets in it."""
    folder = Path(tempfile.mkdtemp(prefix="jira-sync-test-"))
    folder.chmod(0o755)
    group.run_dir = folder / "run"
    group.environ |= {"RUN_DIR": str(group.run_dir), "WORKER_USERS": f"{FIRST}-{FIRST + 1}"}
    yield folder
    group.run("stop")
    assert group.members() == []
    shutil.rmtree(folder)


@pytest.fixture
def secrets(open_folder: Path) -> list[Path]:
    """A secret file of each of two syncs, which belongs to the user of its worker."""
    files = [open_folder / "token-a", open_folder / "token-b"]
    for number, file in enumerate(files):
        file.write_text(f"s3cr3t-of-file-{file.name}")
        file.chmod(0o400)
        os.chown(file, FIRST + number, FIRST + number)
    return files


def start_two(group, secrets: list[Path]) -> None:
    for name, secret, variable in zip(("sync-a", "sync-b"), secrets, ("URL_A", "URL_B"), strict=True):
        group.write(f"{name}.json", jira={"baseUrl": f"${{{variable}}}", "apiToken": f"${{file:{secret}}}"})
    # Root is often in other groups, too.
    ran = group.run_as(f"import os; os.setgroups([0, 4]); {COMMAND}", "start", **VARIABLES)
    assert ran.code == 0, ran
    group.wait_until(lambda: len(group.digests()) == 2, "both workers to be ready")


def users_of(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    fields = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    return {name: fields[name].strip() for name in ("Uid", "Gid", "Groups", "CapEff", "CapPrm")}


@needs_root
def test_no_worker_reads_what_is_another_one_s(group, secrets):
    start_two(group, secrets)
    pids = group.pids()
    for number, name in enumerate(("sync-a", "sync-b")):
        uid = "\t".join([str(FIRST + number)] * 4)
        assert users_of(pids[name]) == {"Uid": uid, "Gid": uid, "Groups": "", "CapEff": "0" * 16, "CapPrm": "0" * 16}
    run, other = group.run_dir, pids["sync-b"]
    own = [run / "syncs/sync-a.json", secrets[0], f"/proc/{pids['sync-a']}/environ", f"/proc/{pids['sync-a']}/mem"]
    assert act_as(FIRST, READ, *own) == ["read"] * 4
    of_others = [
        run / "syncs/sync-b.json", secrets[1], f"/proc/{other}/environ", f"/proc/{other}/mem", f"/proc/{other}/maps",
        run / "workers/sync-b/heartbeats/sync-b.json", run / "heartbeats/sync-b.json", run / "worker_users.json",
        run / "syncs/.manifest.json", run / "supervisord.conf", run / "settings.json", run / "logs/sync-a.log",
        f"/proc/{group.supervisord}/environ", f"/proc/{group.supervisord}/mem",
        f"/proc/{pids['health-monitor']}/environ",
    ]  # fmt: skip
    assert set(act_as(FIRST, READ, *of_others)) == {"Permission denied"}
    closed = [
        run / "x", run / "syncs/x", run / "syncs/sync-a.json", run / "workers/x", run / "workers/sync-b/x",
        run / "heartbeats/x", run / "worker_users.json",
    ]  # fmt: skip
    assert set(act_as(FIRST, WRITE, *closed)) == {"Permission denied"}
    environments = [Path(f"/proc/{pids[name]}/environ").read_text() for name in ("sync-a", "sync-b")]
    assert [[secret in shown for secret in VARIABLES.values()] for shown in environments] == [
        [True, False, False],
        [False, True, False],
    ]
    # Nothing of them is left in its memory, either.
    held = memory_of(pids["sync-a"])
    assert [secret.encode() in held for secret in VARIABLES.values()] == [True, False, False]
    # Root, which reads heartbeats, does not wait for what a worker puts there.
    os.kill(pids["sync-a"], signal.SIGSTOP)
    heartbeat = group.run_dir / "workers/sync-a/heartbeats/sync-a.json"
    heartbeat.unlink()
    os.mkfifo(heartbeat)
    assert read_heartbeat(group.run_dir, "sync-a") is None
    os.kill(pids["sync-a"], signal.SIGCONT)
    # Nor does it look elsewhere when somebody has put a heartbeat of their own in the place of the link.
    group.supervisor.stop("sync-b")
    group.wait_until(lambda: group.states()["sync-b"].state == "STOPPED", "the second worker to stop")
    link = run / "heartbeats/sync-b.json"
    link.unlink()
    link.write_text("{}")
    group.supervisor.start("sync-b")
    group.wait_until(lambda: (beat := read_heartbeat(run, "sync-b")) and beat.pid == group.pids()["sync-b"], "it")


def memory_of(pid: int) -> bytes:
    """Return what a process can write to of its memory."""
    ranges = [line.split() for line in Path(f"/proc/{pid}/maps").read_text().splitlines()]
    parts = []
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for where, rights, *_ in ranges:
            if rights.startswith("rw"):
                start, end = (int(number, 16) for number in where.split("-"))
                memory.seek(start)
                parts.append(memory.read(end - start))
    return b"".join(parts)


@needs_root
def test_a_sync_keeps_its_user_and_no_other_sync_ever_gets_it(group, secrets):
    start_two(group, secrets)
    owners = {name: users_of(pid)["Uid"] for name, pid in group.pids().items()}
    (group.configs / "sync-a.json").unlink()
    assert group.run("apply").code == 0
    group.write("sync-0.json")
    ran = group.run("apply")
    assert ran.code == 1
    assert "sync-0.json: is one sync too many for WORKER_USERS: widen it" in ran.err
    assert sorted(name for name in group.pids() if name.startswith("sync-")) == ["sync-b"]
    (group.configs / "sync-0.json").unlink()
    group.write("sync-a.json")
    assert group.run("apply").code == 0
    group.wait_until(lambda: users_of(group.pids()["sync-a"])["Uid"] == owners["sync-a"], "it to become its user")


@needs_root
def test_without_worker_users_again_all_is_the_group_s_own(group, secrets):
    start_two(group, secrets)
    assert group.run("stop").code == 0
    ran = group.run("start", WORKER_USERS=None, URL_A="http://127.0.0.1:1", URL_B="http://127.0.0.1:1")
    assert ran.code == 0, ran
    group.wait_until(lambda: all(pid in group.pids().values() for pid in beating(group)), "both workers")
    assert {users_of(group.pids()[name])["Uid"] for name in ("sync-a", "sync-b")} == {"\t".join("0000")}
    assert stat.filemode(group.run_dir.stat().st_mode) == "drwx------"
    assert (group.run_dir / "syncs/sync-a.json").stat().st_mode & 0o077 == 0


def beating(group) -> list[int]:
    """Return the processes that the heartbeats are of."""
    return [json.loads(path.read_text())["pid"] for path in (group.run_dir / "heartbeats").glob("[!.]*.json")]


@needs_root
def test_check_says_which_secret_files_a_worker_cannot_read(group, secrets):
    group.write("sync-a.json", jira={"baseUrl": "http://127.0.0.1:1", "apiToken": f"${{file:{secrets[0]}}}"})
    group.write("sync-b.json", jira={"baseUrl": "http://127.0.0.1:1", "apiToken": f"${{file:{secrets[0]}}}"})
    ran = group.run("check")
    said = f"warning: sync-b.json: {secrets[0]} cannot be read by its worker, user {FIRST + 1}; give it the"
    (found,) = [line for line in ran.err.splitlines() if "cannot be read" in line]
    assert found.startswith(said)
    assert not group.run_dir.exists()


@needs_root
def test_users_that_cannot_be_told_any_more_are_not_given_anew(group, secrets):
    group.write("sync-a.json")
    group.run_dir.mkdir()
    (group.run_dir / "worker_users.json").write_text("{")
    ran = group.run("start")
    assert (ran.code, f"error: {group.run_dir / 'worker_users.json'} cannot be read: " in ran.err) == (1, True)


def test_worker_users_without_root_is_said(group):
    group.write("sync-a.json")
    patch = "import os; os.getuid = lambda: 1000; from generator.running.settings import group"
    ran = group.run_as(f"{patch}; {COMMAND}", "start", WORKER_USERS="20001-20002")
    assert (ran.code, "error: WORKER_USERS needs root" in ran.err) == (1, True)
