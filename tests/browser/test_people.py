"""The page as each kind of person sees it."""

from __future__ import annotations

import pytest

ANN, VIEW = "token-of-ann-1357", "to-look-only-97531"


@pytest.fixture(scope="module")
def scene(new_scene):
    scene = new_scene()
    scene.sync("dev")
    scene.start()
    return scene


@pytest.fixture(scope="module")
def closed(scene, new_monitor, tmp_path_factory):
    """A monitor below a path, at which only people who are known may look."""
    operators = tmp_path_factory.mktemp("secrets") / "operators"
    operators.write_text(f"ann {ANN}\n")
    return new_monitor(scene, OPERATORS_FILE=str(operators), VIEW_TOKEN=VIEW, BASE_PATH="/jira-sync")


@pytest.fixture
def page(closed) -> str:
    return f"{closed.url}/jira-sync/syncs/dev"


def sign_in(browser, token: str) -> None:
    browser.find("#token").send_keys(token)
    browser.press(".sign-in button")


def test_a_stranger_is_asked_for_a_token_and_sees_nothing_else(browser, page):
    browser.open(page)
    browser.expect("h1", "Sign in")
    assert "dev" not in browser.text("main")
    assert browser.all("main a") == []  # there is nothing that they may look at
    assert all("401" in message for message in browser.console_messages())


def test_who_may_look_is_led_back_to_the_page_and_finds_no_buttons(browser, page):
    browser.open(page)
    sign_in(browser, VIEW)
    browser.expect(".steering", "You may look, and not act.")
    assert browser.driver.current_url == page
    assert browser.text("form.session .muted") == "You may look"
    assert browser.all("main form") == []
    browser.press(".session button")
    browser.expect("h1", "Sign in")
    browser.console_messages()


def test_an_operator_is_named_on_the_page_and_by_what_they_did(browser, scene, page):
    browser.open(page)
    sign_in(browser, ANN)
    browser.expect("form.session", "ann")
    browser.press(".pause button")
    browser.expect(".steering", "paused by ann (status page, 127.0.0.1)")
    browser.press("form[action$=resume] button")
    browser.expect(".notice", "dev goes on")
    assert scene.journal("dev").paused() is None
    browser.console_messages()


def test_a_page_that_stays_open_asks_to_sign_in_when_its_session_ends(browser, page):
    browser.open(page)
    sign_in(browser, ANN)
    browser.expect("form.session", "ann")
    browser.driver.delete_all_cookies()
    browser.expect("h1", "Sign in")
    browser.console_messages()


def test_whom_the_proxy_names_is_shown_by_name_and_needs_no_token(browser, scene, new_monitor):
    people = {"TRUSTED_PROXIES": "127.0.0.1", "PROXY_USER_HEADER": "Remote-User", "PROXY_OPERATORS": "carla"}
    monitor = new_monitor(scene, token="", **people)
    browser.open(monitor.url)
    browser.expect("main", "Open the page by the proxy's address, and sign in there.")
    browser.console_messages()
    browser.driver.execute_cdp_cmd("Network.enable", {})
    browser.driver.execute_cdp_cmd("Network.setExtraHTTPHeaders", {"headers": {"Remote-User": "carla"}})
    try:
        browser.open(f"{monitor.url}/syncs/dev")
        browser.expect("header .session", "carla")
        browser.press(".pause button")
        browser.expect(".steering", "paused by carla (status page, 127.0.0.1)")
        browser.press("form[action$=resume] button")
        browser.expect(".notice", "dev goes on")
    finally:
        browser.driver.execute_cdp_cmd("Network.setExtraHTTPHeaders", {"headers": {}})


def test_a_weak_token_leaves_the_page_read_only_and_the_page_says_how_to_make_a_good_one(browser, scene, new_monitor):
    monitor = new_monitor(scene, token="weak")
    browser.open(f"{monitor.url}/session")
    assert "ADMIN_TOKEN has fewer than 16 characters; this makes a good one: openssl rand" in browser.text("main")
    assert browser.all("form") == []
