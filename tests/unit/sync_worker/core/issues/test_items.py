"""What is new about the items of an issue: its files, say."""

from __future__ import annotations

import pytest

from sync_worker.core.issues.causes import Attempt
from sync_worker.core.issues.items import Handled, Item, News, Reach, Verb, looked_at, news
from worker_values import NOON, at

ITEM = Item("9", "3 a.txt", NOON)
COPIED, COPY = Handled("3 a.txt", twin="90"), Handled("3 a.txt", twin="80", is_copy=True)
REMOVALS = Reach(removals=True)


@pytest.mark.parametrize(
    # what is remembered of it                   it is news
    ("handled", "is_news"),
    [
        (None, True),
        (Handled(attempt=Attempt(NOON)), True),
        (COPIED, False),
        (COPY, False),
        (Handled(is_copy=True), False),
        (Handled(is_refused=True), False),
        (Handled(twin="90", is_gone=True), False),
    ],
)
def test_an_item_is_news_until_something_was_done_about_it(handled, is_news):
    known = {"9": handled} if handled else {}
    assert list(news([ITEM], known, Reach())) == ([News(Verb.ADDED, "9", ITEM, handled)] if is_news else [])


@pytest.mark.parametrize(
    # put there     carried over since     it is news
    ("put_there", "since", "is_news"),
    [(NOON, None, True), (NOON, NOON, True), (NOON, at(1), False), (None, at(1), True)],
)
def test_an_item_from_before_stays(put_there, since, is_news):
    assert bool(list(news([Item("9", "", put_there)], {}, Reach(since=since)))) is is_news


def test_an_item_from_before_that_was_begun_is_brought_to_an_end():
    begun = Handled(attempt=Attempt(NOON))
    assert list(news([ITEM], {"9": begun}, Reach(since=at(1)))) == [News(Verb.ADDED, "9", ITEM, begun)]


@pytest.mark.parametrize(
    # what is remembered of one that is not there                          it is news
    ("handled", "is_news"),
    [
        (COPIED, True),
        (COPY, False),
        (Handled(twin="90", is_gone=True), False),
        (Handled(is_refused=True), False),
        (Handled(twin="90", is_refused=True), False),
    ],
)
def test_that_an_item_was_removed_is_news_where_a_copy_of_it_is_elsewhere(handled, is_news):
    assert list(news([], {"9": handled}, REMOVALS)) == ([News(Verb.REMOVED, "9", None, handled)] if is_news else [])
    assert list(news([], {"9": handled}, Reach())) == []


@pytest.mark.parametrize("reach", [Reach(), REMOVALS])
def test_an_item_that_was_begun_and_is_gone_is_news_until_it_is_certain_what_became_of_it(reach):
    begun = Handled("3 a.txt", attempt=Attempt(NOON))
    assert list(news([], {"9": begun}, reach)) == [News(Verb.REMOVED, "9", None, begun)]


def test_an_item_that_is_gone_is_noted_so_that_nothing_is_removed_for_it_later():
    (gone,) = looked_at([], {"9": COPIED}, removals=False).values()
    assert list(news([], {"9": gone}, REMOVALS)) == []


def test_an_item_that_is_gone_stays_news_where_removals_are_carried_over():
    assert looked_at([], {"9": COPIED}, removals=True) == {"9": COPIED}


def test_an_item_that_comes_back_after_its_removal_was_carried_over_is_news():
    known = {"9": COPIED.removed()}
    assert list(news([], known, REMOVALS)) == []
    (again,) = looked_at([ITEM], known, removals=True).values()
    assert again == Handled(COPIED.version)
    assert list(news([ITEM], {"9": again}, REMOVALS)) == [News(Verb.ADDED, "9", ITEM, again)]


def test_an_item_that_is_there_again_is_no_news():
    again = looked_at([ITEM], {"9": Handled("3 a.txt", twin="90", is_gone=True)}, removals=False)
    assert again == {"9": COPIED}
    assert list(news([ITEM], again, REMOVALS)) == []


def test_an_item_that_is_back_was_not_removed_whatever_was_looked_for():
    looked_for = Handled("3 a.txt", twin="90", attempt=Attempt(NOON))
    assert looked_at([ITEM], {"9": looked_for}, removals=True) == {"9": COPIED}
    assert looked_at([], {"9": looked_for}, removals=True) == {"9": looked_for}


def test_what_an_earlier_version_has_noted_without_a_version_gets_one_at_the_next_look():
    assert looked_at([ITEM], {"9": Handled(twin="90")}, removals=False) == {"9": COPIED}
