"""The records of remedies outlive the monitor."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from health_monitor.observation.remedy_records import (
    Reason,
    RemedyRecord,
    TakenRemedy,
    Termination,
    read_records,
    records_path,
    write_records,
)

NOW = datetime(2026, 1, 2, 12, 0, 0, tzinfo=UTC)
TAKEN = TakenRemedy(at=NOW, reason=Reason.MEMORY, text="restarted")
RECORD = RemedyRecord(
    restarts={Reason.MEMORY: 1},
    attempts=2,
    next_start=NOW,
    termination=Termination(pid=7, since=NOW),
    remedies=(TAKEN,),
)


def test_records_that_were_written_are_read_again(tmp_path):
    write_records(tmp_path, {"sync-ab": RECORD})
    assert read_records(tmp_path) == {"sync-ab": RECORD}


def test_the_names_in_the_file_are_those_that_earlier_monitors_wrote(tmp_path):
    write_records(tmp_path, {"sync-ab": RECORD})
    at = "2026-01-02T12:00:00Z"
    assert json.loads(records_path(tmp_path).read_text()) == {
        "programs": {
            "sync-ab": {
                "restarts": {"memory": 1},
                "attempts": 2,
                "nextStart": at,
                "ending": {"pid": 7, "since": at},
                "deeds": [{"at": at, "reason": "memory", "text": "restarted"}],
            }
        }
    }


def test_a_broken_file_of_records_is_ignored(tmp_path):
    for broken in ("{", '{"programs": {"sync-ab": {"attempts": "many"}}}', "[]"):
        records_path(tmp_path).write_text(broken)
        assert read_records(tmp_path) == {}
