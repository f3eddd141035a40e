"""A signal ends supervisord's wait, and is acted on in the same turn."""

from __future__ import annotations

import os
import signal
import threading

import pytest
from supervisor import loggers
from supervisor.medusa import asyncore_25
from supervisor.options import ServerOptions
from supervisor.states import SupervisorStates
from supervisor.supervisord import Supervisor

from supervisor_plugin.signal_pipe import SignalPipe

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGCHLD, signal.SIGUSR2)
LONG = 30


@pytest.fixture
def supervisord():
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    options = ServerOptions()
    options.logger = loggers.getLogger()
    options.setsignals()
    yield Supervisor(options)
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def pipe(supervisord):
    pipe = SignalPipe(supervisord)
    pipe.watch()
    yield pipe
    pipe.close()


def _turn(supervisord, pipe, before=lambda: None):
    """One turn of supervisord's loop, as far as it concerns the pipe."""
    poller = supervisord.options.poller
    (descriptor,) = [each for each, watched in asyncore_25.socket_map.items() if watched is pipe]
    assert pipe.readable()
    assert not pipe.writable()
    poller.register_readable(descriptor)
    sender = threading.Thread(target=before)
    sender.start()
    readable, _ = poller.poll(LONG)
    sender.join()
    if descriptor in readable:
        pipe.handle_read_event()
    return descriptor in readable


def test_the_first_turn_of_supervisords_loop_does_not_wait(supervisord, pipe):
    assert _turn(supervisord, pipe)
    assert supervisord.options.mood == SupervisorStates.RUNNING


def test_a_signal_ends_the_wait_of_supervisords_loop_and_is_acted_on(supervisord, pipe):
    _turn(supervisord, pipe)
    assert _turn(supervisord, pipe, lambda: os.kill(os.getpid(), signal.SIGTERM))
    assert supervisord.options.mood == SupervisorStates.SHUTDOWN


def test_all_signals_that_have_come_are_acted_on_in_one_turn(supervisord, pipe):
    def send() -> None:
        for number in (signal.SIGCHLD, signal.SIGUSR2, signal.SIGHUP):
            os.kill(os.getpid(), number)

    send()
    assert _turn(supervisord, pipe)
    assert supervisord.options.mood == SupervisorStates.RESTARTING
    assert supervisord.options.get_signal() is None


def test_a_closed_signal_pipe_is_neither_watched_nor_written_to(supervisord):
    pipe = SignalPipe(supervisord)
    pipe.watch()
    pipe.close()
    assert pipe not in asyncore_25.socket_map.values()
    assert signal.set_wakeup_fd(-1) == -1
    pipe.close()  # once more does no harm


def test_an_error_in_the_signal_pipe_closes_it_and_supervisord_goes_on(supervisord, pipe):
    os.close(pipe._reader)
    try:
        pipe.handle_read_event()
    except OSError:
        pipe.handle_error()
    assert signal.set_wakeup_fd(-1) == -1
    assert pipe not in asyncore_25.socket_map.values()
