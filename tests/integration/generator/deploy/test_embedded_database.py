"""Who reaches the embedded MongoDB server: the group, and whoever has its password where it has a port."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from generator.running.settings.group import LONGEST_SOCKET_PATH, from_environ
from warm_processes import COMMAND

NOBODY = 65534
AS_NOBODY = f"""
import hmac, os, stringprep, sys
from pymongo import MongoClient, auth, saslprep
os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})
try:
    print(MongoClient(sys.argv[1], serverSelectionTimeoutMS=3000).sync_a.x.find_one({{}}, {{"_id": 0}}))
except Exception as error:
    print(type(error).__name__, str(error).split(", Timeout")[0])
"""


@pytest.fixture(autouse=True)
def run_dir_in_memory(group, data_folder: Path) -> Iterator[None]:
    """A run directory in a folder that every user may enter, and where a new database takes no time."""
    folder = Path(tempfile.mkdtemp(dir=data_folder))
    folder.chmod(0o755)
    group.run_dir = folder / "run"
    group.environ["RUN_DIR"] = str(group.run_dir)
    yield
    group.run("stop")
    assert group.members() == []
    shutil.rmtree(folder)


@pytest.fixture
def start(group, free_port: Callable[[], int]) -> Callable[..., int]:
    """Start the group over its own server, with a port or without; return the port."""
    group.write("sync-a.json")
    port = free_port()

    def start(*, with_port: bool) -> int:
        ran = group.run("start", DATABASE_URL=None, MONGODB_PORT=str(port) if with_port else None)
        assert ran.code == 0, ran
        return port

    return start


def url_of(group) -> str:
    return (group.run_dir / "database" / "url").read_text().strip()


def client_of(group) -> MongoClient[dict[str, Any]]:
    return MongoClient(url_of(group), serverSelectionTimeoutMS=5000, journal=True)


def as_nobody(url: str) -> str:
    command = [sys.executable, "-c", AS_NOBODY, url]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def ports_of(pid: int) -> list[str]:
    """Return the TCP addresses at which a process listens, as the kernel writes them."""
    inodes = set()
    for entry in os.scandir(f"/proc/{pid}/fd"):
        with suppress(FileNotFoundError):  # it has been closed meanwhile
            inodes.add(str(Path(entry.path).readlink()))
    rows = [
        line.split()
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]
    ]
    return [row[1] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in inodes]


def test_without_a_port_the_server_listens_on_a_socket_of_the_owner_alone(group, start):
    start(with_port=False)
    pid = group.pids()["mongodb"]
    socket = group.run_dir / "database" / "mongod.sock"
    with client_of(group) as client:
        client.sync_a.x.insert_one({})
    assert ports_of(pid) == []
    assert stat.filemode(socket.stat().st_mode) == "srwx------"
    assert stat.filemode(socket.parent.stat().st_mode) == "drwx------"
    assert not Path("/tmp/mongodb-27017.sock").exists()
    if os.getuid() == 0:
        assert "Permission denied" in as_nobody(url_of(group))
    os.kill(pid, signal.SIGKILL)
    group.wait_until(lambda: group.pids()["mongodb"] not in (0, pid), "another server, on the same socket")
    with client_of(group) as client:
        assert client.sync_a.x.count_documents({}) == 1


def test_the_password_is_in_one_file_of_the_owner_alone_and_needed_at_the_port(group, start):
    port = start(with_port=True)
    url = url_of(group)
    password = url.partition("jira-sync:")[2].partition("@")[0]
    assert len(password) == 64
    with client_of(group) as client:
        client.sync_a.x.insert_one({"paused by": "alice"})
    assert ports_of(group.pids()["mongodb"]) != []
    for pid in group.members():
        shown = b"".join(Path(f"/proc/{pid}/{file}").read_bytes() for file in ("cmdline", "environ"))
        assert password.encode() not in shown
    holders = [path for path in group.run_dir.rglob("*") if path.is_file() and password.encode() in path.read_bytes()]
    assert holders == [group.run_dir / "database" / "url"]
    assert holders[0].stat().st_mode & 0o077 == 0
    address = f"127.0.0.1:{port}/?authSource=admin"
    for without in (url.replace(password, "guess"), f"mongodb://jira-sync:guess@{address}", f"mongodb://{address}"):
        with MongoClient[dict[str, Any]](without) as client, pytest.raises(OperationFailure):
            client.sync_a.x.find_one()
    if os.getuid() == 0:
        assert "Permission denied" in as_nobody(url)
        assert as_nobody(f"mongodb://jira-sync:{password}@{address}") == "{'paused by': 'alice'}\n"
        assert "requires authentication" in as_nobody(f"mongodb://{address}")


def test_data_without_a_user_are_taken_over_with_a_port_without_one_and_with_one_again(group, start, new_mongo_server):
    """What the version before wrote has no user."""
    group.run_dir.mkdir(mode=0o700)
    before = new_mongo_server(group.run_dir / "mongodb")
    with MongoClient[dict[str, Any]](before.url) as client:
        client.sync_a.x.insert_one({"from": "the version before"})
    before.stop()
    seen = set()
    for with_port in (True, False, True):
        start(with_port=with_port)
        seen.add(url_of(group))
        assert ("@" in url_of(group)) is with_port
        with client_of(group) as client:
            assert client.sync_a.x.find_one({}, {"_id": 0}) == {"from": "the version before"}
        group.wait_until(lambda: "sync-a" in group.digests(), "the worker to be ready")
        assert group.run("stop").code == 0
        shutil.rmtree(group.run_dir / "heartbeats")
    assert len(seen) == 3


@pytest.mark.parametrize(
    # what is done instead of                  by a process that is killed
    ("function", "instead"),
    [
        ("temporary_mongod", "lambda *_: kill()"),  # the file holds a password, and nothing else has happened
        ("_set_password", "lambda *_: kill()"),  # a server runs for the command
        ("write_if_changed", "lambda path, text: kill() if path.name == database.MARK else write(path, text)"),
    ],
)
def test_a_start_that_is_killed_before_its_user_is_complete_is_done_again_by_the_next(
    group, start, function, instead, free_port
):
    patch = (
        "import os; from generator.deploy import database; kill = lambda: os.kill(os.getpid(), 9); "
        f"write = database.write_if_changed; database.{function} = {instead}"
    )
    ran = group.run_as(f"{patch}; {COMMAND}", "start", DATABASE_URL=None, MONGODB_PORT=str(free_port()))
    assert ran.code not in (0, 1)
    start(with_port=True)
    with client_of(group) as client:
        assert client.sync_a.x.find_one() is None


def test_the_longest_run_directory_has_room_for_the_socket_of_the_server(tmp_path):
    longest = "/" + "x" * (LONGEST_SOCKET_PATH - len("//supervisor.sock"))
    found = from_environ({"RUN_DIR": longest})
    assert len(os.fsencode(found.socket)) == LONGEST_SOCKET_PATH
    assert len(os.fsencode(found.database_socket)) <= 107
