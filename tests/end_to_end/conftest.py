"""A whole group of its own for each test: real workers over an embedded MongoDB, and a simulated site."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from generator.running.supervision.processes import members
from jira_simulator.seed import Seed
from jira_simulator.server import RunningSimulator
from running_groups import SITE, Group
from warm_processes import WarmProcesses


@pytest.fixture
def group(
    tmp_path: Path, free_port: Callable[[], int], wait_until: Callable[..., Any], warm_commands: WarmProcesses
) -> Iterator[Group]:
    with RunningSimulator(Seed.model_validate({"sites": [SITE]})) as simulator:
        group = Group(tmp_path, simulator, free_port, wait_until, warm_commands)
        yield group
        group.run("stop")
        group.ann.http.close()
        assert members(group.run_dir) == []
