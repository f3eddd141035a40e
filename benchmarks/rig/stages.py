"""A worker that goes so far and no further: `python -m benchmarks.rig.processes.stages WAY STAGE CONFIG RUN_DIR`.

It says its process id, walks through the stages up to the one that is named, says so, and stays there until its input
ends; in the last stage it is a worker like any other, which goes on until it is asked to stop. Forked, it is the child
of a process that is warmed as supervisord is.

Nothing is imported at the top but what an interpreter has loaded anyway: it would count for the first stage.
"""

from __future__ import annotations

import os
import sys

REACHED = "reached"
kept: list[object] = []
"""What a worker holds in its hands from one stage to the next."""


def interpreter(_config: str, _run_dir: str) -> None:
    """Python itself."""


def log(_config: str, _run_dir: str) -> None:
    """structlog, and what it needs of the standard library."""
    import structlog  # noqa: F401


def models(_config: str, _run_dir: str) -> None:
    """pydantic, and what people write and workers say, in its terms."""
    from sync_model import heartbeat, loading  # noqa: F401


def driver(_config: str, _run_dir: str) -> None:
    """MongoDB's driver."""
    import pymongo  # noqa: F401


def http(_config: str, _run_dir: str) -> None:
    """The HTTP client, and the certificates it trusts."""
    from sync_worker.jira.transport import new_http_client

    kept.append(new_http_client())


def parts(config: str, run_dir: str) -> None:
    """The sync's definition, and all parts of its worker."""
    from pathlib import Path

    from sync_model.loading import load_file
    from sync_worker.__main__ import parser
    from sync_worker.database.connection import connect
    from sync_worker.runtime import logs
    from sync_worker.runtime.loop import Worker
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
    """Cycles, as many as there are until it is asked to stop."""
    from sync_worker.__main__ import main

    main(["--config", config, "--run-dir", run_dir])


STAGES = (interpreter, log, models, driver, http, parts, lease)


def walk(stage: str, config: str, run_dir: str) -> None:
    """Say who we are, and come to `stage`; the last one is a way of its own."""
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
    os._exit(0)  # nobody is interested in how it ends


def fork(without: str, stage: str, config: str, run_dir: str) -> None:
    """Do it in a child of this process, which is warmed as supervisord is, `without` a part of the sharing."""
    import signal
    from functools import partial

    import supervisor.supervisord  # noqa: F401
    from supervisor.loggers import Logger
    from supervisor.options import ServerOptions

    from supervisor_plugin import child, sharing
    from supervisor_plugin.forking import Forking

    if "immortal" in without:
        sharing.can_immortalise = lambda: False
    if "filled" in without:
        sharing._fill_gaps = lambda: None  # noqa: SLF001
    options = ServerOptions()
    options.logger = Logger()
    forking = Forking(options)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    if pid := forking.fork():
        os.waitpid(pid, 0)
        return
    child.reset(sys.argv, {**os.environ, "SUPERVISOR_PROCESS_NAME": stage})
    child.reset_signals(mask)
    child.run(partial(walk, stage, config, run_dir))


if __name__ == "__main__":
    way, *arguments = sys.argv[1:]
    way, _, without = way.partition(" without ")
    if way == "forked":
        fork(without, *arguments)
    else:
        walk(*arguments)
