"""People who work on thousands of pairs while the version of jira-sync changes: rounds of changes of each kind."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from benchmarks.rig.processes import ANN_ACCOUNT
from benchmarks.scenario.definitions import login_of_ann, site_names
from benchmarks.scenario.people import Editor
from benchmarks.verdict.demands import SIDES, SyncUnderTest
from benchmarks.verdict.evidence import Dumps, counterparts, issues_of
from jira_simulator.client import SimulatorControl

ACCEPTED, WITHDRAWN, BEGUN = "Will Do", "Cancelled", "In Progress"
WITH_MORE = 10
"""Each tenth of the first issues has a file and a comment."""
LARGEST_FILE = 4000
KINDS_OF_CHANGES = 6


class UpgradePeople:
    """They change `per_round` issues of each sync in each way. What they do follows from the seed of `random`.

    Nobody works on a pair in two rounds after each other. Which of two changes on both sides was the later one, a
    restored database can tell only if they are further apart than the clocks of two sites are known.
    """

    def __init__(
        self, control: SimulatorControl, syncs: Sequence[SyncUnderTest], per_round: int, random: Random
    ) -> None:
        self._control, self._syncs, self.per_round, self._random = control, syncs, per_round, random
        self._editors = {
            site: Editor(f"{control.url}/{site}", login_of_ann(site), ANN_ACCOUNT["token"])
            for site in site_names(syncs)
        }
        self._pairs: dict[str, list[dict[str, str]]] = {}
        self._busy: dict[str, set[str]] = {}

    def close(self) -> None:
        for editor in self._editors.values():
            editor.http.close()

    def report_first(self, count: int) -> None:
        """Report so many issues to each sync, each of which calls for a counterpart."""
        for sync in self._syncs:
            site, project = sync.sites["user"], sync.projects["user"]
            keys = self._control.create_many(site, project, count, status=ACCEPTED, user=ANN_ACCOUNT["name"])
            for key in keys[::WITH_MORE]:
                self._editors[site].comment(key, "It happens each day.")
                self._editors[site].attach(key, "log.txt", self._content("user"))

    def learn(self, dumps: Dumps) -> None:
        """Take the pairs that there are now as those to work on."""
        for sync in self._syncs:
            keys = {issue["id"]: issue["key"] for issue in issues_of(sync, "user", dumps)}
            found = counterparts(sync, dumps)
            self._pairs[sync.name] = [{"user": keys[source], "dev": twins[0]["key"]} for source, twins in found.items()]

    def withdraw(self) -> None:
        """Withdraw issues that developers have begun, where no way leads to what the rules want then."""
        for sync in self._syncs:
            for pair in self._pairs[sync.name][: self.per_round] if sync.demands.transitions else ():
                self._editors[sync.sites["user"]].move(pair["user"], WITHDRAWN)
                self._editors[sync.sites["dev"]].move(pair["dev"], BEGUN)

    def work(self) -> int:
        """Do a round; return how many changes that was."""
        return sum(self._work_on(sync) for sync in self._syncs)

    def _work_on(self, sync: SyncUnderTest) -> int:
        count, busy = self.per_round, self._busy.get(sync.name, ())
        free = [pair for pair in self._pairs[sync.name] if pair["user"] not in busy]
        pairs = self._random.sample(free, min(KINDS_OF_CHANGES * count, len(free)))
        self._busy[sync.name] = {pair["user"] for pair in pairs}
        changes = sum(self._report(sync, with_file=number % 2 == 0) for number in range(count))
        for number, pair in enumerate(pairs):
            side = SIDES[number % 2]
            editor, key = self._editors[sync.sites[side]], pair[side]
            if number % 3 == 0:
                editor.attach(key, self._new_name(), self._content(side))
            elif number % 3 == 1 and (statuses := editor.next_statuses(key)):
                editor.move(key, self._random.choice(statuses))
            elif number % 4 == 0:
                editor.edit(key, summary=f"Still broken {self._random.random():.6f}")
            else:
                editor.comment(key, f"Any news? {self._random.random():.6f}")
        return changes + len(pairs)

    def _report(self, sync: SyncUnderTest, *, with_file: bool) -> int:
        editor = self._editors[sync.sites["user"]]
        key = editor.create(sync.projects["user"], f"Broken {self._random.random():.6f}", description="Since today.")
        if with_file:
            editor.attach(key, "trace.log", self._content("user"))
        editor.move(key, ACCEPTED)
        return 1

    def _new_name(self) -> str:
        """Return a name that no file has. Some versions before do not keep files of one name in their order."""
        return f"screenshot {self._random.random():.9f}.png"

    def _content(self, side: str) -> bytes:
        """Return a new file. Those of different sides never have the same size."""
        return self._random.randbytes(2 * self._random.randint(1, LARGEST_FILE // 2) + (side == "dev"))
