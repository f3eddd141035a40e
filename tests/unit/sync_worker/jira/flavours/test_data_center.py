"""Search on Data Center, page by page, whatever its total says and whatever leaves the result meanwhile."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from sync_worker.core.bulk import BatchSize
from sync_worker.core.errors import InvalidRequest, Unavailable
from sync_worker.jira.flavours.data_center import RESULT_WINDOW, DataCenter
from sync_worker.jira.paging import SMALLEST_PAGE

NOTHING = lambda: None  # noqa: E731


class Index:
    """The index of a site. `orphans` are documents without an issue: they count, and are not shown.

    `extra` is how far the total is off. `between_pages` is called after each page.
    """

    def __init__(self, keys: list[str], *, orphans: set[str] = frozenset(), extra: int = 0) -> None:  # type: ignore[assignment]
        self.keys, self.orphans, self.extra = keys, orphans, extra
        self.gone: set[str] = set()
        self.cap = 1000
        self.most = 10_000
        self.between_pages = NOTHING
        self.calls: list[dict[str, Any]] = []

    def get(self, _path: str, parse: Callable[[Any], Any], /, **parameters: Any) -> Any:
        self.calls.append(parameters)
        if parameters["maxResults"] > self.most:
            raise Unavailable("504", status=504)
        if parameters["startAt"] + parameters["maxResults"] > RESULT_WINDOW:
            raise Unavailable("500: the window", status=500)
        found = [key for key in self.keys if self._matches(parameters["jql"], key)]
        start, size = parameters["startAt"], min(parameters["maxResults"], self.cap)
        shown = [key for key in found[start : start + size] if key not in self.orphans]
        answer = {
            "maxResults": size,
            "total": len(found) + self.extra,
            "issues": [{"id": str(abs(hash(key))), "key": key} for key in shown],
        }
        self.between_pages()
        return parse(answer)

    get_once = get

    def _matches(self, jql: str, key: str) -> bool:
        if key in self.gone:
            return False
        if not (bound := re.search(r'key > "(\w+)-(\d+)" OR project NOT IN \((.*)\)', jql)):
            return True
        if f"{bound[1]}-{bound[2]}" in self.gone:
            raise InvalidRequest(f"An issue with key '{bound[1]}-{bound[2]}' does not exist", status=400)
        project, _, number = key.partition("-")
        if project == bound[1]:
            return int(number) > int(bound[2])
        return f'"{project}"' not in bound[3]


def keys(*numbers: int, project: str = "A") -> list[str]:
    return [f"{project}-{number}" for number in numbers]


def search(index: Index, page: int = 3) -> list[str]:
    """Return the keys that are found in pages of this size."""
    size = BatchSize(page, 1)
    found: list[str] = DataCenter().search(index, "project = 1", ["id"], lambda data: data["key"], page_size=size)  # type: ignore[arg-type]
    return found


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 6, 7, 100])
def test_all_matches_of_all_pages_are_found_and_no_page_begins_at_an_offset(count):
    index = Index(keys(*range(count)))
    assert search(index) == index.keys
    assert {call["startAt"] for call in index.calls} == {0}


def test_a_search_that_finds_less_than_a_page_asks_once():
    index = Index(keys(1, 2))
    search(index)
    assert len(index.calls) == 1


@pytest.mark.parametrize(
    "orphans",
    [{"A-0"}, {"A-9"}, {"A-2"}, {"A-3"}, {"A-0", "A-1", "A-2"}, {"A-7", "A-8", "A-9"}, {f"A-{n}" for n in range(9)}],
)
def test_documents_of_the_index_that_have_no_issue_hide_no_other_and_do_not_hold_up_the_search(orphans):
    index = Index(keys(*range(10)), orphans=orphans)
    assert search(index) == [key for key in index.keys if key not in orphans]


@pytest.mark.parametrize("extra", [1, 2, 3, 100, -1, -3, -100])
@pytest.mark.parametrize("count", [0, 2, 3, 6, 10])
def test_a_total_that_is_wrong_in_either_direction_neither_hides_anything_nor_holds_up_the_search(count, extra):
    index = Index(keys(*range(count)), extra=extra)
    assert search(index) == index.keys


def test_a_site_that_gives_smaller_pages_than_it_is_asked_for_is_searched_to_the_end():
    index = Index(keys(*range(25)))
    index.cap = 7
    assert search(index, page=10) == index.keys


@pytest.mark.parametrize("last", [1, 2, 3])
def test_the_search_goes_on_when_the_last_issues_of_a_page_are_deleted_before_the_next_page(last):
    index = Index(keys(*range(20)))

    def delete() -> None:
        index.between_pages = NOTHING
        index.gone = {f"A-{number}" for number in range(10 - last, 10)}

    index.between_pages = delete
    assert set(search(index, page=10)) >= {key for key in index.keys if key not in index.gone}


def test_a_search_whose_whole_last_page_has_been_deleted_skips_nothing_but_has_to_be_tried_again():
    index = Index(keys(*range(8)))

    def delete() -> None:
        index.between_pages = NOTHING
        index.gone = {f"A-{number}" for number in range(4)}

    index.between_pages = delete
    with pytest.raises(Unavailable, match="does not go on"):
        search(index, page=4)
    assert search(index, page=4) == keys(4, 5, 6, 7)


def test_matches_in_several_projects_are_all_found():
    index = Index([*keys(1, 2, 3, 4), *keys(1, 2, project="B"), *keys(5, 6, 7, 8, 9, project="C")])
    assert search(index) == index.keys


def test_a_result_beyond_the_window_is_found():
    index = Index(keys(*range(12_345)))
    assert search(index, page=1000) == index.keys


def test_pages_are_made_smaller_until_the_site_answers_and_stay_so():
    index, size = Index(keys(*range(500))), BatchSize(1000, SMALLEST_PAGE)
    index.most = 100
    for _ in range(2):
        found = DataCenter().search(index, "project = 1", ["id"], lambda data: data["key"], page_size=size)  # type: ignore[arg-type]
        assert found == index.keys
    assert sum(call["maxResults"] > 100 for call in index.calls) == 4  # 1000, 500, 250, 125


def test_a_site_that_does_not_answer_for_small_pages_either_is_not_asked_for_smaller_ones():
    index, size = Index(keys(1)), BatchSize(1000, SMALLEST_PAGE)
    index.most = 0
    with pytest.raises(Unavailable):
        DataCenter().search(index, "project = 1", ["id"], dict, page_size=size)  # type: ignore[arg-type]
    assert min(call["maxResults"] for call in index.calls) == SMALLEST_PAGE
