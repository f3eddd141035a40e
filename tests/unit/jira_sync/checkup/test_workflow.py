"""Which statuses can be reached, by sample issues and their transitions."""

from __future__ import annotations

import pytest

from jira_sync.checkup import workflow
from sync_worker.core.site_info import OfferedTransition, Sample
from sync_worker.facets.permissions import NamedStatus

DONE = NamedStatus("Done", ("finish",))
FREE, WITH_REQUIRED_FIELD, OTHER = (
    OfferedTransition("Finish", "Done"),
    OfferedTransition("Finish", "done", ("Resolution",)),
    OfferedTransition("Start", "In Progress"),
)


def sample(status: str, *transitions: OfferedTransition, key: str = "A-1") -> Sample:
    return Sample(key, "Task", status, transitions)


@pytest.mark.parametrize(
    # samples                                                        level           says
    ("samples", "level", "says"),
    [
        ([sample("To Do", FREE)], "passed", "from To Do"),
        ([sample("To Do", FREE), sample("Open", OTHER, key="A-2")], "warning", "from To Do, but not from Open (A-2)"),
        ([sample("To Do", OTHER)], "failed", "cannot be reached from To Do (A-1)"),
        ([sample("To Do")], "failed", "cannot be reached from To Do (A-1)"),
        ([sample("To Do", WITH_REQUIRED_FIELD)], "failed", "To Do (A-1: “Finish” demands Resolution)"),
        ([sample("To Do", WITH_REQUIRED_FIELD, FREE)], "passed", "from To Do"),
        ([sample("DONE", OTHER)], "warning", "all issues of A that we see are in Done"),
    ],
)
def test_a_status_is_reached_by_a_transition_without_required_fields(samples, level, says):
    found = workflow.reach("A", DONE, samples)
    assert found.level == level
    assert says in found.says
