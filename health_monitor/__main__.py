"""`python -m health_monitor`: observes the group in RUN_DIR, and serves its condition at PORT.

Exit code 0: stopped as asked. Exit code 1: a person must act; each problem is one line on standard error.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping

from aiohttp import web
from structlog.typing import FilteringBoundLogger

from generator.running.errors import Unusable
from generator.running.settings import Settings, from_environ, of_running_group
from health_monitor.access import Gate, token_in
from health_monitor.databases import SyncDatabases
from health_monitor.observation.observer import Observer
from health_monitor.server import application
from health_monitor.state import MonitorState
from sync_model.connection import database_url
from sync_model.program_names import MONITOR
from sync_worker.runtime import logs

SHUTDOWN_SECONDS = 2.0
"""Requests that are being answered get so long to finish."""


def main(environ: Mapping[str, str] = os.environ) -> int:
    try:
        settings = of_running_group(from_environ(environ, waits_for_files=True), environ)
        log = logs.configure(MONITOR, environ.get("LOG_LEVEL") or "info")
        asyncio.run(_serve(settings, environ, log))
    except Unusable as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        return 1
    return 0


async def _serve(settings: Settings, environ: Mapping[str, str], log: FilteringBoundLogger) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    state = MonitorState(
        settings,
        environ,
        Observer(settings, environ, log),
        SyncDatabases(lambda: database_url(environ) or f"mongodb://127.0.0.1:{settings.mongodb_port}"),
        # Browsers send a cookie to all ports of a host, so each group's cookie has its own name.
        Gate(lambda: token_in(environ), cookie=f"jira_sync_{settings.port}"),
        log,
    )
    runner = web.AppRunner(application(state), access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        await _listen(runner, settings)
        state.observer.start()
        log.info("monitor started", pid=os.getpid(), address=f"{settings.bind}:{settings.port}")
        await stopped.wait()
    finally:
        state.observer.stop()
        await runner.cleanup()
        state.databases.close()
        log.info("monitor stopped")


async def _listen(runner: web.AppRunner, settings: Settings) -> None:
    try:
        await web.TCPSite(runner, settings.bind, settings.port).start()
    except OSError as error:
        message = f"{settings.bind}, port {settings.port}, cannot be listened on ({error.strerror}); set PORT"
        raise Unusable(message) from None


if __name__ == "__main__":
    sys.exit(main())
