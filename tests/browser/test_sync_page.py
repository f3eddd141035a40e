"""The page of one sync, and its buttons."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from selenium.webdriver import ActionChains, Keys

from benchmarks.pictures.scene import seconds_ago
from health_monitor.page.routes import REFRESH_SECONDS
from sync_model.definition.sync import Side
from sync_model.health.heartbeat import Phase
from sync_worker.core.issues.causes import Cause, CauseKind, Failure
from sync_worker.core.issues.state import IssueState
from sync_worker.core.records import JournalEntry, PastCycle


def failing_issue(number: int, error: str, *, is_dead: bool, later: int = 0) -> IssueState:
    failure = Failure(error, 9, seconds_ago(4000), seconds_ago(30), datetime.now(UTC) + timedelta(minutes=10))
    first = Cause(f"{number}", CauseKind.STATUS, seconds_ago(4000), "In Progress", "Done", failure=failure)
    causes = (
        first,
        *(Cause(f"{number}-{index}", CauseKind.UPDATE, seconds_ago(9), None, "Done") for index in range(later)),
    )
    pending, dead = ((), causes) if is_dead else (causes, ())
    key = f"DDEV-{number}"
    return IssueState(Side.DEV, str(number), key, "Done", seconds_ago(9), seconds_ago(9), pending=pending, dead=dead)


@pytest.fixture(scope="module")
def scene(new_scene):
    scene = new_scene()
    definition = {"jira": {"baseUrl": "https://acme.atlassian.net", "email": "a@b.c", "apiToken": "s3cr3t-in-the-file"}}
    scene.sync("dev", dead_letters=1, queued=5, definition=definition)
    scene.write("broken.json", "{")
    scene.start()
    done = JournalEntry(
        seconds_ago(20), "worker", "create", "done", Side.USER, "UDEV-3", "DDEV-8", "take-on", "first seen in Will Do"
    )
    failed = JournalEntry(
        seconds_ago(10), "worker", "move", "failed", Side.DEV, "DDEV-7", "UDEV-2", "finish", "To Do → Done", "400: no"
    )
    asked = JournalEntry(seconds_ago(5), "ann@desk", "retry", "asked", Side.DEV, "DDEV-7")
    cycles = [PastCycle(seconds_ago(300 * number), 1.2, {"created": number, "calls": 7}) for number in range(1, 13)]
    cycles.append(PastCycle(seconds_ago(30), 2.0, {"calls": 1}, "https://acme.atlassian.net answered 503"))
    failing = [failing_issue(7, "400: no way to Done", is_dead=True), failing_issue(9, "502", is_dead=False, later=2)]
    scene.remember("dev", [done, failed, asked], cycles, failing)
    return scene


@pytest.fixture(scope="module")
def monitor(scene, new_monitor):
    return new_monitor(scene)


@pytest.fixture
def page(monitor) -> str:
    return f"{monitor.url}/syncs/dev"


def test_the_page_of_a_sync_shows_what_failed_what_was_done_and_its_configuration(browser, page):
    browser.open(page)
    dead, waiting = (item.text for item in browser.all(".failed-list li"))
    assert dead.startswith("DDEV-7\nIn Progress → Done\n400: no way to Done\n9 attempts since ")
    assert "given up" in dead
    assert re.search(r"next try\s+in \d+ min", waiting)
    assert "2 later changes wait behind it" in waiting
    rows = [row.text for row in browser.all("[aria-labelledby=actions] tbody tr")]
    for row, words in zip(rows, ("asked by ann@desk", "400: no", "take-on first seen in Will Do"), strict=True):
        assert words in row
    links = [link.get_attribute("href") for link in browser.all("[aria-labelledby=actions] tbody a")]
    assert "https://acme.atlassian.net/browse/UDEV-3" in links
    cycles = "[aria-labelledby=cycles] tbody"
    assert "https://acme.atlassian.net answered 503" in browser.text(f"{cycles} tr.failed")
    assert "1 created" in browser.all(f"{cycles} tr")[1].text
    assert not browser.all(f"{cycles} tr")[-1].is_displayed()
    browser.press("[data-key='more cycles'] summary")
    assert "12 created" in browser.all(f"{cycles} tr")[-1].text
    browser.press("[data-key=configuration] summary")
    assert '"userProjectKey": "UDEV"' in browser.text("pre")
    assert "s3cr3t-in-the-file" not in browser.driver.page_source


def test_new_actions_appear_on_top_and_the_focus_stays_on_its_row(browser, scene, page):
    browser.open(page)
    rows, link = "[aria-labelledby=actions] tbody tr", browser.find("a[href$='UDEV-3']")
    before = len(browser.all(rows))
    browser.run("arguments[0].focus()", link)
    twins = [JournalEntry(seconds_ago(1), "worker", "comment", "done", Side.USER, "UDEV-30", rule="twins")] * 2
    scene.remember("dev", twins)
    browser.expect(rows, "twins")
    assert len(browser.all(rows)) == before + 2
    scene.remember(
        "dev", [JournalEntry(seconds_ago(0), "worker", "comment", "done", Side.USER, "UDEV-31", rule="newest")]
    )
    browser.expect(rows, "newest")
    assert [row.text.count("twins") for row in browser.all(rows)][:4] == [0, 1, 1, 0]
    assert browser.driver.switch_to.active_element == link
    assert "UDEV-3\n" in f"{link.text}\n"


def test_a_broken_file_that_no_sync_runs_from_has_a_page_with_its_problem(browser, monitor):
    browser.open(f"{monitor.url}/syncs/broken")
    assert "is not valid JSON" in browser.text("#summary")
    assert "nothing to steer" in browser.text(".steering")


def test_the_page_is_read_only_without_a_token_and_offers_to_sign_in_without_a_session(
    browser, scene, page, new_monitor
):
    browser.open(page)
    assert browser.text(".steering") == "Sign in to pause, restart or retry."
    assert browser.all("main form") == []
    closed = new_monitor(scene, token=None)
    browser.open(f"{closed.url}/syncs/dev")
    assert "read only: the monitor was given no ADMIN_TOKEN" in browser.text(".steering")
    assert browser.all("form") == []


def test_signing_in_leads_back_to_the_page_and_a_wrong_token_is_reported(browser, page):
    browser.open(page)
    browser.press(".steering a")
    assert browser.find("#token").get_attribute("type") == "password"
    browser.find("#token").send_keys("a guess")
    browser.press(".sign-in button")
    browser.expect(".sign-in", "this is not the token")
    (message,) = browser.console_messages()
    assert "401" in message
    browser.find("#token").send_keys("s3cr3t-admin-token", Keys.ENTER)
    browser.expect(".steering", "Pause")
    assert browser.driver.current_url == page
    browser.press(".session button")
    browser.expect(".steering", "Sign in")


def test_a_sync_can_be_paused_with_a_reason_and_resumed(browser, monitor, scene, page):
    browser.sign_in(monitor.url)
    browser.open(page)
    browser.find("#reason").send_keys("the <b>site</b> moves")
    browser.press(".pause button")
    browser.expect(".notice", "dev is paused, until somebody resumes it.")
    browser.expect(".steering", "paused by status page (127.0.0.1)")
    browser.expect(".steering", "the <b>site</b> moves")
    pause = scene.journal("dev").paused()
    assert (pause.by, pause.reason) == ("status page (127.0.0.1)", "the <b>site</b> moves")
    scene.beat("dev", phase=Phase.PAUSED, reason=str(pause))
    browser.expect("#summary", "Paused")
    browser.press("form[action$=resume] button")
    browser.expect(".notice", "dev goes on")
    assert scene.journal("dev").paused() is None
    scene.beat("dev", phase=Phase.WAITING, reason=None)
    browser.expect("#summary", "Needs a look")
    assert "pause" in browser.text("[aria-labelledby=actions] tbody")


def test_failed_changes_can_be_retried_and_dismissed_one_by_one_or_all_together(browser, monitor, scene, page):
    browser.sign_in(monitor.url)
    browser.open(page)
    browser.press("[data-key='retry DDEV-7'] button")
    browser.expect(".notice", "DDEV-7 is tried again")
    assert scene.asked("dev") == [("retry", ("dev:7",))]
    browser.press("[data-key='careful dismiss DDEV-7'] summary")
    browser.press("[data-key='careful dismiss DDEV-7'] button")
    browser.expect(".notice", "DDEV-7 is dismissed")
    assert scene.asked("dev") == [("dismiss", ("dev:7",))]
    browser.press(".all [data-key='retry '] button")
    browser.expect(".notice", "DDEV-7, DDEV-9 are tried again")
    assert [kind for kind, _ in scene.asked("dev")] == ["retry"]


def test_a_refused_command_leads_to_a_page_with_the_reason_and_a_link_back(browser, monitor, page):
    browser.sign_in(monitor.url)
    browser.open(page)
    browser.press("form[action$=sync-now] button")
    browser.expect("main", "no worker runs dev now")
    (message,) = browser.console_messages()
    assert "409" in message
    browser.press("main a")
    assert browser.driver.current_url == page


def test_a_restart_takes_two_steps_and_works_by_keyboard(browser, monitor, scene, page):
    browser.sign_in(monitor.url)
    browser.open(page)
    before = scene.states()["dev"].pid
    browser.run("document.querySelector('[data-key=\"careful restart \"] summary').focus()")
    keys = ActionChains(browser.driver)
    keys.send_keys(Keys.ENTER, Keys.TAB).perform()
    assert browser.driver.switch_to.active_element.text == "Restart dev"
    assert scene.states()["dev"].pid == before
    keys.send_keys(Keys.ENTER).perform()
    browser.expect(".notice", "dev is restarted")
    browser.wait_until(lambda: scene.states()["dev"].pid not in (0, before), "another process")
    scene.beat("dev")
    browser.expect("[aria-labelledby=facts]", "status page (127.0.0.1) asked for it")


def test_the_keyboard_reaches_everything_and_the_focus_is_visible(browser, monitor, page):
    browser.sign_in(monitor.url)
    for url in (page, monitor.url):
        browser.open(url)
        reachable = browser.probe("reachable")
        reached = []
        while len(reached) <= len(reachable):
            ActionChains(browser.driver).send_keys(Keys.TAB).perform()
            if (now := browser.probe("focus")) is None:
                break
            reached.append(now)
        assert reached[0][0] == "Skip to the content"
        assert sorted(words for words, _ in reached) == sorted(reachable)
        assert [words for words, is_seen in reached if not is_seen] == []


def test_without_its_database_only_the_history_is_missing_on_the_page_of_a_sync(
    browser, new_scene, new_monitor, new_mongo_server, tmp_path
):
    folder = tmp_path / "mongodb"
    folder.mkdir()
    server = new_mongo_server(folder)
    scene = new_scene(server.url)
    scene.sync("dev")
    scene.start()
    # Every response waits for the database in vain, so that at a quicker pace the page would become old now and then.
    monitor = new_monitor(scene, refresh=REFRESH_SECONDS)
    browser.sign_in(monitor.url)
    server.stop()
    browser.open(f"{monitor.url}/syncs/dev")
    for section in ("failed", "throughput", "actions", "cycles"):
        assert "Not known: MongoDB" in browser.text(f"[aria-labelledby={section}]")
    assert browser.text("#summary").startswith("In step")
    assert "running" in browser.text("[aria-labelledby=facts]")
    before = scene.states()["dev"].pid
    browser.press("[data-key='careful restart '] summary")
    browser.press("[data-key='careful restart '] button")
    browser.expect(".notice", "dev is restarted")
    assert scene.states()["dev"].pid != before
    server.start()
