"""Workers of two versions on one database. This version is the older one. The newer one, which has a format more, is
made up.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sync_model.health.heartbeat import Heartbeat, Phase, read_heartbeat
from sync_model.shards import Shard
from sync_worker.database.connection import SHARED_DATABASE, connect
from sync_worker.database.documents.formats import readable
from sync_worker.database.shared.fleet import FORMAT_COUNTS_FOR, GONE_AFTER, SETTLED_AFTER, Container, Fleet
from warm_processes import WarmProcess

OLDER = """
import sys
from sync_worker.runtime import loop, process

loop.LOOK_EVERY = 0.1
"""
NEWER = """
from sync_worker.database.documents import conversion
from sync_worker.database.documents.formats import FORMATS, Format
from sync_worker.database.documents import formats

def rename(before, after):
    return lambda document: {after if name == before else name: value for name, value in document.items()}

class Newer:
    '''How the newer version converts a value: a field has another name, and its former one is no longer known.'''

    def __init__(self, adapter, before, after):
        self._adapter, self._before, self._after = adapter, before, after

    def dump_python(self, value):
        return rename(self._before, self._after)(self._adapter.dump_python(value))

    def validate_python(self, document):
        assert self._before not in document, "it was not lifted"
        return self._adapter.validate_python(rename(self._after, self._before)(document))

