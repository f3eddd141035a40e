"""The stories of crashes: one of everything, one of each facet, which makes it do each kind of its work, and others.

`STORIES` has them by their kinds. A facet's story is of the facet's kind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any, ClassVar

from benchmarks.scenario.crash_story import A_DAY, A_MINUTE, BLOCKED, EMPTY, SIGN_IN, CrashStory
from benchmarks.verdict.demands import OTHER, SIDES, FileDemands
from sync_worker.core.identity import Decision

Acts = Sequence[Callable[[], object]]
DELETED = "Its counterpart is gone."
ON_DELETION: Mapping[str, Any] = {"onDelete": "comment", "onDeleteComment": DELETED}
EVERYTHING, RESTORED = "everything", "restored"


class Everything(CrashStory):
    """Two issues from their report to the end of one of them."""

    kind = EVERYTHING
    told = (
        "Two issues are taken on, with a file, a comment and cross-links.",
        "A login gateway replaces Jira's answer to their creation, and dates its own a day ahead.",
        "The counterpart of the first is finished while the first is hidden; once it is visible again, that moves it.",
        "It posts a comment, too; a firewall replaces the answer to that.",
        "Nothing happens for a while.",
        "The database is lost.",
        "A file comes late, by a node whose clock is behind; a proxy replaces the answer to its upload.",
        "Both are carried over again, as a person asked; of the second, all that the sync knew was lost.",
        "The sites get another address, and a person says that they are the same.",
        "The first issue moves to another project.",
        "The second is deleted, which is found and confirmed by and by, and told on its counterpart.",
    )
    changes: ClassVar = ON_DELETION
    # Comments: two announcements, two answers to Done, and the deletion; that on the deleted issue is gone with it.
    expected: ClassVar = {"pairs": 1, "comments by the syncs": 4, "copies by the syncs": 3}

    @property
    def acts(self) -> Acts:
        return (
            self._report, self.wait, self._finish, self._show, self.wait, self._lose_database, self._add_file,
            self._ask_for_resync, self._rename_sites, self._move_to_other_project, self._delete, self.wait_for_census,
        )  # fmt: skip

    def _report(self) -> None:
        self.spoil("dev", "/issue/bulk$", SIGN_IN)
        self.report("It is broken", "So is this")

    def _finish(self) -> None:
        """The issue is hidden from the sync's account meanwhile."""
        self.spoil("user", "/comment$", BLOCKED)
        self.control.hide(self.sync.sites["user"], self.keys[0])
        self.move_counterpart("In Progress", "Done")

    def _show(self) -> None:
        self.control.show(self.sync.sites["user"], self.keys[0])
        self.pass_time(A_MINUTE)

    def _lose_database(self) -> None:
        """All that the sync knew is lost, when nothing is left to be done."""
        with self.database() as database:
            database.client.drop_database(database.name)

    def _add_file(self) -> None:
        """The issue is dated before what the sync knows of it."""
        self.spoil("dev", "/attachments$", EMPTY)
        site = self.sync.sites["user"]
        node = self.control.fault(site, "node_clock", offset=-50)
        with self.ann("user") as ann:
            ann.attach(self.keys[0], "log.txt", b"more" * 1000)
        self.control.heal(site, node)

    def _ask_for_resync(self) -> None:
        """A person asks for a resync of both issues. All that the sync knew of the second is lost."""
        self.pass_time(A_MINUTE)
        with self.database() as database:
            pair = database["pairs"].find_one_and_delete({"_id": self.ids[1]}) or {}
            lost = [f"user:{self.ids[1]}", f"dev:{pair.get('dev_id')}"]
            database["issues"].delete_many({"_id": {"$in": lost}})
        self.ask("resync", *[f"user:{issue_id}" for issue_id in self.ids])

    def _rename_sites(self) -> None:
        """The sites get another address, and a person says that they are the same."""
        self.file.write_text(self.file.read_text().replace("127.0.0.1", "localhost"))
        self.ask("adopt", Decision.SAME_SITE)

    def _move_to_other_project(self) -> None:
        """The worker finds out when the counterpart is reopened and finished again."""
        self.control.move(self.sync.sites["user"], self.keys[0], self.sync.other_projects["user"])
        self.move_counterpart("Reopened", "Closed")

    def _delete(self) -> None:
        site = self.sync.sites["user"]
        self.deleted.add((site, self.ids[1]))
        self.control.delete(site, self.keys[1])
        self.pass_time(A_DAY)


class Creations(CrashStory):
    """Counterparts, one by one and in bulk."""

    kind = "create"
    told = (
        "An issue is taken on, and a proxy replaces the answer to the creation of its counterpart.",
        "Two more are taken on at once; a login gateway replaces the answer to that.",
        "One more is taken on, and nothing goes wrong.",
    )
    expected: ClassVar = {"pairs": 4, "comments by the syncs": 4, "copies by the syncs": 4}

    @property
    def acts(self) -> Acts:
        return (
            self._report_one_and_lose_the_answer, self.wait, self._report_two_and_lose_the_answer, self.wait,
            self._report_one, self.wait_long,
        )  # fmt: skip

    def _report_one_and_lose_the_answer(self) -> None:
        self.spoil("dev", "/issue$", EMPTY)
        self.report("It is broken")

    def _report_two_and_lose_the_answer(self) -> None:
        self.spoil("dev", "/issue/bulk$", SIGN_IN)
        self.report("This is broken", "And that")

    def _report_one(self) -> None:
        self.report("Nothing works")


