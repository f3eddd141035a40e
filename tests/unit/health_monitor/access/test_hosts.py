"""By which names the page is served."""

from __future__ import annotations

import pytest

from generator.running.settings.page import read_page_settings
from health_monitor.access.hosts import is_allowed

NAMES = ("sync.example.com", "box")


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.0.0.1:3000", "192.0.2.7:80", "[::1]", "[::1]:3000", "[2001:DB8::1]", "localhost",
        "LocalHost:3000", "localhost.", "sync.example.com", "Sync.Example.COM:443", "sync.example.com.", "box:3000",
    ],
)  # fmt: skip
def test_addresses_localhost_and_names_that_were_given_are_served(host):
    assert is_allowed(host, NAMES)


@pytest.mark.parametrize(
    "host",
    [
        "", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "sync.example.com.evil.example",
        "evil-sync.example.com", "a.sync.example.com", "x@127.0.0.1", "127.0.0.1@evil.example", "127.0.0.1:80:evil",
        "127.0.0.1/evil", "[::1].evil.example", "[::1", "[evil]", "[127.0.0.1", "127.0.0.1 evil", "\udcff", "0x7f.1",
        "127.0.0.1:3000x", "localhost\\.evil.example", "127.0.0.1,evil.example", "localhost..", "sync.example.com:",
    ],
)  # fmt: skip
def test_no_other_name_is_served_whatever_it_resembles(host):
    is_without_port = host == "sync.example.com:"  # RFC 3986 allows an empty port
    assert is_allowed(host, NAMES) is is_without_port


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", ()),
        ("a.example", ("a.example",)),
        (" A.example., b.example c ", ("a.example", "b.example", "c")),
        ("münchen.example", ("xn--mnchen-3ya.example",)),
    ],
)
def test_allowed_hosts_are_names_with_commas_or_spaces(text, names):
    problems = []
    assert read_page_settings({"ALLOWED_HOSTS": text}, problems).allowed_hosts == names
    assert problems == []


@pytest.mark.parametrize("name", ["https://a.example", "a.example:3000", "*", "*.a.example", "a/b", "a..b", "-a"])
def test_an_allowed_host_that_is_no_name_is_a_problem(name):
    problems = []
    read_page_settings({"ALLOWED_HOSTS": f"b.example,{name}"}, problems)
    (problem,) = problems
    assert problem == f"ALLOWED_HOSTS: {name!r} must be the name of a host alone, such as sync.example.com"


@pytest.mark.parametrize(("text", "base"), [("", ""), ("/", ""), ("/jira-sync", "/jira-sync"), (" /a/b.c/ ", "/a/b.c")])
def test_a_base_path_has_no_slash_at_its_end(text, base):
    problems = []
    assert read_page_settings({"BASE_PATH": text}, problems).base_path == base
    assert problems == []


@pytest.mark.parametrize(
    "text", ["jira-sync", "//evil", "/a//b", "/a?b", "/../a", '/"', "/syncs", "/api/x", "/a{b}", "/é"]
)
def test_a_base_path_that_is_no_path_or_one_of_our_own_is_a_problem(text):
    problems = []
    read_page_settings({"BASE_PATH": text}, problems)
    assert len(problems) == 1
