"""Lists that come page by page."""

from __future__ import annotations

from sync_worker.jira.paging import offset_pages


def site(name, entries, most):
    """Return a GET that gives `entries` in pages of `most`, and the list of its calls."""
    calls = []

    def get(path, **parameters):
        calls.append((path, parameters))
        start = parameters["startAt"]
        return {name: entries[start : start + most], "total": len(entries)}

    return get, calls


def test_all_entries_of_all_pages_are_given():
    get, calls = site("values", [1, 2, 3, 4, 5], most=2)
    assert list(offset_pages(get, "/list", ("entries", "values"), orderBy="id")) == [1, 2, 3, 4, 5]
    assert calls == [("/list", {"startAt": start, "maxResults": 100, "orderBy": "id"}) for start in (0, 2, 4)]


def test_no_page_is_read_before_its_entries_are_wanted():
    get, calls = site("values", [1, 2, 3], most=1)
    assert next(offset_pages(get, "/list", ("values",))) == 1
    assert len(calls) == 1


def test_a_page_without_entries_is_the_last_one():
    get, calls = site("elsewhere", [1, 2, 3], most=1)
    assert list(offset_pages(get, "/list", ("values",))) == []
    assert len(calls) == 1
