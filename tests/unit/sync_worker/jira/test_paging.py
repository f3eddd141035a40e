"""Lists that come page by page."""

from __future__ import annotations

from itertools import count

import pytest

from sync_worker.core.errors import NotJira
from sync_worker.jira import paging
from sync_worker.jira.paging import offset_pages

ENTRIES = [{"id": number} for number in range(1, 6)]


def site(page):
    """Return a GET that answers with `page(start)`, and the list of its calls."""
    calls = []

    def get(path, parse, **parameters):
        calls.append((path, parameters))
        return parse(page(parameters["startAt"]))

    return get, calls


def listed(name, most, **of_all):
    """Return what gives ENTRIES in pages of `most`; `of_all` are fields of each page."""
    return lambda start: {name: ENTRIES[start : start + most], **of_all}


def ids(get, *names):
    return list(offset_pages(get, "/list", names or ("values",), lambda entry: entry["id"], orderBy="id"))


def test_all_entries_of_all_pages_are_given():
    get, calls = site(listed("values", 2, total=5))
    assert ids(get, "entries", "values") == [1, 2, 3, 4, 5]
    assert calls == [("/list", {"startAt": start, "maxResults": 100, "orderBy": "id"}) for start in (0, 2, 4)]


def test_pages_that_name_no_total_are_read_to_the_last_one():
    get, _ = site(lambda start: {**listed("values", 2)(start), "isLast": start == 4})
    assert ids(get) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("total", [{}, {"total": 5}, {"total": None, "isLast": False}])
def test_a_page_without_entries_is_the_last_one(total):
    get, calls = site(lambda _start: {"values": [], **total})
    assert ids(get) == []
    assert len(calls) == 1


def test_no_page_is_read_before_its_entries_are_wanted():
    get, calls = site(listed("values", 1, total=5))
    assert next(offset_pages(get, "/list", ("values",), lambda entry: entry["id"])) == 1
    assert len(calls) == 1


def test_a_page_that_has_no_list_is_not_taken_for_an_empty_one():
    get, _ = site(lambda _start: {})
    with pytest.raises(LookupError):
        ids(get)


def test_a_list_of_which_the_same_page_comes_again_and_again_ends():
    get, calls = site(lambda _start: {"values": ENTRIES, "isLast": False})
    with pytest.raises(NotJira, match="the same page"):
        ids(get)
    assert len(calls) == 2


def test_a_list_without_an_end_ends(monkeypatch):
    monkeypatch.setattr(paging, "MOST_PAGES", 7)
    numbers = count()
    get, calls = site(lambda _start: {"values": [{"id": next(numbers)}], "isLast": False})
    with pytest.raises(NotJira, match="do not end"):
        ids(get)
    assert len(calls) == 7
