"""What a person does to a sync from outside its worker."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from sync_model.definition.sync import Sync
from sync_worker.core.errors import InvalidRequest, Unavailable
from sync_worker.database.connection import connect
from sync_worker.database.control import Control
from sync_worker.database.journal import Journal
from sync_worker.database.lease import TIMING, Lease

REJECTION = {"method": "POST", "path": "/transitions$", "status": 400, "times": 1}


@pytest.fixture
def control(bench):
    with connect(bench.mongo_url, "test") as client:
        yield Control(client, Sync.model_validate(bench.definition))


@pytest.fixture
def journal(bench):
    with connect(bench.mongo_url, "test") as client:
        yield Journal(client, bench.database_name)


def noted(journal: Journal) -> list[tuple[str, str, str, str | None]]:
    asked = [each for each in journal.actions(100) if each.who == "ann"]
    return [(each.what, each.result, each.text, each.issue) for each in reversed(asked)]


def given_up(bench) -> str:
    """Have a move given up; return the key of the issue whose change that was."""
    _, counterpart = bench.pair()
    bench.dev.move(counterpart, "In Progress")
    bench.control.fault("one", **{"kind": "status", **REJECTION})
    bench.cycle()
    return counterpart


def test_a_pause_stays_until_it_is_ended_and_says_whose_it_is(control, journal):
    assert control.pause("ann", "the site moves") == "sync-ab is paused, until somebody resumes it"
    with pytest.raises(InvalidRequest, match=r"sync-ab is paused by ann at .* UTC: the site moves"):
        control.pause("bob", "another reason")
    assert (journal.paused().by, journal.paused().reason) == ("ann", "the site moves")
    with pytest.raises(InvalidRequest, match="resume it first"):
        control.sync_now("ann")
    assert control.resume("ann") == "sync-ab goes on"
    with pytest.raises(InvalidRequest, match="sync-ab is not paused"):
        control.resume("ann")
    assert noted(journal) == [("pause", "done", "the site moves", None), ("resume", "done", "", None)]


def test_the_holder_of_the_lease_is_woken_by_sync_now_pause_and_resume(control, journal, bench, wait_until):
    with pytest.raises(InvalidRequest, match="no worker runs sync-ab now"):
        control.sync_now("ann")
    woken = []
    with connect(bench.mongo_url, "test") as client:
        # This holder heeds no signal: it finds out when it renews its lease.
        often = replace(TIMING, renew_every=0.05, renew_unused_every=0.05)
        lease = Lease(client, bench.database_name, Path(), lambda: woken.append(True), often)
        lease.hold()
        assert control.sync_now("ann") == "sync-ab begins its next cycle at once"
        for times, ask in enumerate((lambda: None, lambda: control.pause("ann"), lambda: control.resume("ann")), 1):
            ask()
            wait_until(lambda: len(woken) == times, "the holder of the lease to be woken")  # noqa: B023
        lease.release()
    assert [what for what, *_ in noted(journal)] == ["sync now", "pause", "resume"]


def test_a_change_that_was_given_up_is_tried_again_or_dismissed_by_the_worker(control, journal, bench):
    with pytest.raises(InvalidRequest, match="nothing has failed"):
        control.request("retry", (), "ann")
    key = given_up(bench)
    assert [each.key for each in control.failing()] == [key]
    with pytest.raises(InvalidRequest, match="nothing of DEV-999 has failed"):
        control.request("retry", ["DEV-999"], "ann")
    assert control.request("retry", [key], "ann") == f"{key} is tried again"
    bench.cycle()
    assert (bench.dead_letters(), control.failing()) == ([], [])

    second = given_up(bench)
    bench.stop()
    assert control.request("dismiss", (), "ann") == f"{second} is dismissed, once a worker runs sync-ab"
    bench.cycle()
    assert control.failing() == []
    asked = [("retry", "asked", "", key), ("dismiss", "asked", "", second)]
    assert [each for each in noted(journal) if each[1] == "asked"] == asked


def test_control_raises_unavailable_when_mongodb_does_not_answer():
    definition = {"name": "sync-ab", "userProjectKey": "A", "devProjectKey": "B", "rules": []}
    with MongoClient[dict[str, Any]]("mongodb://127.0.0.1:1", serverSelectionTimeoutMS=100) as client:
        control = Control(client, Sync.model_validate(definition))
        for ask in (lambda: control.pause("ann"), control.failing, lambda: control.request("retry", (), "ann")):
            with pytest.raises(Unavailable):
                ask()
