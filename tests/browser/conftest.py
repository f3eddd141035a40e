"""A real browser and a real monitor. The browser is started once, and every test gets it as if it were new."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from benchmarks.pictures.browser import NoBrowser, show_as, start
from benchmarks.pictures.scene import Monitor, Scene
from health_monitor.observation import observer

TOKEN = "s3cr3t-admin-token"
REFRESH = 2.0
"""Seconds between two refreshes of an open page."""
SNAPSHOT = 0.5
"""Seconds between two snapshots. As in production, several fit into the time after which a page calls itself old.
Otherwise pages become old now and then, and the banner that says so moves the buttons while tests click them.
"""
PROBES = Path(__file__).parent / "probes"


class Browser:
    """A browser as a person uses it."""

    def __init__(self, driver: Chrome, wait_until: Callable[..., Any]) -> None:
        self.driver, self.wait_until = driver, wait_until

    def be_new(self) -> None:
        """Forget what earlier tests left behind."""
        self.driver.get("about:blank")
        self.driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
        self.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
        self.show_as(1280, 900)
        self.console_messages()

    def open(self, url: str) -> None:
        self.driver.get(url)

    def show_as(self, width: int, height: int, *, dark: bool = False) -> None:
        show_as(self.driver, width, height, dark=dark)

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def assert_fits_a_phone(self, url: str) -> None:
        """Nothing of the page scrolls sideways on a phone, and nothing overlaps."""
        self.show_as(360, 740)
        self.open(url)
        assert self.run("return document.documentElement.scrollWidth") == 360
        assert self.probe("beyond_the_edge") == []
        assert self.probe("names_under_words") == []

    def probe(self, name: str) -> Any:
        """Return the result of a script in `probes`."""
        return self.run((PROBES / f"{name}.js").read_text())

    def find(self, css: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, css)

    def all(self, css: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, css)

    def text(self, css: str) -> str:
        """Return the visible text of an element; empty if there is no such element."""
        script = "const it = document.querySelector(arguments[0]); return it?.checkVisibility() ? it.innerText : ''"
        text: str = self.run(script, css)
        return text

    def expect(self, css: str, text: str) -> None:
        """Wait until the visible text of an element contains `text`."""
        self.wait_until(lambda: text in self.text(css), f"{text!r} in {css}")

    def press(self, css: str) -> None:
        self.run("arguments[0].scrollIntoView({block: 'center'})", self.find(css))
        self.find(css).click()

    def sign_in(self, url: str, token: str = TOKEN) -> None:
        self.open(f"{url}/session")
        self.find("#token").send_keys(token)
        self.press(".sign-in button")
        self.expect(".session", "Sign out")

    def console_messages(self) -> list[str]:
        """Return the messages in the browser's console since the last call."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] != "DEBUG"]


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    try:
        driver = start(tmp_path_factory.mktemp("browser"))
    except NoBrowser as error:
        if os.environ.get("BROWSER_TESTS") == "required":
            pytest.fail(str(error))
        pytest.skip(str(error))
    yield driver
    driver.quit()


@pytest.fixture
def browser(driver: Chrome, wait_until: Callable[..., Any]) -> Iterator[Browser]:
    """A browser that nobody has used before. The test fails if a message is left in its console."""
    browser = Browser(driver, wait_until)
    browser.be_new()
    yield browser
    assert browser.console_messages() == []


@pytest.fixture(scope="module")
def new_scene(tmp_path_factory: pytest.TempPathFactory, mongo_server) -> Iterator[Callable[..., Scene]]:
    scenes: list[Scene] = []

    def make(mongo_url: str = mongo_server.url, **environ: str) -> Scene:
        folder: Path = tmp_path_factory.mktemp("g")
        scenes.append(Scene(folder, mongo_url, f"page_{os.getpid()}_{folder.name}", **environ))
        return scenes[-1]

    yield make
    for scene in scenes:
        scene.close()


@pytest.fixture(scope="module")
def frequent_snapshots() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(observer, "SNAPSHOT_SECONDS", SNAPSHOT)
        patch.setattr(observer, "IDLE_SNAPSHOT_SECONDS", REFRESH)
        yield


@pytest.fixture(scope="module")
def new_monitor(frequent_snapshots) -> Iterator[Callable[..., Monitor]]:
    monitors: list[Monitor] = []

    def start(scene: Scene, token: str | None = TOKEN, refresh: float = REFRESH, **people: str) -> Monitor:
        monitors.append(Monitor(scene, token, refresh, people))
        monitors[-1].start()
        return monitors[-1]

    yield start
    for monitor in monitors:
        monitor.close()
