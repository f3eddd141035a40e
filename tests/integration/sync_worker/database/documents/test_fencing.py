"""Two leases on one database: MongoDB refuses what a succeeded writer writes, whatever that writer still believes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pymongo.errors import NetworkTimeout

from sync_model.definition.sync import Side
from sync_worker.core.errors import DatabaseUnavailable, LeaseLost
from sync_worker.core.progress import Progress
from sync_worker.core.records import Request
from sync_worker.database import lease

STALE_WRITES = {
    "save": lambda writer: writer.store.save([replace(writer.state, status="stale")]),
    "save among others": lambda writer: writer.store.save([replace(writer.state, status="stale")] * 2),
    "save_pair": lambda writer: writer.store.save_pair(replace(writer.pair, user_key="stale")),
    "save_pairs": lambda writer: writer.store.save_pairs([replace(writer.pair, user_key="stale")]),
    "save_progress": lambda writer: writer.store.save_progress(Progress(definition="stale")),
}


@pytest.mark.parametrize("write", STALE_WRITES.values(), ids=STALE_WRITES)
@pytest.mark.parametrize("rewritten", [False, True])
def test_a_writer_that_was_succeeded_changes_no_document(succeeded, write, rewritten):
    if rewritten:
        succeeded.successor.write_all("second")
    before = succeeded.everything()
    with pytest.raises(LeaseLost):
        write(succeeded)
    assert succeeded.everything() == before
    assert not succeeded.lease.is_held()


@pytest.mark.parametrize("write", STALE_WRITES.values(), ids=STALE_WRITES)
def test_a_writer_that_was_succeeded_changes_no_document_that_only_its_successor_wrote(new_writer, write):
    first, second = new_writer(), new_writer()
    first.lease.hold()
    first.store.prepare()
    first.expire()
    second.lease.hold()
    second.write_all("second")
    first.lease._until = float("inf")
    before = first.everything()
    with pytest.raises(LeaseLost):
        write(first)
    assert first.everything() == before


@pytest.mark.parametrize("write", STALE_WRITES.values(), ids=STALE_WRITES)
def test_a_writer_whose_lease_has_run_out_writes_nothing_even_if_nobody_took_the_lease(new_writer, write):
    writer = new_writer()
    writer.lease.hold()
    writer.write_all("first")
    writer.lease._until = float("-inf")
    before = writer.everything()
    with pytest.raises(LeaseLost):
        write(writer)
    assert writer.everything() == before


def test_the_successor_of_a_writer_goes_on_writing(succeeded):
    succeeded.successor.write_all("second")
    assert succeeded.successor.store.state(Side.USER, "10001").status == "second"


def test_a_writer_that_was_succeeded_answers_no_request(new_writer):
    first, second = new_writer(), new_writer()
    first.lease.hold()
    request = Request(first.store.ask("retry", ["1"]), "retry", ("1",))
    first.expire()
    second.lease.hold()
    first.lease._until = float("inf")
    with pytest.raises(LeaseLost):
        first.store.answer(request)
    assert second.store.requests() == [request]


@pytest.fixture
def rivals(succeeded):
    """A writer that has been succeeded without knowing it, and its successor. A document is new to both of them."""
    return succeeded, succeeded.successor


NEW = {
    "save": lambda writer: writer.store.save([replace(writer.state, id="10002", status="by both")]),
    "save_pair": lambda writer: writer.store.save_pair(replace(writer.pair, user_id="10002", dev_id="20002")),
    "save_pairs": lambda writer: writer.store.save_pairs([replace(writer.pair, user_id="10002", dev_id="20002")]),
}


@pytest.mark.parametrize("write", NEW.values(), ids=NEW)
def test_what_a_succeeded_writer_writes_anew_is_read_before_it_is_overwritten_and_belongs_to_the_successor(
    rivals, write
):
    """The fence could not know a document that was not there. Its writer may have begun something."""
    first, second = rivals
    write(first)
    with pytest.raises(DatabaseUnavailable, match="what it wrote is read first"):
        write(second)
    with pytest.raises(LeaseLost):
        write(first)
    write(second)
    assert second.store.state(Side.USER, "10001").status == "first"


def test_a_fence_that_was_interrupted_is_finished_before_anything_is_done(new_writer, monkeypatch):
    first, second = new_writer(), new_writer()
    first.lease.hold()
    first.write_all("first")
    first.expire()
    fences = [NetworkTimeout("timed out")]
    finish = lease.Lease._identities_in

    def interrupted(self, name):
        if fences:
            raise fences.pop()
        return finish(self, name)

    monkeypatch.setattr(lease.Lease, "_identities_in", interrupted)
    with pytest.raises(DatabaseUnavailable):
        second.lease.hold()
    first.lease._until = float("inf")
    second.lease.hold()
    before = first.everything()
    with pytest.raises(LeaseLost):
        first.write_all("stale")
    assert first.everything() == before


def test_a_fence_that_was_left_unfinished_by_a_worker_that_died_is_finished_by_the_next_one(new_writer, monkeypatch):
    first, second, third = new_writer(), new_writer(), new_writer()
    first.lease.hold()
    first.write_all("first")
    first.expire()
    with monkeypatch.context() as interrupted:
        interrupted.setattr(lease.Lease, "_fence_off", lambda _self: None)
        second.lease.hold()
    second.lease.release()
    third.lease.hold()
    first.lease._until = float("inf")
    with pytest.raises(LeaseLost):
        first.write_all("stale")
    assert third.store.state(Side.USER, "10001").status == "first"


def test_a_fence_goes_round_many_documents_in_several_steps_while_the_lease_is_renewed(new_writer, monkeypatch):
    monkeypatch.setattr(lease, "FENCED_AT_ONCE", 3)
    first, second = new_writer(), new_writer()
    first.lease.hold()
    first.store.save([replace(first.state, id=str(number)) for number in range(10)])
    first.expire()
    second.lease.hold()
    writers = [document["writer"] for document in second.everything()["issues"]]
    assert writers == [second.lease.token] * 10
    assert "fencing" not in second.database["lease"].find_one()


def test_a_writer_without_a_rival_reads_nothing_again_before_it_writes(new_writer):
    """The writer before it has let go of its lease, or was of this machine and is dead."""
    first, second = new_writer(), new_writer()
    first.lease.hold()
    first.write_all("first")
    first.lease.release()
    second.lease.hold()
    second.write_all("second")
    assert second.lease.fenced == 0
    assert second.store.state(Side.USER, "10001").status == "second"
