"""One writer per sync: who it is, who comes after it, and what one that was succeeded still can: nothing."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from simulated_sites import LONG_ENOUGH
from sync_model.accounts.connection import Connection
from sync_model.health.heartbeat import Heartbeat, Phase, read_heartbeat
from sync_worker.core.errors import LeaseLost
from sync_worker.database.connection import connect
from sync_worker.database.lease import TIMING, WRITER, Lease, LeaseTiming
from sync_worker.database.store import MongoStore
from sync_worker.jira import JiraClient

HOST = socket.gethostname()
WRITES = ("POST", "PUT", "DELETE")
SEARCHES = ("/search", "/bulkfetch")
OFTEN = 0.01
NEVER = 1000.0
HURRIED_WORKER = """
import sys
from functools import partial
from sync_worker.database.lease import Lease, LeaseTiming
from sync_worker.runtime import loop, process, wiring

loop.LOOK_EVERY = 0.1
wiring.Lease = partial(Lease, timing={timing})
sys.exit(process.main())
"""
"""A worker that looks more often, while it stands by, whether the lease is free; and the times of its own lease."""


class TwoWorkers:
    """Two workers for one sync, which sign in at Jira by accounts of their own: `sync` and `deputy`."""

    def __init__(self, bench, command, wait_until, folder: Path) -> None:
        self.bench, self._command, self._wait_until, self._folder = bench, command, wait_until, folder
        self.timing = TIMING
        account = {"email": "${SYNC_EMAIL}", "apiToken": "${SYNC_TOKEN}"}
        bench.definition["syncIntervalMinutes"] = OFTEN
        for block in ("jira", "devJira"):
            bench.definition[block] = {**bench.definition[block], **account}
        (bench.folder / "sync-ab.json").write_text(json.dumps(bench.definition))

    def start(self, account: str) -> subprocess.Popen:
        code = HURRIED_WORKER.format(timing=self.timing)
        return self._command.start(account=account, run_dir=self._folder / account, code=code)

    def heartbeat(self, account: str) -> Heartbeat | None:
        return read_heartbeat(self._folder / account, "sync-ab")

    def lease(self) -> dict[str, Any]:
        return self.bench.database["lease"].find_one({"_id": WRITER}) or {"process": {"pid": 0}}

    def at_work(self, account: str) -> subprocess.Popen:
        """Start a worker, and wait until it is the writer and has run a cycle."""
        process = self.start(account)
        self.wait_for(account, lambda beat: beat.pid == process.pid and beat.totals.cycles, "the first cycle")
        return process

    def standing_by(self, account: str) -> subprocess.Popen:
        process = self.start(account)
        self.wait_for(account, lambda beat: beat.phase is Phase.STANDBY, "it to stand by")
        return process

    def wait_for(self, account: str, fact: Callable[[Heartbeat], object], what: str) -> None:
        self._wait_until(lambda: (beat := self.heartbeat(account)) is not None and fact(beat), what)

    def succeeded_by(self, process: subprocess.Popen) -> dict[str, Any]:
        """Wait until `process` is the writer, and let a person agree to its account; return the lease."""
        pid = process.pid
        taken = self._wait_until(lambda: (found := self.lease())["process"]["pid"] == pid and found, "it to act")
        lease = Lease.never_held(self.bench._client, self.bench.database_name)
        MongoStore(self.bench._client, self.bench.database_name, lease).ask("adopt", ["same-site"], "ann")
        lease.wake_writer()
        return taken

    def calls(self, account: str) -> list[dict[str, Any]]:
        return [each for site in ("one", "two") for each in self.bench.control.calls(site) if each["user"] == account]

    def assert_takes_on(self) -> None:
        """Wait until an issue that is reported now has its counterpart."""
        key = self.bench.taken_on("reported later")
        self._wait_until(lambda: self.bench.comments(key), "an issue to be taken on")


@pytest.fixture
def two(bench, command, wait_until, tmp_path) -> TwoWorkers:
    return TwoWorkers(bench, command, wait_until, tmp_path)


class TestWorkers:
    """Real processes."""

    @pytest.mark.defect(8)
    @pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL])
    def test_of_two_workers_only_one_acts_until_it_ends_and_then_the_other_does_at_once(self, two, ending):
        """At once: before the lease would have run out by itself."""
        first, second = two.at_work("sync"), two.standing_by("deputy")
        assert two.heartbeat("deputy").reason.startswith(f"process {first.pid} on {HOST} runs this sync since ")
        two.assert_takes_on()
        assert two.calls("deputy") == []
        before = two.lease()
        assert before["process"]["pid"] == first.pid
        first.send_signal(ending)
        first.wait(20)
        taken = two.succeeded_by(second)
        assert taken["since"] < before["expires"]
        assert taken["token"] > before["token"]
        two.assert_takes_on()
        two.wait_for("deputy", lambda beat: beat.phase is not Phase.STANDBY and beat.totals.cycles, "it to be said")

    def test_a_worker_that_is_told_to_stop_leaves_the_lease_to_whoever_comes(self, two):
        process = two.at_work("sync")
        process.terminate()
        process.wait(20)
        assert (two.lease()["owner"], two.lease()["expires"]) == (None, None)

    @pytest.mark.defect(8)
    def test_a_worker_that_was_frozen_is_succeeded_and_writes_nothing_more_when_it_goes_on(
        self, two, bench, wait_until
    ):
        """It is frozen while it waits for an answer of Jira, after which it would create the counterpart."""
        two.timing = LeaseTiming(lasts=6.0, margin=1.0, renew_every=0.5, renew_unused_every=0.5)
        first, second = two.at_work("sync"), two.standing_by("deputy")
        reading = bench.control.fault("two", "hang", user="sync", path=r"/createmeta/\d+/issuetypes/")
        key = bench.taken_on("of two workers")
        wait_until(lambda: bench.control.strikes("two", reading), "the call that hangs")
        assert bench.database["issues"].count_documents({"waiting": {"$exists": True}}) == 1
        first.send_signal(signal.SIGSTOP)
        two.succeeded_by(second)
        wait_until(lambda: bench.comments(key), "the other to take the issue on")
        two.wait_for("deputy", is_at_rest, "a cycle without news")
        before, written = len(two.calls("sync")), everything_in(bench.database)
        bench.control.heal("two", reading)
        first.send_signal(signal.SIGCONT)
        named = f"process {second.pid} on {HOST}"
        two.wait_for("sync", lambda beat: beat.phase is Phase.STANDBY and named in beat.reason, "it to stand by")
        assert [each["endpoint"] for each in two.calls("sync")[before:] if is_write(each)] == []
        assert everything_in(bench.database) == written
        assert len(bench.devs()) == len(bench.comments(key)) == 1
        two.assert_takes_on()
        assert two.lease()["process"]["pid"] == second.pid

    def test_a_single_cycle_beside_a_writer_is_refused_with_the_writer_s_name(self, bench, command, tmp_path):
        bench.cycle()
        ran = command.run("--once", run_dir=tmp_path / "once")
        assert ran.returncode == 1
        assert f"process {os.getpid()} on {HOST} runs this sync since " in ran.stdout


class TestClocks:
    """MongoDB's clock jumps, or another primary has another one."""

    def test_a_writer_that_is_succeeded_too_early_does_nothing_in_jira_and_its_successor_does_everything_once(
        self, bench
    ):
        """The new primary's clock is ahead: the lease has run out, and its holder does not know."""
        bench.start()
        first, _ = bench.pair()
        expired = {"expires": datetime.now(UTC) - timedelta(seconds=1), "process.home": "another machine"}
        bench.database["lease"].update_one({}, {"$set": expired})
        with closing(connect(bench.mongo_url, "test")) as client:
            successor = Lease(client, bench.database_name, bench.folder, lambda: None)
            successor.hold()
            second = bench.taken_on("after the takeover")
            before = len([call for site in ("one", "two") for call in bench.control.calls(site)])
            assert isinstance(bench.try_cycle(), LeaseLost)
            calls = [call for site in ("one", "two") for call in bench.control.calls(site)][before:]
            assert [call["endpoint"] for call in calls if is_write(call)] == []
            successor.release()
        for _ in range(2):
            bench.pass_time(LONG_ENOUGH)
            bench.try_cycle()
        assert len(bench.devs()) == 2
        assert [len(bench.comments(key)) for key in (first, second)] == [1, 1]

    def test_a_lease_that_nobody_renews_is_taken_although_mongodb_s_clock_was_set_back(self, new_writer, wait_until):
        first, second = new_writer(), new_writer(lasts=0.5, margin=0.1)
        first.lease.hold()
        next_year = {"expires": datetime.now(UTC) + timedelta(days=365), "process.home": "another machine"}
        first.database["lease"].update_one({"_id": WRITER}, {"$set": next_year})
        first.lease._wakeup.request_stop()  # it renews nothing any more
        with pytest.raises(LeaseLost):
            second.lease.hold()

        def holds() -> bool:
            with suppress(LeaseLost):
                second.lease.hold()
            return second.lease.token == 2

        wait_until(holds, "the lease to be taken")

    @pytest.mark.parametrize("is_of_another_boot", [False, True])
    def test_the_lease_of_a_dead_process_is_waited_for_if_its_machine_is_another_one(
        self, new_writer, is_of_another_boot
    ):
        """All of the process is as it would be here, but for the boot of its machine."""
        first, second = new_writer(), new_writer()
        first.lease.hold()
        home = first.database["lease"].find_one()["process"]["home"]
        home = f"another-boot {home.split()[1]}" if is_of_another_boot else home
        died = {"process.started": "0", "process.home": home}
        first.database["lease"].update_one({"_id": WRITER}, {"$set": died})
        if is_of_another_boot:
            with pytest.raises(LeaseLost):
                second.lease.hold()
        else:
            second.lease.hold()
        assert second.lease.token == (0 if is_of_another_boot else 2)

    def test_a_lease_that_is_renewed_is_not_taken_however_long_somebody_waits_for_it(self, new_writer, wait_until):
        first, second = new_writer(renew_every=0.05, renew_unused_every=0.05), new_writer(lasts=0.5, margin=0.1)
        first.lease.hold()
        seen = set()

        def has_waited() -> bool:
            seen.add(first.ends())
            with pytest.raises(LeaseLost):
                second.lease.hold()
            return len(seen) > 20

        wait_until(has_waited, "many renewals")


