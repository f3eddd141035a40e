"""API tokens with scopes: they sign in at a gateway below a path of its own, and people see the site elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from relay import Relay
from worker_bench import LOG, Bench

CLOUD_IDS = {"one": "1324a887-45db-1bf4-1e99-ef0ff456d421", "two": "90a1f9c6-0f43-4a8e-9d52-6d1a4a3b7c11"}
SITES = {"one": "https://customers.atlassian.net", "two": "https://developers.atlassian.net"}


@pytest.fixture
def through_gateway(bench: Bench) -> Iterator[dict[str, Relay]]:
    """Both sites of the bench are reached only through the gateway."""
    with ExitStack() as stack:
        relays = {
            site: stack.enter_context(Relay(f"{bench.url}/{site}", path=f"/ex/jira/{CLOUD_IDS[site]}"))
            for site in ("one", "two")
        }
        for block, site in (("jira", "one"), ("devJira", "two")):
            bench.definition[block] |= {"baseUrl": relays[site].url, "siteUrl": SITES[site]}
        yield relays


def test_everything_is_carried_over_through_the_gateway_and_links_lead_people_to_the_site(bench, through_gateway):
    key = bench.taken_on_with({"log.txt": LOG})
    bench.cycle()
    bench.assert_taken_on_once(key)
    (dev,) = bench.devs()
    assert bench.link_on("one", key)[1] == f"{SITES['two']}/browse/{dev['key']}"
    assert bench.link_on("two", dev["key"])[1] == f"{SITES['one']}/browse/{key}"
    bench.dev.move(dev["key"], "In Progress")
    bench.cycle()
    assert bench.status(key) == "In Progress"
    assert all(relay.requests for relay in through_gateway.values())
    ours = [call for site in ("one", "two") for call in bench.control.calls(site) if call["user"] == "sync"]
    assert len(ours) == sum(len(relay.requests) for relay in through_gateway.values())


def test_an_uncertain_creation_is_found_again_through_the_gateway(bench, through_gateway):
    bench.control.fault("two", "drop_after", method="POST", path="/issue(/bulk)?$", times=1)
    key = bench.taken_on()
    bench.cycle()
    bench.settle(2)
    assert len(bench.devs()) == 1
    assert len(bench.comments(key)) == 1
