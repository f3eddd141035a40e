"""One real worker process for each sync, started again at once whenever it ends, as supervisord would."""

from __future__ import annotations

import json
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.rig.processes import Rig
from benchmarks.scenario.pairings import Pairing, write

SECONDS_TO_STOP = 40.0


class Workers:
    """The workers of `pairings`; `done` counts what befell them."""

    def __init__(self, made: Rig, pairings: Sequence[Pairing]) -> None:
        self._rig = made
        self._files = {each.name: write(made, each) for each in pairings}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._guests: list[subprocess.Popen[bytes]] = []
        self._paused: set[int] = set()
        self._read: dict[str, int] = Counter()
        self._cycles: Counter[str] = Counter()
        self.done: Counter[str] = Counter()
        for name in self._files:
            self._start(name)

    @property
    def names(self) -> list[str]:
        return list(self._files)

    def log(self, name: str) -> Path:
        return self._rig.folder / f"{name}.log"

    def tend(self) -> None:
        """Start every worker that has ended."""
        for name, process in self._processes.items():
            if process.poll() is not None:
                self._start(name)
                self.done["worker started again"] += 1

    def send(self, name: str, what: signal.Signals) -> None:
        self._processes[name].send_signal(what)

    def pause(self, name: str) -> Callable[[], None]:
        """Stop a worker where it stands; return what lets it go on."""
        process = self._processes[name]
        process.send_signal(signal.SIGSTOP)

        def checkpoint() -> None:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)

        return checkpoint

    def invite(self, name: str) -> Callable[[], None]:
        """Start a second worker for a sync that has one; return what kills it."""
        guest = self._rig.worker(self._files[name], log=self._rig.folder / f"{name}.guest.log")
        self._guests.append(guest)
        return guest.kill

    def restart(self) -> None:
        """Leave one worker for each sync, freshly started."""
        for guest in self._guests:
            guest.kill()
            guest.wait()
        for process in self._processes.values():
            process.send_signal(signal.SIGCONT)
            process.terminate()
        for name, process in self._processes.items():
            _wait(process)
            self._start(name)

    def close(self) -> None:
        for process in [*self._processes.values(), *self._guests]:
            process.kill()
            process.wait()

    def cycles(self, name: str) -> int:
        """Return how many cycles the sync has completed."""
        self._cycles[name] += sum(line.get("event") == "cycle completed" for line in self._news(name))
        return self._cycles[name]

    def _news(self, name: str) -> Iterator[dict[str, Any]]:
        with self.log(name).open("rb") as log:
            log.seek(self._read[name])
            for line in log:
                if not line.endswith(b"\n"):
                    return
                self._read[name] += len(line)
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
