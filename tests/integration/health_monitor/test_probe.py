"""The health check of a container."""

from __future__ import annotations

import pytest

from health_monitor import probe
from sync_model.health.heartbeat import Phase


@pytest.mark.defect(15)
def test_the_probe_tells_by_exit_code_and_one_line_whether_the_group_is_live_or_ready(group, free_port, capsys):
    environ = {"PORT": group.environ["PORT"], "BIND": "0.0.0.0"}
    group.expect_ready()
    assert (probe.main([], environ), capsys.readouterr().out) == (0, "alive\n")
    assert (probe.main(["ready"], environ), capsys.readouterr().out) == (0, "ready\n")
    group.beat("sync-c", Phase.STARTING)
    group.expect("sync-c", "starting")
    assert (probe.main(["live"], environ), probe.main(["ready"], environ)) == (0, 1)
    assert capsys.readouterr().out == "alive\nnot up yet: sync-c\n"
    assert probe.main(["live"], {"PORT": str(free_port())}) == 1
    assert capsys.readouterr().out.startswith("no answer at 127.0.0.1, port ")
    assert probe.main(["lively"], environ) == 1
