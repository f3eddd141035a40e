"""`push`, `pull` and `versions`, on a real MongoDB. No group runs."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from jira_sync.__main__ import main
from sync_worker.database.shared.pushed_files import PushedFiles, hash_of

LITERAL = "s3cr3t-literal-token"


class Pusher:
    """Somebody with a folder of files, who may write to the database, and has no secret of a container."""

    def __init__(self, folder: Path, url: str, capsys: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch) -> None:
        self.folder, self.fleet = folder / "configs", f"test-{uuid.uuid4().hex[:8]}"
        self.folder.mkdir()
        self._capsys, self._patch = capsys, patch
        patch.chdir(folder)
        for name in ("CONFIG_DIR", "RUN_DIR", "TOKEN"):
            patch.delenv(name, raising=False)
        self.set(DATABASE_URL=url, FLEET=self.fleet)
        self.client = MongoClient[dict[str, Any]](url, tz_aware=True)
        self.files = PushedFiles(self.client, self.fleet)
        self.contents = self.client["jira_sync"]["config_files"]
        self.versions = self.client["jira_sync"]["config_versions"]

    def set(self, **variables: str) -> None:
        for name, value in variables.items():
            self._patch.setenv(name, value)

    def write(self, file: str, text: str | None = None, **changes: Any) -> None:
        keys = {"userProjectKey": f"U{file.upper()}", "devProjectKey": f"D{file.upper()}"}
        rules = [{"sourceStatus": "A", "syncDirection": "both"}]
        jira = {"baseUrl": "https://jira.example.com", "apiToken": "${TOKEN}"}
        definition = {"name": f"sync-{file}", "jira": jira, **keys, "rules": rules, **changes}
        (self.folder / f"{file}.json").write_text(json.dumps(definition) if text is None else text)

    def run(self, *arguments: str, code: int = 0) -> list[str]:
        """Run a command; return the lines on standard output, then those on standard error."""
        found = main(arguments)
        out, err = self._capsys.readouterr()
        assert found == code, out + err
        return [*out.splitlines(), *err.splitlines()]

    def pushed(self, number: int | None = None) -> dict[str, bytes]:
        newest = self.files.newest()
        assert newest is not None
        version = self.files.version(number or newest.number)
        assert version is not None
        found = self.files.contents(version.hashes.values())
        return {name: found[content_hash] for name, content_hash in version.hashes.items()}

    def in_folder(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.folder.glob("*.json") if path.is_file()}


@pytest.fixture
def pusher(tmp_path, mongo_server, capsys, monkeypatch, plain_environment) -> Iterator[Pusher]:
    pusher = Pusher(tmp_path, mongo_server.url, capsys, monkeypatch)
    yield pusher
    for collection in (pusher.versions, pusher.contents):
        collection.delete_many({"fleet": pusher.fleet})
    pusher.client.close()


def test_a_push_says_what_differs_and_the_same_again_is_no_new_version(pusher):
    for name in "abc":
        pusher.write(name)
    assert pusher.run("push") == [
        "+ a.json", "+ b.json", "+ c.json", f"version 1 is pushed for fleet {pusher.fleet}",
    ]  # fmt: skip
    assert pusher.pushed() == pusher.in_folder()
    assert pusher.run("push", "configs") == [
        "= 3 unchanged", f"nothing to push: version 1 of fleet {pusher.fleet} is the same",
    ]  # fmt: skip
    pusher.write("a", description="edited")
    pusher.write("d")
    (pusher.folder / "b.json").unlink()
    expected = ["~ a.json", "- b.json", "+ d.json", "= 1 unchanged"]
    assert pusher.run("push", "--dry-run")[:4] == expected
    assert pusher.files.newest().number == 1
    assert pusher.run("push") == [*expected, f"version 2 is pushed for fleet {pusher.fleet}"]
    assert pusher.pushed() == pusher.in_folder()


def test_a_broken_file_stays_as_it_was_pushed_before_and_the_others_are_pushed(pusher):
    pusher.write("a")
    pusher.write("b")
    pusher.run("push")
    before = pusher.in_folder()
    pusher.write("a", "{")
    pusher.write("b", description="edited")
    pusher.write("c", "{")
    said = pusher.run("push", code=1)
    assert said[:4] == [
        "! a.json stays as it was pushed before: its file has a problem", "~ b.json",
        "! c.json is not pushed: its file has a problem", f"version 2 is pushed for fleet {pusher.fleet}",
    ]  # fmt: skip
    assert said[4].startswith("error: a.json: line 1, column 2: is not valid JSON")
    assert pusher.pushed() == {"a.json": before["a.json"], "b.json": pusher.in_folder()["b.json"]}
    pusher.write("b", description="edited again")
    assert pusher.run("push", "--strict", code=1)[-1] == "error: nothing was pushed, because of --strict"
    assert pusher.files.newest().number == 2


def test_what_takes_the_name_of_a_file_and_is_none_takes_nothing_away(pusher):
    pusher.write("a")
    pusher.write("b")
    pusher.run("push")
    before = pusher.pushed()
    for name in ("a.json", "b.json"):
        (pusher.folder / name).unlink()
    os.mkfifo(pusher.folder / "a.json")
    (pusher.folder / "b.json").symlink_to("nowhere")
    pusher.write("c")
    pusher.run("push", code=1)
    assert pusher.pushed() == {**before, "c.json": pusher.in_folder()["c.json"]}


def test_a_file_may_not_claim_what_one_claims_that_stays_as_it_was(pusher):
    pusher.write("a")
    pusher.run("push")
    before = pusher.pushed()
    pusher.write("a", "{")
    pusher.write("b", name="sync-a")
    said = pusher.run("push", code=1)
    assert "error: b.json: name: the name sync-a is used also by a.json" in said
    assert pusher.pushed() == before


def test_a_secret_in_a_file_is_refused_and_never_shown_nor_pushed(pusher):
    pusher.write("a", jira={"baseUrl": "https://jira.example.com", "apiToken": LITERAL})
    pusher.write("b")
    said = pusher.run("push", code=1)
    assert "error: a.json: jira.apiToken: is written in the file itself, and what is pushed holds no secret" in "".join(
        said
    )
    said += pusher.run("push", "--json", code=1)
    assert LITERAL not in "".join(said)
    found = [*pusher.contents.find({"fleet": pusher.fleet}), *pusher.versions.find({"fleet": pusher.fleet})]
    assert LITERAL not in str(found)
    assert list(pusher.pushed()) == ["b.json"]


def test_an_empty_folder_is_refused_unless_that_is_what_is_wanted(pusher, tmp_path):
    pusher.write("a")
    pusher.run("push")
    (pusher.folder / "a.json").unlink()
    refused = ["push", "configs"]
    (sentence,) = pusher.run(*refused, code=1)
    assert sentence.startswith(f"error: {pusher.folder} holds no sync that can be pushed; nothing was pushed. if all")
    pusher.write("z", "{")  # nor is one in which everything is broken
    assert pusher.run(*refused, code=1)[-1] == sentence
    (pusher.folder / "z.json").unlink()
    assert pusher.run("push", str(tmp_path / "nowhere"), code=1) == [
        f"error: {tmp_path}/nowhere is not a folder; make it, or let jira-sync init make it with a sync"
    ]
    assert pusher.files.newest().number == 1
    assert pusher.run("push", "--allow-empty")[0] == "- a.json"
    assert pusher.pushed() == {}


def test_the_documents_for_scripts(pusher):
    pusher.write("a")
    pusher.write("b", "{")
    document = json.loads("\n".join(line for line in pusher.run("push", "--json", code=1) if "error:" not in line))
    assert {key: document[key] for key in ("fleet", "version", "isPushed", "changes", "unchanged")} == {
        "fleet": pusher.fleet, "version": 1, "isPushed": True, "unchanged": 0,
        "changes": [
            {"file": "a.json", "change": "added", "why": ""},
            {"file": "b.json", "change": "kept", "why": "is not pushed: its file has a problem"},
        ],
    }  # fmt: skip
    assert [problem["file"] for problem in document["problems"]] == ["b.json"]
    document = json.loads("\n".join(pusher.run("pull", "here", "--json")))
    assert (document["version"], document["files"]) == (1, [{"file": "a.json", "isDone": True, "text": "+ a.json"}])
    (entry,) = json.loads("\n".join(pusher.run("versions", "--json")))["versions"]
    assert (entry["version"], entry["files"]) == (1, 1)


def test_a_version_is_pulled_and_pushed_again_to_go_back_to_it(pusher, tmp_path):
    pusher.write("a", description="first")
    pusher.run("push")
    first = pusher.pushed()
    pusher.write("a", description="second")
    pusher.write("b")
    pusher.run("push")
    said = pusher.run("pull", "before", "--version", "1")
    assert said[0] == "+ a.json"
    assert said[1].startswith(f"{tmp_path}/before has version 1 of fleet {pusher.fleet}, pushed 20")
    assert pusher.run("push", "before")[:2] == ["~ a.json", "- b.json"]
    assert pusher.pushed() == first
    header, *rows = pusher.run("versions")
    assert header.split() == ["VERSION", "PUSHED", "BY", "FILES"]
    assert [(row.split()[0], row.split()[-1]) for row in rows] == [("3", "1"), ("2", "2"), ("1", "1")]
    assert pusher.run("pull", "before", "--version", "9", code=1) == [
        "error: there is no version 9; jira-sync versions lists those that are there"
    ]


def test_a_pull_writes_over_nothing_that_differs(pusher, tmp_path):
    pusher.write("a")
    pusher.write("b")
    pusher.run("push")
    pushed = pusher.in_folder()
    pusher.write("a", description="not pushed yet")
    pusher.write("c")
    before = pusher.in_folder()
    (sentence,) = pusher.run("pull", "configs", code=1)
    assert sentence.startswith(f"error: {pusher.folder} has something else by the names a.json: nothing was written;")
    assert pusher.in_folder() == before
    assert pusher.run("pull", "configs", "--replace")[:3] == [
        "~ a.json", "! c.json is not part of version 1", "= 1 unchanged",
    ]  # fmt: skip
    assert pusher.in_folder() == {**pushed, "c.json": before["c.json"]}
    # What is no file is not written over, nor is what a link leads to.
    outside = tmp_path / "outside"
    outside.write_text("kept")
    (pusher.folder / "a.json").unlink()
    (pusher.folder / "a.json").symlink_to(outside)
    (pusher.folder / "b.json").unlink()
    os.mkfifo(pusher.folder / "b.json")
    (sentence,) = pusher.run("pull", "configs", "--replace", code=1)
    assert sentence.endswith("has something else by the names a.json, b.json: remove them")
    assert outside.read_text() == "kept"


def test_what_the_database_has_lost_is_pushed_again(pusher):
    pusher.write("a")
    pusher.write("b")
    pusher.run("push")
    lost = {"_id": f"{pusher.fleet}/{hash_of(pusher.in_folder()['a.json'])}"}
    for spoil in (
        lambda: pusher.contents.delete_one(lost),
        lambda: pusher.contents.update_one(lost, {"$set": {"content": b""}}),
    ):
        spoil()
        assert "error: a.json: is not in the database as it was pushed" in pusher.run("pull", "new", code=1)
        said = pusher.run("push")
        assert said[:2] == ["~ a.json is pushed again: the database has lost it", "= 1 unchanged"]
        assert pusher.pushed() == pusher.in_folder()


def test_a_version_that_nobody_can_have_pushed_is_followed_by_a_whole_one(pusher):
    pusher.write("a")
    pusher.run("push")
    pusher.versions.update_one({"_id": f"{pusher.fleet}/1"}, {"$set": {"files": "x"}})
    assert pusher.run("pull", "new", code=1)[0].startswith("error: version 1 of fleet")
    assert pusher.run("push")[-1] == f"version 2 is pushed for fleet {pusher.fleet}"
    assert pusher.pushed() == pusher.in_folder()


def test_names_from_the_database_lead_nowhere_else(pusher, tmp_path):
    pusher.write("a")
    pusher.run("push")
    entries = [
        {"name": name, "hash": hash_of(pusher.in_folder()["a.json"])} for name in ("../x.json", f"{tmp_path}/y.json")
    ]
    pusher.versions.update_one({"_id": f"{pusher.fleet}/1"}, {"$push": {"files": {"$each": entries}}})
    pusher.run("pull", "new/folder", code=1)
    assert [path.name for path in tmp_path.rglob("*.json") if path.parent != pusher.folder] == ["a.json"]


def test_without_a_server_and_with_one_that_is_away_it_says_what_to_set(pusher, monkeypatch):
    monkeypatch.setattr("sync_worker.database.connection.SECONDS_TO_FIND_A_SERVER", 0.2)
    pusher.write("a")
    pusher.set(DATABASE_URL="")
    for command in (["push"], ["pull", "new"], ["versions"]):
        (sentence,) = pusher.run(*command, code=1)
        assert sentence.endswith(
            "go into the MongoDB server that all containers share: set DATABASE_URL or DATABASE_URL_FILE"
        )
    pusher.set(DATABASE_URL="mongodb://u:s3cr3t-password@127.0.0.1:1/?authSource=admin")
    for command in (["push"], ["pull", "new"], ["versions"]):
        (sentence,) = pusher.run(*command, code=1)
        assert sentence.endswith("DATABASE_URL says where it should be")
        assert "s3cr3t" not in sentence
    pusher.set(FLEET="No Name")
    assert pusher.run("push", code=1)[0].startswith("error: FLEET is 'No Name'; it must be a name of small letters")


def test_before_anything_was_pushed_that_is_said(pusher):
    nothing = f"nothing has been pushed for fleet {pusher.fleet} yet: jira-sync push"
    assert pusher.run("versions") == [nothing]
    assert pusher.run("pull", "new", code=1) == [f"error: {nothing}"]
