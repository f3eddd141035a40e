"""What the facets write into the journal can be put into words."""

from __future__ import annotations

from sync_worker.facets.catalogue import FACETS
from worker_bench import LOG


def test_what_each_facet_writes_into_the_journal_makes_the_phrases_that_people_read(bench):
    key = bench.taken_on_with({"log.txt": LOG})
    bench.cycle()
    bench.dev.move(bench.devs()[0]["key"], "In Progress")
    bench.cycle()
    assert bench.status(key) == "In Progress"
    texts = {entry.what: entry.text for entry in bench.store.journal.actions(100) if entry.result == "done"}
    assert set(texts) == set(FACETS)
    assert {kind: FACETS[kind].words.done(text) for kind, text in texts.items()} == {
        "create": "created",
        "link": "linked",
        "attachments": "copied log.txt",
        "comment": "commented on the user side",
        "move": "moved to In Progress, from Will Do",
    }
    for kind, text in texts.items():
        assert FACETS[kind].words.to_do(text).strip()
        assert FACETS[kind].words.found(text).strip()
