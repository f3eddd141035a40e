"""An open page: it follows the group, disturbs nobody who uses it, and says when what it shows is old."""

from __future__ import annotations

import pytest

from benchmarks.pictures.scene import seconds_ago
from sync_model.health.heartbeat import Phase

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
    """Three healthy syncs, and a broken file."""
    healthy = {"phase": Phase.WAITING, "reason": None, "dead_letters": 0, "last_success": seconds_ago(40)}
    for name in SYNCS:
        running_scene.beat(name, **healthy)
    running_scene.write("broken.json", '{"name": "broken", "rulez": []}')
    return running_scene


@pytest.fixture
def monitor(scene, new_monitor):
    return new_monitor(scene)


def names(browser) -> list[str]:
    return browser.run("return [...document.querySelectorAll('.syncs tbody th a')].map((link) => link.innerText)")


def mark(browser) -> None:
    """Mark the document: one that is loaded later has no mark."""
    browser.run("window.isMarked = true")


def is_marked(browser) -> bool:
    return browser.run("return window.isMarked === true")


def test_an_open_page_follows_the_group_and_keeps_its_focus_its_scroll_position_and_what_is_unfolded(
    browser, scene, monitor
):
    browser.show_as(1280, 400)
    browser.open(monitor.url)
    mark(browser)
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
    assert is_marked(browser)


def test_an_open_page_keeps_what_is_being_typed_and_an_open_question(browser, scene, monitor):
    browser.sign_in(monitor.url)
    browser.open(f"{monitor.url}/syncs/sync-b")
    mark(browser)
    browser.press(".careful summary")
    field = browser.find("#reason")
    field.send_keys("the site is be")
    scene.beat("sync-b", dead_letters=2)
    browser.expect("#summary", "2 changes were given up")
    field.send_keys("ing moved")
    assert field.get_attribute("value") == "the site is being moved"
    assert browser.driver.switch_to.active_element == field
    assert browser.find(".careful .danger").is_displayed()
    assert is_marked(browser)


@pytest.mark.parametrize("has_move_before", [True, False], ids=["a newer browser", "an older browser"])
def test_a_banner_that_disappears_does_not_take_the_focus_from_a_row(browser, scene, monitor, has_move_before):
    away = scene.configs.with_name("away")
    browser.open(monitor.url)
    if not has_move_before:
        browser.run("delete Element.prototype.moveBefore")
    link = browser.find("tr[data-key='sync sync-c'] th a")
    browser.run("arguments[0].focus()", link)
    scene.configs.rename(away)
    try:
        browser.expect("main > .banner", "cannot be read")
        assert browser.driver.switch_to.active_element == link
    finally:
        away.rename(scene.configs)
    browser.wait_until(lambda: not browser.all("main > .banner"), "the banner to disappear")
    assert browser.find("tr[data-key='sync sync-c'] th a") == link
    assert browser.driver.switch_to.active_element == link


def test_a_notice_that_disappears_does_not_take_what_is_typed_or_unfolded_below_it(browser, scene, monitor):
    browser.sign_in(monitor.url)
    browser.open(f"{monitor.url}/syncs/sync-b")
    browser.press(".pause button")
    browser.expect(".notice", "sync-b is paused")
    browser.press("form[action$=resume] button")
    browser.expect(".notice", "sync-b goes on")
    mark(browser)
    browser.press("[data-key=configuration] summary")
    field = browser.find("#reason")
    field.send_keys("the site")
    browser.driver.delete_cookie("scene_notice")
    browser.wait_until(lambda: not browser.all(".notice"), "the notice to disappear")
    assert field.get_attribute("value") == "the site"
    assert browser.driver.switch_to.active_element == field
    assert browser.text("pre").startswith("{")
    assert is_marked(browser)


def test_times_are_relative_and_go_on_and_their_tooltips_are_exact(browser, scene, monitor):
    scene.beat("sync-a", last_success=seconds_ago(3 * 3600))
    browser.open(monitor.url)
    moment = "tr[data-key='sync sync-a'] time"
    browser.expect(moment, "3 h ago")
    assert browser.find(moment).get_attribute("datetime")[:19] in browser.find(moment).get_attribute("title")
    before = browser.text("#pulse")
    browser.wait_until(lambda: browser.text("#pulse") != before, "the time to go on")


def test_a_page_whose_monitor_does_not_answer_says_so_and_looks_no_longer_healthy(browser, scene, monitor):
    (scene.configs / "broken.json").unlink()
    browser.open(monitor.url)
    browser.expect("#summary", "All 3 syncs are in step.")
    assert not browser.find("#stale").is_displayed()
    green = browser.run("return getComputedStyle(document.querySelector('.summary')).backgroundColor")
    monitor.freeze()
    browser.expect("#stale", "the monitor does not answer")
    assert browser.text("#stale").startswith("What you see is")
    assert browser.run("return getComputedStyle(document.querySelector('main')).filter") == "grayscale(1)"
    assert browser.run("return getComputedStyle(document.querySelector('.summary')).backgroundColor") != green
    assert not browser.find(".summary > .shape").is_displayed()
    assert browser.driver.title.startswith("OLD · ")
    browser.run("scrollTo(0, document.body.scrollHeight)")
    assert browser.find("#stale").rect["y"] >= 0
    monitor.thaw()
    browser.wait_until(lambda: not browser.find("#stale").is_displayed(), "the page to be live again")
    assert not browser.driver.title.startswith("OLD")


def test_a_monitor_that_answers_but_takes_no_snapshots_is_told_from_one_that_does_not_answer(browser, monitor):
    browser.open(monitor.url)
    monitor.observer.stop()
    browser.expect("#stale", "the monitor has not looked at the group since")
    browser.open(monitor.url)
    browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    browser.open(monitor.url)
    assert "since then the monitor has not been able to look" in browser.find(".banner.error").text
