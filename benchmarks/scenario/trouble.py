"""What goes wrong: with the workers, with MongoDB, and with Jira as the sync's account sees it."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

from benchmarks.rig.processes import SYNC, Rig
from benchmarks.scenario.pairings import SIDES, Pairing
from benchmarks.scenario.timeline import Event
from benchmarks.scenario.workers import Workers

End = Callable[[], None]
ANY = None
READS = ("/search", "/bulkfetch", "/issue/[0-9]+$", "/myself$", "/properties/", "/comment$", "/transitions$", ANY)
WRITES = ("/issue$", "/issue/bulk$", "/comment$", "/attachments$", "/transitions$", "/remotelink$", ANY)
FILES = "/attachment/"
LONGEST_HIDDEN = 25.0
LONGEST_DELAY = 1.5
MOST_ISSUES = 3000
"""More than a project has in any run."""

# What Jira answers: its name in the report, kind of fault, options, whether only writes meet it.
ANSWERS: tuple[tuple[str, str, dict[str, Any], bool], ...] = (
    ("429 with Retry-After", "status", {"status": 429, "retryAfter": "1", "reason": "jira-burst-based"}, False),
    ("429", "status", {"status": 429}, False),
    ("500", "status", {"status": 500}, False),
    ("503", "status", {"status": 503, "retryAfter": "1"}, False),
    ("409", "status", {"status": 409}, True),
    ("500 after it was carried out", "status_after", {"status": 500}, True),
    ("503 after it was carried out", "status_after", {"status": 503}, True),
    ("connection dropped before", "drop_before", {}, False),
    ("connection dropped after", "drop_after", {}, True),
    ("delay", "delay", {}, False),
    ("file cut short", "truncate_attachment", {}, False),
)
REFUSALS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("token expired", "anonymous", {}),
    ("token expired silently", "anonymous", {"silent": True}),
    ("401", "unauthorized", {}),
    ("login page", "html_login", {}),
)


class Trouble:
    """Makes things go wrong; `done` counts what went wrong how often."""

    def __init__(self, made: Rig, workers: Workers, pairings: list[Pairing]) -> None:
        self._rig, self._workers, self._pairings = made, workers, pairings
        self._sites = sorted({site for each in pairings for site in each.sites.values()})
        self._searches_badly: set[str] = set()
        self.done: Counter[str] = Counter()

    def begin(self, event: Event) -> End | None:
        """Let something go wrong; return what ends it, if it does not end by itself."""
        dice = event.dice
        match event.kind:
            case "kill" | "terminate":
                what = {"kill": signal.SIGKILL, "terminate": signal.SIGTERM}[event.kind]
                self._workers.send(dice.choice(self._workers.names), what)
                return self._note(f"worker: {what.name}")
            case "pause":
                return self._note("worker: paused", self._workers.pause(dice.choice(self._workers.names)))
            case "second worker":
                return self._note("worker: a second one", self._workers.invite(dice.choice(self._workers.names)))
            case "mongod stopped" | "mongod killed":
                return self._without_database(event.kind)
            case "jira":
                return self._bad_answers(dice)
            case "token":
                return self._refusal(dice)
            case "index":
                return self._bad_search(dice, event.lasts)
        raise AssertionError(event.kind)

    def heal(self) -> None:
        """Put an end to every fault, and have MongoDB run; what search does badly ends by itself."""
        for site in self._sites:
            self._rig.control.heal(site)
        if self._rig.mongod.process is None:
            self._rig.mongod.start()

    def _note(self, name: str, end: End | None = None) -> End | None:
        self.done[name] += 1
        return end

    def _without_database(self, kind: str) -> End | None:
        if self._rig.mongod.process is None:
            return None
        self._rig.mongod.stop(signal.SIGKILL if kind == "mongod killed" else signal.SIGTERM)
        return self._note(kind, self._rig.mongod.start)

    def _bad_answers(self, dice: Random) -> End | None:
        site = dice.choice(self._sites)
        name, kind, options, only_writes = dice.choice(ANSWERS)
        is_write = only_writes or dice.random() < 0.5
        place = {"path": dice.choice(WRITES), "method": "POST"} if is_write else {"path": dice.choice(READS)}
        if kind == "delay":
            options = {"seconds": dice.uniform(0.1, LONGEST_DELAY)}
        if kind == "truncate_attachment":
            place = {"path": FILES}
        times = dice.choice((1, 1, 2, 5))
        fault = self._rig.control.fault(site, kind, user=SYNC["name"], times=times, **place, **options)
        return self._note(f"jira: {name}", lambda: self._rig.control.heal(site, fault))

    def _refusal(self, dice: Random) -> End | None:
        site = dice.choice(self._sites)
        name, kind, options = dice.choice(REFUSALS)
        fault = self._rig.control.fault(site, kind, user=SYNC["name"], **options)

        def renew() -> None:
            """Somebody renews the token, and starts the workers again instead of waiting for them."""
            self._rig.control.heal(site, fault)
            for each in self._pairings:
                if site in each.sites.values():
                    self._workers.send(each.name, signal.SIGTERM)

        return self._note(f"jira: {name}", renew)

    def _bad_search(self, dice: Random, lasts: float) -> End | None:
        free = [site for site in self._sites if site not in self._searches_badly]
        if not free:
            return None
        site = dice.choice(free)
        self._searches_badly.add(site)
        hidden = self._some_keys(dice, site)
        choices: list[tuple[str, dict[str, Any]]] = [
            ("search lags behind", {"lag": dice.uniform(5.0, 90.0)}),
            ("search stands still", {"hold": True}),
        ]
        if lasts <= LONGEST_HIDDEN:
            choices.append(("search loses sight of issues", {"hide": hidden}))
        name, options = dice.choice(choices)
        self._rig.control.index(site, **options)

        def catch_up() -> None:
            self._rig.control.index(site, lag=0, hold=False, show=hidden)
            self._searches_badly.discard(site)

        return self._note(f"jira: {name}", catch_up)

    def _some_keys(self, dice: Random, site: str) -> list[str]:
        """Return the keys of a third of the issues in one project, those that are yet to come included."""
        projects = [each.projects[side] for each in self._pairings for side in SIDES if each.sites[side] == site]
        return [f"{dice.choice(projects)}-{number}" for number in range(dice.randrange(3), MOST_ISSUES, 3)]
