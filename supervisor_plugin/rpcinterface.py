"""Where supervisord takes the plugin in: `supervisor.rpcinterface_factory=supervisor_plugin.rpcinterface:make`.

supervisord calls it when its programs are known and none is started yet, at its start and after each reload. SPAWN in
supervisord's environment decides: `fork`, or `exec`, which leaves supervisord exactly as it comes. Nothing that goes
wrong here ends supervisord, which is the first process of a container: it logs what is wrong and does without.

Nothing heavy is imported with this module, because the generator, which has each conf read before it is used, imports
it, too.
"""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable
from functools import wraps
from typing import Any

from supervisor import events
from supervisor.options import VERSION
from supervisor.rpcinterface import SupervisorNamespaceRPCInterface, make_main_rpcinterface

from supervisor_plugin.stopping import Interface, Stopping
from supervisor_plugin.waking import Alarm

MADE_FOR = "4.3.0"
FORK, EXEC = "fork", "exec"


def make(supervisord: Any) -> SupervisorNamespaceRPCInterface:
    """Return what `supervisorctl` speaks to, after joining the plugin to `supervisord`."""
    options = supervisord.options
    # By then supervisord handles signals, and no program has inherited yet what is blocked.
    events.subscribe(events.SupervisorRunningEvent, _let_stop_in)
    if not _is_wanted(options):
        return make_main_rpcinterface(supervisord)
    if "fork" not in vars(options):  # once, however many sockets supervisord listens on
        for step in (_stop_at_once, _act_on_signals_at_once, _fork):
            try:
                step(supervisord)
            except Exception:
                options.logger.error(f"{step.__name__.strip('_')}: does without, because of this:\n{_traceback()}")
    return Interface(supervisord)


def _let_stop_in(_event: Any) -> None:
    """Take in what has asked this process to stop before it was supervisord."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


def _is_wanted(options: Any) -> bool:
    spawn = os.environ.get("SPAWN") or FORK
    if spawn not in (FORK, EXEC):
        options.logger.error(f"SPAWN is {spawn!r}; it must be {FORK} or {EXEC}; programs are executed")
    elif spawn == FORK and VERSION != MADE_FOR:
        options.logger.error(f"supervisor {VERSION} is not {MADE_FOR}, which the plugin was made for; it stands aside")
    return spawn == FORK and VERSION == MADE_FOR


def _stop_at_once(supervisord: Any) -> None:
    stopping = Stopping(supervisord)
    for name, ours in (
        ("ordered_stop_groups_phase_1", stopping.stop),
        ("ordered_stop_groups_phase_2", stopping.forget_the_stopped),
    ):
        setattr(supervisord, name, _or_stock(ours, getattr(supervisord, name), supervisord.options.logger))


def _act_on_signals_at_once(supervisord: Any) -> None:
    alarm = Alarm(supervisord)
    alarm.watch()
    stock = supervisord.options.cleanup

    def cleanup() -> None:
        try:
            alarm.close()
        finally:
            stock()

    supervisord.options.cleanup = cleanup


def _fork(supervisord: Any) -> None:
    from supervisor_plugin.forking import Forking

    forking = Forking(supervisord.options)
    supervisord.options.fork, supervisord.options.execve = forking.fork, forking.execve
    supervisord.options.logger.info("workers are forked from this process")


def _or_stock(ours: Callable[[], None], stock: Callable[[], None], log: Any) -> Callable[[], None]:
    """Return `ours`, with supervisord's own way for when it fails."""

    @wraps(stock)
    def call() -> None:
        try:
            ours()
        except Exception:  # it would end supervisord, with all its programs left behind
            log.error(f"{stock.__name__}: supervisord's own is used, because of this:\n{_traceback()}")
            stock()

    return call


def _traceback() -> str:
    return traceback.format_exc().rstrip()
