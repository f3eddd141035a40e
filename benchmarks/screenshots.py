"""`python -m benchmarks.screenshots`: the pictures in the README, of a group with a few troubles, by a real browser.

It needs chromium and its driver. The page uses the fonts of the system, and looks best with Roboto, Noto Sans or
Liberation Sans.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from benchmarks.pictures.browser import NoBrowser, show_as, start
from benchmarks.pictures.scene import Monitor, Scene, seconds_ago
from benchmarks.rig import command
from benchmarks.rig.processes import new_server
from sync_model.definition.sync import Side
from sync_model.health.heartbeat import CycleSummary, FailingChange, Phase
from sync_worker.core.issues.causes import Cause, CauseKind, Failure
from sync_worker.core.issues.state import IssueState
from sync_worker.core.records import JournalEntry, PastCycle

FOLDER = Path(__file__).parents[1] / "docs" / "images"
TOKEN = "of-the-screenshots"
PATIENCE = 30
SYNCS = {
    # sync            the projects        what it is for
    "sup-dev": ("SUP", "DEV", "Acme's support desk and its developers"),
    "help-core": ("HELP", "CORE", "Globex's customers on Cloud, Initech's developers on Data Center"),
    "billing-api": ("BILL", "API", "Invoices and payments"),
    "shop-platform": ("SHOP", "PLAT", "Web shop, and the platform it stands on"),
    "crm-backend": ("CRM", "BACK", "Sales tools"),
    "mobile-app": ("MOB", "APP", "Phones and tablets"),
    "partner-portal": ("PART", "PORT", "Partners in Europe"),
}
FIELD_REQUIRED = "400 for POST /rest/api/3/issue/10482/transitions: Field Resolution is required"
ACTIONS = (
    # what was done, answering what, by which rule, and more in words
    ("create", "first seen in Will Do", "take-on", ""),
    ("link", "first seen in Will Do", "take-on", ""),
    ("attachments", "first seen in Will Do", "take-on", "screenshot.png"),
    ("comment", "first seen in Will Do", "take-on", "user"),
    ("move", "To Do → In Progress", "work-started", "Will Do → In Progress"),
    ("move", "In Progress → Done", "work-done", "Resolved, In Progress"),
)


def main() -> int:
    argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None).parse_args()
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="shots") as name, ExitStack() as stack:
        folder = Path(name)
        try:
            driver = stack.enter_context(start(folder / "browser"))
        except NoBrowser as error:
            print(error, file=sys.stderr)
            return 1
        mongod = new_server(folder)
        stack.callback(mongod.stop)
        mongod.start()
        scene = Scene(folder, mongod.url)
        stack.callback(scene.close)
        _fill(scene)
        monitor = Monitor(scene, TOKEN)
        stack.callback(monitor.close)
        monitor.start()
        _take_pictures(monitor, driver)
    return 0


def _fill(scene: Scene) -> None:
    """Most syncs are well. One needs a person, one is behind, one is paused, and one file is broken."""
    rng = random.Random(7)
    trouble = FailingChange(issue="PLAT-212", since=seconds_ago(4300), attempts=9, error=FIELD_REQUIRED)
    refused = "401 from https://acme.atlassian.net: the token has expired; nothing is believed until it is renewed"
    states = {
        "billing-api": {
            "phase": Phase.REFUSED,
            "reason": refused,
            "since": seconds_ago(2500),
            "last_success": seconds_ago(2700),
        },
        "shop-platform": {"queued": 14, "dead_letters": 1, "oldest_change": seconds_ago(4300), "trouble": trouble},
        "crm-backend": {
            "phase": Phase.PAUSED,
            "reason": f"paused by ann@desk at {seconds_ago(5000):%Y-%m-%d %H:%M} UTC: the site is being moved",
            "since": seconds_ago(5000),
            "last_success": seconds_ago(5100),
        },
        "mobile-app": {"phase": Phase.CYCLE, "since": seconds_ago(2)},
    }
    for name, (user, dev, description) in SYNCS.items():
        last = CycleSummary(started=seconds_ago(60), duration=2.4, fetched=9, calls=17, moved=1)
        state: dict[str, Any] = {
            "last_success": seconds_ago(rng.randint(5, 280)),
            "last_cycle": last,
            "memory": 51 * 1024**2,
        }
        keys = {"userProjectKey": user, "devProjectKey": dev, "description": description}
        until_next = timedelta(seconds=rng.randint(10, 290))
        state |= {"next_cycle": datetime.now(UTC) + until_next, **states.get(name, {})}
        scene.sync(name, definition=keys, **state)
    scene.write(
        "legal-docs.json", '{"name": "legal-docs", "userProjectKey": "LAW", "devProjectKey": "DOCS", "rulez": []}'
    )
    for name in ("mongodb", "health-monitor", "config-watcher"):
        scene.program(name)
    scene.start()
    for name, (user, dev, _) in SYNCS.items():
        failing = _failing() if name == "shop-platform" else ()
        scene.remember(name, list(_entries(rng, user, dev)), _cycles(rng), failing)


def _entries(rng: random.Random, user: str, dev: str) -> Iterator[JournalEntry]:
    """Yield what was done in one day: more in the daytime than at night."""
    busy = rng.uniform(0.5, 6)
    for hours in range(24):
        is_daytime = abs(12 - (datetime.now(UTC) - timedelta(hours=hours)).hour) < 6
        for _ in range(round(rng.uniform(0.2, 1) * busy * (2 if is_daytime else 0.3))):
            what, cause, rule, text = rng.choice(ACTIONS)
            number, side = rng.randint(2, 480), Side.USER if rule == "take-on" else Side.DEV
            keys = (f"{user}-{number}", f"{dev}-{number + 12}")
            issue, counterpart = keys if side is Side.USER else keys[::-1]
            at = seconds_ago(hours * 3600 + rng.uniform(20, 3500))
            yield JournalEntry(at, "worker", what, "done", side, issue, counterpart, rule, cause, text)


def _cycles(rng: random.Random) -> list[PastCycle]:
    def counts() -> dict[str, int]:
        found = {name: rng.choice((0, 0, 0, 1, 2)) for name in ("created", "moved", "commented")}
        return {**found, "calls": rng.randint(6, 40)}

    return [PastCycle(seconds_ago(300 * number + 40), rng.uniform(0.8, 4), counts()) for number in range(40)]


def _failing() -> Sequence[IssueState]:
    def issue_state(key: str, error: str, *, is_dead: bool) -> IssueState:
        failure = Failure(error, 9, seconds_ago(4300), seconds_ago(60), datetime.now(UTC) + timedelta(minutes=11))
        causes = (Cause("1", CauseKind.STATUS, seconds_ago(4300), "In Progress", "Done", failure=failure),)
        pending, dead = ((), causes) if is_dead else (causes, ())
        return IssueState(Side.DEV, key, key, "Done", seconds_ago(4300), seconds_ago(4300), pending=pending, dead=dead)

    gone = "SHOP-88, the counterpart, is gone, or not visible to us"
    return [issue_state("PLAT-212", FIELD_REQUIRED, is_dead=False), issue_state("PLAT-199", gone, is_dead=True)]


def _take_pictures(monitor: Monitor, driver: Chrome) -> None:
    show_as(driver, 1200, 935)
    _take(driver, monitor.url, "overview")
    show_as(driver, 1200, 935, dark=True)
    _take(driver, monitor.url, "overview-dark")
    show_as(driver, 390, 780, scale=1.5)
    _take(driver, monitor.url, "phone")
    driver.get(f"{monitor.url}/session")
    driver.find_element(By.ID, "token").send_keys(TOKEN, "\n")
    WebDriverWait(driver, PATIENCE).until(lambda page: page.find_elements(By.CSS_SELECTOR, "form.session"))
    show_as(driver, 1200, 1330)
    _take(driver, f"{monitor.url}/syncs/shop-platform", "sync")


def _take(driver: Chrome, url: str, name: str) -> None:
    driver.get(url)
    driver.execute_cdp_cmd("Emulation.setScrollbarsHidden", {"hidden": True})
    # The first request has the numbers of each hour read; a later one shows them.
    WebDriverWait(driver, PATIENCE).until(lambda page: page.find_elements(By.CSS_SELECTOR, ".bars"))
    path = FOLDER / f"{name}.png"
    driver.save_screenshot(str(path))
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    sys.exit(command.run(main))
