"""Files between the two issues of a pair, whatever happens, and whenever it does.

A machine draws what people do, what is asked of the sync, and what goes wrong at which request. Once nothing happens
any more, both issues must soon be in agreement, as the sync's file says it, and nothing must be written from then on.
The engine and the facet are the real ones, and what is remembered is kept as real documents.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import timedelta
from types import MappingProxyType
from typing import Any
from unittest import mock

import pytest
import structlog
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from fake_sides import BACKUP, IDS, LARGE, PROJECTS, Crash, FakeSide, FakeStore, Happening, StoredFile, Trouble, World
from sync_model.definition.attachments import MEGABYTE
from sync_model.definition.sync import Side
from sync_worker.core.context import Context, NoPredecessor
from sync_worker.core.decisions.retry import is_due
from sync_worker.core.errors import SyncError
from sync_worker.core.identity import Identity, SideIdentity
from sync_worker.core.issues.issue import Issue
from sync_worker.core.issues.items import Items
from sync_worker.core.issues.state import IssueState
from sync_worker.engine.delivery.batch import work_on
from sync_worker.engine.delivery.failures import FailedCauses
from sync_worker.engine.delivery.pair import PairDelivery
from sync_worker.engine.intents import IntentLog
from sync_worker.engine.unprocessable import UnprocessableIssues
from sync_worker.facets.attachments import DELETED, Attachments
from sync_worker.facets.work import DONE
from worker_values import OUR_ACCOUNT, sync

SILENT = structlog.wrap_logger(
    structlog.ReturnLogger(), processors=[], wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL)
)
LONGEST_WAIT = timedelta(minutes=70)
"""After it, whatever has failed is due again."""
WRITES_TO_STORE = ("state", "pair", "journal")
MOST_ROUNDS = 5
"""So many looks at both issues bring them into agreement, once nothing happens any more."""

NAMES = st.sampled_from(["a.txt", "b.txt", "a (2).txt"])
CONTENTS = st.sampled_from([b"x", b"y", b"long"])
"""Two of them have the same size, and files of the same content are likely."""
SIDES = st.sampled_from(list(Side))
LOOKS = st.sampled_from([(Side.USER, Side.DEV), (Side.DEV, Side.USER), (Side.USER,), (Side.DEV,)])
NUMBERS = st.integers(0, 3)
LATEST = -1
POLICIES = st.builds(
    lambda direction, deletes, limits: {"syncDirection": direction, "deletes": deletes, **limits},
    st.sampled_from(["both", "both", "both", "user_to_dev", "dev_to_user", "none"]),
    st.sampled_from(["keep", "delete"]),
    st.sampled_from([{}, {}, {}, {"maxMegabytes": (LARGE - 1) / MEGABYTE}, {"except": ["b.*"]}]),
)
EDITS = st.tuples(st.just("add"), SIDES, NAMES, CONTENTS) | st.tuples(st.just("remove"), SIDES, NUMBERS)
REQUESTS = st.tuples(
    st.sampled_from([*["upload", "state"] * 2, "download", "deletion", "link", "issue", "file", "history", "journal"]),
    st.integers(0, 5),
)
HAPPENINGS = st.dictionaries(REQUESTS, st.sampled_from(Trouble) | EDITS, max_size=2)
"""What happens at which requests of one look at the issues, or just before them."""
SENDING = st.dictionaries(
    st.sampled_from([("upload", 0), ("upload", 1), ("state", 2), ("state", 3)]), st.sampled_from(Trouble), min_size=1
)
"""What happens as a file is sent, and as it is confirmed on both sides."""
Happenings = Mapping[tuple[str, int], Any]


def in_turn(work: Callable[[Any], Any], items: Iterable[Any], limit: int) -> Iterator[Any]:
    """Stand for `side_by_side`: each result is noted before the next one is begun."""
    return map(work, items)


def all_at_once(work: Callable[[Any], Any], items: Iterable[Any], limit: int) -> Iterator[Any]:
    """Stand for `side_by_side`: all are carried out before the first result is noted, the last one first."""
    return iter([work(item) for item in reversed(list(items))])


class Bench:
    """A sync of one pair in memory. Each look is that of a new process: only what is stored is known to it."""

    def __init__(
        self, policy: Any, number: int = 2, runner: Callable[..., Any] = in_turn, *, refuses: bool = False
    ) -> None:
        self.world, self.runner, self.refuses = World(), runner, refuses
        self.sync = sync(attachments=policy)
        self.sides = {side: FakeSide(self.world, side) for side in Side}
        self.store = FakeStore(self.world, number)
        self.unknown_copies_removed: Counter[tuple[Side, bytes]] = Counter()
        self.knew_format_1 = number == 1
        for side in Side:
            self.store.save([self._intents().observe(side, self.sides[side].shown(), None)])

    # What happens

    def add(self, side: Side, name: str = "a.txt", content: bytes = b"x") -> StoredFile:
        return self.sides[side].add(name, content)

    def remove(self, side: Side, number: int = 0) -> None:
        """Remove one of the files that are there."""
        self._note_removed(side, self.sides[side].remove(number))

    def forget(self, side: Side, number: int = 0) -> None:
        """Restore a backup of a site that is from before one of the files that are there."""
        self._note_removed(side, self.sides[side].remove(number, BACKUP))

    def _note_removed(self, side: Side, removed: StoredFile | None) -> None:
        if removed and removed.is_copy:
            known = {handled.twin for handled in self.items(side.other).values()}
            self.unknown_copies_removed[side, removed.content] += removed.file.id not in known

    def write_format_1(self) -> None:
        self.store.written_anew(1)
        self.knew_format_1 = True

    def look(
        self, sides: Iterable[Side] = tuple(Side), happenings: Mapping[tuple[str, int], Any] = MappingProxyType({})
    ) -> None:
        """Look at the issues of these sides, and carry out what waits on both, as a cycle does."""
        self.world.expect({request: self._happening(what) for request, what in happenings.items()})
        # Whatever goes wrong, the next look goes on from what is stored.
        with mock.patch("sync_worker.engine.delivery.item.side_by_side", self.runner), suppress(Crash, SyncError):
            seen = {side: self._look_at(side) for side in sides}
            self._deliver(seen, dict.fromkeys([*sides, *Side]))

    def settle(self) -> None:
        """Let nothing happen any more, until nothing is written any more."""
        before = self._writes_to_sites()
        for _ in range(MOST_ROUNDS):
            self.world.pass_time(LONGEST_WAIT)
            written = len(self.world.writes)
            self.look()
            if len(self.world.writes) == written and not any(self.state(side).pending for side in Side):
                break
        else:
            pytest.fail(f"no end: {self.world.writes[-10:]}, {[self.state(side).pending for side in Side]}")
        assert self._writes_to_sites() - before <= 2 * sum(len(side.files) for side in self.sides.values())

    # What there is

    def state(self, side: Side) -> IssueState:
        state = self.store.state(side, IDS[side])
        assert state
        return state

    def items(self, side: Side) -> Items:
        return self.state(side).items(Attachments.kind)

    def names(self, side: Side) -> list[str]:
        return [stored.file.filename for stored in self.sides[side].there()]

    # How a look is taken

    def _writes_to_sites(self) -> int:
        return sum(what not in WRITES_TO_STORE for what in self.world.writes)

    @property
    def context(self) -> Context:
        return Context(self.sync, self.sides, self.store, SILENT, lambda: None)  # type: ignore[arg-type]

    def _intents(self) -> IntentLog:
        known = {
            side: SideIdentity((f"https://{side}.example.com",), None, PROJECTS[side], (OUR_ACCOUNT,)) for side in Side
        }
        return IntentLog(self.context, Identity("database", ("sync-ab",), known))

    def _look_at(self, side: Side) -> Issue:
        issue, before = self.sides[side].issue(IDS[side]), self.state(side)
        if issue.updated != before.updated:
            intents = self._intents()
            self.store.save([intents.observe(side, issue, before, intents.reaches(side, self.store.pair_of(side, "")))])
        return issue

    def _deliver(self, seen: Mapping[Side, Issue], order: Iterable[Side]) -> None:
        intents = self._intents()
        failures = FailedCauses(intents, lambda: 0.5)
        pairs = PairDelivery(intents, failures, UnprocessableIssues(self.context), NoPredecessor(), lambda: False)
        works = []
        for side in order:
            state, pair = self.state(side), self.store.pair_of(side, IDS[side])
            if state.pending and self._is_due(state):
                issue = seen.get(side) or self.sides[side].issue(IDS[side])
                works.append(((side, state.id), work_on(self.sync, issue, state, state.pending[0], pair)))
        if works:
            pairs.deliver(works)

    def _is_due(self, state: IssueState) -> bool:
        failure = state.pending[0].failure
        return failure is None or is_due(failure.next_try, self.world.now)

    def _happening(self, what: Any) -> Happening:
        if isinstance(what, Trouble):
            return Trouble.PUT_OFF if what is Trouble.REFUSED and not self.refuses else what
        do, *arguments = what
        return lambda: getattr(self, do)(*arguments)


class Agreement:
    """What must be so once nothing is written any more."""

    def __init__(self, bench: Bench, side: Side) -> None:
        self._bench, self._side = bench, side
        self._own, self._other = bench.sides[side], bench.sides[side.other]
        self._known, self._known_there = bench.items(side), bench.items(side.other)

    def check(self) -> None:
        self.every_file_has_what_stands_for_it()
        self.nothing_else_was_sent()
        self.no_file_was_sent_twice()
        self.copies_go_with_their_originals()
        self.only_our_copies_were_deleted()
        self.each_deletion_is_told_once()

    def every_file_has_what_stands_for_it(self) -> None:
        twins = [handled.twin for key, handled in self._known.items() if handled.twin and self._own.files[key].is_there]
        assert len(set(twins)) == len(twins), f"one file stands for several: {twins}"
        for stored in self._own.there():
            link = f"jira-sync-file:{self._own.site()}:{stored.file.id}"
            assert self._is_linked_to(stored) or link not in self._other.links
            if self._was_refused(stored):
                continue
            handled = self._known.get(stored.file.id)
            twin = handled.twin if handled else None
            if self._follows(stored) and twin is None:
                assert link in self._other.links, f"{stored} has nothing that stands for it"
            if twin:
                counterpart = self._other.files[twin]
                # Of what is gone nobody can tell the content any more.
                if counterpart.is_there or not stored.is_copy:
                    assert counterpart.content in {stored.content, *self._lost_track_of()}
                assert counterpart.removed_by != "us"
                if counterpart.is_there:
                    assert self._known_there[twin].twin in (None, stored.file.id)

    def nothing_else_was_sent(self) -> None:
        for copy in self._copies():
            if copy.content in self._lost_track_of():
                continue
            assert self._is_sent(self._own.files[copy.origin]), f"{copy} should not be there"

    def no_file_was_sent_twice(self) -> None:
        """Which of several equal files is taken for the copy of which makes no difference."""
        sent = Counter(copy.content for copy in self._copies())
        there = Counter(stored.content for stored in self._own.files.values() if self._is_sent(stored))
        for content in sent.keys() - self._lost_track_of():
            # Of a copy that goes before anybody has taken note of it, nobody can know.
            assert sent[content] <= there[content] + self._bench.unknown_copies_removed[self._side.other, content]

    def copies_go_with_their_originals(self) -> None:
        originals = {handled.twin: self._own.files[key] for key, handled in self._known.items() if handled.twin}
        for copy in self._copies():
            if not copy.is_there or self._was_refused(copy) or copy.content in self._lost_track_of():
                continue
            assert copy.file.id in originals, f"{copy} stands for nothing"
            original, is_deleted = originals[copy.file.id], self._bench.sync.attachments.deletes == "delete"
            stays = original.is_there or original.is_forgotten or not is_deleted
            assert stays, f"the original of {copy} is gone"

    def only_our_copies_were_deleted(self) -> None:
        deleted = [stored for stored in self._other.files.values() if stored.removed_by == "us"]
        assert all(stored.is_copy for stored in deleted)
        assert not deleted or self._bench.sync.attachments.deletes == "delete"
        removed = [stored for stored in self._own.files.values() if not stored.is_there and not stored.is_forgotten]
        gone = Counter(stored.content for stored in removed)
        assert Counter(stored.content for stored in deleted) <= gone

    def each_deletion_is_told_once(self) -> None:
        """Format 1 does not say what was done about a file that is gone."""
        told = [entry for entry in self._bench.store.journal if entry.text.startswith(DELETED) and entry.result == DONE]
        gone = [stored for side in self._bench.sides.values() for stored in side.files.values() if not stored.is_there]
        assert len(told) <= len(gone) or self._bench.knew_format_1

    def _lost_track_of(self) -> set[bytes]:
        """Return the contents of files that were gone before it was known whether they had been sent.

        Format 1 does not say what they were. So their copies are not recognised.
        """
        if not self._bench.knew_format_1:
            return set()
        own = {key: handled for side in Side for key, handled in self._bench.items(side).items()}
        gone = [stored for side in self._bench.sides.values() for stored in side.files.values() if not stored.is_there]
        return {stored.content for stored in gone if stored.file.id not in own or not own[stored.file.id].is_settled}

    def _copies(self) -> list[StoredFile]:
        return [stored for stored in self._other.files.values() if stored.is_copy]

    def _follows(self, stored: StoredFile) -> bool:
        sync, file = self._bench.sync, stored.file
        is_admitted = sync.attachments.admits(file.filename, file.mime_type)
        return not stored.is_copy and sync.carries_files(self._side) and is_admitted

    def _is_sent(self, stored: StoredFile) -> bool:
        return self._follows(stored) and not self._is_too_large(stored)

    def _is_linked_to(self, stored: StoredFile) -> bool:
        return self._follows(stored) and self._is_too_large(stored)

    def _is_too_large(self, stored: StoredFile) -> bool:
        limit = self._bench.sync.attachments.max_bytes
        return limit is not None and stored.file.size > limit

    def _was_refused(self, stored: StoredFile) -> bool:
        return stored.file.size in self._bench.world.refused


def check_agreement(bench: Bench) -> None:
    for side in Side:
        Agreement(bench, side).check()
    written = len(bench.world.writes)
    for _ in range(2):
        bench.world.pass_time(LONGEST_WAIT)
        bench.look()
    assert bench.world.writes[written:] == []


class FilesOfAPair(RuleBasedStateMachine):
    """Whatever happens to the files of two issues, in any order, with anything going wrong in between."""

    @initialize(
        policy=POLICIES,
        number=st.sampled_from([2, 2, 2, 1]),
        is_mixed=st.sampled_from([False, False, True]),
        runner=st.sampled_from([in_turn, all_at_once]),
        refuses=st.sampled_from([False, False, False, True]),
    )
    def begin(self, policy, number, is_mixed, runner, refuses):
        self.bench, self.is_mixed = Bench(policy, number, runner, refuses=refuses), is_mixed

    @rule(side=SIDES, name=NAMES, content=CONTENTS)
    def a_person_adds_a_file(self, side, name, content):
        self.bench.add(side, name, content)

    @rule(side=SIDES, number=NUMBERS)
    def a_person_removes_a_file(self, side, number):
        self.bench.remove(side, number)

    @rule(side=SIDES, number=NUMBERS)
    def a_backup_is_restored_that_is_from_before_a_file(self, side, number):
        self.bench.forget(side, number)

    @rule(side=SIDES)
    def a_person_edits_something_else(self, side):
        self.bench.sides[side].touch()

    @rule(sides=LOOKS)
    def the_sync_looks(self, sides):
        self.bench.look(sides)

    @rule(sides=LOOKS, happenings=HAPPENINGS)
    def something_happens_while_the_sync_looks(self, sides, happenings):
        self.bench.look(sides, happenings)

    @rule(side=SIDES, name=NAMES, content=CONTENTS, happenings=SENDING, goes=st.sampled_from([False, False, True]))
    def something_goes_wrong_as_a_file_is_sent(self, side, name, content, happenings, goes):
        self.bench.add(side, name, content)
        self.bench.look([side], happenings)
        if goes:
            self.bench.remove(side, LATEST)

    @rule(minutes=st.sampled_from([1, 10]))
    def time_passes(self, minutes):
        self.bench.world.pass_time(timedelta(minutes=minutes))

    @precondition(lambda self: self.is_mixed)
    @rule()
    def an_earlier_version_writes_all_documents(self):
        self.bench.write_format_1()

    @rule()
    def nothing_happens_for_a_while(self):
        self.bench.settle()
        check_agreement(self.bench)

    @invariant()
    def nothing_is_unexpected(self):
        if bench := getattr(self, "bench", None):
            causes = [cause for side in Side for cause in (*bench.state(side).pending, *bench.state(side).dead)]
            assert not [cause for cause in causes if cause.failure and "unexpected" in cause.failure.error]

    def teardown(self):
        if hasattr(self, "bench"):
            self.nothing_happens_for_a_while()


TestFilesOfAPair = FilesOfAPair.TestCase
# The same courses of events every time: what is new here is a change of the engine, not the luck of a draw.
TestFilesOfAPair.settings = settings(
    max_examples=600,
    stateful_step_count=25,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


@pytest.mark.parametrize("deletes", ["keep", "delete"])
def test_the_copy_of_a_file_that_goes_before_anybody_has_taken_note_of_it_does_not_come_back(deletes):
    bench = Bench({"deletes": deletes})
    bench.add(Side.USER, "a.txt", b"x")
    bench.look([Side.USER], {("upload", 0): Trouble.CRASH_AFTER})
    bench.remove(Side.USER)
    bench.settle()
    check_agreement(bench)
    assert (bench.names(Side.USER), bench.names(Side.DEV)) == ([], ["a.txt"] if deletes == "keep" else [])


def test_the_copy_of_a_file_that_is_gone_is_not_taken_for_that_of_another_one_of_the_same_size():
    bench = Bench({"syncDirection": "user_to_dev"})
    bench.add(Side.USER, "a.txt", b"x")
    bench.look([Side.USER], {("upload", 0): Trouble.CRASH_AFTER})
    bench.remove(Side.USER)
    bench.add(Side.USER, "a.txt", b"y")
    bench.settle()
    check_agreement(bench)
    assert [stored.content for stored in bench.sides[Side.DEV].there()] == [b"x", b"y"]


def test_a_file_is_copied_although_one_that_looks_like_it_goes_while_the_two_are_compared():
    bench = Bench({"syncDirection": "user_to_dev"})
    for side in Side:
        bench.add(side, "a.txt", b"x")
    bench.look([Side.USER], {("download", 1): ("remove", Side.DEV)})
    bench.settle()
    check_agreement(bench)
    assert bench.names(Side.DEV) == ["a.txt"]


def test_a_file_of_a_person_does_not_stand_for_a_copy_that_is_still_on_its_way():
    bench = Bench({"syncDirection": "both"})
    bench.add(Side.DEV, "a.txt", b"x")
    bench.look([Side.DEV], {("upload", 0): Trouble.CRASH_MEANWHILE})
    bench.add(Side.USER, "a.txt", b"x")
    bench.look([Side.USER])
    bench.settle()
    check_agreement(bench)


def test_what_was_sent_is_not_taken_for_the_copy_of_a_file_of_another_name():
    bench = Bench({"syncDirection": "both"})
    bench.add(Side.DEV, "a.txt", b"x")
    bench.look([Side.DEV], {("upload", 0): Trouble.CRASH_MEANWHILE})
    bench.add(Side.DEV, "b.txt", b"x")
    bench.look([Side.DEV], {("upload", 0): Trouble.CRASH_AFTER})
    bench.look([Side.USER])
    for _ in range(2):
        bench.remove(Side.DEV)
    bench.settle()
    check_agreement(bench)
    assert bench.names(Side.DEV) == []


def test_a_file_that_is_deleted_while_it_is_carried_over_is_no_failure():
    bench = Bench({"syncDirection": "user_to_dev"})
    bench.add(Side.USER, "a.txt", b"x")
    bench.add(Side.USER, "b.txt", b"y")
    bench.look([Side.USER], {("download", 0): ("remove", Side.USER)})
    bench.settle()
    check_agreement(bench)
    assert bench.names(Side.DEV) == ["b.txt"]
    assert bench.state(Side.USER).dead == ()
