"""One real worker process for each sync. It is started again as soon as it has ended, as supervisord would."""

from __future__ import annotations

import json
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.rig.processes import Rig
from benchmarks.scenario.definitions import write
from benchmarks.verdict.demands import SyncUnderTest

SECONDS_TO_STOP = 40.0


class WorkerProcesses:
    """The workers of `syncs`; `counts` says how often which was started again."""

    def __init__(self, rig: Rig, syncs: Sequence[SyncUnderTest]) -> None:
        self._rig = rig
        self._files = {sync.name: write(rig, sync) for sync in syncs}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._second_workers: list[subprocess.Popen[bytes]] = []
        self._log_offsets: Counter[str] = Counter()
        self._cycles: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()
        for name in self._files:
            self._start(name)

    @property
    def names(self) -> list[str]:
        return list(self._files)

    def log(self, name: str) -> Path:
        return self._rig.folder / f"{name}.log"

    def start_ended(self) -> None:
        """Start every worker that has ended."""
        for name, process in self._processes.items():
            if process.poll() is not None:
                self._start(name)
                self.counts["worker started again"] += 1

    def send(self, name: str, number: signal.Signals) -> None:
        self._processes[name].send_signal(number)

    def pause(self, name: str) -> Callable[[], None]:
        """Suspend a worker; return what resumes it."""
        process = self._processes[name]
        process.send_signal(signal.SIGSTOP)

        def resume() -> None:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)

        return resume

    def start_second(self, name: str) -> Callable[[], None]:
        """Start a second worker for a sync that has one; return what kills it."""
        process = self._rig.worker(self._files[name], log=self._rig.folder / f"{name}.guest.log")
        self._second_workers.append(process)
        return process.kill

    def rename_sites(self) -> None:
        """Write another name of the same sites into the files; a worker reads it at its next start."""
        for path in self._files.values():
            path.write_text(path.read_text().replace("127.0.0.1", "localhost"))

    def restart(self) -> None:
        """Leave one worker for each sync, freshly started."""
        for process in self._second_workers:
            process.kill()
            process.wait()
        for process in self._processes.values():
            process.send_signal(signal.SIGCONT)
            process.terminate()
        for name, process in self._processes.items():
            _wait(process)
            self._start(name)

    def close(self) -> None:
        for process in [*self._processes.values(), *self._second_workers]:
            process.kill()
            process.wait()

    def cycles(self, name: str) -> int:
        """Return how many cycles the sync has completed."""
        self._cycles[name] += sum(line.get("event") == "cycle completed" for line in self._new_lines(name))
        return self._cycles[name]

    def _new_lines(self, name: str) -> Iterator[dict[str, Any]]:
        """Yield the lines of the log that were not read before."""
        with self.log(name).open("rb") as log:
            log.seek(self._log_offsets[name])
            for line in log:
                if not line.endswith(b"\n"):
                    return
                self._log_offsets[name] += len(line)
                try:
                    yield json.loads(line)
                except ValueError:
                    continue  # a traceback, or what a killed process left of a line

    def _start(self, name: str) -> None:
        self._processes[name] = self._rig.worker(self._files[name], log=self.log(name))


def _wait(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(SECONDS_TO_STOP)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
