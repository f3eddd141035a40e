"""What the monitor is made of."""

from __future__ import annotations

import pytest

from generator.running.settings.group import from_environ
from generator.running.settings.page import PageSettings
from health_monitor.__main__ import _gate
from jira_simulator.demo import TOKEN, demo_environment

DEMO = demo_environment({})


@pytest.mark.parametrize(
    # the environment                                   may somebody act?
    ("environ", "is_open"),
    [
        (DEMO, True),
        ({**DEMO, "BIND": "::1"}, True),
        ({**DEMO, "BIND": "0.0.0.0"}, False),
        ({"ADMIN_TOKEN": TOKEN}, False),
    ],
)
def test_the_token_of_the_demo_counts_on_loopback_beside_simulated_sites_and_nowhere_else(environ, is_open, tmp_path):
    environ = {**environ, "RUN_DIR": str(tmp_path)}
    gate = _gate(from_environ(environ), environ, PageSettings())
    assert gate.is_open is is_open
    assert (gate.why_read_only is None) is is_open
    assert is_open or gate.why_read_only == gate.faults[0]
    assert is_open or "this makes a good one: openssl" in gate.why_read_only
