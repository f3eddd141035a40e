"""The states of all programs, in short and at length."""

from __future__ import annotations

import json
import re
import xmlrpc.client

import pytest

from generator.running.supervision.supervisor_rpc import Supervisor
from supervisor_plugin.telling import FIELDS

STOCK = "supervisor.rpcinterface:make_main_rpcinterface"
OURS = "supervisor_plugin.rpcinterface:make"
UPTIME = re.compile(r"uptime .*")


@pytest.fixture
def started(supervisord):
    """Start programs in several states, with supervisord's own RPC interface or ours."""

    def start(interface: str, **environ: str):
        conf = supervisord.folder / "supervisord.conf"
        conf.write_text(conf.read_text().replace(OURS, interface))
        supervisord.add("running", "/bin/sleep", "1000")
        supervisord.add("failed", "/nowhere/program", more="startretries=0")
        supervisord.add("stopped", "/bin/sleep", "1000", more="autostart=false")
        supervisord.start(**environ)
        supervisord.ended("failed")
        return supervisord

    return start


def has_short_form(supervisord) -> bool:
    try:
        return bool(supervisord.rpc("getProgramStates"))
    except xmlrpc.client.Fault:
        return False


def in_short(states):
    return {name: (state.state, UPTIME.sub("", state.description)) for name, state in states.items()}


@pytest.mark.parametrize(
    ("interface", "spawn", "is_short"), [(OURS, "fork", True), (OURS, "exec", True), (STOCK, "fork", False)]
)
def test_the_states_of_all_programs_are_the_same_with_the_plugin_and_without_it(started, interface, spawn, is_short):
    supervisord = started(interface, SPAWN=spawn)
    found = Supervisor(supervisord.folder / "s.sock").states()
    assert in_short(found) == {
        "failed": ("FATAL", "can't find command '/nowhere/program'"),
        "running": ("RUNNING", f"pid {supervisord.info('running')['pid']}, "),
        "stopped": ("STOPPED", "Not started"),
    }
    info = supervisord.info("running")
    assert (found["running"].pid, found["running"].started) == (info["pid"], info["start"])
    assert has_short_form(supervisord) is is_short


def test_what_is_told_in_short_is_what_supervisord_tells_at_length(started):
    supervisord = started(OURS)
    short = [dict(zip(FIELDS, fields, strict=True)) for fields in json.loads(supervisord.rpc("getProgramStates"))]
    at_length = [{field: info[field] for field in FIELDS} for info in supervisord.rpc("getAllProcessInfo")]
    for told in (*short, *at_length):
        told["description"] = UPTIME.sub("", told["description"])
    assert short == at_length
