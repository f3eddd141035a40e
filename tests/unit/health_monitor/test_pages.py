"""Where a form leads back to."""

from __future__ import annotations

import pytest

from health_monitor.pages import own_page


@pytest.mark.parametrize(
    "address", ["/", "/syncs/sync-ab", "/syncs/third.json", "/syncs/a%20file", "/?q=a+b&shard=2/4&site=a%20b"]
)
def test_a_form_leads_back_to_a_page_of_ours(address):
    assert own_page(address) == address


@pytest.mark.parametrize(
    "address",
    [
        "", "//evil.example", "/\\evil.example", "/\t/evil.example", "/\n/evil.example", "\t//evil.example",
        "https://evil.example", "https:/evil.example", "javascript:alert(1)", "/syncs/a\r\nSet-Cookie: a=b", "/syncs/",
        "/syncs/a/../..//evil.example", "/syncs/a?b", "/syncs/a#b", "/session", "/api/syncs", "/syncs/\ud800",
        "/syncs/é", "/.//evil.example", "/syncs/a\n", "/?q=a\n", "/?q=\\evil", "/?q=<b>", "/?q=a#b",
        f"/?q={'a' * 3000}",
    ],
)  # fmt: skip
def test_a_form_leads_back_to_nothing_else(address):
    assert own_page(address) == "/"


@pytest.mark.parametrize(
    ("address", "page"),
    [
        ("/tools/sync/syncs/a", "/tools/sync/syncs/a"),
        ("/syncs/a", "/tools/sync/syncs/a"),
        ("/tools/sync//evil.example", "/tools/sync/"),
        ("/tools/sync", "/tools/sync/"),
        ("//evil.example", "/tools/sync/"),
    ],
)
def test_below_a_path_a_form_leads_back_below_that_path(address, page):
    assert own_page(address, "/tools/sync") == page
