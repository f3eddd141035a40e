"""The page of all syncs, with syncs in almost every condition."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlencode

import pytest

from benchmarks.pictures.scene import seconds_ago
from sync_model.definition.sync import Side
from sync_model.health.heartbeat import FailingChange, Phase
from sync_worker.core.records import JournalEntry

EVIL = "<script>document.title = 'evil'</script><img src=x onerror=alert(1)>"
LONG = "partner-portal-emea-and-apac-customer-success-escalations-2026"
WORST_FIRST = {
    # sync                the word for its condition
    "given-up": "failed",
    "hanging": "stuck",
    "coming-and-going": "crashing",
    LONG: "refused",
    "unanswered": "unreachable",
    "broken": "invalid",
    "held": "stopped",
    "slow": "behind",
    "dead-letters": "needs a look",
    "retrying": "backing off",
    "new": "starting",
    "second": "standby",
    "resting": "paused",
    "fine": "in step",
}
"""Every condition but `missing`, which a group has while its folder was edited and not applied."""


@pytest.fixture(scope="module")
def scene(new_scene):
    scene = new_scene()
    scene.sync("given-up", "failed", last_success=seconds_ago(5400))
    scene.sync("hanging", sent=seconds_ago(900), phase=Phase.CYCLE)
    scene.sync("coming-and-going", "crashing", is_silent=True)
    scene.sync(
        LONG, phase=Phase.REFUSED, reason=f"401: the token has expired; {'a long reason ' * 30}", since=seconds_ago(60)
    )
    scene.sync(
        "unanswered", phase=Phase.BACKING_OFF, reason="https://jira.example.com does not answer", since=seconds_ago(1e4)
    )
    scene.write("broken.json", '{"name": "broken", "rulez": [], "userProjectKey": "1x"}')
    scene.sync("held", "stopped")
    trouble = FailingChange(issue="DEV-7", since=seconds_ago(9000), attempts=9, error=EVIL)
    scene.sync("slow", queued=12, oldest_change=seconds_ago(9000), trouble=trouble, definition={"description": EVIL})
    scene.sync("dead-letters", dead_letters=2)
    scene.sync("retrying", phase=Phase.BACKING_OFF, reason="MongoDB does not answer", since=seconds_ago(5))
    scene.sync("new", phase=Phase.STARTING, last_success=None)
    scene.sync("second", phase=Phase.STANDBY, reason="another worker acts for this sync")
    scene.sync("resting", phase=Phase.PAUSED, reason="paused by ann@desk")
    scene.sync("fine", definition={"description": EVIL})
    scene.program("mongodb")
    scene.start()
    done = [(0, 3), (5, 2), (23, 1)]
    entries = [
        JournalEntry(seconds_ago(60) - timedelta(hours=hours), "worker", "move", "done", Side.USER, "U-1", "D-1")
        for hours, number in done
        for _ in range(number)
    ]
    scene.remember("fine", entries)
    return scene


@pytest.fixture(scope="module")
def monitor(scene, new_monitor):
    return new_monitor(scene)


def cells(browser, css: str, what: str = "innerText") -> dict[str, str]:
    """Return the content of one cell of each row, by sync, from the top."""
    script = """
        return [...document.querySelectorAll('.syncs tbody tr')].map((row) =>
            [row.querySelector('th a').innerText, row.querySelector(arguments[0])[arguments[1]]])"""
    return dict(browser.run(script, css, what))


def test_syncs_are_listed_worst_first_each_with_a_word_a_shape_and_an_advice_for_its_condition(browser, monitor):
    browser.open(monitor.url)
    words = browser.wait_until(lambda: (w := cells(browser, ".condition")) == WORST_FIRST and w, "every condition")
    assert list(words) == list(WORST_FIRST)
    shapes = cells(browser, ".condition", "innerHTML")
    different = ("given-up", "slow", "new", "second", "resting", "held", "fine")
    assert len({shapes[name] for name in different}) == len(different)
    assert all("<use" in shape for shape in shapes.values())
    sentence = "6 of 14 syncs need you: given-up has failed, hanging is stuck, coming-and-going is crashing and 3 more."
    assert browser.text("#summary") == sentence
    assert browser.driver.title == "6 need you · jira-sync"
    assert "error.svg" in browser.find("link[rel=icon]").get_attribute("href")
    by_name = cells(browser, "td.why")
    assert f"jira-sync doctor {LONG}" in by_name[LONG]
    assert "jira-sync start held" in by_name["held"]
    queues = cells(browser, "td.queue")
    assert (queues["dead-letters"], queues["slow"], queues["fine"]) == ("2 given up", "12 waiting", "empty")
    assert browser.text(".program").split() == ["mongodb", "running"]


def test_all_problems_of_a_broken_file_can_be_unfolded(browser, monitor):
    browser.open(monitor.url)
    browser.press(".syncs details summary")
    said = browser.text(".syncs .problems")
    assert "rulez: is not a known key; did you mean rules?" in said
    assert "devProjectKey: is missing" in said
    assert "userProjectKey: is not a project key" in said


def test_the_actions_per_hour_are_a_bar_chart_and_a_sentence_for_screen_readers(browser, monitor):
    browser.open(monitor.url)
    picture = "tr[data-key='sync fine'] .bars"
    browser.wait_until(lambda: browser.all(picture), "the hours to be known")
    said = browser.find(picture).get_attribute("aria-label")
    assert said == "6 actions in the last 24 hours; most, 3, in the last hour"
    bars = "return [...document.querySelector(arguments[0]).children].map((bar) => bar.height.baseVal.value)"
    heights = browser.run(bars, picture)
    assert len(heights) == 24
    assert heights[23] > heights[18] > heights[0] > heights[10] > 0
    assert "6" in browser.text("tr[data-key='sync fine'] .total")


def test_text_from_outside_is_escaped(browser, monitor):
    asked = urlencode({"q": EVIL, "condition": EVIL, "shard": EVIL, "site": EVIL, "page": EVIL})
    for path in ("/", "/syncs/slow", "/syncs/fine", f"/?{asked}"):
        browser.open(monitor.url + path)
        assert EVIL in browser.run("return document.querySelector('main').textContent")
        assert "evil" not in browser.driver.title
        assert browser.all("main script, main img") == []


@pytest.mark.parametrize("path", ["/", "/syncs/slow", f"/syncs/{LONG}", "/syncs/broken", "/session"])
def test_on_a_phone_nothing_scrolls_sideways_and_nothing_overlaps(browser, monitor, path):
    browser.assert_fits_a_phone(monitor.url + path)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("path", ["/", "/syncs/slow", "/syncs/fine", "/syncs/held"])
def test_every_text_has_enough_contrast_in_light_and_in_dark(browser, monitor, path, dark):
    browser.show_as(1280, 900, dark=dark)
    browser.open(monitor.url + path)
    is_dark = browser.run("return getComputedStyle(document.body).backgroundColor") == "rgb(14, 17, 22)"
    assert is_dark is dark
    assert browser.probe("poor_contrast") == []


def test_without_javascript_everything_can_be_read(browser, monitor):
    browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    browser.open(monitor.url)
    text = browser.find("main").text
    assert "of 14 syncs need you" in text
    assert browser.find("tr[data-key='sync fine'] time").text.endswith(" UTC")
    browser.sign_in(monitor.url)
    browser.open(f"{monitor.url}/syncs/fine")
    assert "Pause" in browser.find(".steering").text


def test_the_page_of_an_unknown_sync_names_the_one_with_the_nearest_name(browser, monitor):
    browser.open(f"{monitor.url}/syncs/hangin")
    assert "There is no sync hangin" in browser.text("h1")
    assert "Did you mean hanging?" in browser.text("main")
    (message,) = browser.console_messages()
    assert "404" in message
