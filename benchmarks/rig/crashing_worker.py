"""A worker that kills itself before or after its n-th call to Jira or write to MongoDB.

Its process is forked from one that has imported everything already.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pymongo.monitoring

from sync_worker.__main__ import main
from sync_worker.core.decisions.rate_limit import API_PATH
from sync_worker.jira.transport import Transport

WRITES = frozenset({"insert", "update", "delete", "findAndModify", "createIndexes", "bulkWrite"})
KEY_OR_ID = re.compile(r"/(?:[A-Z]+)?[0-9]+(?=/|$)")


@dataclass
class Steps:
    """The names of the steps that a worker has taken. It dies at step `die_at`, counted from 1; 0 means never."""

    file: Path
    die_at: int
    taken: list[str] = field(default_factory=list)

    def take(self, name: str) -> None:
        self.taken.append(name)
        if len(self.taken) == self.die_at:
            self.save()
            os.kill(os.getpid(), signal.SIGKILL)

    def save(self) -> None:
        self.file.write_text(json.dumps(self.taken))


class WriteListener(pymongo.monitoring.CommandListener):
    """Takes a step before and after each write to MongoDB."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._under_way: dict[int, str] = {}

    def started(self, event: pymongo.monitoring.CommandStartedEvent) -> None:
        if event.command_name in WRITES:
            write = f"MongoDB {event.command_name} {event.command[event.command_name]}"
            self._under_way[event.request_id] = write
            self._steps.take(f"before {write}")

    def succeeded(self, event: pymongo.monitoring.CommandSucceededEvent) -> None:
        if write := self._under_way.pop(event.request_id, None):
            self._steps.take(f"after {write}")

    def failed(self, event: pymongo.monitoring.CommandFailedEvent) -> None:
        self._under_way.pop(event.request_id, None)


def run_one_cycle(config: Path, folder: Path, database_url: str, steps_file: Path, die_at: int | None) -> None:
    """Run one cycle as the worker's command does; its steps are not counted when `die_at` is None."""
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
        os.dup2(nowhere.fileno(), sys.stderr.fileno())
    steps = Steps(steps_file, die_at or 0)
    if die_at is not None:
        pymongo.monitoring.register(WriteListener(steps))
        _count_calls(steps)
    environ = {"DATABASE_URL": database_url}
    code = main(["--config", str(config), "--once", "--run-dir", str(folder)], environ)
    steps.save()
    sys.exit(code)


def _count_calls(steps: Steps) -> None:
    """Take a step before and after each call to Jira."""
    send = Transport._send  # noqa: SLF001 - every call passes here, whatever the worker's own code looks like

    @contextmanager
    def counted(self: Transport, method: str, path: str, *arguments: Any, **options: Any) -> Iterator[Any]:
        call = f"{method} {KEY_OR_ID.sub('/…', path.removeprefix(API_PATH))}"
        steps.take(f"before {call}")
        with send(self, method, path, *arguments, **options) as response:
            steps.take(f"after {call}")
            yield response

    Transport._send = counted  # type: ignore[method-assign]  # noqa: SLF001
