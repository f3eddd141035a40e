"""A worker that stops at a stage: `python -m benchmarks.rig.staged_worker WAY STAGE CONFIG RUN_DIR`.

It prints its process id, goes through the stages up to STAGE, prints that it has got there, and waits there until its
input ends. In the last stage it is a worker like any other, which works until it is asked to stop. With the WAY
`forked` it is the child of a process that is warmed as supervisord is.

Nothing is imported at the top but what an interpreter has loaded anyway: it would count for the first stage.
"""

from __future__ import annotations

import os
import sys
from typing import Any

REACHED = "reached"
kept: list[Any] = []
"""What a worker holds from one stage to the next."""


def interpreter(_config: str, _run_dir: str) -> None:
    """Python itself."""


def log(_config: str, _run_dir: str) -> None:
    """structlog, and what it needs of the standard library."""
    import structlog  # noqa: F401


def models(_config: str, _run_dir: str) -> None:
    """pydantic, and its models of configuration files and heartbeats."""
    from sync_model.files import loading  # noqa: F401
    from sync_model.health import heartbeat  # noqa: F401


def driver(_config: str, _run_dir: str) -> None:
    """MongoDB's driver."""
    import pymongo  # noqa: F401


def http(_config: str, _run_dir: str) -> None:
    """The HTTP client, and the certificates it trusts."""
    from sync_worker.jira.http_client import new_http_client

    kept.append(new_http_client())


def parts(config: str, run_dir: str) -> None:
    """The sync's definition, and all parts of its worker."""
    from pathlib import Path

    from sync_model.files.loading import load_file
    from sync_worker.database.connection import connect
    from sync_worker.runtime import logs
    from sync_worker.runtime.loop import Worker
    from sync_worker.runtime.process import parser
    from sync_worker.runtime.wiring import wire

    parser()
    (file,) = load_file(Path(config), os.environ).files
    worker = Worker(file.sync.name, file.digest, 1.0, Path(run_dir), logs.configure(file.sync.name, "info", sys.stderr))
    client = connect(os.environ["DATABASE_URL"], file.sync.name)
    kept.append(wire(file, worker, client, os.environ))


def lease(_config: str, _run_dir: str) -> None:
    """The first connection to MongoDB, and the lease."""
    kept[-1].lease.hold()


def cycles(config: str, run_dir: str) -> None:
    """Cycles, until the worker is asked to stop."""
    from sync_worker.__main__ import main

    main(["--config", config, "--run-dir", run_dir])


STAGES = (interpreter, log, models, driver, http, parts, lease)


def go_to(stage: str, config: str, run_dir: str) -> None:
    """Print the process id, and go through the stages up to `stage`. `cycles` needs none of the others before it."""
    print(os.getpid(), flush=True)
    if stage == cycles.__name__:
        cycles(config, run_dir)
        return
    for step in STAGES:
        step(config, run_dir)
        if step.__name__ == stage:
            break
    print(REACHED, flush=True)
    sys.stdin.read()
    os._exit(0)  # how it ends is not measured


def fork(left_out: str, stage: str, config: str, run_dir: str) -> None:
    """Go to `stage` in a child of this process, which is warmed as supervisord is.

    `left_out` names the parts of what the plugin does before it forks that are not done.
    """
    import signal
    from functools import partial

    import supervisor.supervisord  # noqa: F401
    from supervisor.loggers import Logger
    from supervisor.options import ServerOptions

    from supervisor_plugin import child, hot_code, sharing
    from supervisor_plugin.forking import Forking

    if "immortal" in left_out:
        sharing.can_immortalise = lambda: False
    if "filled" in left_out:
        sharing.fill_gaps = lambda: None
    if "gathered" in left_out:
        hot_code.gather = lambda hot: None  # noqa: ARG005
    options = ServerOptions()
    options.logger = Logger()
    forking = Forking(options)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    if pid := forking.fork():
        os.waitpid(pid, 0)
        return
    child.reset(sys.argv, {**os.environ, "SUPERVISOR_PROCESS_NAME": stage})
    child.reset_signals(mask)
    child.run(partial(go_to, stage, config, run_dir))


if __name__ == "__main__":
    way, *arguments = sys.argv[1:]
    way, _, left_out = way.partition(" without ")
    if way == "forked":
        fork(left_out, *arguments)
    else:
        go_to(*arguments)
