"""Two leases on one database: MongoDB refuses what a succeeded writer writes, whatever that writer still believes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sync_model.definition import Side
from sync_worker.core.errors import LeaseLost
from sync_worker.core.progress import Progress
from sync_worker.core.records import Request

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