class Moves(CrashStory):
    """Statuses, in both directions."""

    kind = "move"
    told = (
        "An issue is taken on, and its counterpart is started.",
        "It is finished; a login gateway replaces the answer to the move of the issue.",
        "The customer reopens the issue, and again the answer is replaced.",
        "The developers finish it again while the issue is hidden.",
    )
    # Comments: one announcement, and two answers to Done.
    expected: ClassVar = {"pairs": 1, "comments by the syncs": 3, "copies by the syncs": 1}

    @property
    def acts(self) -> Acts:
        return (
            self._report, self._start, self._finish, self.wait, self._reopen, self.wait, self._finish_unseen,
            self._show, self.wait_long,
        )  # fmt: skip

    def _report(self) -> None:
        self.report("It is broken")

    def _start(self) -> None:
        self.move_counterpart("In Progress")

    def _finish(self) -> None:
        self.spoil("user", "/transitions$", SIGN_IN)
        self.move_counterpart("Done")

    def _reopen(self) -> None:
        self.spoil("dev", "/transitions$", SIGN_IN)
        with self.ann("user") as ann:
            ann.move(self.keys[0], "Reopened")

    def _finish_unseen(self) -> None:
        self.control.hide(self.sync.sites["user"], self.keys[0])
        self.move_counterpart("In Progress", "Done")

    def _show(self) -> None:
        self.control.show(self.sync.sites["user"], self.keys[0])
        self.pass_time(A_MINUTE)


class CrossLinks(CrashStory):
    """The links of a pair to each other, and what becomes of them when an issue gets another key."""

    kind = "link"
    told = (
        "An issue is taken on; a login gateway replaces the answers to both links.",
        "The issue moves to another project, so that the link to it has to name another key.",
        "So does the counterpart, and the answer to the new link is replaced.",
    )
    expected: ClassVar = {"pairs": 1, "comments by the syncs": 1, "copies by the syncs": 1}

    @property
    def acts(self) -> Acts:
        return (
            self._report, self.wait, self._move_issue, self.wait_for_census, self._move_counterpart,
            self.wait_for_census, self.wait_long,
        )  # fmt: skip

    def _report(self) -> None:
        for side in SIDES:
            self.spoil(side, "/remotelink$", SIGN_IN)
        self.report("It is broken")

    def _move_issue(self) -> None:
        self._move("user")

    def _move_counterpart(self) -> None:
        self.spoil("user", "/remotelink$", SIGN_IN)
        self._move("dev")

    def _move(self, side: str) -> None:
        """Move an issue to another project. The worker finds out when it counts what there is."""
        self.control.move(self.sync.sites[side], self.key_on(side), self.sync.other_projects[side])
        self.pass_time(A_DAY)


class Answers(CrashStory):
    """Comments: announcements, answers to a status, and what is said of a deletion."""

    kind = "comment"
    told = (
        "An issue is taken on; a firewall replaces the answer to the comment that announces its counterpart.",
        "The counterpart is finished, reopened and finished at once; the answer to the comment on that is replaced.",
        "The issue is deleted, which is told on its counterpart; the answer to that is replaced, too.",
    )
    changes: ClassVar = ON_DELETION
    # The two other comments are gone with the issue.
    expected: ClassVar = {"pairs": 0, "comments by the syncs": 1, "copies by the syncs": 1}

    @property
    def acts(self) -> Acts:
        return (
            self._report, self.wait, self._finish_twice, self.wait, self._delete, self.wait_for_census, self.wait,
            self.wait_long,
        )  # fmt: skip

    def _report(self) -> None:
        self.spoil("user", "/comment$", BLOCKED)
        self.report("It is broken")

    def _finish_twice(self) -> None:
        self.spoil("user", "/comment$", BLOCKED)
        self.move_counterpart("In Progress", "Done", "Reopened", "Closed")

    def _delete(self) -> None:
        self.spoil("dev", "/comment$", BLOCKED)
        site = self.sync.sites["user"]
        self.deleted.add((site, self.ids[0]))
        self.control.delete(site, self.keys[0])
        self.pass_time(A_DAY)


LARGEST = 10_000
"""Bytes. Larger files are linked to."""
SCREENSHOT, PATCH, NOTES, LATE = "screenshot.png", "fix.patch", "notes.txt", "late.txt"


