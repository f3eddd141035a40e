"""Three real MongoDB servers whose primary leaves, dies, hangs or forgets: nothing is lost, and nothing is done twice.

The servers elect a primary within a second. So the worker's own patience is made shorter, too.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from types import SimpleNamespace

import pymongo
import pytest
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern

from benchmarks.rig.mongo_servers import MongoServer, ReplicaSet
from simulated_sites import LONG_ENOUGH
from sync_model.definition.sync import Side
from sync_worker.core.errors import DatabaseUnavailable, LeaseLost, Unavailable
from sync_worker.core.issues.state import IssueState
from sync_worker.database import connection
from sync_worker.database.control import Control
from sync_worker.database.lease import TIMING, WRITER, Lease
from sync_worker.database.store import MongoStore
from sync_worker.runtime import wiring
from sync_worker.runtime.loop import LOOK_EVERY
from worker_bench import Bench

LONGEST_ELECTION = 12.0
"""Seconds that servers with the usual settings take to elect a primary."""
NOW = datetime(2026, 1, 1, tzinfo=UTC)
STATE = IssueState(Side.USER, "10001", "SUP-1", "Will Do", NOW, NOW)


@pytest.fixture
def mongo_server(replica_set_of_three: ReplicaSet) -> SimpleNamespace:
    """How the bench itself connects."""
    return SimpleNamespace(url=replica_set_of_three.url)


@pytest.fixture
def impatient(monkeypatch) -> None:
    """Let the worker find out sooner that a server is gone: constants of its connection, made small here."""
    monkeypatch.setattr(connection, "SECONDS_TO_FIND_A_SERVER", 0.5)
    monkeypatch.setattr(connection, "SECONDS_TO_NOTICE", 1.0)
    often = replace(TIMING, renew_every=0.3, try_again_every=0.1)
    monkeypatch.setattr(wiring, "Lease", partial(Lease, timing=often))


@pytest.fixture
def members(bench: Bench, replica_set_of_three: ReplicaSet, impatient) -> Iterator[ReplicaSet]:
    """The servers of the bench; they are whole again before it goes."""
    yield replica_set_of_three
    replica_set_of_three.heal()
    bench.stop()


def until_it_works(bench: Bench, wait_until, what: str = "a cycle to go through") -> None:
    """Run cycles until one goes through; the others only wait for MongoDB."""

    def works() -> bool:
        error = bench.try_cycle()
        assert error is None or isinstance(error, Unavailable), repr(error)
        return error is None

    wait_until(works, what)


def settle(bench: Bench, wait_until) -> None:
    """Let the uncertainty about requests under way pass, and everything be carried out."""
    until_it_works(bench, wait_until)
    for _ in range(3):
        bench.pass_time(LONG_ENOUGH)
        until_it_works(bench, wait_until)


def at(bench: Bench, moment: str, key: str, act: Callable[[], None]) -> None:
    """Act before the first request of the worker at which the issue `key`, the second one, has come so far."""
    has_come = {
        "before the first search": lambda: True,
        "before the creation": lambda: len(bench.outbox()) == 1,
        "after the creation": lambda: len(bench.devs()) == 2,
        "after the comment": lambda: len(bench.comments(key)) == 1,
    }[moment]

    def look() -> None:
        if has_come():
            bench.before_request = lambda: None
            act()

    bench.before_request = look


def assert_exact(bench: Bench, keys: list[str]) -> None:
    """See that each issue was taken on once, and that what is remembered says so."""
    summaries = [issue["summary"] for issue in bench.devs()]
    assert sorted(summaries) == sorted({bench.issue(key)["summary"] for key in keys})
    for key in keys:
        assert len(bench.comments(key)) == 1
        assert len(bench.issue(key)["links"]) == 1
    assert (bench.outbox(), bench.failures(), bench.dead_letters()) == ([], [], [])
    assert bench.database["pairs"].count_documents({}) == len(keys)
    token = bench.database["lease"].find_one({"_id": WRITER})["token"]
    documents = [document for name in ("issues", "pairs", "progress") for document in bench.database[name].find()]
    assert all(document["writer"] <= token for document in documents)


class TestAddress:
    """What DATABASE_URL says of how safely is read and written."""

    SAYINGS = (
        "readPreference=secondary&readPreferenceTags=member:2",
        "readPreference=nearest&maxStalenessSeconds=120&readConcernLevel=available",
        "w=1&journal=false&wTimeoutMS=1",
        "w=0&journal=true",
        "socketTimeoutMS=1&minPoolSize=9&maxPoolSize=20&timeoutMS=1&serverSelectionTimeoutMS=1",
    )

    @pytest.mark.parametrize("says", SAYINGS)
    def test_everything_is_read_from_the_primary_and_written_to_a_majority_whatever_the_address_says(
        self, replica_set_of_three, database_name, says
    ):
        with connection.connect(f"{replica_set_of_three.url}&{says}", "test") as client:
            store = MongoStore(client, database_name, Lease.never_held(client, database_name))
            journal = store.journal
            collections = [store._issues, store._pairs, store._progress, store._requests, store._lease._lease]
            collections += [journal._actions, journal._cycles, journal._control, client["any"]["other"]]
            assert [collection.read_preference for collection in collections] == [ReadPreference.PRIMARY] * len(
                collections
            )
            durable = WriteConcern(w="majority", j=True)
            assert [collection.write_concern for collection in collections] == [durable] * len(collections)
            assert store._progress.read_concern == store._lease._lease.read_concern == ReadConcern("majority")

    def test_a_secondary_that_lags_behind_leads_to_no_second_counterpart(self, bench, members, wait_until):
        """The address names it as the server to read from."""
        bench.mongo_url += "&readPreference=secondary&readPreferenceTags=member:2"
        bench.start()
        bench.cycle()
        lagging = members.secondaries()[-1]
        bench.mongo_url = bench.mongo_url.replace("member:2", f"member:{members.servers.index(lagging)}")
        bench.start()
        key = bench.taken_on("read from a server that lags")

        def lag() -> None:
            """As soon as the change is in the outbox, of which the server that lags then knows for ever."""
            with lagging.client() as client:
                issues = client.get_database(bench.database_name, read_preference=ReadPreference.SECONDARY)["issues"]
                if issues.find_one({"waiting": {"$exists": True}}):
                    bench.before_request = lambda: None
                    members.stop_replication(lagging)

        bench.before_request = lag
        for _ in range(3):
            bench.cycle()
            bench.pass_time(LONG_ENOUGH)
        assert_exact(bench, [key])

    def test_a_pause_that_no_majority_has_is_not_said_to_be_one(self, bench, members):
        bench.cycle()
        members.stop_replication(*members.secondaries())
        with connection.connect(f"{bench.mongo_url}&w=1", "test") as client:
            file = SimpleNamespace(name="sync-ab", database=bench.database_name)
            with pymongo.timeout(1), pytest.raises(DatabaseUnavailable):
                Control(client, file).pause("ann")


class TestFailover:
    """The primary goes in the middle of a cycle."""

    @pytest.mark.parametrize(
        # ending       moment
        ("ending", "moment"),
        [
            ("step down", "before the creation"),
            ("step down", "after the creation"),
            ("step down", "after the comment"),
            ("kill", "after the creation"),
            ("kill", "after the comment"),
            ("freeze", "before the creation"),
            ("freeze", "after the creation"),
        ],
    )
    def test_a_primary_that_goes_costs_nothing_and_nothing_is_done_twice(
        self, bench, members, wait_until, ending, moment
    ):
        bench.start()
        first, _ = bench.pair()
        second = bench.taken_on("during the failover")
        endings = {
            "step down": members.step_down,
            "kill": lambda: members.primary().kill(),
            "freeze": lambda: members.primary().freeze(),
        }

        at(bench, moment, second, endings[ending])
        until_it_works(bench, wait_until)
        members.heal()
        settle(bench, wait_until)
        assert_exact(bench, [first, second])

    def test_a_primary_that_hangs_is_noticed_without_waiting_for_its_answer(
        self, bench, members, monkeypatch, wait_until
    ):
        """Nothing but the renewals of the lease tells it: the cycle itself would wait for ever."""
        monkeypatch.setattr(connection, "SECONDS_TO_ANSWER", 3600)
        bench.start()
        bench.pair()
        key = bench.taken_on("while the primary hangs")
        frozen: list[MongoServer] = []

        def freeze() -> None:
            if bench.outbox():
                bench.before_request = lambda: None
                frozen.append(members.primary())
                frozen[0].freeze()

        bench.before_request = freeze
        cycle = threading.Thread(target=bench.try_cycle, daemon=True)
        cycle.start()
        wait_until(lambda: not cycle.is_alive(), "the cycle to end while the server is frozen")
        assert frozen
        settle(bench, wait_until)
        assert len(bench.comments(key)) == 1

    @pytest.mark.parametrize("moment", ["before the first search", "after the creation"])
    def test_a_change_that_only_the_dead_primary_had_is_made_again(self, bench, members, wait_until, moment):
        """No majority confirms what the worker writes from some moment of a cycle on. Then the primary dies."""
        bench.start()
        first, _ = bench.pair()
        second = bench.taken_on("during the rollback")
        primary, others = members.primary(), members.secondaries()
        rollbacks = members.rollbacks(primary)
        at(bench, moment, second, lambda: members.stop_replication(*others))
        for _ in range(2):
            with pymongo.timeout(2):
                assert isinstance(bench.try_cycle(), Unavailable)
        primary.kill()
        members.resume_replication_of(others)
        until_it_works(bench, wait_until)
        members.heal()

        def has_rolled_back() -> bool:
            with suppress(PyMongoError):  # while it rolls back, it drops its connections
                return members.rollbacks(primary) > rollbacks
            return False

        wait_until(has_rolled_back, "the former primary to roll back")
        settle(bench, wait_until)
        assert_exact(bench, [first, second])


class TestLease:
    """The lease of a worker, on its own."""

    def test_a_lease_lasts_longer_than_an_election_even_if_it_is_renewed_seldom(self):
        noticed = connection.SECONDS_TO_NOTICE + connection.SECONDS_TO_FIND_A_SERVER + TIMING.try_again_every
        assert TIMING.lasts - TIMING.margin >= TIMING.renew_unused_every + LONGEST_ELECTION + noticed
        assert TIMING.lasts + LOOK_EVERY <= 45

    def test_a_lease_that_is_not_used_is_not_lost_while_a_hung_primary_is_replaced(self, bench, members, wait_until):
        timing = replace(TIMING, lasts=12.0, renew_every=2.0, renew_unused_every=2.0, try_again_every=0.2)
        with connection.connect(members.url, "test") as client:
            held = Lease(client, bench.database_name, bench.folder, lambda: None, timing)
            held.hold()
            members.primary().freeze()
            successor = members.primary()

            def is_renewed() -> bool:
                assert held.is_held()
                with successor.client() as direct:
                    expires = direct[bench.database_name]["lease"].find_one()["expires"]
                return (expires - datetime.now(UTC)).total_seconds() > timing.lasts - 2

            wait_until(is_renewed, "the lease to be renewed with the new primary")
            assert held.token == 1
            held.release()

    @pytest.mark.parametrize("ending", ["step down", "kill", "freeze"])
    def test_an_election_does_not_have_an_idle_worker_lose_its_sync_to_a_container_that_stands_by(
        self, bench, members, wait_until, ending
    ):
        """The other container is on another machine. It looks all the time, and takes what has run out at once."""
        timing = replace(TIMING, lasts=8.0, renew_every=2.0, renew_unused_every=3.0, try_again_every=0.2)
        with connection.connect(members.url, "test") as here, connection.connect(members.url, "test") as elsewhere:
            held = Lease(here, bench.database_name, bench.folder, lambda: None, timing)
            rival = Lease(elsewhere, bench.database_name, bench.folder, lambda: None, timing)
            held._me = replace(held._me, home="another machine")
            held.hold()
            lease = here[bench.database_name]["lease"]
            would_have_run_out = lease.find_one()["expires"]
            primary = members.primary()
            {"step down": members.step_down, "kill": primary.kill, "freeze": primary.freeze}[ending]()
            held.renew_now()
            members.primary()

            def is_renewed() -> bool:
                assert not _holds(rival)
                return lease.find_one()["renewed"] > would_have_run_out

            wait_until(is_renewed, "the lease to be renewed after it would have run out")
            assert (held.is_held(), held.token, rival.token) == (True, 1, 0)
            held.release()
            wait_until(lambda: _holds(rival), "the other container to take over what was released")
            rival.release()

    def test_after_a_failed_write_nothing_is_believed_before_a_majority_has_confirmed_a_later_one(
        self, bench, members, wait_until
    ):
        """What failed can be read on the primary, and goes with it."""
        with connection.connect(members.url, "test") as client:
            held = Lease(client, bench.database_name, bench.folder, lambda: None)
            store = MongoStore(client, bench.database_name, held)
            held.hold()
            primary, others = members.primary(), members.secondaries()
            members.stop_replication(*others)
            with pymongo.timeout(1), pytest.raises(Unavailable):
                store.save([STATE])
            assert store.state(STATE.side, STATE.id) is not None
            held.distrust()
            assert not held.is_held()
            with pytest.raises(Unavailable):
                held.hold()
            primary.kill()
            members.resume_replication_of(others)
            wait_until(lambda: _holds(held), "the lease to be acquired from the new primary")
            assert store.state(STATE.side, STATE.id) is None
            held.release()


def _holds(held: Lease) -> bool:
    try:
        held.hold()
    except (Unavailable, LeaseLost):
        return False
    return True
