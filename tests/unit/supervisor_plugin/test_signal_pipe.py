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

from supervisor_plugin.waking import Alarm

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
def alarm(supervisord):
    alarm = Alarm(supervisord)
    alarm.watch()
    yield alarm
    alarm.close()


def _turn(supervisord, alarm, before=lambda: None):
    """One turn of supervisord's loop, as far as it concerns the alarm."""
    poller = supervisord.options.poller
    (descriptor,) = [each for each, watched in asyncore_25.socket_map.items() if watched is alarm]
    assert alarm.readable()
    assert not alarm.writable()
    poller.register_readable(descriptor)
    sender = threading.Thread(target=before)
    sender.start()
    readable, _ = poller.poll(LONG)
    sender.join()
    if descriptor in readable:
        alarm.handle_read_event()
    return descriptor in readable


def test_the_first_turn_does_not_wait(supervisord, alarm):
    assert _turn(supervisord, alarm)
    assert supervisord.options.mood == SupervisorStates.RUNNING


def test_a_signal_ends_the_wait_and_is_acted_on(supervisord, alarm):
    _turn(supervisord, alarm)
    assert _turn(supervisord, alarm, lambda: os.kill(os.getpid(), signal.SIGTERM))
    assert supervisord.options.mood == SupervisorStates.SHUTDOWN


def test_all_signals_that_have_come_are_acted_on_in_one_turn(supervisord, alarm):
    def send() -> None:
        for number in (signal.SIGCHLD, signal.SIGUSR2, signal.SIGHUP):
            os.kill(os.getpid(), number)

    send()
    assert _turn(supervisord, alarm)
    assert supervisord.options.mood == SupervisorStates.RESTARTING
    assert supervisord.options.get_signal() is None


def test_after_it_was_closed_nothing_is_watched_or_written_to_any_more(supervisord):
    alarm = Alarm(supervisord)
    alarm.watch()
    alarm.close()
    assert alarm not in asyncore_25.socket_map.values()
    assert signal.set_wakeup_fd(-1) == -1
    alarm.close()  # once more does no harm


def test_an_error_costs_the_alarm_and_nothing_else(supervisord, alarm):
    os.close(alarm._reader)
    try:
        alarm.handle_read_event()
    except OSError:
        alarm.handle_error()
    assert signal.set_wakeup_fd(-1) == -1
    assert alarm not in asyncore_25.socket_map.values()
