"""People who edit both sides of every sync while there are faults: through Jira's own API, with their own account."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

import httpx

from benchmarks.rig.processes import ANN_ACCOUNT
from benchmarks.scenario.definitions import login_of_ann, site_names
from benchmarks.scenario.timeline import TimelineEvent
from benchmarks.verdict.demands import SIDES, SyncUnderTest
from benchmarks.verdict.evidence import MARKER, RunFacts
from jira_simulator.client import Person, SimulatorControl

FILENAMES = ("log.txt", "screenshot.png", "trace.log", "Übersicht 2.pdf", "data.csv")
COMMON_SIZES = (700, 4096)
LARGEST_FILE = 20_000
RECENT = 15
SECONDS_BETWEEN_CLASHES = (0.0, 0.005, 0.03, 0.2, 0.6)


class Editor(Person):
    """A person who also reads issues before they edit them."""

    def id_and_project(self, key: str) -> tuple[str, str]:
        """Return the issue's immutable id, and the key of the project that it is in now."""
        issue = self._ask("GET", f"/issue/{key}", params={"fields": "project"})
        return str(issue["id"]), issue["fields"]["project"]["key"]

    def next_statuses(self, key: str) -> list[str]:
        """Return the statuses that the issue can be moved to, other than the one that it is in."""
        current = self._ask("GET", f"/issue/{key}", params={"fields": "status"})["fields"]["status"]["name"]
        transitions = self._ask("GET", f"/issue/{key}/transitions")["transitions"]
        return sorted({transition["to"]["name"] for transition in transitions} - {current})

    def linked(self, key: str) -> str | None:
        """Return the key of the counterpart that the issue links to."""
        links = self._ask("GET", f"/issue/{key}/remotelink")
        return next((link["object"]["title"] for link in links if link["application"]["name"] == MARKER), None)

    def newest(self, project: str) -> list[str]:
        """Return the keys of the newest issues that search finds."""
        query = {"jql": f"project = {project} ORDER BY key DESC", "fields": "updated", "maxResults": 5}
        try:
            found = self._ask("GET", "/search/jql", params=query)
        except httpx.HTTPStatusError:
            found = self._ask("GET", "/search", params=query)
        return [issue["key"] for issue in found["issues"]]

    def source(self, key: str) -> str | None:
        """Return the id of the user issue that this is the counterpart of."""
        response = self.http.get(f"/issue/{key}/properties/{MARKER}")
        return str(response.json()["value"]["issue"]) if response.is_success else None

    def files(self, key: str) -> list[str]:
        """Return the ids of the files of an issue, whoever has attached them."""
        found = self._ask("GET", f"/issue/{key}", params={"fields": "attachment"})["fields"]["attachment"]
        return sorted((file["id"] for file in found), key=int)

    def delete(self, key: str) -> None:
        self._ask("DELETE", f"/issue/{key}")


@dataclass
class ReportedIssue:
    """A user issue as its reporter knows it. `is_untouched`: nobody has changed its status yet."""

    sync: SyncUnderTest
    id: str
    key: str
    is_untouched: bool = True


