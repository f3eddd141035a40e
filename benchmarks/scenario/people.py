"""People who use both sides of every sync while everything breaks: through Jira's own API, as themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

import httpx

from benchmarks.rig.processes import ANN
from benchmarks.scenario.pairings import SIDES, Pairing, is_cloud
from benchmarks.scenario.timeline import Event
from benchmarks.verdict.evidence import MARKER, Gone
from jira_simulator.client import Person, SimulatorControl

FILENAMES = ("log.txt", "screenshot.png", "trace.log", "Übersicht 2.pdf", "data.csv")
COMMON_SIZES = (700, 4096)
LARGEST_FILE = 20_000
RECENT = 15
MOMENTS = (0.0, 0.005, 0.03, 0.2, 0.6)
"""Seconds between two changes that clash."""


class Colleague(Person):
    """A person who can also look around."""

    def place(self, key: str) -> tuple[str, str]:
        """Return the issue's immutable id, and the key of the project that it is in now."""
        found = self._ask("GET", f"/issue/{key}", params={"fields": "project"})
        return str(found["id"]), found["fields"]["project"]["key"]

    def ways(self, key: str) -> list[str]:
        """Return the statuses that the issue can be moved to, other than the one that it is in."""
        now = self._ask("GET", f"/issue/{key}", params={"fields": "status"})["fields"]["status"]["name"]
        ways = self._ask("GET", f"/issue/{key}/transitions")["transitions"]
        return sorted({each["to"]["name"] for each in ways} - {now})

    def linked(self, key: str) -> str | None:
        """Return the key of the counterpart that the issue links to."""
        links = self._ask("GET", f"/issue/{key}/remotelink")
        return next((each["object"]["title"] for each in links if each["application"]["name"] == MARKER), None)

    def newest(self, project: str) -> list[str]:
        """Return the keys of the newest issues that search knows."""
        wanted = {"jql": f"project = {project} ORDER BY key DESC", "fields": "updated", "maxResults": 5}
        try:
            found = self._ask("GET", "/search/jql", params=wanted)
        except httpx.HTTPStatusError:
            found = self._ask("GET", "/search", params=wanted)
        return [each["key"] for each in found["issues"]]

    def source(self, key: str) -> str | None:
        """Return the id of the user issue that this is the counterpart of."""
        response = self.http.get(f"/issue/{key}/properties/{MARKER}")
        return str(response.json()["value"]["issue"]) if response.is_success else None

    def delete(self, key: str) -> None:
        self._ask("DELETE", f"/issue/{key}")


@dataclass
class Known:
    """A user issue as its reporter knows it."""

    pair: Pairing
    id: str
    key: str
    is_untouched: bool = True


