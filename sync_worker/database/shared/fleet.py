"""The containers of a fleet: each writes down that it is there, and which part of the syncs it runs.

In the database that all containers share:

    containers   one document per container, `_id`: which one; `fleet`: the fleet's name; `seen`: when it was written
                 last, on MongoDB's own clock; and the fields of `Container`

It is for people, and for whoever finds out that nobody runs a part of the syncs. One thing is decided by it: a newer
format of the syncs' databases is written only when all containers read it.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from pymongo import ASCENDING, MongoClient
from pymongo.errors import PyMongoError

from sync_model.shards import MAIN_FLEET, Shard
from sync_worker.database.connection import SHARED_DATABASE, answered_soon, forgettable_database
from sync_worker.database.process_identity import this_process

COLLECTION = "containers"
GONE_AFTER = 45.0
"""Seconds after which a container that has written nothing counts as gone."""
KEPT_SECONDS = 24 * 3600
MOST_CONTAINERS = 2000
FORMAT_COUNTS_FOR = 900.0
"""Seconds for which a container that has written nothing, and has not left in order, counts where all must agree on a
format. It may be cut off from MongoDB, or be started again."""
SETTLED_AFTER = 60.0
"""Seconds after which a container has seen those that were started with it."""
FIRST_FORMAT = 1
"""What containers of versions read that say nothing of formats."""


@dataclass(frozen=True)
class Container:
    """One container of a fleet.

    `shard` is the part of the syncs that is its own. `version` is that of jira-sync, `files` the version of what was
    pushed, None where the files come from a folder. `formats` are the oldest and the newest format of a sync's database
    that it reads. `syncs` counts those that it is to run, `standing_by` those of
    them that another container runs meanwhile. `up_for` is the number of seconds since its monitor was started, `age`
    that since it was written.
    """

    id: str
    host: str
    shard: Shard
    version: str
    files: int | None = None
    formats: tuple[int, int] = (FIRST_FORMAT, FIRST_FORMAT)
    syncs: int = 0
    standing_by: int = 0
    up_for: float = field(default=0.0, compare=False)
    age: float = field(default=0.0, compare=False)

    @property
    def is_standby(self) -> bool:
        """Tell whether another container runs all that this one would."""
        return 0 < self.syncs == self.standing_by


def this_container(run_dir: Path) -> tuple[str, str]:
    """Return the id of this container, which a restart of the monitor does not change, and its host."""
    me = this_process(run_dir)
    return f"{me.home} {me.run_dir}", me.host


class Fleet:
    """The containers of the fleet called `name`. All methods raise PyMongoError but `leave`."""

    def __init__(self, client: MongoClient[dict[str, Any]], name: str) -> None:
        self._containers = forgettable_database(client, SHARED_DATABASE)[COLLECTION]
        self._name = name

    def prepare(self) -> None:
        """Create the indexes."""
        self._containers.create_index([("fleet", ASCENDING)])
        self._containers.create_index([("seen", ASCENDING)], expireAfterSeconds=KEPT_SECONDS)

    def write(self, container: Container) -> None:
        said = {name: value for name, value in asdict(container).items() if name not in ("id", "age")}
        document = {name: {"$literal": value} for name, value in {**said, "fleet": self._name}.items()}
        with answered_soon():
            self._containers.update_one({"_id": container.id}, [{"$set": {**document, "seen": "$$NOW"}}], upsert=True)

    def leave(self, container: str) -> None:
        """Write down that the container of this id is no more."""
        with suppress(PyMongoError), answered_soon():
            self._containers.delete_one({"_id": container})

    def newest_format(self, oldest: int) -> int:
        """Return the newest format of a sync's database that all containers read.

        It is `oldest` while that is not known: while the containers cannot be looked at, and while all that are seen
        have just been started. Others may be starting, too.
        """
        of_late = {"$expr": {"$gt": ["$seen", {"$subtract": ["$$NOW", int(FORMAT_COUNTS_FOR * 1000)]}]}}
        try:
            with answered_soon():
                found = list(self._containers.find({"fleet": self._name, **of_late}, {"formats": True, "up_for": True}))
        except PyMongoError:
            return oldest
        if all(_up_for(document) < SETTLED_AFTER for document in found):
            return oldest
        return min(_formats(document)[1] for document in found)

    def containers(self) -> tuple[Container, ...]:
        """Return the containers that are there, by the numbers of their shards."""
        age = {"$divide": [{"$subtract": ["$$NOW", "$seen"]}, 1000]}
        fresh = {"$match": {"age": {"$lt": GONE_AFTER}}}
        pipeline: list[dict[str, Any]] = [
            {"$match": {"fleet": self._name}},
            {"$set": {"age": age}},
            fresh,
            {"$limit": MOST_CONTAINERS},
        ]
        with answered_soon():
            documents = list(self._containers.aggregate(pipeline))
        found = [container for document in documents if (container := _container(document))]
        return tuple(sorted(found, key=lambda container: (container.shard, container.host, container.id)))


def _container(document: dict[str, Any]) -> Container | None:
    """Return what a document says; None for one that another version wrote in another form."""
    try:
        number, total = document["shard"]
        known = {name: document[name] for name in _FIELDS if name in document}
        up_for = float(document.get("up_for", 0.0)) + float(document["age"])
        known["formats"] = _formats(document)
        return Container(**{**known, "id": document["_id"], "shard": Shard(int(number), int(total)), "up_for": up_for})
    except (KeyError, TypeError, ValueError):
        return None


def _formats(document: dict[str, Any]) -> tuple[int, int]:
    try:
        oldest, newest = document["formats"]
        return int(oldest), int(newest)
    except (KeyError, TypeError, ValueError):
        return FIRST_FORMAT, FIRST_FORMAT


def _up_for(document: dict[str, Any]) -> float:
    up_for = document.get("up_for")
    return up_for if isinstance(up_for, float) else 0.0


def fleet_of(client: MongoClient[dict[str, Any]], environ: Mapping[str, str]) -> Fleet | None:
    """Return the fleet that a worker with this environment is part of; None where its container runs all syncs."""
    return Fleet(client, environ.get("FLEET") or MAIN_FLEET) if environ.get("SHARD") else None


_FIELDS = frozenset(each.name for each in fields(Container))
