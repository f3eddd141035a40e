"""A bench for facets one at a time."""

from __future__ import annotations

import pytest

from worker_bench import Bench


@pytest.fixture
def plain(bench: Bench) -> Bench:
    """A bench whose rule creates, and says so: nothing else takes calls."""
    actions = {"createIssue": True, "addComment": True, "commentTemplate": "followed as ${targetKey}"}
    bench.start(rules=[{**bench.definition["rules"][0], "actions": actions}])
    bench.cycle()
    bench.know_that_marks_arrive()
    return bench