@dataclass
class People:
    """Everybody who edits. `has_noticed` tells whether a sync knows an issue; `wait` waits for some seconds.

    `counts` and `refused` say how many edits of each kind were made and were refused; the other public fields are those
    of `RunFacts`.
    """

    control: SimulatorControl
    syncs: Sequence[SyncUnderTest]
    has_noticed: Callable[[SyncUnderTest, str], bool]
    wait: Callable[[float], object]
    counts: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    deleted: set[tuple[str, str]] = field(default_factory=set)
    orphaned: set[tuple[str, str]] = field(default_factory=set)
    noticed_early: set[tuple[str, str]] = field(default_factory=set)
    forgot: bool = False
    _issues: dict[str, list[ReportedIssue]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._issues = {sync.name: [] for sync in self.syncs}
        self._editors = {
            site: Editor(f"{self.control.url}/{site}", login_of_ann(site), ANN_ACCOUNT["token"])
            for site in site_names(self.syncs)
        }

    @property
    def facts(self) -> RunFacts:
        return RunFacts(frozenset(self.deleted), frozenset(self.orphaned), frozenset(self.noticed_early), self.forgot)

    def close(self) -> None:
        for editor in self._editors.values():
            editor.http.close()

    def edit(self, event: TimelineEvent) -> None:
        """Make one edit, or the nearest thing that is possible now."""
        random = event.random
        sync = random.choice(self.syncs)
        issues = self._issues[sync.name]
        kind = event.kind if issues or event.kind == "developer's own" else "create"
        issue = random.choice(issues[-RECENT:] if random.random() < 0.7 else issues) if issues else None
        try:
            self._edit(kind, random, sync, issue)
        except (httpx.HTTPStatusError, LookupError):
            # Somebody else was faster: the issue has gone, or its status is another one by now.
            self.refused[kind] += 1

    def _edit(self, kind: str, random: Random, sync: SyncUnderTest, issue: ReportedIssue | None) -> None:
        if kind == "developer's own":
            self._editor(sync, "dev").create(sync.projects["dev"], f"Technical debt {random.random():.6f}")
            self.counts[kind] += 1
        elif kind == "create" or issue is None:
            self._create(random, sync)
        elif kind == "clash":
            self._clash(random, issue)
        elif kind == "files on both sides":
            self._change_files_on_both_sides(random, issue)
        elif kind == "move project":
            self._move_project(random, issue)
        else:
            side, key = self._side_and_key(random, issue)
            if kind == "delete":
                self._delete(issue, side, key)
            elif kind == "move":
                self._move(random, issue, side, key)
            elif kind == "remove file":
                self._remove_file(random, issue, side, key)
            else:
                self._write(kind, random, issue, side, key)

    def _editor(self, sync: SyncUnderTest, side: str) -> Editor:
        return self._editors[sync.sites[side]]

    def _side_and_key(self, random: Random, issue: ReportedIssue) -> tuple[str, str]:
        """Return one of the two sides, and the key of the issue there; the user side while there is no other."""
        if random.random() < 0.5:
            return "user", issue.key
        if random.random() < 0.15 and (found := self._editor(issue.sync, "dev").newest(issue.sync.projects["dev"])):
            return "dev", random.choice(found)
        counterpart = self._editor(issue.sync, "user").linked(issue.key)
        return ("dev", counterpart) if counterpart else ("user", issue.key)

    def _create(self, random: Random, sync: SyncUnderTest) -> None:
        reporter = self._editor(sync, "user")
        description = f"It fails {random.randint(2, 99)} times a day."
        key = reporter.create(sync.projects["user"], f"Broken {random.random():.6f}", description=description)
        issue = ReportedIssue(sync, reporter.id_and_project(key)[0], key)
        self._issues[sync.name].append(issue)
        self.counts["create"] += 1
        if random.random() < 0.3:
            self._write("attach", random, issue, "user", key)
        if random.random() < 0.5:
            self._move(random, issue, "user", key)

    def _move(self, random: Random, issue: ReportedIssue, side: str, key: str) -> None:
        editor = self._editor(issue.sync, side)
        statuses = editor.next_statuses(key)
        is_shipped = issue.sync.demands.transitions is not None
        if side == "user" and is_shipped and self._is_waiting(issue, statuses):
            # By the shipped rules a reporter mostly waits until the developers have taken the issue on.
            statuses = statuses if random.random() < 0.15 else []
        if "Will Do" in statuses and random.random() < 0.7:
            statuses = ["Will Do"]
        if not statuses:
            self._write("comment", random, issue, side, key)
            return
        if side == "user" and issue.is_untouched:
            issue.is_untouched = False
            if self.has_noticed(issue.sync, issue.id):
                self.noticed_early.add((issue.sync.sites["user"], issue.id))
        editor.move(key, random.choice(statuses))
        self.counts["move"] += 1

    def _is_waiting(self, issue: ReportedIssue, statuses: Sequence[str]) -> bool:
        is_accepted = set(statuses) == set((issue.sync.demands.transitions or {})["user"]["Will Do"])
        return is_accepted and self._editor(issue.sync, "user").linked(issue.key) is None

    def _clash(self, random: Random, issue: ReportedIssue) -> None:
        """Change both sides, or the same one twice, at almost the same time."""
        counterpart = self._editor(issue.sync, "user").linked(issue.key)
        keys = {"user": issue.key, "dev": counterpart or issue.key}
        for number in range(2):
            side = random.choice(SIDES) if counterpart else "user"
            if number:
                self.wait(random.choice(SECONDS_BETWEEN_CLASHES))
            if random.random() < 0.2:
                self._write("attach", random, issue, side, keys[side])
            else:
                self._move(random, issue, side, keys[side])

    def _change_files_on_both_sides(self, random: Random, issue: ReportedIssue) -> None:
        """Add or remove a file on either side, at almost the same time."""
        counterpart = self._editor(issue.sync, "user").linked(issue.key)
        keys = {"user": issue.key, "dev": counterpart} if counterpart else {"user": issue.key}
        for side in random.sample(list(keys), len(keys)):
            if random.random() < 0.35:
                self._remove_file(random, issue, side, keys[side])
            else:
                self._write("attach", random, issue, side, keys[side])
            self.wait(random.choice(SECONDS_BETWEEN_CLASHES))

    def _remove_file(self, random: Random, issue: ReportedIssue, side: str, key: str) -> None:
        """Remove any file of an issue, also a copy. Where there is none, add one."""
        editor = self._editor(issue.sync, side)
        if files := editor.files(key):
            editor.remove_file(random.choice(files))
            self.counts["remove file"] += 1
        else:
            self._write("attach", random, issue, side, key)

    def _write(self, kind: str, random: Random, issue: ReportedIssue, side: str, key: str) -> None:
        editor = self._editor(issue.sync, side)
        if kind == "attach":
            editor.attach(key, random.choice(FILENAMES), _content(random, side))
        elif kind == "summary":
            editor.edit(key, summary=f"Still broken {random.random():.6f}")
        else:
            editor.comment(key, f"Any news? {random.random():.6f}")
        self.counts[kind] += 1

    def _move_project(self, random: Random, issue: ReportedIssue) -> None:
        """Move an issue out of its project, or back. Jira has no call for it; the simulator's control does it."""
        side, key = self._side_and_key(random, issue)
        sync = issue.sync
        _, project = self._editor(sync, side).id_and_project(key)
        target = sync.other_projects[side] if project == sync.projects[side] else sync.projects[side]
        new_key = self.control.move(sync.sites[side], key, target)
        if side == "user":
            issue.key = new_key
        self.counts["move project"] += 1

    def _delete(self, issue: ReportedIssue, side: str, key: str) -> None:
        editor = self._editor(issue.sync, side)
        (issue_id, _), source = editor.id_and_project(key), editor.source(key)
        editor.delete(key)
        self.deleted.add((issue.sync.sites[side], issue_id))
        if source:
            self.orphaned.add((issue.sync.sites["user"], source))
        if side == "user":
            self._issues[issue.sync.name].remove(issue)
        self.counts["delete"] += 1


def _content(random: Random, side: str) -> bytes:
    """Return a new file. Several may have the same size, but never two of different sides."""
    size = random.choice(COMMON_SIZES) if random.random() < 0.2 else 2 * random.randint(1, LARGEST_FILE // 2)
    return random.randbytes(size + (side == "dev"))
