"""How many calls to Jira the work takes: `.venv/bin/python -m benchmarks.call_counts [--issues N] [--latency S]`.

Starts a simulated Cloud site and an embedded mongod, has N issues wait for a counterpart with one comment and
cross-links each, and runs real workers, one cycle per process. Calls are counted by the simulator.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.rig.processes import ANN, Rig, rig
from benchmarks.scenario import backlog


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--issues", type=int, default=50)
    parser.add_argument("--latency", type=float, default=0.05, metavar="SECONDS", help="of each call to Jira")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, rig(Path(folder), [backlog.site("site", ("SUP", "DEV"))]) as made:
        run(made, options.issues, options.latency)


def run(made: Rig, issues: int, latency: float) -> None:
    control = made.control
    control.settings("site", latency=latency)
    definition = made.define(
        "sync-ab",
        jira=made.account("site"),
        userProjectKey="SUP",
        devProjectKey="DEV",
        searchLagMinutes=0.01,
        syncIntervalMinutes=60,
        rules=[backlog.RULE],
    )
    rows = [_cycle(made, definition, "first cycle, empty projects")]
    rows.append(_cycle(made, definition, "idle cycle of a new process"))
    control.settings("site", latency=0)
    with control.person("site", ANN["email"], ANN["token"]) as person:
        for number in range(issues):
            person.move(person.create("SUP", f"issue {number}"), backlog.STATUS)
    control.settings("site", latency=latency)
    rows.append(_cycle(made, definition, f"{issues} counterparts", issues))
    rows.append(_cycle(made, definition, "their echo"))
    _print(rows)
    print("\nOf these, a process asks serverInfo and the two projects once in its life.")


def _cycle(made: Rig, definition: Path, what: str, issues: int = 0) -> dict[str, Any]:
    made.control.forget_calls("site")
    seconds = made.one_cycle(definition)
    calls = Counter(each["endpoint"].removeprefix("/rest/api/2") for each in made.control.calls("site"))
    return {"what": what, "calls": sum(calls.values()), "by": calls, "seconds": seconds, "issues": issues}


def _print(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        each = (
            f", {row['calls'] / row['issues']:.2f} for each, {row['issues'] / row['seconds']:.1f}/s"
            if row["issues"]
            else ""
        )
        print(f"{row['what']}: {row['calls']} calls in {row['seconds']:.1f} s{each}")
        print("    " + ", ".join(f"{count} {endpoint}" for endpoint, count in row["by"].most_common()))


if __name__ == "__main__":
    main()
