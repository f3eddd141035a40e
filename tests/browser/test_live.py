"""A page that stays open: it follows what happens, takes nothing from the person before it, and says when it is old."""

from __future__ import annotations

import pytest

from benchmarks.pictures.scene import seconds_ago
from sync_model.heartbeat import Phase

STOPS_LOOKING = "What you see is"


SYNCS = ("sync-a", "sync-b", "sync-c")


@pytest.fixture(scope="module")
def running_scene(new_scene):
    scene = new_scene()
    for name in SYNCS:
        scene.sync(name)
    scene.start()
    return scene


@pytest.fixture
def scene(running_scene):
    """Three syncs that are well, and a broken file."""
    well = {"phase": Phase.WAITING, "reason": None, "dead_letters": 0, "last_success": seconds_ago(40)}
    for name in SYNCS:
        running_scene.beat(name, **well)
    running_scene.write("broken.json", '{"name": "broken", "rulez": []}')
    return running_scene


@pytest.fixture
def monitor(scene, new_monitor):
    return new_monitor(scene)


def names(browser) -> list[str]:
    return browser.run("return [...document.querySelectorAll('.syncs tbody th a')].map((link) => link.innerText)")


def marked(browser) -> None:
    """Mark the page, so that one that was loaded anew would be told from it."""
    browser.run("window.isStillThis = true")


def is_still_this(browser) -> bool:
    return browser.run("return window.isStillThis === true")


def test_it_follows_what_happens_and_keeps_focus_scroll_and_what_is_unfolded(browser, scene, monitor):
    browser.show_as(1280, 400)
    browser.open(monitor.url)
    marked(browser)
    assert names(browser) == ["broken", "sync-a", "sync-b", "sync-c"]
    browser.press(".syncs details summary")
    link = browser.find("tr[data-key='sync sync-c'] th a")
    browser.run("arguments[0].focus(); scrollTo(0, 120)", link)
    scene.beat("sync-c", phase=Phase.REFUSED, reason="401: the token has expired", since=seconds_ago(5))
    browser.expect("tr[data-key='sync sync-c']", "401: the token has expired")
    assert names(browser) == ["sync-c", "broken", "sync-a", "sync-b"]
    assert browser.text("#summary").startswith("2 of 4 syncs need you: sync-c is refused, broken has a broken file")
    assert browser.driver.title == "2 need you · jira-sync"
    browser.wait_until(lambda: browser.driver.switch_to.active_element == link, "the focus to be where it was")
    assert browser.run("return scrollY") == 120
    assert browser.find(".syncs details").get_attribute("open") is not None
    scene.beat("sync-c", phase=Phase.WAITING, reason=None)
    browser.wait_until(lambda: names(browser) == ["broken", "sync-a", "sync-b", "sync-c"], "the first order again")
    (scene.configs / "broken.json").unlink()
    browser.expect("#summary", "All 3 syncs are in step.")
    assert "ok.svg" in browser.find("link[rel=icon]").get_attribute("href")
    browser.wait_until(lambda: browser.driver.switch_to.active_element == link, "the focus to be where it was")
    assert is_still_this(browser)


def test_it_keeps_what_is_being_typed_and_the_question_that_is_open(browser, scene, monitor):
    browser.sign_in(monitor.url)
    browser.open(f"{monitor.url}/syncs/sync-b")
    marked(browser)
    browser.press(".careful summary")
    field = browser.find("#reason")
    field.send_keys("the site is be")
    scene.beat("sync-b", dead_letters=2)
    browser.expect("#summary", "2 changes were given up")
    field.send_keys("ing moved")
    assert field.get_attribute("value") == "the site is being moved"
    assert browser.driver.switch_to.active_element == field
    assert browser.find(".careful .danger").is_displayed()
    assert is_still_this(browser)


def test_times_are_told_in_words_that_go_on_and_exactly_to_whoever_points_at_them(browser, scene, monitor):
    scene.beat("sync-a", last_success=seconds_ago(3 * 3600))
    browser.open(monitor.url)
    moment = "tr[data-key='sync sync-a'] time"
    browser.expect(moment, "3 h ago")
    assert browser.find(moment).get_attribute("datetime")[:19] in browser.find(moment).get_attribute("title")
    before = browser.text("#pulse")
    browser.wait_until(lambda: browser.text("#pulse") != before, "the time to go on")


def test_a_frozen_page_says_so_and_does_not_look_well(browser, scene, monitor):
    (scene.configs / "broken.json").unlink()
    browser.open(monitor.url)
    browser.expect("#summary", "All 3 syncs are in step.")
    assert not browser.find("#stale").is_displayed()
    green = browser.run("return getComputedStyle(document.querySelector('.summary')).backgroundColor")
    monitor.freeze()
    browser.expect("#stale", "the monitor does not answer")
    assert browser.text("#stale").startswith(STOPS_LOOKING)
    assert browser.run("return getComputedStyle(document.querySelector('main')).filter") == "grayscale(1)"
    assert browser.run("return getComputedStyle(document.querySelector('.summary')).backgroundColor") != green
    assert not browser.find(".summary > .shape").is_displayed()
    assert browser.driver.title.startswith("OLD · ")
    browser.run("scrollTo(0, document.body.scrollHeight)")
    assert browser.find("#stale").rect["y"] >= 0
    monitor.thaw()
    browser.wait_until(lambda: not browser.find("#stale").is_displayed(), "the page to be live again")
    assert not browser.driver.title.startswith("OLD")


def test_a_monitor_that_answers_but_looks_no_more_is_told_from_one_that_is_silent(browser, monitor):
    browser.open(monitor.url)
    monitor.observer.stop()
    browser.expect("#stale", "the monitor has not looked at the group since")
    browser.open(monitor.url)
    browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    browser.open(monitor.url)
    assert "since then the monitor has not been able to look" in browser.find(".banner.error").text
