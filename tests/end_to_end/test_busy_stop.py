"""A group whose workers are all busy is ended as a container's engine ends it: nothing is cut, lost or doubled."""

from __future__ import annotations

import json
import os
import signal

from generator.running.supervision.processes import is_supervisord, members
from sync_model.health.heartbeat import Phase, read_heartbeat
from sync_model.program_names import MONITOR

LETTERS = "ABC"


def test_busy_workers_end_their_requests_before_mongodb_ends_and_go_on_where_they_were(group):
    for letter in LETTERS:
        group.write(letter, sideBySide=2)
        for number in range(4):
            group.report(letter, f"{letter} {number}")
    group.control.settings("site", latency=1.0)
    group.run("start")
    names = [f"sync-{letter.lower()}" for letter in LETTERS]
    group.wait_until(lambda: all(map(group.counterparts, LETTERS)), "all to be in the middle of their work")
    (supervisord,) = [pid for pid in members(group.run_dir) if is_supervisord(pid)]
    os.kill(supervisord, signal.SIGTERM)
    group.wait_until(lambda: members(group.run_dir) == [], "all of them to end")
    log = (group.run_dir / "logs/supervisord.log").read_text()
    order = [*(f"stopped: {name} (exit status 0)" for name in names), "stopped: mongodb (exit status 0)"]
    assert [line for line in order if line not in log] == []
    assert max(log.index(line) for line in order[:-1]) < log.index(f"stopped: {MONITOR}") < log.index(order[-1])
    for name in names:
        lines = [json.loads(line) for line in (group.run_dir / f"logs/{name}.log").read_text().splitlines()]
        assert (lines[-1]["event"], read_heartbeat(group.run_dir, name).phase) == ("worker stopped", Phase.STOPPING)

    group.control.settings("site", latency=0.0)
    group.run("stop")
    # What had begun and was not seen to its end is looked into once no request of theirs can be at work any more.
    group.control.clock("site", 60)
    group.run("start")
    for letter in LETTERS:
        group.expect(letter, *(f"{letter} {number}" for number in range(4)))
        comments = [len(each["comments"]) for each in group.control.issues("site", f"SUP{letter}")]
        assert comments == [1] * 4