class FilesBothWays(CrashStory):
    """Files of both sides, their copies, and what becomes of these."""

    kind = "attachments"
    told: ClassVar[Sequence[str]] = (
        "An issue is taken on, with a file.",
        "A customer and a developer add a file each at the same time.",
        "The customer adds two more of the name that there is already, and the developer one of that name.",
        "Both add one that is too large.",
        "Both delete the files that they had added first, and so the copies go.",
        "Each deletes a copy of the other's, which is not made again.",
        "Each adds a file; proxies replace the answers to both uploads.",
        "It happens again, and both delete their files before anybody has found out what became of the uploads.",
    )
    files: ClassVar = FileDemands(frozenset(SIDES), deletes=True, largest=LARGEST)
    # Copies: log.txt and one of its two namesakes, and on either side the one whose upload had no answer.
    expected: ClassVar = {"pairs": 1, "comments by the syncs": 1, "copies by the syncs": 4, "links to files": 2}

    @property
    def acts(self) -> Acts:
        return (
            self._report, self._add_on_both_sides, self._add_namesakes, self._add_large_ones, self._delete_originals,
            self._delete_copies, self._add_and_lose_the_answers, self.wait, self.wait,
            self._add_others_and_lose_the_answers, self._delete_what_was_lost, self.wait_long, self.wait_long,
            self._edit_both, self.wait_long,
        )  # fmt: skip

    def _report(self) -> None:
        self.report("It is broken")

    def _add_on_both_sides(self) -> None:
        self._attach("user", SCREENSHOT, b"customer's screenshot")
        self._attach("dev", PATCH, b"developer's patch")

    def _add_namesakes(self) -> None:
        self._attach("user", "log.txt", b"second log")
        self._attach("user", "log.txt", b"third log")
        self._attach("dev", "log.txt", b"developer's log")

    def _add_large_ones(self) -> None:
        self._attach("user", "video.mp4", b"u" * (LARGEST + 1))
        self._attach("dev", "dump.bin", b"d" * (LARGEST + 2))

    def _delete_originals(self) -> None:
        self._remove("user", b"customer's screenshot")
        self._remove("dev", b"developer's patch")

    def _delete_copies(self) -> None:
        self._remove("dev", b"second log")
        self._remove("user", b"developer's log")

    def _add_and_lose_the_answers(self) -> None:
        self._add_and_spoil(LATE)

    def _add_others_and_lose_the_answers(self) -> None:
        self._add_and_spoil(SCREENSHOT)

    def _delete_what_was_lost(self) -> None:
        for side in SIDES:
            self._remove(side, _content(SCREENSHOT, side))

    def _edit_both(self) -> None:
        """Whatever is new to the worker would be carried over now."""
        for side in SIDES:
            with self.ann(side) as ann:
                ann.edit(self.key_on(side), labels=["edited"])

    def _add_and_spoil(self, name: str) -> None:
        for side in SIDES:
            self.spoil(OTHER[side], "/attachments$", EMPTY)
            self._attach(side, name, _content(name, side))

    def _attach(self, side: str, name: str, content: bytes) -> None:
        with self.ann(side) as ann:
            ann.attach(self.key_on(side), name, content)

    def _remove(self, side: str, content: bytes) -> None:
        """A person deletes the file with this content, whoever has put it there."""
        digest = sha256(content).hexdigest()
        issue = self.control.issue(self.sync.sites[side], self.key_on(side))
        found = next(file["id"] for file in issue["attachments"] if file["sha256"] == digest)
        with self.ann(side) as ann:
            ann.remove_file(found)


class RestoredSite(FilesBothWays):
    """Files on a site that is restored from a backup from before them."""

    kind = RESTORED
    told = (
        "An issue is taken on, with a file, and the developers' site is backed up.",
        "A developer adds two files, and a customer one.",
        "The site is restored, and knows neither the two nor the copy of the third.",
        "The developer adds a file, to which the site gives the id of a forgotten one.",
        "A person says that the sync moved, and so the forgotten copy is made again.",
        "The developer adds the forgotten files again, whose copies are there, and the customer deletes theirs.",
    )
    expected: ClassVar = {"pairs": 1, "comments by the syncs": 1, "copies by the syncs": 4}

    @property
    def acts(self) -> Acts:
        return (
            self._report, self._back_up, self._add_three, self.wait, self._restore, self.wait_long,
            self._say_what_has_happened, self.wait, self._add_again_and_delete, self.wait_long, self._edit_both,
            self.wait_long,
        )  # fmt: skip

    def _back_up(self) -> None:
        self.backup = self.control.back_up(self.sync.sites["dev"])

    def _add_three(self) -> None:
        self._add_on_both_sides()
        self._attach("dev", NOTES, b"developer's notes")

    def _restore(self) -> None:
        self.control.restore(self.sync.sites["dev"], self.backup)
        self._attach("dev", LATE, _content(LATE, "dev"))

    def _say_what_has_happened(self) -> None:
        self.ask("adopt", Decision.MOVED)

    def _add_again_and_delete(self) -> None:
        self._attach("dev", NOTES, b"developer's notes")
        self._attach("dev", PATCH, b"developer's patch")
        self._remove("user", b"customer's screenshot")


def _content(name: str, side: str) -> bytes:
    return f"{name} of {side}".encode()


_KNOWN: list[type[CrashStory]] = [*CrashStory.__subclasses__(), *FilesBothWays.__subclasses__()]
STORIES = {story.kind: story for story in _KNOWN}
