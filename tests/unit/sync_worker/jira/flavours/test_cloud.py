"""Search on Cloud, page by page."""

from __future__ import annotations

import pytest

from sync_worker.core.errors import Unavailable
from sync_worker.jira.flavours import cloud


def test_a_search_page_that_comes_again_ends_the_search():
    pages = [{"issues": [], "nextPageToken": "a"}, {"issues": [], "nextPageToken": "a"}]
    with pytest.raises(Unavailable, match="repeats a page"):
        list(cloud.all_pages(lambda _body: pages.pop(0), {}))
