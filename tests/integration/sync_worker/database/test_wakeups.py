"""A worker in another container is asked to look at once: its own monitor sends it the signal."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from sync_worker.database import wakeups
from sync_worker.database.connection import SHARED_DATABASE
from sync_worker.database.lease import WRITER, Lease
from sync_worker.database.process_identity import ProcessIdentity, _start_of, this_process
from sync_worker.database.wakeups import Wakeups

NOTES_SIGNAL = """
import signal, sys
signal.signal(signal.SIGUSR1, lambda *_: sys.exit(7))
print(flush=True)
signal.pause()
"""


@pytest.fixture
def worker():
    """Start a process that exits with 7 when it gets the signal."""
    with subprocess.Popen([sys.executable, "-c", NOTES_SIGNAL], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        yield process
        process.kill()


@pytest.fixture
def left(new_writer, database_name):
    """The word that is left in the shared database, where other tests leave theirs."""
    client = new_writer().client
    yield lambda: list(client[SHARED_DATABASE]["wakeups"].find({"database": database_name}))
    client[SHARED_DATABASE]["wakeups"].delete_many({"database": database_name})


def identity_of(process) -> ProcessIdentity:
    return replace(this_process(Path()), pid=process.pid, started=_start_of(process.pid))


def test_word_for_a_worker_of_this_container_becomes_a_signal_and_is_gone(new_writer, database_name, worker, left):
    client = new_writer().client
    wakeups.leave(client, database_name, identity_of(worker))
    assert len(left()) == 1
    here = Wakeups(client)
    here.prepare()
    assert here.take({worker.pid}) == [worker.pid]
    assert worker.wait() == 7
    assert left() == []
    assert here.take({worker.pid}) == []


@pytest.mark.parametrize("started", ["1", ""])
def test_no_signal_is_sent_to_a_process_that_is_not_the_worker_any_more(
    new_writer, database_name, worker, left, started
):
    client = new_writer().client
    wakeups.leave(client, database_name, replace(identity_of(worker), started=started))
    assert Wakeups(client).take({worker.pid}) == []
    assert (worker.poll(), left()) == (None, [])


def test_no_signal_is_sent_to_a_process_that_is_no_worker_of_this_group(new_writer, database_name, worker, left):
    client = new_writer().client
    wakeups.leave(client, database_name, identity_of(worker))
    assert Wakeups(client).take({os.getpid()}) == []
    assert (worker.poll(), left()) == (None, [])


def test_word_for_a_process_elsewhere_stays_for_its_own_container(new_writer, database_name, worker, left):
    client = new_writer().client
    wakeups.leave(client, database_name, replace(identity_of(worker), home="another machine"))
    assert Wakeups(client).take({worker.pid}) == []
    assert len(left()) == 1


def test_whoever_wakes_a_writer_elsewhere_leaves_word_for_it(new_writer, database_name, left):
    writer = new_writer(renew_every=1000.0, renew_unused_every=1000.0)
    writer.lease.heeds_signal = True
    writer.lease.hold()
    anybody = Lease.never_held(writer.client, database_name)
    with signal_ignored():
        assert anybody.wake_writer()
    assert left() == []  # it is here: the signal is enough
    writer.database["lease"].update_one({"_id": WRITER}, {"$set": {"process.home": "another machine"}})
    assert anybody.wake_writer()
    (word,) = left()
    assert (word["process"]["home"], word["process"]["pid"]) == ("another machine", os.getpid())
    assert word["process"]["host"] == socket.gethostname()


def test_nothing_is_left_for_a_writer_that_heeds_no_signal(new_writer, database_name, left):
    writer = new_writer()
    writer.lease.hold()
    writer.database["lease"].update_one({"_id": WRITER}, {"$set": {"process.home": "another machine"}})
    assert Lease.never_held(writer.client, database_name).wake_writer()
    assert left() == []


class signal_ignored:  # noqa: N801 - it reads as what it does
    def __enter__(self) -> None:
        self.before = signal.signal(signal.SIGUSR1, signal.SIG_IGN)

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGUSR1, self.before)
