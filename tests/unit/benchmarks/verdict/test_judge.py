"""The verdict on a sync: a healthy pair has no violation, and each kind of tampering is a violation of its kind."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from benchmarks.scenario.definitions import sync_under_test
from benchmarks.verdict.demands import FileDemands
from benchmarks.verdict.evidence import RunFacts
from benchmarks.verdict.judge import judge

START = datetime(2026, 5, 1, 12, tzinfo=UTC)
MIRRORED = sync_under_test(1, "mirrored", "cloud", "dc")
SHIPPED = sync_under_test(1, "shipped", "cloud", "dc")
FINISHED = "{} is finished. Please reopen this issue if anything is missing."
HOME = {"user": "SUP1", "dev": "DEV1"}
SITES = {"user": "cloud", "dev": "dc"}


class Desk:
    """Two projects, as `SimulatorControl.issues` shows them, and what people and the sync do there, a minute apart."""

    def __init__(self, sync: str) -> None:
        self.sync = sync
        self.dumps: dict[str, list[dict[str, Any]]] = {"cloud": [], "dc": []}
        self._ids = itertools.count(1)
        self.now = START

    def issue(self, side: str, *, source: dict[str, Any] | None = None) -> dict[str, Any]:
        marker = {"jira-sync": {"site": "cloud", "issue": source["id"], "sync": self.sync}} if source else {}
        made = {
            "id": self._id(),
            "key": f"{HOME[side]}-{len(self.dumps[SITES[side]]) + 1}",
            "project": HOME[side],
            "summary": "Broken",
            "status": {"user": "Open", "dev": "To Do"}[side],
            "creator": "sync" if source else "ann",
            "created": self.now.isoformat(),
            "properties": marker,
            "comments": [],
            "attachments": [],
            "removedFiles": [],
            "links": [],
            "history": [],
        }
        self.dumps[SITES[side]].append(made)
        return made

    def set(
        self, issue: dict[str, Any], field: str, to: str, author: str = "ann", after: float = 60.0, ahead: float = 0.0
    ) -> str:
        """Record a change `after` seconds, dated by a clock that is `ahead`; return the id of its history entry."""
        self.now += timedelta(seconds=after)
        name = {"Key": "key"}.get(field, field)
        entry = {"id": self._id(), "author": author, "field": field, "from": issue.get(name), "to": to}
        dated = self.now + timedelta(seconds=ahead)
        issue["history"].append({**entry, "created": dated.isoformat(), "recorded": self.now.isoformat()})
        if name in issue:
            issue[name] = to
        return str(entry["id"])

    def attach(self, issue: dict[str, Any], filename: str, digest: str, author: str = "ann", size: int = 3) -> None:
        self.set(issue, "Attachment", filename, author)
        made = {"id": self._id(), "filename": filename, "author": author, "size": size, "sha256": digest}
        issue["history"][-1]["toId"] = made["id"]
        issue["attachments"].append(made)

    def remove(self, issue: dict[str, Any], digest: str, author: str, by: str) -> None:
        """Delete the file with this content that `author` has attached."""
        file = next(each for each in issue["attachments"] if (each["sha256"], each["author"]) == (digest, author))
        issue["attachments"].remove(file)
        issue["removedFiles"].append({**file, "removedBy": by})

    def link_to_file(self, issue: dict[str, Any], file: dict[str, Any]) -> None:
        issue["links"].append({"globalId": f"jira-sync-file:site:{file['id']}", "object": {}})

    def comment(self, issue: dict[str, Any], body: str, cause: str = "", author: str = "sync") -> None:
        properties = {"jira-sync": {"cause": cause}} if cause else {}
        made = {"id": self._id(), "author": author, "body": body, "created": self.now.isoformat()}
        issue["comments"].append({**made, "properties": properties})

    def link(self, issue: dict[str, Any], key: str) -> None:
        target = {"title": key, "url": f"http://jira/browse/{key}"}
        issue["links"].append({"globalId": f"jira-sync:site:{len(issue['links'])}", "object": target})

    def _id(self) -> str:
        return str(next(self._ids))


class Pair:
    """A user issue and its counterpart, in the shape that a sync leaves them in."""

    def __init__(self, desk: Desk, first: str, *, target: str | None, announcement: str) -> None:
        self.desk = desk
        self.user = desk.issue("user")
        desk.attach(self.user, "log.txt", "aaa")
        change = desk.set(self.user, "status", first)
        self.dev = desk.issue("dev", source=self.user)
        if target:
            desk.set(self.dev, "status", target, "sync")
        desk.attach(self.dev, "log.txt", "aaa", "sync")
        desk.link(self.user, self.dev["key"])
        desk.link(self.dev, self.user["key"])
        desk.comment(self.user, announcement.format(self.dev["key"]), f"user:{self.user['id']}:{change}")
        desk.comment(self.user, "Any news?", author="ann")


def mirrored() -> Pair:
    """Taken on; finished by a developer, with a file; reopened by the customer."""
    desk = Desk(MIRRORED.name)
    pair = Pair(desk, "Will Do", target="Selected", announcement="Taken on as {}.")
    desk.attach(pair.dev, "fix.patch", "bbb")
    done = desk.set(pair.dev, "status", "Done")
    desk.set(pair.user, "status", "Resolved", "sync")
    desk.attach(pair.user, "fix.patch", "bbb", "sync")
    desk.comment(pair.user, f"{pair.dev['key']} has reached Done.", f"dev:{pair.dev['id']}:{done}")
    again = desk.set(pair.user, "status", "Reopened")
    desk.set(pair.dev, "status", "Again", "sync")
    desk.comment(pair.dev, f"{pair.user['key']} has reached Reopened.", f"user:{pair.user['id']}:{again}")
    return pair


def shipped() -> Pair:
    """Taken on, started and finished."""
    desk = Desk(SHIPPED.name)
    announcement = "We have taken this on; our developers follow it as {}."
    pair = Pair(desk, "Will Do", target=None, announcement=announcement)
    desk.set(pair.dev, "status", "In Progress")
    desk.set(pair.user, "status", "In Progress", "sync")
    done = desk.set(pair.dev, "status", "Done")
    desk.set(pair.user, "status", "Resolved", "sync")
    desk.comment(pair.user, FINISHED.format(pair.dev["key"]), f"dev:{pair.dev['id']}:{done}")
    return pair


def found(pair: Pair, facts: RunFacts | None = None) -> list[str]:
    sync = MIRRORED if pair.desk.sync == MIRRORED.name else SHIPPED
    return [violation.kind for violation in judge(sync, pair.desk.dumps, facts).violations]


@pytest.mark.parametrize("healthy", [mirrored, shipped])
def test_a_healthy_pair_has_no_violation(healthy):
    pair = healthy()
    assert found(pair) == []
    assert found(pair, RunFacts(noticed_early=frozenset({("cloud", pair.user["id"])}))) == []


def second_counterpart(pair: Pair) -> None:
    twin = copy.deepcopy(pair.dev)
    pair.desk.dumps["dc"].append({**twin, "id": "900", "key": "DEV1-9"})


def no_counterpart(pair: Pair) -> None:
    pair.desk.dumps["dc"].remove(pair.dev)
    issue = pair.desk.issue("user")
    pair.desk.set(issue, "status", "Will Do")
    pair.desk.dumps["cloud"].remove(pair.user)


def stranger(pair: Pair) -> None:
    pair.desk.issue("dev", source={"id": "4711"})


def counterpart_among_user_issues(pair: Pair) -> None:
    pair.desk.issue("user", source=pair.dev)


def without_announcement(pair: Pair) -> None:
    del pair.user["comments"][0]


def without_answer(pair: Pair) -> None:
    del pair.user["comments"][-1]


def doubled_comment(pair: Pair) -> None:
    pair.user["comments"].append(copy.deepcopy(pair.user["comments"][0]))


def echo(pair: Pair) -> None:
    """An answer to a move that the sync itself had made."""
    own = next(entry for entry in pair.user["history"] if (entry["author"], entry["field"]) == ("sync", "status"))
    pair.desk.comment(pair.dev, "SUP1-1 has reached Resolved.", f"user:{pair.user['id']}:{own['id']}")


def unmarked_comment(pair: Pair) -> None:
    pair.desk.comment(pair.user, "Taken on as DEV1-1.")


def wrong_words(pair: Pair) -> None:
    pair.user["comments"][0]["body"] = "Taken on as DEV1-77."


def lost_file(pair: Pair) -> None:
    pair.dev["attachments"] = [attached for attached in pair.dev["attachments"] if attached["author"] != "sync"]


def mangled_file(pair: Pair) -> None:
    copy_of_file = next(attached for attached in pair.dev["attachments"] if attached["author"] == "sync")
    copy_of_file["sha256"] = "ccc"


def doubled_file(pair: Pair) -> None:
    pair.desk.attach(pair.dev, "log.txt", "aaa", "sync")


def strange_file(pair: Pair) -> None:
    pair.desk.attach(pair.user, "secret.txt", "ddd", "sync")


def wrong_status(pair: Pair) -> None:
    pair.desk.set(pair.user, "status", "In Progress", "sync")


def stale_link(pair: Pair) -> None:
    pair.desk.set(pair.dev, "Key", "OTHERDEV1-3")
    pair.dev["project"] = "OTHERDEV1"


def missing_link(pair: Pair) -> None:
    pair.dev["links"].clear()


def doubled_link(pair: Pair) -> None:
    pair.desk.link(pair.dev, pair.user["key"])


def strange_summary(pair: Pair) -> None:
    pair.dev["summary"] = pair.dev["key"]


TAMPERING: list[tuple[Callable[[Pair], None], list[str]]] = [
    (second_counterpart, ["duplicated issue"]),
    (no_counterpart, ["lost issue"]),
    (stranger, ["unasked issue"]),
    (counterpart_among_user_issues, ["unasked issue"]),
    (doubled_comment, ["duplicated comment"]),
    (echo, ["unasked comment"]),
    (unmarked_comment, ["unasked comment"]),
    (wrong_words, ["wrong comment"]),
    (without_answer, ["lost comment"]),
    (lost_file, ["lost attachment"]),
    (mangled_file, ["lost attachment", "unasked attachment"]),
    (doubled_file, ["duplicated attachment"]),
    (strange_file, ["unasked attachment"]),
    (wrong_status, ["wrong status"]),
    (stale_link, ["wrong link"]),
    (missing_link, ["missing link"]),
    (doubled_link, ["duplicated link"]),
    (strange_summary, ["wrong summary"]),
]


@pytest.mark.parametrize("healthy", [mirrored, shipped])
@pytest.mark.parametrize(("tamper", "kinds"), TAMPERING)
def test_each_tampering_is_a_violation_of_its_kind(healthy, tamper, kinds):
    pair = healthy()
    tamper(pair)
    assert found(pair) == kinds


@pytest.mark.parametrize("healthy", [mirrored, shipped])
def test_a_lost_announcement_is_a_lost_comment(healthy):
    """Only the announcement says which changes are older than the counterpart, so that more may seem to be wrong."""
    pair = healthy()
    without_announcement(pair)
    assert found(pair)[0] == "lost comment"


@pytest.mark.parametrize(("ahead", "kinds"), [(0, ["lost comment"]), (3600, [])])
def test_every_change_is_answered_when_the_sync_had_noticed_the_issue_before_the_first_one(ahead, kinds):
    """Which one that is cannot be told where a clock was wrong that dated them."""
    pair = mirrored()
    first = pair.user["history"][0]
    earlier = {
        **first,
        "id": "0",
        "field": "status",
        "to": "Waiting",
        "created": (START + timedelta(seconds=ahead)).isoformat(),
        "recorded": START.isoformat(),
    }
    pair.user["history"].insert(0, earlier)
    assert found(pair) == []
    assert found(pair, RunFacts(noticed_early=frozenset({("cloud", pair.user["id"])}))) == kinds


class TestStatuses:
    def test_the_later_change_wins(self):
        pair = mirrored()
        pair.user["status"] = "Resolved"
        pair.dev["status"] = "Done"
        assert found(pair) == ["wrong status"]

    @pytest.mark.parametrize(("seconds", "kinds"), [(0.02, []), (0.2, ["wrong status"])])
    def test_either_of_two_changes_at_the_same_time_may_win(self, seconds, kinds):
        pair = mirrored()
        waiting = pair.desk.set(pair.user, "status", "Waiting")
        done = pair.desk.set(pair.dev, "status", "Done", after=seconds)
        pair.desk.set(pair.dev, "status", "Blocked", "sync")
        pair.desk.comment(pair.dev, f"{pair.user['key']} has reached Waiting.", f"user:{pair.user['id']}:{waiting}")
        pair.desk.comment(pair.user, f"{pair.dev['key']} has reached Done.", f"dev:{pair.dev['id']}:{done}")
        assert found(pair) == kinds

    @pytest.mark.parametrize(("seconds", "kinds"), [(1.0, []), (3.0, ["wrong status"])])
    def test_a_change_that_our_own_move_overtook_is_no_violation(self, seconds, kinds):
        pair = mirrored()
        change = pair.desk.set(pair.dev, "status", "Blocked")
        pair.desk.comment(pair.user, f"{pair.dev['key']} has reached Blocked.", f"dev:{pair.dev['id']}:{change}")
        pair.desk.set(pair.dev, "status", "Again", "sync", after=seconds)
        verdict = judge(MIRRORED, pair.desk.dumps)
        assert [violation.kind for violation in verdict.violations] == kinds
        assert len(verdict.overtaken) == (not kinds)

    @pytest.mark.parametrize(("ahead", "kinds"), [(0.0, ["wrong status"]), (3600.0, [])])
    def test_a_move_of_ours_that_was_decided_while_a_clock_was_wrong_is_no_violation(self, ahead, kinds):
        pair = mirrored()
        waiting = pair.desk.set(pair.user, "status", "Waiting")
        pair.desk.comment(pair.dev, f"{pair.user['key']} has reached Waiting.", f"user:{pair.user['id']}:{waiting}")
        change = pair.desk.set(pair.dev, "status", "Again", after=1.0)
        pair.desk.comment(pair.user, f"{pair.dev['key']} has reached Again.", f"dev:{pair.dev['id']}:{change}")
        pair.desk.set(pair.dev, "status", "Blocked", "sync", after=60.0, ahead=ahead)
        verdict = judge(MIRRORED, pair.desk.dumps)
        assert [violation.kind for violation in verdict.violations] == kinds
        assert len(verdict.overtaken) == (not kinds)

    def test_two_statuses_that_disagree_are_wrong_even_if_one_change_was_overtaken(self):
        pair = mirrored()
        change = pair.desk.set(pair.dev, "status", "Blocked")
        pair.desk.comment(pair.user, f"{pair.dev['key']} has reached Blocked.", f"dev:{pair.dev['id']}:{change}")
        pair.desk.set(pair.dev, "status", "Again", "sync", after=1)
        pair.desk.set(pair.user, "status", "Waiting", "sync", after=1)
        assert found(pair) == ["wrong status"]

    def test_no_status_is_demanded_that_the_workflow_does_not_lead_to(self):
        pair = shipped()
        pair.desk.set(pair.user, "status", "Closed")
        pair.desk.set(pair.dev, "status", "Closed")
        assert found(pair) == []


class TestDeletedAndMovedIssues:
    def test_an_issue_whose_counterpart_was_deleted_is_not_judged(self):
        pair = mirrored()
        pair.desk.dumps["dc"].remove(pair.dev)
        facts = RunFacts(frozenset({("dc", pair.dev["id"])}), frozenset({("cloud", pair.user["id"])}))
        assert (found(pair), found(pair, facts)) == (["lost issue"], [])

    def test_the_counterpart_of_a_deleted_issue_is_no_violation(self):
        pair = mirrored()
        pair.desk.dumps["cloud"].remove(pair.user)
        facts = RunFacts(deleted=frozenset({("cloud", pair.user["id"])}))
        assert (found(pair), found(pair, facts)) == (["unasked issue"], [])

    def test_an_issue_that_moved_to_another_project_keeps_its_counterpart(self):
        pair = mirrored()
        stale_link(pair)
        target = {"title": "OTHERDEV1-3", "url": "http://jira/browse/OTHERDEV1-3"}
        pair.user["links"][0]["object"] = target
        assert found(pair) == []

    def test_an_issue_that_left_its_project_before_it_was_noticed_needs_no_counterpart(self):
        pair = mirrored()
        issue = pair.desk.issue("user")
        pair.desk.set(issue, "status", "Will Do")
        issue["project"] = "OTHERSUP1"
        assert found(pair) == []


class TestFilesBothWays:
    """Each case is what people and the sync do to the files of a pair, and the violations that there must be."""

    @staticmethod
    def pair(*, deletes: bool = False) -> tuple[Pair, Any]:
        """Return a pair with a file of each side, both carried over, and what judges it."""
        files = FileDemands(frozenset({"user", "dev"}), deletes=deletes, largest=100)
        sync = replace(SHIPPED, demands=replace(SHIPPED.demands, files=files))
        pair = shipped()
        pair.desk.attach(pair.dev, "fix.patch", "bbb")
        pair.desk.attach(pair.user, "fix.patch", "bbb", "sync")

        def found(facts: RunFacts | None = None) -> list[str]:
            return [violation.kind for violation in judge(sync, pair.desk.dumps, facts).violations]

        assert found() == []
        return pair, found

    def test_a_file_of_either_side_must_be_on_the_other(self):
        pair, found = self.pair()
        pair.desk.attach(pair.user, "new.txt", "ccc")
        pair.desk.attach(pair.dev, "new.txt", "ddd")
        assert found() == ["lost attachment", "lost attachment"]

    def test_a_copy_that_was_carried_back_was_not_asked_for(self):
        pair, found = self.pair()
        pair.desk.attach(pair.user, "log.txt", "aaa", "sync")
        assert found() == ["unasked attachment"]

    @pytest.mark.parametrize(
        # the sync's file says  the copy goes  the violations
        ("deletes", "goes", "kinds"),
        [
            (True, True, []),
            (True, False, ["left attachment"]),
            (False, False, []),
            (False, True, ["lost attachment"]),
        ],
    )
    def test_a_copy_goes_with_its_original_if_the_file_says_so(self, deletes, goes, kinds):
        pair, found = self.pair(deletes=deletes)
        pair.desk.remove(pair.user, "aaa", "ann", by="ann")
        if goes:
            pair.desk.remove(pair.dev, "aaa", "sync", by="sync")
        assert found() == kinds

    def test_a_sync_that_forgot_its_copies_may_leave_them(self):
        pair, found = self.pair(deletes=True)
        pair.desk.remove(pair.user, "aaa", "ann", by="ann")
        assert found(RunFacts(forgot=True)) == []

    def test_nothing_is_deleted_whose_original_is_there(self):
        pair, found = self.pair(deletes=True)
        pair.desk.remove(pair.dev, "aaa", "sync", by="sync")
        assert "lost attachment" in found()

    @pytest.mark.parametrize("author", ["ann", "sync"])
    def test_no_file_that_a_person_has_put_there_is_deleted_by_the_sync(self, author):
        pair, found = self.pair(deletes=True)
        pair.desk.attach(pair.dev, "own.txt", "eee", author="ann")
        pair.desk.attach(pair.user, "own.txt", "eee", author="sync")
        pair.desk.remove(pair.dev, "eee", "ann", by=author)
        pair.desk.remove(pair.user, "eee", "sync", by="sync")
        assert found() == ([] if author == "ann" else ["lost attachment"])

    def test_a_copy_that_a_person_deletes_is_not_made_again(self):
        pair, found = self.pair()
        pair.desk.remove(pair.dev, "aaa", "sync", by="ann")
        assert found() == []
        pair.desk.attach(pair.dev, "log.txt", "aaa", "sync")
        assert found() == ["duplicated attachment"]
        assert found(RunFacts(forgot=True)) == []

    @pytest.mark.parametrize(("links", "kinds"), [(0, ["lost"]), (1, []), (2, ["duplicated"])])
    def test_there_is_one_link_to_a_file_that_is_too_large(self, links, kinds):
        pair, found = self.pair()
        pair.desk.attach(pair.user, "video.mp4", "fff", size=101)
        for _ in range(links):
            pair.desk.link_to_file(pair.dev, pair.user["attachments"][-1])
        assert found() == [f"{kind} attachment" for kind in kinds]

    def test_a_file_that_is_too_large_is_not_copied_and_one_that_is_not_is_not_linked_to(self):
        pair, found = self.pair()
        pair.desk.attach(pair.user, "video.mp4", "fff", size=101)
        pair.desk.link_to_file(pair.dev, pair.user["attachments"][-1])
        pair.desk.attach(pair.dev, "video.mp4", "fff", "sync", size=101)
        pair.desk.link_to_file(pair.dev, pair.user["attachments"][0])
        assert found() == ["unasked attachment", "unasked attachment"]

    @pytest.mark.parametrize(
        ("order", "kinds"), [(("old", "new"), []), (("new", "old"), ["wrong attachment"]), (("new", "old (2)"), [])]
    )
    def test_the_newest_copy_of_a_name_is_that_of_the_newest_file(self, order, kinds):
        pair, found = self.pair()
        for digest in ("old", "new"):
            pair.desk.attach(pair.user, "a.txt", digest)
        for copy_of in order:
            digest, _, number = copy_of.partition(" ")
            pair.desk.attach(pair.dev, f"a {number}.txt" if number else "a.txt", digest, "sync")
        assert found() == kinds

    def test_a_copy_has_the_name_of_its_original(self):
        pair, found = self.pair()
        pair.dev["attachments"][0]["filename"] = "other.txt"
        assert found() == ["wrong attachment"]

    def test_in_one_direction_the_developers_files_alone_are_carried_over_after_the_creation(self):
        files = FileDemands(frozenset({"dev"}))
        sync = replace(SHIPPED, demands=replace(SHIPPED.demands, files=files))
        pair = shipped()
        pair.desk.attach(pair.user, "later.txt", "ccc")
        pair.desk.attach(pair.dev, "fix.patch", "bbb")
        assert [violation.kind for violation in judge(sync, pair.desk.dumps).violations] == ["lost attachment"]
        pair.desk.attach(pair.user, "fix.patch", "bbb", "sync")
        pair.desk.remove(pair.dev, "aaa", "sync", by="ann")
        assert judge(sync, pair.desk.dumps).violations == []
