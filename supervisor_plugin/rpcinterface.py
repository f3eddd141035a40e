"""The plugin's entry point: `supervisor.rpcinterface_factory=supervisor_plugin.rpcinterface:make`.

supervisord calls `make` at its start and after each reload, when it knows its programs and has started none of them.
SPAWN in supervisord's environment is `fork`, or `exec`, which leaves supervisord unchanged. No error in here may end
supervisord, which is the first process of a container: the plugin logs the error and does without that part.

This module imports nothing heavy, because supervisord's parser imports it, and the generator checks each conf with
that parser.
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
from supervisor.rpcinterface import SupervisorNamespaceRPCInterface

from supervisor_plugin.adding import AddingInterface
from supervisor_plugin.logs import LogInterface, refuse_to_follow
from supervisor_plugin.own_lines import write_own_lines
from supervisor_plugin.signal_pipe import SignalPipe
from supervisor_plugin.stopping import PriorityInterface, PriorityShutdown
from supervisor_plugin.telling import TellingInterface, answer_in_large_pieces

MADE_FOR = "4.3.0"
FORK, EXEC = "fork", "exec"


class PlainInterface(AddingInterface, TellingInterface):
    """What supervisorctl and the generator speak to, where supervisord itself is left as it is."""


class PluginInterface(PlainInterface, LogInterface, PriorityInterface):
    """What they speak to else."""


def make(supervisord: Any) -> SupervisorNamespaceRPCInterface:
    """Return the RPC interface for `supervisorctl`, after adding the plugin to `supervisord`."""
    options = supervisord.options
    try:
        write_own_lines(options)
    except Exception:
        options.logger.error(f"this is not written to standard output, because of this:\n{_traceback()}")
    answer_in_large_pieces()
    # At this event supervisord handles signals, and no program has inherited the blocked signal yet.
    events.subscribe(events.SupervisorRunningEvent, _unblock_sigterm)
    if not _is_enabled(options):
        return PlainInterface(supervisord)
    if "fork" not in vars(options):  # supervisord calls this once per socket that it listens on
        for step in (_stop_at_once, _act_on_signals_at_once, _refuse_to_follow_logs, _fork):
            try:
                step(supervisord)
            except Exception:
                options.logger.error(f"{step.__name__.strip('_')}: does without, because of this:\n{_traceback()}")
    return PluginInterface(supervisord)


def _unblock_sigterm(_event: Any) -> None:
    """Let supervisord handle a SIGTERM that came before this process was supervisord."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


def _is_enabled(options: Any) -> bool:
    spawn = os.environ.get("SPAWN") or FORK
    if spawn not in (FORK, EXEC):
        options.logger.error(f"SPAWN is {spawn!r}; it must be {FORK} or {EXEC}; programs are executed")
    elif spawn == FORK and VERSION != MADE_FOR:
        options.logger.error(f"supervisor {VERSION} is not {MADE_FOR}, which the plugin was made for; it stands aside")
    return spawn == FORK and VERSION == MADE_FOR


def _stop_at_once(supervisord: Any) -> None:
    shutdown = PriorityShutdown(supervisord)
    for name, ours in (
        ("ordered_stop_groups_phase_1", shutdown.stop),
        ("ordered_stop_groups_phase_2", shutdown.forget_the_stopped),
    ):
        setattr(supervisord, name, _with_fallback(ours, getattr(supervisord, name), supervisord.options.logger))


def _act_on_signals_at_once(supervisord: Any) -> None:
    pipe = SignalPipe(supervisord)
    pipe.watch()
    stock = supervisord.options.cleanup

    def cleanup() -> None:
        try:
            pipe.close()
        finally:
            stock()

    supervisord.options.cleanup = cleanup


def _refuse_to_follow_logs(supervisord: Any) -> None:
    def refuse(_event: Any) -> None:
        try:
            refuse_to_follow(supervisord)
        except Exception:  # would end supervisord
            supervisord.options.logger.error(f"logs are followed as always, because of this:\n{_traceback()}")

    # Only then does supervisord have its sockets.
    events.subscribe(events.SupervisorRunningEvent, refuse)


def _fork(supervisord: Any) -> None:
    from supervisor_plugin.forking import Forking

    forking = Forking(supervisord.options)
    supervisord.options.fork, supervisord.options.execve = forking.fork, forking.execve
    supervisord.options.logger.info("workers are forked from this process")


def _with_fallback(ours: Callable[[], None], stock: Callable[[], None], log: Any) -> Callable[[], None]:
    """Return a function that calls `ours`, and supervisord's own function when `ours` fails."""

    @wraps(stock)
    def call() -> None:
        try:
            ours()
        except Exception:  # would end supervisord and leave all its programs running
            log.error(f"{stock.__name__}: supervisord's own is used, because of this:\n{_traceback()}")
            stock()

    return call


def _traceback() -> str:
    return traceback.format_exc().rstrip()
