"""What the plugin relies on in supervisor. When one of these fails, look at the plugin before using that version."""

from __future__ import annotations

import inspect

import pytest
from supervisor.http import (
    NOT_DONE_YET,
    deferring_http_channel,
    logtail_handler,
    mainlogtail_handler,
    make_http_servers,
)
from supervisor.options import VERSION, ServerOptions
from supervisor.poller import PollPoller
from supervisor.process import ProcessGroupBase, Subprocess
from supervisor.rpcinterface import SupervisorNamespaceRPCInterface, isRunning, make_allfunc
from supervisor.supervisord import Supervisor

from supervisor_plugin.rpcinterface import MADE_FOR
from supervisor_plugin.telling import PIECE


def test_supervisor_has_the_version_that_the_plugin_was_made_for():
    assert VERSION == MADE_FOR, f"supervisor {VERSION}: read its changes, then these tests, then the plugin"


def test_supervisord_sends_what_it_answers_in_pieces_of_this_size():
    """The plugin makes them larger. In this process it has not been asked to."""
    assert deferring_http_channel.ac_out_buffer_size in (4096, PIECE)
    sent = inspect.getsource(deferring_http_channel.initiate_send)
    assert "ac_out_buffer[:obs]" in sent.replace(" ", "")


@pytest.mark.parametrize(
    # what is replaced or called                              with these parameters
    ("method", "parameters"),
    [
        (ServerOptions.fork, ["self"]),
        (ServerOptions.execve, ["self", "filename", "argv", "env"]),
        (ServerOptions.cleanup, ["self"]),
        (ServerOptions.get_socket_map, ["self"]),
        (Supervisor.handle_signal, ["self"]),
        (Supervisor.ordered_stop_groups_phase_1, ["self"]),
        (Supervisor.ordered_stop_groups_phase_2, ["self"]),
        (ProcessGroupBase.stop_all, ["self"]),
        (ProcessGroupBase.get_unstopped_processes, ["self"]),
        (SupervisorNamespaceRPCInterface.stopAllProcesses, ["self", "wait"]),
        (SupervisorNamespaceRPCInterface.stopProcess, ["self", "name", "wait"]),
        (SupervisorNamespaceRPCInterface._getAllProcesses, ["self", "lexical"]),
        (SupervisorNamespaceRPCInterface._update, ["self", "text"]),
        (SupervisorNamespaceRPCInterface.addProcessGroup, ["self", "name"]),
        (SupervisorNamespaceRPCInterface.clearProcessLogs, ["self", "name"]),
        (SupervisorNamespaceRPCInterface.clearLog, ["self"]),
        (SupervisorNamespaceRPCInterface.readLog, ["self", "offset", "length"]),
        (SupervisorNamespaceRPCInterface._readProcessLog, ["self", "name", "offset", "length", "channel"]),
        (SupervisorNamespaceRPCInterface._tailProcessLog, ["self", "name", "offset", "length", "channel"]),
        (SupervisorNamespaceRPCInterface._getGroupAndProcess, ["self", "name"]),
        (logtail_handler.handle_request, ["self", "request"]),
        (mainlogtail_handler.handle_request, ["self", "request"]),
        (isRunning, ["process"]),
        (make_allfunc, ["processes", "predicate", "func", "extra_kwargs"]),
    ],
    ids=lambda each: getattr(each, "__qualname__", ""),
)
def test_the_methods_of_supervisor_that_are_replaced_or_called_have_these_parameters(method, parameters):
    assert list(inspect.signature(method).parameters) == parameters


@pytest.mark.parametrize(
    # where                                      these happen, in this order
    ("function", "steps"),
    [
        (Subprocess.spawn, ["get_execv_args()", "options.fork()", "_spawn_as_parent(pid)", "_spawn_as_child(filename"]),
        (
            Subprocess._spawn_as_child,
            ["setpgrp()", "_prepare_child_fds()", "set_uid()", "SUPERVISOR_PROCESS_NAME", "chdir(cwd)", "setumask(",
             "options.execve(filename, argv, env)", "_exit(127)"],
        ),
        (
            Supervisor.run,
            ["events.clear()", "add_process_group(", "openhttpservers(self)", "setsignals()", "daemonize()",
             "write_pidfile()", "runforever()", "finally:", "options.cleanup()"],
        ),
        (
            Supervisor.runforever,
            ["SupervisorRunningEvent()", "get_socket_map()", "combined_map.update(socket_map)",
             "stop_groups = pgroups[:]", "ordered_stop_groups_phase_1()", "raise asyncore.ExitNow", ".readable()",
             ".writable()", "poll(timeout)", "handle_read_event()", "handle_error()", "transition()", "reap()",
             "handle_signal()", "ordered_stop_groups_phase_2()"],
        ),
        (make_http_servers, ["for name, factory, d in options.rpcinterface_factories", "factory(supervisord, **d)"]),
    ],
    ids=lambda each: getattr(each, "__qualname__", ""),
)  # fmt: skip
def test_the_steps_of_supervisor_that_the_plugin_relies_on_happen_in_this_order(function, steps):
    source = inspect.getsource(function)
    positions = [source.find(step) for step in steps]
    assert -1 not in positions, steps[positions.index(-1)]
    assert positions == sorted(positions)


def test_methods_of_supervisors_options_can_be_replaced_on_the_instance():
    options = ServerOptions()
    assert not {"fork", "execve", "cleanup"} & set(vars(options))
    assert isinstance(options.poller, PollPoller)


def test_supervisors_list_of_groups_to_stop_ascends_by_priority():
    source = inspect.getsource(Supervisor.runforever)
    assert "pgroups.sort()" in source
    assert inspect.getsource(ProcessGroupBase.__lt__).rstrip().endswith("self.config.priority < other.config.priority")
    assert "self.stop_groups[-1]" in inspect.getsource(Supervisor.ordered_stop_groups_phase_1)


def test_a_deferred_answer_of_supervisor_is_not_done_yet_at_first():
    process = type("Process", (), {"config": type("Config", (), {"name": "a"}), "get_state": lambda _self: 20})()
    group = type("Group", (), {"config": type("Config", (), {"name": "a"})})()
    answers = iter([NOT_DONE_YET, True])
    ask = make_allfunc([(group, process)], isRunning, lambda _name, wait: lambda: next(answers), wait=True)
    assert ask() is NOT_DONE_YET
    assert [each["name"] for each in ask()] == ["a"]
