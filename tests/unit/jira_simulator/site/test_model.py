"""Workflows: which statuses they have, and how transitions lead from one to another."""

from __future__ import annotations

import pytest

from jira_simulator.site.model import SimulatedStatus, SimulatedTransition, SimulatedWorkflow

OPEN, WORK, DONE, OLD = (SimulatedStatus(name, name, "new") for name in ("Open", "Work", "Done", "Old"))
WORKFLOW = SimulatedWorkflow(
    OPEN,
    (
        SimulatedTransition("1", "Start", frozenset({"Open", "Old"}), WORK),
        SimulatedTransition("2", "Finish", frozenset({"Work"}), DONE),
        SimulatedTransition("3", "Reopen", None, OPEN),
    ),
)


def test_a_transition_without_sources_leads_from_any_status() -> None:
    names = {status.name: [step.name for step in WORKFLOW.transitions_from(status)] for status in (OPEN, DONE)}
    assert names == {"Open": ["Start", "Reopen"], "Done": ["Reopen"]}


def test_the_shortest_path_has_the_fewest_transitions() -> None:
    assert [step.name for step in WORKFLOW.shortest_path(OPEN, "Done")] == ["Start", "Finish"]
    assert [step.name for step in WORKFLOW.shortest_path(DONE, "Work")] == ["Reopen", "Start"]
    assert WORKFLOW.shortest_path(DONE, "Done") == ()


def test_a_status_that_no_transition_leads_into_has_no_path() -> None:
    with pytest.raises(LookupError, match="no way leads from Open to Old"):
        WORKFLOW.shortest_path(OPEN, "Old")


def test_a_workflow_also_has_the_statuses_that_transitions_only_lead_out_of() -> None:
    assert WORKFLOW.statuses == {OPEN, WORK, DONE}
    assert WORKFLOW.has(OLD)
    assert not WORKFLOW.has(SimulatedStatus("Other", "Other", "new"))
