"""How many calls to Jira the work takes: `.venv/bin/python -m benchmarks.call_counts [--issues N] [--latency S]`.

It starts a simulated Cloud site and an embedded mongod, has N issues wait for a counterpart with one comment and
cross-links each, and runs real workers, one cycle per process. The simulator counts the calls.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from benchmarks.rig import command
from benchmarks.rig.processes import ANN_ACCOUNT, Rig, running_rig
from benchmarks.scenario import backlog
from sync_worker.core.decisions.rate_limit import API_PATH

SITE = "site"
USER, DEV = "SUP", "DEV"


@dataclass(frozen=True)
class CycleCalls:
    """What one cycle took: its calls by endpoint, and seconds; `issues` is how many it carried over."""

    title: str
    by_endpoint: Counter[str]
    seconds: float
    issues: int

    def __str__(self) -> str:
        calls, seconds = self.by_endpoint.total(), self.seconds
        rates = f", {calls / self.issues:.2f} for each, {self.issues / seconds:.1f}/s" if self.issues else ""
        endpoints = ", ".join(f"{count} {endpoint}" for endpoint, count in self.by_endpoint.most_common())
        return f"{self.title}: {calls} calls in {seconds:.1f} s{rates}\n    {endpoints}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--issues", type=int, default=50)
    parser.add_argument("--latency", type=float, default=0.05, metavar="SECONDS", help="of each call to Jira")
    options = parser.parse_args()
    sites = [backlog.site_seed(SITE, (USER, DEV))]
    with tempfile.TemporaryDirectory() as folder, running_rig(Path(folder), sites) as rig:
        run(rig, options.issues, options.latency)


def run(rig: Rig, issues: int, latency: float) -> None:
    """Print what each cycle took as soon as it has ended."""
    control = rig.control
    control.settings(SITE, latency=latency)
    definition = rig.define(
        "sync-ab",
        jira=rig.account(SITE),
        userProjectKey=USER,
        devProjectKey=DEV,
        searchLagMinutes=0.01,
        syncIntervalMinutes=60,
        rules=[backlog.RULE],
    )
    print(_one_cycle(rig, definition, "first cycle, empty projects"))
    print(_one_cycle(rig, definition, "idle cycle of a new process"))
    control.settings(SITE, latency=0)
    with control.person(SITE, ANN_ACCOUNT["email"], ANN_ACCOUNT["token"]) as ann:
        for number in range(issues):
            ann.move(ann.create(USER, f"issue {number}"), backlog.STATUS)
    control.settings(SITE, latency=latency)
    print(_one_cycle(rig, definition, f"{issues} counterparts", issues))
    print(_one_cycle(rig, definition, "their echo"))
    print("\nOf these, a process asks serverInfo and the two projects once in its life.")


def _one_cycle(rig: Rig, definition: Path, title: str, issues: int = 0) -> CycleCalls:
    rig.control.forget_calls(SITE)
    seconds = rig.one_cycle(definition)
    calls = Counter(call["endpoint"].removeprefix(API_PATH) for call in rig.control.calls(SITE))
    return CycleCalls(title, calls, seconds, issues)


if __name__ == "__main__":
    sys.exit(command.run(main))