conversion._issue_state = Newer(conversion._issue_state, "status", "state")
conversion._pair = Newer(conversion._pair, "created", "paired")
formats.FORMATS = (*FORMATS, Format(
    FORMATS[-1].number + 1,
    lift={"issues": rename("status", "state"), "pairs": rename("created", "paired")},
    lower={"issues": rename("state", "status"), "pairs": rename("paired", "created")},
))
"""
OLD = readable()[1]
NEW = OLD + 1
MAIN = "sys.exit(process.main())\n"


class Versions:
    """A fleet of one shard, whose containers are of two versions. The workers are real; monitors are not there."""

    def __init__(self, bench, command, wait_until: Callable[..., Any], folder: Path, fleet: str) -> None:
        self.bench, self._command, self._wait_until, self._folder = bench, command, wait_until, folder
        self.database = bench.database
        self._client = connect(bench.mongo_url, "test")
        self._fleet, self._name = Fleet(self._client, fleet), fleet
        self._started: dict[str, WarmProcess] = {}
        bench.definition["syncIntervalMinutes"] = 0.01
        (bench.folder / "sync-ab.json").write_text(json.dumps(bench.definition))

    def close(self) -> None:
        self._client[SHARED_DATABASE]["containers"].delete_many({"fleet": self._name})
        self._client.close()

    def see(self, name: str, newest: int, up_for: float = 2 * SETTLED_AFTER) -> None:
        """Let the monitor of a container have written what it reads."""
        self._fleet.write(Container(name, name, Shard(1, 1), "0.1.0", formats=(1, newest), up_for=up_for))

    def see_one_that_says_nothing(self) -> None:
        """Let there be a container of a version that did not know of formats yet."""
        self.see("silent", 1)
        self._client[SHARED_DATABASE]["containers"].update_one({"_id": "silent"}, {"$unset": {"formats": True}})

    def leave(self, name: str) -> None:
        self._fleet.leave(name)

    def silence(self, name: str, seconds: float) -> None:
        """Let a container have written nothing for so long."""
        then = {"$set": {"seen": datetime.now(UTC) - timedelta(seconds=seconds)}}
        self._client[SHARED_DATABASE]["containers"].update_one({"_id": name}, then)

    def start(self, name: str, *, is_newer: bool = False, **environ: str) -> None:
        code = OLDER + (NEWER if is_newer else "") + MAIN
        fleet = {"SHARD": "1/1", "FLEET": self._name}
        run_dir = self._folder / name
        self._started[name] = self._command.start(run_dir=run_dir, code=code, **{**fleet, **environ})

    def stop(self, name: str) -> None:
        process = self._started.pop(name)
        process.terminate()
        process.wait(20)

    def beat(self, name: str) -> Heartbeat | None:
        beat = read_heartbeat(self._folder / name, "sync-ab")
        return beat if beat and beat.pid == self._started[name].pid else None

    def wait_for(self, name: str, fact: Callable[[Heartbeat], object], what: str) -> None:
        self._wait_until(lambda: (beat := self.beat(name)) is not None and fact(beat), what)

    def stands_by(self, name: str) -> None:
        self.wait_for(name, lambda beat: beat.phase is Phase.STANDBY, f"{name} to stand by")

    def works(self, name: str) -> None:
        self.wait_for(name, lambda beat: beat.phase is not Phase.STANDBY and beat.totals.cycles, f"{name} to work")

    def format(self) -> int:
        return (self.database["progress"].find_one() or {}).get("format")

    def take_on(self, summary: str) -> None:
        """Wait until an issue that is reported now has its counterpart."""
        key = self.bench.taken_on(summary)
        self._wait_until(lambda: self.bench.comments(key), f"{summary} to be taken on")

    def fields(self, collection: str) -> list[str]:
        """Return which of the two names of a field the documents have."""
        names = ("status", "state") if collection == "issues" else ("created", "paired")
        return sorted(name for document in self.database[collection].find() for name in names if name in document)


@pytest.fixture
def versions(bench, command, wait_until, tmp_path, database_name) -> Iterator[Versions]:
    found = Versions(bench, command, wait_until, tmp_path, database_name.replace("_", "-"))
    yield found
    found.close()


def test_the_older_format_is_written_until_all_containers_are_new_and_an_old_one_then_refuses(versions, wait_until):
    versions.see("old", OLD)
    versions.start("old")
    versions.works("old")
    versions.take_on("by the old one")

    # Both are there, and the sync changes hands: old, new, old, new.
    versions.see("new", NEW)
    versions.start("new", is_newer=True)
    versions.stands_by("new")
    versions.stop("old")
    versions.works("new")
    versions.take_on("by the new one, of two")
    versions.start("old")
    versions.stands_by("old")
    versions.stop("new")
    versions.works("old")
    versions.take_on("by the old one again")
    versions.start("new", is_newer=True)
    versions.stands_by("new")
    versions.stop("old")
    versions.works("new")
    versions.take_on("by the new one again")
    assert versions.format() == OLD
    assert set(versions.fields("issues") + versions.fields("pairs")) == {"status", "created"}

    # All are new: the format is raised, and what was written before goes on.
    versions.leave("old")
    wait_until(lambda: versions.format() == NEW, "the format to be raised")
    versions.take_on("in the newer format")
    assert set(versions.fields("pairs")) == {"created", "paired"}
    versions.bench.dev.move("DEV-1", "In Progress")
    wait_until(lambda: versions.bench.status("SUP-1") == "In Progress", "a pair of the older format to be followed")
    versions.start("other", is_newer=True)
    versions.stands_by("other")
    versions.stop("new")
    versions.works("other")
    versions.take_on("by another new one")

    # One that is old says so, and keeps nobody from going on.
    versions.stop("other")
    versions.start("old")
    versions.wait_for("old", lambda beat: beat.phase is Phase.REFUSED, "the old one to refuse")
    reason = versions.beat("old").reason
    assert reason.startswith(
        f"the database was written by a newer version of jira-sync, in format {NEW}; this version, "
    )
    assert reason.endswith(f"reads formats 1 to {OLD}: start the newer one again, or see docs/upgrading.md")
    versions.start("new", is_newer=True)
    versions.works("new")
    versions.take_on("beside one that refuses")

    summaries = [issue["summary"] for issue in versions.bench.devs()]
    assert len(summaries) == len(set(summaries)) == versions.database["pairs"].count_documents({}) == 7
    assert all(len(versions.bench.comments(issue["key"])) == 1 for issue in versions.bench.users())
    assert versions.bench.failures() == versions.bench.dead_letters() == []


@pytest.mark.parametrize("case", ["silent", "missing for a while"])
def test_a_container_that_is_not_known_to_be_new_counts_as_an_old_one(versions, wait_until, case):
    if case == "silent":
        versions.see_one_that_says_nothing()
    else:
        versions.see("silent", 1)
        versions.silence("silent", GONE_AFTER + 60)
    versions.see("new", NEW)
    versions.start("new", is_newer=True)
    versions.works("new")
    versions.take_on("one")
    assert versions.format() == 1
    versions.silence("silent", FORMAT_COUNTS_FOR + 60)
    wait_until(lambda: versions.format() == NEW, "the format to be raised")


def test_containers_that_are_started_together_see_each_other_before_one_of_them_raises_the_format(versions, wait_until):
    versions.start("new", is_newer=True)
    versions.works("new")
    versions.take_on("while none is seen")
    versions.see("new", NEW, up_for=SETTLED_AFTER - 10)
    versions.take_on("while all have just been started")
    assert versions.format() == 1
    versions.see("new", NEW, up_for=SETTLED_AFTER + 10)
    wait_until(lambda: versions.format() == NEW, "the format to be raised")


def test_a_container_without_a_fleet_raises_the_format_at_once(versions, wait_until):
    versions.see("old", OLD)
    versions.start("old")
    versions.works("old")
    versions.take_on("one")
    versions.stop("old")
    versions.start("new", is_newer=True, SHARD="")
    versions.works("new")
    assert versions.format() == NEW
