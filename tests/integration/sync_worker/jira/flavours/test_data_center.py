"""Search on Data Center."""

from __future__ import annotations

import pytest

from jira_simulator.seed import Seed
from jira_simulator.server import RunningSimulator
from sync_worker.core.issues.issue import Created, Draft
from sync_worker.core.timing import LONG_AGO
from sync_worker.jira.flavours import data_center


@pytest.fixture
def simulator(seed):
    with RunningSimulator(Seed.model_validate(seed(flavor="data_center"))) as running:
        yield running


@pytest.fixture
def person(simulator):
    with simulator.control.person("site", "sync", "t", bearer=True) as person:
        yield person


@pytest.mark.defect(5)
@pytest.mark.parametrize("lost", [0, 1])
def test_an_issue_that_leaves_the_project_while_its_pages_are_read_hides_no_other(
    simulator, connect, person, monkeypatch, lost
):
    """With offsets, the next page would begin one too far. The second issue is the one that it begins after."""
    monkeypatch.setattr(data_center, "PAGE", 2)
    keys = [person.create("SUP", f"issue {number}") for number in range(6)]
    moved = []

    def pause(_seconds: float) -> None:
        searches = [call for call in simulator.control.calls("site") if call["endpoint"].endswith("/search")]
        if len(searches) == 1 and not moved:
            moved.append(simulator.control.move("site", keys[lost], "OTHER"))

    jira = connect(simulator.url, pause, cloud=False)
    found = {candidate.id for candidate in jira.changed_since(jira.project_id("SUP"), None)}
    assert moved
    assert found >= {issue["id"] for issue in simulator.control.issues("site", "SUP")}


def found_with_pages_of(jira, size: int, monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    monkeypatch.setattr(data_center, "PAGE", size)
    return [candidate.key for candidate in jira.changed_since(jira.project_id("SUP"), None)]


@pytest.mark.parametrize("orphan", ["SUP-1", "SUP-3", "SUP-4", "SUP-7"])
def test_documents_of_the_index_without_an_issue_hide_no_other(simulator, connect, person, monkeypatch, orphan):
    keys = [person.create("SUP", f"issue {number}") for number in range(7)]
    simulator.control.index("site", orphan=[orphan])
    jira = connect(simulator.url, cloud=False)
    assert found_with_pages_of(jira, 3, monkeypatch) == [key for key in keys if key != orphan]


@pytest.mark.parametrize("extra", [1, 30, -2])
def test_a_wrong_total_hides_nothing(simulator, connect, person, monkeypatch, extra):
    keys = [person.create("SUP", f"issue {number}") for number in range(7)]
    simulator.control.fault("site", "wrong_total", extra=extra)
    jira = connect(simulator.url, cloud=False)
    assert found_with_pages_of(jira, 3, monkeypatch) == keys


def test_what_our_account_created_in_several_other_projects_is_found(simulator, connect, person, monkeypatch):
    monkeypatch.setattr(data_center, "PAGE", 2)
    simulator.control.add_site(
        name="many",
        flavor="data_center",
        users=[{"name": "sync", "email": "sync@example.com", "token": "t"}],
        projects=[{"key": key} for key in ("A", "B", "C", "SUP")],
    )
    marker = {"issue": "1"}
    with simulator.control.person("many", "sync", "t", bearer=True) as us:
        for project in ("A", "B", "B", "B", "C"):
            us.create(project, "x")
        fields = {"project": {"key": "C"}, "issuetype": {"name": "Task"}, "summary": "marked"}
        us._ask("POST", "/issue", json={"fields": fields, "properties": [{"key": "jira-sync", "value": marker}]})
    jira = connect(simulator.url, cloud=False, site="many")
    project_id = jira.project_id("SUP")
    draft = Draft(project_id, "1", {}, marker)
    (found,) = jira.find_created([draft], LONG_AGO)
    assert isinstance(found, Created)
    assert found.key == "C-2"
