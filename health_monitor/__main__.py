"""`python -m health_monitor`: observes the group in RUN_DIR, and serves its condition at PORT.

Exit code 0: stopped as asked. Exit code 1: a person must act; each problem is one line on standard error.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import signal
import sys
from collections.abc import Mapping

from structlog.typing import FilteringBoundLogger

from generator.running.errors import Unusable
from generator.running.run_directory import require_own
from generator.running.settings.group import Settings, from_environ, of_running_group
from generator.running.settings.page import PageSettings, read_page_settings
from generator.running.settings.variables import VARIABLES
from health_monitor.access.credentials import read_credentials
from health_monitor.access.gate import Gate
from health_monitor.access.proxies import Proxies
from health_monitor.databases import SyncDatabases
from health_monitor.joining import join_fleet
from health_monitor.listening import keep_listening
from health_monitor.news.reporter import Reporter
from health_monitor.observation.observer import Observer
from health_monitor.observation.own_trouble import OwnTrouble
from health_monitor.server import runner
from health_monitor.state import MonitorState
from sync_model.accounts.connection import database_url
from sync_model.environment.needed_variables import needed_by_monitor
from sync_model.environment.own_environment import forget_but
from sync_model.program_names import MONITOR
from sync_model.secrecy import uncaught
from sync_model.secrecy.program_output import print_error
from sync_worker.runtime import logs

ENDED_SESSIONS = "ended_sessions.json"


def main(environ: Mapping[str, str] = os.environ) -> int:
    if environ is os.environ:
        forget_but(needed_by_monitor(environ, frozenset(VARIABLES)))
    try:
        settings = of_running_group(from_environ(environ, waits_for_files=True), environ)
        require_own(settings.run_dir)
        log = logs.configure(MONITOR, environ.get("LOG_LEVEL") or "info")
        asyncio.run(_serve(settings, environ, log))
    except Unusable as error:
        for problem in error.problems:
            print_error(problem)
        return 1
    return 0


async def _serve(settings: Settings, environ: Mapping[str, str], log: FilteringBoundLogger) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    page = read_page_settings(environ, [])
    databases = SyncDatabases(lambda: database_url({**environ, **settings.database_variable}) or "")
    fleet = join_fleet(settings, databases, log, lambda: state.observer.latest)
    state = MonitorState(
        settings,
        environ,
        Observer(settings, environ, log, fleet),
        databases,
        _gate(settings, environ, page),
        log,
        page,
    )
    for fault in state.gate.faults:
        log.warning("a token does not count", reason=fault)
    if why := state.gate.why_read_only:
        log.warning("the status page is read only", reason=why)
    served = runner(state)
    await served.setup()
    note = OwnTrouble(settings.run_dir, log).note
    listener = asyncio.ensure_future(
        keep_listening(served, settings.bind, settings.port, state.tell_refusal, note, state.gate.proxies.is_trusted)
    )
    state.observer.start()
    if fleet:
        fleet.start()
    reporter = Reporter(settings.run_dir, environ, lambda: state.observer.latest, log)
    reporting = asyncio.ensure_future(reporter.run(stopped))
    log.info("monitor started", pid=os.getpid(), address=f"{settings.bind}:{settings.port}")
    try:
        # The group is looked at and healed also while nobody can be told of it.
        waiting = asyncio.ensure_future(stopped.wait())
        await asyncio.wait((listener, waiting), return_when=asyncio.FIRST_COMPLETED)
        if listener.done():
            listener.result()
    finally:
        state.observer.stop()
        stopped.set()
        if fleet:
            await asyncio.to_thread(fleet.stop)
        await reporting
        listener.cancel()
        await asyncio.wait((listener,))
        note(None)
        await served.cleanup()
        state.databases.close()
        log.info("monitor stopped")


def _gate(settings: Settings, environ: Mapping[str, str], page: PageSettings) -> Gate:
    """Return who may act. A demo takes a short token: its sites are simulated, and only this machine reaches it."""
    is_demo = settings.simulator_port is not None and ipaddress.ip_address(settings.bind).is_loopback
    return Gate(
        lambda: read_credentials(environ, takes_weak=is_demo),
        # Browsers send a cookie to all ports of a host, so each group's cookie has its own name.
        cookie=f"jira_sync_{settings.port}",
        ended=settings.run_dir / ENDED_SESSIONS,
        proxies=Proxies(page.trusted_proxies, page.user_header),
        proxy_operators=page.proxy_operators,
    )


if __name__ == "__main__":
    uncaught.install()
    sys.exit(main())
