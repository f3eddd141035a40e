"""A benchmark, whatever ends it, leaves no process and no folder behind; and what it prints comes out at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

REPO = Path(__file__).parents[4]
VARIABLE = "PYTHON_BENCHMARK_UNDER_TEST"
"""In the environment of a benchmark, and so of whatever it starts. Workers keep it for the beginning of its name."""
GROUP = "group_scale", "--syncs", "2", "--designs", "fork", "--detail", "0"
GROUP_PROGRAMS = "mongod", "jira_simulator", "supervisord", "jira-sync: sync-001"
SECONDS_TO_START, SECONDS_TO_END = 120.0, 60.0


class Benchmark:
    """A benchmark that runs, and the processes that it has started."""

    def __init__(self, folder: Path, name: str, *options: str) -> None:
        self.folder = folder
        environ = {**os.environ, VARIABLE: str(folder), "TMPDIR": str(folder)}
        command = [sys.executable, "-m", f"benchmarks.{name}", *options]
        self.process = subprocess.Popen(command, cwd=REPO, env=environ, stdout=subprocess.PIPE, text=True)

    def commands(self) -> dict[int, str]:
        """Return the command line of every living process that the benchmark has started."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                mark = f"{VARIABLE}={self.folder}".encode()
                if mark in (folder / "environ").read_bytes().split(b"\0") and int(folder.name) != self.process.pid:
                    found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
        return {pid: command for pid, command in found.items() if command}

    def runs(self, *programs: str) -> bool:
        """Tell whether each of these words is part of a command line."""
        commands = list(self.commands().values())
        return all(any(program in command for command in commands) for program in programs)


@pytest.fixture
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Benchmark]]:
    """Start a benchmark whose temporary folders are in one with a short path, as supervisord's socket needs it."""
    started: list[Benchmark] = []

    def start(*command: str) -> Benchmark:
        started.append(Benchmark(tmp_path_factory.mktemp("b"), *command))
        return started[-1]

    yield start
    for benchmark in started:
        for pid in (benchmark.process.pid, *benchmark.commands()):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        benchmark.process.communicate()


def test_a_benchmark_that_gets_sigterm_leaves_no_process_and_no_folder(start, wait_until):
    benchmark = start("sync_throughput", "--sizes", "20,2000", "--latencies", "0")
    wait_until(lambda: benchmark.runs("mongod", "jira_simulator", "sync_worker"), "a worker at work", SECONDS_TO_START)
    benchmark.process.terminate()
    assert benchmark.process.wait(SECONDS_TO_END) == -signal.SIGTERM
    assert benchmark.commands() == {}
    assert list(benchmark.folder.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP], ids=lambda number: number.name)
def test_a_benchmark_that_is_interrupted_leaves_nothing_but_the_rows_that_it_has_measured(start, number):
    """The first row comes out of the pipe before the third is measured."""
    benchmark = start("call_counts", "--issues", "1000", "--latency", "0")
    output: Any = benchmark.process.stdout
    assert output.readline().startswith("first cycle, empty projects: ")
    benchmark.process.send_signal(number)
    assert benchmark.process.wait(SECONDS_TO_END) == -number
    assert "1000 counterparts" not in output.read()
    assert benchmark.commands() == {}
    assert list(benchmark.folder.iterdir()) == []


def test_supervisord_and_its_workers_end_with_a_benchmark_that_gets_sigterm(start, wait_until):
    benchmark = start(*GROUP)
    wait_until(lambda: benchmark.runs(*GROUP_PROGRAMS), "a group", SECONDS_TO_START)
    benchmark.process.terminate()
    assert benchmark.process.wait(SECONDS_TO_END) == -signal.SIGTERM
    assert benchmark.commands() == {}


def test_supervisord_and_its_workers_end_with_a_benchmark_that_is_killed(start, wait_until):
    benchmark = start(*GROUP)
    wait_until(lambda: benchmark.runs(*GROUP_PROGRAMS), "a group", SECONDS_TO_START)
    benchmark.process.kill()
    wait_until(lambda: benchmark.commands() == {}, "all of them to end")


def test_forked_processes_end_with_a_benchmark_that_gets_sigterm(start, wait_until):
    benchmark = start("crash_points", "--flavors", "cloud-dc")
    programs = ("mongod", "jira_simulator", "multiprocessing.forkserver")
    wait_until(lambda: benchmark.runs(*programs), "a forkserver", SECONDS_TO_START)
    benchmark.process.terminate()
    assert benchmark.process.wait(SECONDS_TO_END) == -signal.SIGTERM
    assert benchmark.commands() == {}
