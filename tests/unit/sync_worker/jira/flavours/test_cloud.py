"""Search on Cloud, page by page."""

from __future__ import annotations

from itertools import count

import pytest

from sync_worker.core.errors import NotJira
from sync_worker.jira.flavours import cloud
from sync_worker.jira.flavours.cloud import SearchPage


def test_a_search_page_that_comes_again_ends_the_search():
    with pytest.raises(NotJira, match="repeats a page"):
        list(cloud.all_pages(lambda _body: SearchPage([], "a"), {}))


def test_a_search_without_an_end_ends(monkeypatch):
    monkeypatch.setattr(cloud, "MOST_PAGES", 7)
    tokens = count()
    with pytest.raises(NotJira, match="do not end"):
        list(cloud.all_pages(lambda _body: SearchPage([], f"{next(tokens)}"), {}))
    assert next(tokens) == 7