def is_at_rest(beat: Heartbeat) -> Any:
    return beat.totals.cycles and beat.last_cycle.fetched == beat.last_cycle.actions["created"] == 0


def is_write(call: dict[str, Any]) -> bool:
    return call["method"] in WRITES and not any(each in call["endpoint"] for each in SEARCHES)


def everything_in(database) -> dict[str, list[dict[str, Any]]]:
    return {name: list(database[name].find().sort("_id")) for name in ("issues", "pairs")}


class TestLease:
    """Leases of one database, each in a worker of its own as far as they know."""

    def test_a_writer_that_was_succeeded_is_told_who_succeeded_it(self, succeeded):
        succeeded.lease.lost()
        with pytest.raises(LeaseLost, match=f"process {os.getpid()} on {HOST}"):
            succeeded.lease.hold()

    def test_a_lease_that_is_held_is_not_taken(self, new_writer):
        first, second = new_writer(), new_writer()
        first.lease.hold()
        with pytest.raises(LeaseLost, match=f"process {os.getpid()} on {HOST}"):
            second.lease.hold()
        assert first.lease.is_held()
        assert not second.lease.is_held()

    def test_a_lease_that_was_released_is_taken_at_once_and_a_second_release_does_not_take_it_back(self, new_writer):
        first, second, third = new_writer(), new_writer(), new_writer()
        first.lease.hold()
        first.lease.release()
        second.lease.hold()
        first.lease.release()
        with pytest.raises(LeaseLost):
            third.lease.hold()
        assert (first.lease.token, second.lease.token) == (1, 2)

    @pytest.mark.parametrize("answers_again", [False, True])
    def test_a_writer_that_ends_releases_its_lease_unless_mongodb_has_not_answered_the_last_time(
        self, own_mongo_server, tmp_path, answers_again
    ):
        """Else each worker of a group would wait in vain for an answer before it ends."""
        with closing(connect(own_mongo_server.url, "test")) as client:
            lease = Lease(client, "silent", tmp_path, lambda: None, LeaseTiming(100.0, 2.0, NEVER, NEVER))
            lease.hold()
            own_mongo_server.freeze()
            assert not lease._renew_once()
            own_mongo_server.thaw()
            if answers_again:
                lease.hold()
            lease.release()
            owner = client["silent"]["lease"].find_one({"_id": WRITER})["owner"]
            assert (owner is None) is answers_again

    def test_a_worker_that_never_held_its_lease_asks_nothing_when_it_ends(self, new_writer):
        writer = new_writer()
        writer.lease.release()
        assert writer.client.topology_description.topology_type_name == "Unknown"

    def test_a_writer_that_heeds_the_signal_is_woken_at_once_by_a_process_on_its_machine(self, new_writer, wait_until):
        writer, other = new_writer(renew_every=NEVER, renew_unused_every=NEVER), new_writer()
        woken: list[bool] = []
        writer.lease._on_wake = lambda: woken.append(True)
        before = signal.signal(signal.SIGUSR1, lambda *_: writer.lease.renew_now())
        try:
            writer.lease.heeds_signal = True
            writer.lease.hold()
            assert other.lease.wake_writer()
            wait_until(lambda: woken, "it to be woken")
        finally:
            signal.signal(signal.SIGUSR1, before)
        assert woken == [True]

    @pytest.mark.parametrize("is_used", [True, False])
    def test_a_lease_is_renewed_whether_anything_is_done_under_it_or_not(self, new_writer, wait_until, is_used):
        writer = new_writer(
            **{"renew_every": NEVER, "renew_unused_every": NEVER}
            | {"renew_every" if is_used else "renew_unused_every": 0.05}
        )
        writer.lease._is_used = is_used
        writer.lease.hold()
        first = writer.ends()

        def is_renewed() -> bool:
            if is_used:
                writer.lease.check()
            return writer.ends() > first

        wait_until(is_renewed, "it to be renewed")

    def test_only_a_writer_is_woken(self, new_writer):
        first, other = new_writer(), new_writer()
        assert not other.lease.wake_writer()
        first.lease.hold()
        assert other.lease.wake_writer()
        other.expire()
        assert not other.lease.wake_writer()