@dataclass
class People:
    """Everybody at work. `has_noticed` tells whether a sync knows an issue; `wait` lets a moment pass."""

    control: SimulatorControl
    pairings: list[Pairing]
    has_noticed: Callable[[Pairing, str], bool]
    wait: Callable[[float], object]
    done: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    deleted: set[tuple[str, str]] = field(default_factory=set)
    bereft: set[tuple[str, str]] = field(default_factory=set)
    watched: set[tuple[str, str]] = field(default_factory=set)
    _known: dict[str, list[Known]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._known = {each.name: [] for each in self.pairings}
        self._colleagues = {
            site: Colleague(f"{self.control.url}/{site}", ANN["email" if is_cloud(site) else "name"], ANN["token"])
            for site in {site for each in self.pairings for site in each.sites.values()}
        }

    @property
    def gone(self) -> Gone:
        return Gone(frozenset(self.deleted), frozenset(self.bereft), frozenset(self.watched))

    def close(self) -> None:
        for each in self._colleagues.values():
            each.http.close()

    def edit(self, event: Event) -> None:
        """Make one edit, or the nearest thing that is possible now."""
        dice = event.dice
        pair = dice.choice(self.pairings)
        known = self._known[pair.name]
        kind = event.kind if known or event.kind == "developer's own" else "create"
        issue = dice.choice(known[-RECENT:] if dice.random() < 0.7 else known) if known else None
        try:
            self._edit(kind, dice, pair, issue)
        except (httpx.HTTPStatusError, LookupError):
            # Somebody else was faster: the issue is gone, or stands elsewhere by now.
            self.refused[kind] += 1

    def _edit(self, kind: str, dice: Random, pair: Pairing, issue: Known | None) -> None:
        if kind == "developer's own":
            self._at(pair, "dev").create(pair.projects["dev"], f"Technical debt {dice.random():.6f}")
            self.done[kind] += 1
        elif kind == "create" or issue is None:
            self._create(dice, pair)
        elif kind == "clash":
            self._clash(dice, issue)
        elif kind == "move project":
            self._move_project(dice, issue)
        else:
            side, key = self._somewhere(dice, issue)
            if kind == "delete":
                self._delete(issue, side, key)
            elif kind == "move":
                self._move(dice, issue, side, key)
            else:
                self._write(kind, dice, issue, side, key)

    def _at(self, pair: Pairing, side: str) -> Colleague:
        return self._colleagues[pair.sites[side]]

    def _somewhere(self, dice: Random, issue: Known) -> tuple[str, str]:
        """Return one of the two sides, and the key of the issue there; the user side while there is no other."""
        if dice.random() < 0.5:
            return "user", issue.key
        if dice.random() < 0.15 and (found := self._at(issue.pair, "dev").newest(issue.pair.projects["dev"])):
            return "dev", dice.choice(found)
        counterpart = self._at(issue.pair, "user").linked(issue.key)
        return ("dev", counterpart) if counterpart else ("user", issue.key)

    def _create(self, dice: Random, pair: Pairing) -> None:
        reporter = self._at(pair, "user")
        description = f"It fails {dice.randint(2, 99)} times a day."
        key = reporter.create(pair.projects["user"], f"Broken {dice.random():.6f}", description=description)
        issue = Known(pair, reporter.place(key)[0], key)
        self._known[pair.name].append(issue)
        self.done["create"] += 1
        if dice.random() < 0.3:
            self._write("attach", dice, issue, "user", key)
        if dice.random() < 0.5:
            self._move(dice, issue, "user", key)

    def _move(self, dice: Random, issue: Known, side: str, key: str) -> None:
        person = self._at(issue.pair, side)
        ways = person.ways(key)
        if side == "user" and issue.pair.demands.ways is not None and self._is_waiting(issue, ways):
            # Who reports by the shipped rules waits to be taken on, mostly.
            ways = ways if dice.random() < 0.15 else []
        if "Will Do" in ways and dice.random() < 0.7:
            ways = ["Will Do"]
        if not ways:
            self._write("comment", dice, issue, side, key)
            return
        if side == "user" and issue.is_untouched:
            issue.is_untouched = False
            if self.has_noticed(issue.pair, issue.id):
                self.watched.add((issue.pair.sites["user"], issue.id))
        person.move(key, dice.choice(ways))
        self.done["move"] += 1

    def _is_waiting(self, issue: Known, ways: list[str]) -> bool:
        is_accepted = set(ways) == set((issue.pair.demands.ways or {})["user"]["Will Do"])
        return is_accepted and self._at(issue.pair, "user").linked(issue.key) is None

    def _clash(self, dice: Random, issue: Known) -> None:
        """Both sides are changed, or the same one twice, at almost the same time."""
        counterpart = self._at(issue.pair, "user").linked(issue.key)
        sides = {"user": issue.key, "dev": counterpart or issue.key}
        for number in range(2):
            side = dice.choice(SIDES) if counterpart else "user"
            if number:
                self.wait(dice.choice(MOMENTS))
            if dice.random() < 0.2:
                self._write("attach", dice, issue, side, sides[side])
            else:
                self._move(dice, issue, side, sides[side])

    def _write(self, kind: str, dice: Random, issue: Known, side: str, key: str) -> None:
        person = self._at(issue.pair, side)
        if kind == "attach":
            person.attach(key, dice.choice(FILENAMES), _content(dice, side))
        elif kind == "summary":
            person.edit(key, summary=f"Still broken {dice.random():.6f}")
        else:
            person.comment(key, f"Any news? {dice.random():.6f}")
        self.done[kind] += 1

    def _move_project(self, dice: Random, issue: Known) -> None:
        """Move an issue out of its project, or back. Jira has no call for it, so it happens behind the curtain."""
        side, key = self._somewhere(dice, issue)
        site = issue.pair.sites[side]
        _, here = self._at(issue.pair, side).place(key)
        target = issue.pair.elsewhere[side] if here == issue.pair.projects[side] else issue.pair.projects[side]
        new_key = self.control.move(site, key, target)
        if side == "user":
            issue.key = new_key
        self.done["move project"] += 1

    def _delete(self, issue: Known, side: str, key: str) -> None:
        person = self._at(issue.pair, side)
        site = issue.pair.sites[side]
        (identity, _), source = person.place(key), person.source(key)
        person.delete(key)
        self.deleted.add((site, identity))
        if source:
            self.bereft.add((issue.pair.sites["user"], source))
        if side == "user":
            self._known[issue.pair.name].remove(issue)
        self.done["delete"] += 1


def _content(dice: Random, side: str) -> bytes:
    """Return a new file. Some have one size, but no file of one side has the size of one of the other side."""
    size = dice.choice(COMMON_SIZES) if dice.random() < 0.2 else 2 * dice.randint(1, LARGEST_FILE // 2)
    return dice.randbytes(size + (side == "dev"))
