"""`jira-sync sync-now` where no worker runs."""

from __future__ import annotations

import json
import re

import pytest


@pytest.fixture
def dead_letter(bench) -> None:
    """A change that was given up. No worker is running."""
    _, counterpart = bench.pair()
    bench.dev.move(counterpart, "Closed")
    bench.refuse_moves()
    bench.cycle()
    bench.stop()


def test_sync_now_runs_a_cycle_here_only_when_told_so_and_says_what_it_did(bench, front, dead_letter):
    bench.taken_on()
    ran = front("sync-now", "sync-ab")
    assert (ran.code, ran.out) == (1, "")
    assert "no worker runs sync-ab now; start it: jira-sync start; or run one cycle here: " in ran.err
    ran = front("sync-now", "sync-ab", "--here")
    assert ran.code == 0
    assert re.fullmatch(r"sync-ab: \d+ fetched, 1 created, .*1 dead \(\d+\.\d s\)\n", ran.out)
    assert json.loads(ran.err.splitlines()[-1])["event"] == "cycle completed"


def test_sync_now_says_why_its_cycle_failed(bench, front, dead_letter):
    bench.control.fault("one", "unauthorized", user="sync")
    ran = front("sync-now", "sync-ab", "--here")
    assert ran.code == 1
    assert ran.err.splitlines()[-1].startswith("error: sync-ab: ")
    assert "does not accept our credentials" in ran.err.splitlines()[-1]
