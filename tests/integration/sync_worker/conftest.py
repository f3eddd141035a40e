"""A bench for each test, commands for its sync, and what the replaced service left there."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from jira_simulator.server import RunningSimulator
from legacy_service import LegacyService
from simulated_sites import SimulatedSites
from warm_processes import WORKER, WarmProcess, WarmProcesses
from worker_bench import Bench


@pytest.fixture(scope="session")
def simulated_sites() -> Iterator[SimulatedSites]:
    """The simulator that all benches use, one after the other."""
    with RunningSimulator(SimulatedSites.seed()) as simulator, closing(SimulatedSites(simulator)) as sites:
        yield sites


@pytest.fixture(params=["cloud-cloud"])
def bench(
    request: pytest.FixtureRequest,
    simulated_sites: SimulatedSites,
    mongo_server,
    database_name: str,
    tmp_path: Path,
) -> Iterator[Bench]:
    """Two Cloud sites, unless a test asks for other flavours."""
    simulated_sites.renew(*request.param.split("-"))
    with closing(Bench(simulated_sites, mongo_server.url, database_name, tmp_path, request.param)) as bench:
        yield bench


class Command:
    """`python -m sync_worker` in processes of their own, for the sync of a bench."""

    def __init__(self, bench: Bench, processes: WarmProcesses) -> None:
        self._bench, self._processes = bench, processes
        self._started: list[WarmProcess] = []

    def start(
        self,
        *arguments: str,
        run_dir: Path | None = None,
        account: str = "sync",
        code: str = WORKER,
        **changes: str,
    ) -> WarmProcess:
        """Start it; as a worker, unless `arguments` say something else. `code` takes the place of the module.

        `changes` are variables of its environment.
        """
        where = ["--config", str(self._bench.folder / "sync-ab.json"), "--run-dir", str(run_dir or self._bench.folder)]
        environ = {
            **os.environ,
            "DATABASE_URL": self._bench.mongo_url,
            "SYNC_EMAIL": f"{account}@example.com",
            "SYNC_TOKEN": f"s3cr3t-{account}-token",
            **changes,
        }
        process = self._processes.start(*where, *arguments, environ=environ, code=code)
        self._started.append(process)
        return process

    def run(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        process = self.start(*arguments, **options)
        out, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess(process.args, process.wait(), out, err)

    def close(self) -> None:
        for process in self._started:
            process.kill()
            process.communicate()


@pytest.fixture(scope="session")
def warm_processes() -> Iterator[WarmProcesses]:
    with closing(WarmProcesses()) as processes:
        yield processes


@pytest.fixture
def command(bench: Bench, warm_processes: WarmProcesses) -> Iterator[Command]:
    with closing(Command(bench, warm_processes)) as command:
        yield command


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str


@pytest.fixture
def front(bench: Bench, capsys, monkeypatch, plain_environment) -> Callable[..., Ran]:
    """Run `jira-sync COMMAND …` on the sync of a bench, whose group does not run."""
    from jira_sync.__main__ import main

    run_dir = bench.folder / "run"
    for name, value in {"CONFIG_DIR": bench.folder, "RUN_DIR": run_dir, "DATABASE_URL": bench.mongo_url}.items():
        monkeypatch.setenv(name, str(value))

    def run(*arguments: str) -> Ran:
        capsys.readouterr()
        code = main(arguments)
        said = capsys.readouterr()
        assert "s3cr3t" not in said.out + said.err
        return Ran(code, said.out, said.err)

    return run


@pytest.fixture
def legacy(bench: Bench) -> Iterator[LegacyService]:
    """The replaced service, whose database is on the same server; both projects are on one site, as it wanted them."""
    with MongoClient[dict[str, Any]](bench.mongo_url, tz_aware=True) as client:
        yield LegacyService(bench, client)


@pytest.fixture
def long_ago(bench: Bench) -> Callable[[], None]:
    """Let what happens until this is called have happened a month ago."""
    bench.control.clock("one", -30 * 24 * 3600)
    return lambda: bench.control.clock("one", 0)
