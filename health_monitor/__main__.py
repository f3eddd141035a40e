"""`python -m health_monitor`: watches the group in RUN_DIR, and shows it at PORT. One more program of the group.

0: stopped when asked; 1: a person must act, and one line per problem says how.
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
from health_monitor.history import Archive
from health_monitor.observer import Observer
from health_monitor.server import application
from health_monitor.state import MonitorState
from sync_model.connection import database_url
from sync_model.program_names import MONITOR
from sync_worker.runtime import logs

SECONDS_TO_FINISH_ANSWERS = 2.0


def main(environ: Mapping[str, str] = os.environ) -> int:
    try:
        settings = of_running_group(from_environ(environ), environ)
        log = logs.configure(MONITOR, environ.get("LOG_LEVEL") or "info")
        asyncio.run(_serve(settings, environ, log))
    except Unusable as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        return 1
    return 0


async def _serve(settings: Settings, environ: Mapping[str, str], log: FilteringBoundLogger) -> None:
    over = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, over.set)
    state = MonitorState(
        settings,
        environ,
        Observer(settings, environ, log),
        Archive(database_url(environ) or f"mongodb://127.0.0.1:{settings.mongodb_port}"),
        # Browsers send a cookie to all ports of a host: each group's has a name of its own.
        Gate(lambda: token_in(environ), cookie=f"jira_sync_{settings.port}"),
        log,
    )
    runner = web.AppRunner(application(state), access_log=None, shutdown_timeout=SECONDS_TO_FINISH_ANSWERS)
    await runner.setup()
    try:
        await _listen(runner, settings)
        state.observer.start()
        log.info("monitor started", pid=os.getpid(), address=f"{settings.bind}:{settings.port}")
        await over.wait()
    finally:
        state.observer.stop()
        await runner.cleanup()
        state.archive.close()
        log.info("monitor stopped")


async def _listen(runner: web.AppRunner, settings: Settings) -> None:
    try:
        await web.TCPSite(runner, settings.bind, settings.port).start()
    except OSError as error:
        message = f"{settings.bind}, port {settings.port}, cannot be listened on ({error.strerror}); set PORT"
        raise Unusable(message) from None


if __name__ == "__main__":
    sys.exit(main())
