"""One page for the syncs of four containers: which container runs what, and how one finds a sync among many."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, islice

import pytest
from selenium.webdriver.support.select import Select

from benchmarks.pictures.scene import seconds_ago
from health_monitor.filtering import ROWS
from sync_model.health.heartbeat import Phase
from sync_model.shards import Shard, owner
from sync_worker.database.shared.fleet import Container

SHARDS = 4
GLOBEX = {"baseUrl": "https://jira.globex.example", "apiToken": "${ACME_TOKEN}", "authType": "pat"}


def names_of(shard: int) -> Iterator[str]:
    """Yield names of syncs that belong to a shard."""
    return (name for number in count() if owner(name := f"sync-{number:04}", SHARDS) == shard)


HERE = list(islice(names_of(1), 4))
THERE = list(islice(names_of(2), 3))
REFUSED, PAUSED = HERE[0], THERE[2]
NOWHERE = list(islice(names_of(3), ROWS))
"""Shard 3 is missing."""
TOTAL = len((*HERE, *THERE, *NOWHERE))


@pytest.fixture(scope="module")
def started(new_scene):
    scene = new_scene(SHARD=f"1/{SHARDS}")
    for number, name in enumerate((*HERE, *THERE, *NOWHERE)):
        keys = {"userProjectKey": f"SUP{number:03}", "devProjectKey": f"DEV{number:03}"}
        definition = {**keys, "jira": GLOBEX} if name in THERE else keys
        scene.sync(name, "running" if name in HERE else None, definition=definition)
    scene.start()
    return scene


@pytest.fixture
def scene(started):
    """A fleet whose shard 3 is missing, and whose shard 2 has a standby. One sync is refused, and one is paused."""
    started.beat(REFUSED, phase=Phase.REFUSED, reason="401: the token has expired", since=seconds_ago(60))
    for name in THERE:
        started.lease(name, "node-2")
    started.lease(PAUSED, "node-2", phase=Phase.PAUSED, reason="paused by ann@desk")
    started.containers(
        Container("b", "node-2", Shard(2, SHARDS), "0.1.0", syncs=3, up_for=9000.0),
        Container("c", "node-5", Shard(2, SHARDS), "0.1.0", syncs=3, standing_by=3, up_for=300.0),
        Container("d", "node-4", Shard(4, SHARDS), "0.1.0", syncs=0, up_for=9000.0),
    )
    return started


@pytest.fixture(scope="module")
def running_monitor(started, new_monitor):
    return new_monitor(started)


@pytest.fixture
def monitor(scene, running_monitor, browser):
    browser.open(running_monitor.url)
    browser.expect("#summary", f"{len(NOWHERE) + 1} of {TOTAL} syncs need you")
    browser.wait_until(lambda: "paused" in browser.text(".tally") or "switched off" in browser.text(".tally"), "leases")
    return running_monitor


def names(browser) -> list[str]:
    return browser.run("return [...document.querySelectorAll('.syncs tbody th a')].map((link) => link.innerText)")


def open_filtered(browser, monitor, query: str) -> list[str]:
    browser.open(f"{monitor.url}/?{query}")
    return names(browser)


def test_the_containers_are_shown_a_standby_as_one_and_a_missing_shard_as_nobody(browser, monitor):
    browser.expect(".fleet summary", "4 containers, 1 of them standing by, nobody is shard 3/4. This one is shard 1/4.")
    rows = [row.text.replace("\n", " ") for row in browser.all(".containers tbody tr")]
    assert [row[:3] for row in rows] == ["1/4", "2/4", "2/4", "3/4", "4/4"]
    assert "this one" in rows[0]
    assert "node-2" in rows[1]
    assert "3 syncs" in rows[1]
    assert "stands by for 3 syncs" in rows[2]
    assert "error" not in browser.all(".containers tbody tr")[2].get_attribute("class")
    assert "nobody" in rows[3]
    places = browser.run("return [...document.querySelectorAll('.syncs .place')].map((place) => place.innerText)")
    assert places[0].endswith("1/4 here")
    assert places[1].endswith("3/4 nobody")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (f"q={THERE[1]}", [THERE[1]]),
        ("q=sup002", [HERE[2]]),
        ("condition=refused", [REFUSED]),
        ("condition=off", [PAUSED]),
        ("shard=2/4", [PAUSED, *THERE[:2]]),
        ("site=jira.globex.example&condition=well", THERE[:2]),
        ("condition=no+such+condition", []),
        ("shard=%ED%A0%80&page=x&rows=-1", []),
    ],
)
def test_syncs_are_found_without_javascript_by_an_address_that_can_be_kept(browser, monitor, query, expected):
    browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    browser.open(f"{monitor.url}/?{query}")
    assert [link.text for link in browser.all(".syncs tbody th a")] == expected
    assert f"{len(expected)} of {TOTAL} syncs" in browser.find("#count").text
    assert f"of {TOTAL} syncs need you" in browser.find("#summary").text
    browser.find("#count a").click()
    browser.wait_until(lambda: len(browser.all(".syncs tbody tr")) == ROWS, "the page of all")


def test_the_form_asks_for_what_is_chosen_and_shows_what_was_asked_for(browser, monitor):
    browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    browser.open(monitor.url)
    browser.find("#q").send_keys("sync")
    Select(browser.find("#condition")).select_by_value("off")
    Select(browser.find("#shard")).select_by_value("2/4")
    browser.find("#filter button").click()
    # Without scripts it is another page, and the click does not wait for that.
    browser.wait_until(lambda: "condition=off" in browser.driver.current_url, "the page that was asked for")
    browser.wait_until(lambda: len(browser.all(".syncs tbody th a")) == 1, "its only sync")
    assert [link.text for link in browser.all(".syncs tbody th a")] == [PAUSED]
    assert browser.find("#q").get_attribute("value") == "sync"
    assert browser.find("#condition").get_attribute("value") == "off"
    assert browser.find("#shard").get_attribute("value") == "2/4"
    assert browser.find("#site").get_attribute("value") == ""


def test_what_is_typed_is_asked_for_at_once_and_stays_while_the_page_renews_itself(browser, scene, monitor):
    browser.run("window.isMarked = true")
    field = browser.find("#q")
    field.send_keys(f" {HERE[1]}")
    browser.wait_until(lambda: names(browser) == [HERE[1]], "the one sync")
    assert f"q=+{HERE[1]}" in browser.driver.current_url
    browser.expect("#count", f"1 of {TOTAL} syncs")
    scene.beat(HERE[1], dead_letters=2)
    browser.expect(".syncs", "2 changes were given up")
    assert field.get_attribute("value") == f" {HERE[1]}"
    assert browser.driver.switch_to.active_element == field
    field.clear()
    field.send_keys("no such sync")
    browser.expect("main", "No sync fits.")
    assert browser.run("return window.isMarked === true")
    scene.beat(HERE[1], dead_letters=0)


def test_a_list_that_is_being_chosen_from_is_left_alone_while_the_page_renews_itself(browser, scene, monitor):
    condition = browser.find("#condition")
    browser.run("arguments[0].focus()", condition)
    browser.run("arguments[0].querySelector('option').isMarked = true", condition)
    scene.beat(HERE[1], phase=Phase.BACKING_OFF, reason="MongoDB does not answer", since=seconds_ago(1))
    browser.expect(".tally", "needs a look")
    assert "backing off" not in condition.text
    assert browser.driver.switch_to.active_element == condition
    browser.find("#q").click()
    browser.wait_until(lambda: "backing off (1)" in condition.text, "the list to be renewed")
    scene.beat(HERE[1], phase=Phase.WAITING, reason=None)


def test_a_count_of_the_summary_leads_to_those_syncs(browser, monitor):
    browser.press(".tally .off a")
    browser.wait_until(lambda: names(browser) == [PAUSED], "the paused one")


def test_many_syncs_have_pages_the_worst_first(browser, monitor):
    assert names(browser)[0] == REFUSED
    assert len(names(browser)) == ROWS
    assert f"1 to {ROWS} of {TOTAL}" in browser.text(".pages")
    browser.press(".pages a[rel=next]")
    browser.wait_until(lambda: len(names(browser)) == TOTAL - ROWS, "the second page")
    assert f"{ROWS + 1} to {TOTAL} of {TOTAL}" in browser.text(".pages")
    browser.press(".pages a:last-child")
    browser.wait_until(lambda: len(names(browser)) == TOTAL, "all of them")


def test_the_page_of_a_sync_says_which_container_runs_it_and_where_to_type_what_only_that_one_can_do(browser, monitor):
    browser.sign_in(monitor.url)
    browser.open(f"{monitor.url}/syncs/{THERE[0]}")
    assert "in the container node-2 (shard 2/4): jira-sync restart" in browser.text(".elsewhere").replace("\n", " ")
    assert "node-2 (shard 2/4)" in browser.text(".facts")
    assert "Restart" not in browser.text(".steering")
    assert "Sync now" in browser.text(".steering")
    browser.open(f"{monitor.url}/syncs/{NOWHERE[0]}")
    assert "type in a container of shard 3/4" in browser.text(".elsewhere")
    browser.open(f"{monitor.url}/syncs/{HERE[2]}")
    assert not browser.all(".elsewhere")
    assert "Restart" in browser.text(".steering")


@pytest.mark.parametrize("path", ["/", f"/syncs/{THERE[0]}", "/?q=nothing"])
def test_on_a_phone_a_fleet_fits_and_nothing_overlaps(browser, monitor, path):
    browser.assert_fits_a_phone(monitor.url + path)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("path", ["/?shard=1/4", f"/syncs/{THERE[0]}"])
def test_every_text_of_a_fleet_has_enough_contrast_in_light_and_in_dark(browser, monitor, path, dark):
    browser.show_as(1280, 900, dark=dark)
    browser.open(monitor.url + path)
    assert browser.probe("poor_contrast") == []
