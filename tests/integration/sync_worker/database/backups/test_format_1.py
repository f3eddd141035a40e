"""Databases that the version wrote which knew format 1: read, kept, and written back as that version had them.

`tests/fixtures/format_1` has backups of them. files.backup: a pair with a file from either side, and one that is too
large. uncertain.backup: an upload and a creation without an answer. given-up.backup: a move that Jira refused.
"""

from __future__ import annotations

from pathlib import Path

import bson
import pytest

from sync_model.definition.sync import Side
from sync_worker.core.issues.items import Handled
from sync_worker.database.documents.conversion import from_pair, from_state, to_pair, to_state

FIXTURES = Path(__file__).parents[4] / "fixtures" / "format_1"
NAMES = sorted(path.stem for path in FIXTURES.glob("*.backup"))


@pytest.fixture
def old(bench, front):
    """A database of that version, as it was."""

    def restore(name: str) -> None:
        bench.start()
        bench.stop()
        ran = front("restore", "sync-ab", str(FIXTURES / f"{name}.backup"))
        assert ran.code == 0, ran.err
        bench.start()

    return restore


def content(bench, name: str) -> dict[str, dict]:
    return {document["_id"]: document for document in bench.database[name].find()}


def as_stored(document: dict) -> dict:
    return bson.decode(bson.encode(document))


@pytest.mark.parametrize("name", NAMES)
def test_what_was_written_in_format_1_is_read_and_written_back_as_it_was(bench, old, name):
    old(name)
    assert bench.database["progress"].find_one()["format"] == 1
    for identity, document in content(bench, "issues").items():
        again = as_stored({"_id": identity, **from_state(to_state(document), document["writer"], 1)})
        assert again == as_stored(document)
    for identity, document in content(bench, "pairs").items():
        again = as_stored({"_id": identity, **from_pair(to_pair(document), document["writer"], 1)})
        assert {key: again[key] for key in document} == as_stored(document)
        assert set(again) - set(document) == {"writes"}


def test_files_of_format_1_are_known_for_what_they_are(bench, old):
    old("files")
    user, dev = (bench.store.state(side, "10025").items("attachments") for side in Side)
    assert user == {
        "10026": Handled(twin="10027"),
        "10033": Handled(is_copy=True),
        "10028": Handled(is_refused=True),
    }
    assert dev == {"10027": Handled(is_copy=True), "10029": Handled(twin="10033")}


def test_an_upload_of_format_1_that_had_no_answer_is_still_open(bench, old):
    old("uncertain")
    (handled,) = bench.store.state(Side.USER, "10025").items("attachments").values()
    assert handled.is_open
    assert handled.attempt.ended is not None


@pytest.mark.parametrize("name", NAMES)
def test_when_the_format_is_raised_all_of_it_is_kept(bench, old, name):
    old(name)
    before = {part: content(bench, part) for part in ("issues", "pairs")}
    with bench.runner.lease.in_use():
        bench.runner.lease.hold()
        bench.runner.store.prepare()
    assert bench.database["progress"].find_one()["format"] == 2
    for part, documents in before.items():
        kept = {identity: dict(document) for identity, document in content(bench, f"format_1_{part}").items()}
        assert {identity: document.pop("kept_at") is not None for identity, document in kept.items()} == dict.fromkeys(
            documents, True
        )
        assert kept == documents
