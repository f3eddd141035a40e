"""Files, after the issues of one side were moved: to another site, where all ids are others, or to another project."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from decisions import decide
from simulated_sites import LONG_ENOUGH
from worker_bench import EITHER_FLAVOR, Bench

DELETES = {"deletes": "delete"}
pytestmark = EITHER_FLAVOR


@dataclass
class Moved:
    """A pair with a file of either side, each of which has a copy. `move` moves one of its issues to `where`."""

    bench: Bench
    where: str
    key: str
    counterpart: str
    edits: int = 0

    def attach(self, side: str, name: str) -> None:
        person, key = (self.bench.user, self.key) if side == "user" else (self.bench.dev, self.counterpart)
        person.attach(key, name, f"this is {name}".encode())

    def remove(self, side: str, name: str) -> None:
        """A person removes a file, whoever has put it there."""
        person, key = (self.bench.user, self.key) if side == "user" else (self.bench.dev, self.counterpart)
        person.remove_file(next(file["id"] for file in self._files(key) if file["filename"] == name))

    def names(self, side: str) -> list[str]:
        return sorted(file["filename"] for file in self._files(self.key if side == "user" else self.counterpart))

    def _files(self, key: str) -> list[dict[str, str]]:
        return self.bench.control.issue("one" if key == self.key else self.bench.dev_site, key)["attachments"]

    def go_on(self) -> None:
        """Have several cycles. Something else is edited on both sides, so that all that is news is carried over."""
        self.edits += 1
        self.bench.user.edit(self.key, summary=f"edited {self.edits} times")
        self.bench.dev.edit(self.counterpart, summary=f"edited {self.edits} times")
        for _ in range(3):
            self.bench.pass_time(LONG_ENOUGH)
            self.bench.cycle()

    def move(self, *, is_edited: bool = True) -> None:
        bench = self.bench
        bench.stop()
        if self.where == "another site":
            bench.control.clone("two", "three", identity="another-site", renumber=True)
            bench.have_developers_on("three")
        else:
            self.key = bench.control.move("one", self.key, "OTHER")
            bench.definition["userProjectKey"] = "OTHER"
        bench.start()
        assert decide(bench, "moved")[0][0] == "done"
        if is_edited:
            self.go_on()
        else:
            bench.cycle()


@pytest.fixture(name="moved", params=["another site", "another project"])
def _moved(bench, request) -> Moved:
    bench.start(attachments={"deletes": "keep"})
    moved = Moved(bench, request.param, *bench.pair())
    moved.attach("user", "theirs.txt")
    moved.attach("dev", "ours.txt")
    moved.go_on()
    assert moved.names("user") == moved.names("dev") == ["ours.txt", "theirs.txt"]
    return moved


@pytest.mark.parametrize(("name", "of"), [("theirs.txt", "user"), ("ours.txt", "dev")])
def test_a_file_whose_copy_was_kept_does_not_come_back_from_it(moved, name, of):
    moved.remove(of, name)
    moved.go_on()
    moved.move()
    assert moved.names(of) == sorted({"theirs.txt", "ours.txt"} - {name})
    assert moved.names("dev" if of == "user" else "user") == ["ours.txt", "theirs.txt"]


@pytest.mark.parametrize(("name", "of"), [("theirs.txt", "user"), ("ours.txt", "dev")])
def test_a_copy_that_a_person_has_deleted_is_not_made_again(moved, name, of):
    there = "dev" if of == "user" else "user"
    moved.remove(there, name)
    moved.go_on()
    moved.move()
    assert moved.names(there) == sorted({"theirs.txt", "ours.txt"} - {name})


def test_files_are_what_they_were_and_new_ones_follow(moved):
    moved.move()
    assert moved.names("user") == moved.names("dev") == ["ours.txt", "theirs.txt"]
    moved.attach("user", "new.txt")
    moved.attach("dev", "newer.txt")
    moved.go_on()
    assert moved.names("user") == moved.names("dev") == ["new.txt", "newer.txt", "ours.txt", "theirs.txt"]


@pytest.mark.parametrize(("name", "of"), [("theirs.txt", "user"), ("ours.txt", "dev")])
def test_a_copy_goes_with_its_original_that_is_deleted_afterwards(moved, name, of):
    moved.move()
    moved.bench.start(attachments=DELETES)
    moved.remove(of, name)
    moved.go_on()
    assert moved.names("user") == moved.names("dev") == sorted({"theirs.txt", "ours.txt"} - {name})


def test_a_deletion_that_is_due_is_carried_over_without_an_edit(moved):
    moved.bench.start(attachments=DELETES)
    moved.remove("user", "theirs.txt")
    moved.move(is_edited=False)
    assert moved.names("dev") == ["ours.txt"]
