"""Search on Data Center."""

from __future__ import annotations

import pytest

from jira_simulator.seed import Seed
from jira_simulator.server import RunningSimulator
from sync_worker.jira.flavours import data_center


@pytest.mark.defect(5)
def test_search_pages_that_shift_while_they_are_read_are_read_again(seed, connect, monkeypatch):
    """An issue leaves the project between two pages, so that the next page begins one too far."""
    monkeypatch.setattr(data_center, "PAGE", 2)
    with RunningSimulator(Seed.model_validate(seed(flavor="data_center"))) as simulator:
        person = simulator.control.person("site", "sync", "t", bearer=True)
        keys = [person.create("SUP", f"issue {number}") for number in range(6)]
        moved = []

        def pause(_seconds: float) -> None:
            searches = [call for call in simulator.control.calls("site") if call["endpoint"].endswith("/search")]
            if len(searches) == 1 and not moved:
                moved.append(simulator.control.move("site", keys[0], "OTHER"))

        jira = connect(simulator.url, pause, cloud=False)
        found = {candidate.id for candidate in jira.changed_since(jira.project_id("SUP"), None)}
        assert moved
        assert found >= {issue["id"] for issue in simulator.control.issues("site", "SUP")}
        person.http.close()
