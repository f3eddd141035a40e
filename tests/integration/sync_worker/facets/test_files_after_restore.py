"""Files, after one of the two Jiras was restored from a backup: it has forgotten some, and gives out their ids anew."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from decisions import decide, resync
from simulated_sites import LONG_ENOUGH
from worker_bench import EITHER_FLAVOR, Bench

DELETES = {"deletes": "delete"}
pytestmark = EITHER_FLAVOR


def go_on(bench: Bench, cycles: int = 3) -> None:
    for _ in range(cycles):
        bench.pass_time(LONG_ENOUGH)
        bench.cycle()


def names(bench: Bench, side: str) -> list[str]:
    return [name for name, _ in bench.files(side)]


@dataclass
class Forgotten:
    """A pair. A file of either side was carried over before the developers' site was restored, which has neither now.

    `ids` are those that the two had there, `theirs` is the one on the customers' site that was copied.
    """

    bench: Bench
    key: str
    counterpart: str
    ids: list[str]
    theirs: str

    def after_moved(self) -> None:
        self.bench.start(attachments=DELETES)
        assert decide(self.bench, "moved")[0][0] == "done"
        self.go_on()

    def go_on(self, cycles: int = 3) -> None:
        go_on(self.bench, cycles)

    def attach(self, name: str, content: bytes) -> str:
        """Attach a file to the issue that was restored; return its id."""
        self.bench.dev.attach(self.counterpart, name, content)
        return self.id_of_file(name)

    def id_of_file(self, name: str) -> str:
        """Return the id of a file of the issue that was restored."""
        files = self.bench.issue(self.counterpart)["attachments"]
        return next(file["id"] for file in files if file["filename"] == name)

    def names(self, side: str) -> list[str]:
        return names(self.bench, side)


@pytest.fixture(name="forgotten")
def _forgotten(bench) -> Forgotten:
    bench.start(attachments=DELETES)
    key, counterpart = bench.pair()
    backup = bench.control.back_up("two")
    bench.dev.attach(counterpart, "forgotten.txt", b"forgotten")
    theirs = bench.user.attach(key, "theirs.txt", b"theirs")
    bench.cycle()
    bench.cycle()
    ids = [file["id"] for file in bench.issue(counterpart)["attachments"]]
    bench.stop()
    bench.control.restore("two", backup)
    return Forgotten(bench, key, counterpart, ids, theirs)


@pytest.mark.parametrize("is_edited", [True, False], ids=["edited", "as it was"])
def test_what_was_forgotten_is_not_deleted_on_the_other_side_before_anybody_says_anything(forgotten, is_edited):
    if is_edited:
        forgotten.bench.dev.edit(forgotten.counterpart, summary="edited")
    forgotten.bench.start(attachments=DELETES)
    for _ in range(3):
        forgotten.bench.pass_time(3700)
        forgotten.bench.cycle()
    assert forgotten.names("user") == ["forgotten.txt", "theirs.txt"]


def test_it_is_said_once_of_a_forgotten_original_that_its_copy_stays(forgotten):
    for number in range(3):
        forgotten.bench.dev.edit(forgotten.counterpart, summary=f"edited {number}")
        forgotten.bench.start(attachments=DELETES)
        forgotten.go_on()
    said = [entry["text"] for entry in forgotten.bench.database["actions"].find({"result": "skipped"})]
    text = f"a copy stays: {forgotten.counterpart} does not show its original, and tells of no removal"
    assert [entry for entry in said if "copy" in entry] == [text]
    assert (forgotten.bench.failures(), forgotten.bench.dead_letters()) == ([], [])


@pytest.mark.parametrize("is_edited", [True, False], ids=["edited", "as it was"])
def test_after_adopt_a_forgotten_original_keeps_its_copy_and_a_forgotten_copy_is_made_again(forgotten, is_edited):
    if is_edited:
        forgotten.bench.dev.edit(forgotten.counterpart, summary="edited")
    forgotten.after_moved()
    assert (forgotten.names("user"), forgotten.names("dev")) == (["forgotten.txt", "theirs.txt"], ["theirs.txt"])


def test_after_adopt_a_forgotten_copy_is_made_again_although_somebody_has_looked_before(forgotten):
    forgotten.bench.dev.edit(forgotten.counterpart, summary="edited")
    forgotten.bench.start(attachments=DELETES)
    forgotten.go_on()
    forgotten.after_moved()
    assert (forgotten.names("user"), forgotten.names("dev")) == (["forgotten.txt", "theirs.txt"], ["theirs.txt"])


def test_a_forgotten_copy_of_a_file_from_before_is_made_again(bench):
    bench.start()
    key, _ = bench.pair()
    bench.user.attach(key, "early.txt", b"early")
    bench.cycle()
    bench.pass_time(60)
    backup = bench.control.back_up("two")
    bench.start(attachments=True)
    bench.cycle()
    resync(bench, key)
    assert names(bench, "dev") == ["early.txt"]
    bench.stop()
    bench.control.restore("two", backup)
    bench.start()
    assert decide(bench, "moved")[0][0] == "done"
    bench.cycle()
    assert names(bench, "dev") == ["early.txt"]


@pytest.mark.parametrize("is_noticed", [True, False], ids=["before the worker stopped", "while it was down"])
@pytest.mark.parametrize("removed", ["original", "copy"])
def test_what_a_person_has_removed_is_not_taken_for_forgotten(bench, removed, is_noticed):
    bench.start(attachments=DELETES)
    key, counterpart = bench.pair()
    original = bench.user.attach(key, "theirs.txt", b"theirs")
    bench.cycle()
    bench.cycle()
    if removed == "original":
        bench.user.remove_file(original)
    else:
        bench.dev.remove_file(bench.issue(counterpart)["attachments"][0]["id"])
    if is_noticed:
        bench.cycle()
    bench.stop()
    bench.start()
    assert decide(bench, "moved")[0][0] == "done"
    go_on(bench)
    assert names(bench, "dev") == []


@pytest.mark.parametrize("is_adopted", [True, False], ids=["adopted", "nobody has said anything"])
@pytest.mark.parametrize("is_noticed", [True, False], ids=["later", "at once"])
def test_a_last_copy_does_not_go_with_another_file_that_has_the_id_of_its_original(forgotten, is_adopted, is_noticed):
    mistake = forgotten.attach("mistake.txt", b"mistake!!")
    assert mistake == forgotten.ids[0]
    forgotten.bench.start(attachments=DELETES)
    if is_noticed:
        forgotten.go_on()
    if is_adopted:
        assert decide(forgotten.bench, "moved")[0][0] == "done"
    forgotten.bench.dev.remove_file(mistake)
    forgotten.go_on()
    assert "forgotten.txt" in forgotten.names("user")


def test_resync_takes_no_other_file_for_a_forgotten_copy(forgotten):
    for name in ("one.txt", "two.txt"):
        forgotten.attach(name, f"this is {name}".encode())
    forgotten.bench.start(attachments=DELETES)
    forgotten.go_on()
    forgotten.bench.store.ask("resync", [f"user:{forgotten.bench.issue(forgotten.key)['id']}"], by="ann")
    forgotten.go_on()
    assert forgotten.names("dev") == ["one.txt", "theirs.txt", "two.txt"]


def test_after_adopt_a_corrected_file_is_not_taken_for_the_copy_of_the_forgotten_one(forgotten):
    forgotten.attach("filler.txt", b"filler")
    forgotten.after_moved()
    forgotten.attach("forgotten.txt", b"FORGOTTEN")
    forgotten.go_on()
    assert forgotten.bench.files("dev")[1] in forgotten.bench.files("user")


@pytest.mark.parametrize("content", [b"another", b"different"], ids=["of another size", "of the same size"])
def test_a_new_file_is_carried_over_that_has_the_id_of_a_forgotten_one(forgotten, content):
    assert forgotten.attach("new.txt", content) == forgotten.ids[0]
    forgotten.after_moved()
    assert forgotten.names("user") == ["forgotten.txt", "new.txt", "theirs.txt"]
    assert forgotten.names("dev") == ["new.txt", "theirs.txt"]


def test_a_copy_is_not_deleted_with_a_file_whose_own_copy_had_its_id(forgotten):
    forgotten.attach("filler.txt", b"the filler")
    forgotten.after_moved()
    forgotten.bench.user.attach(forgotten.key, "second.txt", b"the second file")
    forgotten.go_on()
    assert forgotten.ids[1] in {forgotten.id_of_file(name) for name in ("second.txt", "theirs.txt")}
    forgotten.bench.user.remove_file(forgotten.theirs)
    forgotten.go_on()
    assert forgotten.names("user") == ["filler.txt", "forgotten.txt", "second.txt"]
    assert forgotten.names("dev") == ["filler.txt", "second.txt"]


def test_a_copy_is_not_deleted_with_a_file_whose_own_copy_had_its_id_although_nobody_has_said_anything(forgotten):
    forgotten.attach("filler.txt", b"the filler")
    forgotten.bench.start(attachments=DELETES)
    forgotten.go_on()
    forgotten.bench.user.attach(forgotten.key, "second.txt", b"the second file")
    forgotten.go_on()
    assert forgotten.id_of_file("second.txt") == forgotten.ids[1]
    forgotten.bench.user.remove_file(forgotten.theirs)
    forgotten.go_on()
    assert forgotten.names("dev") == ["filler.txt", "second.txt"]


def test_a_copy_whose_answer_is_lost_is_not_made_twice_under_the_id_of_a_forgotten_one(forgotten):
    forgotten.attach("filler.txt", b"the filler")
    forgotten.after_moved()
    lost = {"times": 1, "method": "POST", "path": "/attachments$", "status": 200, "body": "{}"}
    forgotten.bench.control.fault("two", "answer_after", **lost)
    forgotten.bench.user.attach(forgotten.key, "second.txt", b"the second file")
    forgotten.go_on(6)
    assert forgotten.names("dev") == ["filler.txt", "second.txt", "theirs.txt"]


@pytest.mark.parametrize("restored", ["one", "two"])
def test_nothing_is_deleted_although_a_whole_pair_was_forgotten_too(bench, restored):
    bench.start(attachments=DELETES)
    key, counterpart = bench.pair()
    person, issue = (bench.user, key) if restored == "one" else (bench.dev, counterpart)
    backup = bench.control.back_up(restored)
    person.attach(issue, "forgotten.txt", b"forgotten")
    bench.cycle()
    bench.pair()
    bench.cycle()
    other = bench.dev_site if restored == "one" else "one"
    bench.stop()
    bench.control.restore(restored, backup)
    person.edit(issue, summary="edited")
    bench.start(attachments=DELETES)
    go_on(bench)
    files = [
        file
        for found in bench.control.issues(other)
        for file in bench.control.issue(other, found["key"])["attachments"]
    ]
    assert [file["filename"] for file in files] == ["forgotten.txt"]