@pytest.mark.parametrize(
    "call",
    [
        JiraClient.account,
        lambda jira: jira.comment("10000", "x", "m"),
        lambda jira: jira.link("10000", "g", "u", "t", ""),
    ],
    ids=["read", "write", "repeatable write"],
)
def test_a_request_is_not_sent_when_the_lease_runs_out_between_its_turn_and_its_sending(bench, call):
    now = [True]

    def check() -> None:
        if not now.pop():
            raise LeaseLost("it has run out")

    connection = Connection(f"{bench.url}/one", f"{bench.url}/one", SecretStr("s3cr3t-sync-token"), "sync@example.com")
    with closing(JiraClient(lambda: connection, lambda _seconds: None, check=check)) as jira:
        jira.account()  # the connection stands, as it does in the middle of a cycle
        bench.control.forget_calls("one")
        now.append(False)
        with pytest.raises(LeaseLost):
            call(jira)
        assert bench.control.calls("one") == []


class TestHeartbeats:
    """Two workers that share a run directory, and with it the file for heartbeats."""

    def test_a_worker_that_stands_by_leaves_the_heartbeat_of_the_holder_alone_until_it_has_stopped(
        self, bench, command
    ):
        bench.start(syncIntervalMinutes=OFTEN)
        bench.cycle()
        before = read_heartbeat(bench.folder, "sync-ab")
        assert before.pid == os.getpid()
        second = command.start(run_dir=bench.folder)
        wait_for_standby(second)
        assert read_heartbeat(bench.folder, "sync-ab") == before
        second.terminate()
        second.wait(20)
        assert read_heartbeat(bench.folder, "sync-ab") == before

    def test_a_single_cycle_beside_the_holder_leaves_its_heartbeat_alone(self, bench, command):
        bench.cycle()
        before = read_heartbeat(bench.folder, "sync-ab")
        assert before.pid == os.getpid()
        assert command.run("--once", run_dir=bench.folder).returncode == 1
        assert read_heartbeat(bench.folder, "sync-ab") == before

    @pytest.mark.parametrize("shared", [True, False])
    def test_a_worker_that_took_over_says_so_while_its_first_cycle_lasts(
        self, bench, command, wait_until, tmp_path, shared
    ):
        bench.definition["syncIntervalMinutes"] = OFTEN
        (bench.folder / "sync-ab.json").write_text(json.dumps(bench.definition))
        first = command.start(run_dir=tmp_path / "a")
        wait_until(lambda: (b := read_heartbeat(tmp_path / "a", "sync-ab")) and b.totals.cycles, "first cycle")
        where = tmp_path / ("a" if shared else "b")
        second = command.start(run_dir=where, code=HURRIED_WORKER.format(timing=TIMING))
        wait_for_standby(second)
        first.kill()
        first.wait()
        bench.control.fault("two", "hang", path="/search")
        lease = bench.database["lease"]
        wait_until(lambda: lease.find_one()["process"]["pid"] == second.pid, "take over")
        wait_until(
            lambda: (b := read_heartbeat(where, "sync-ab")) and b.pid == second.pid and b.phase is Phase.CYCLE,
            "the heartbeat to say that it acts",
            5,
        )


def wait_for_standby(worker: subprocess.Popen[str]) -> None:
    assert any("standing by" in line for line in worker.stdout)
