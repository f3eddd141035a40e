"""What ends a program of a group is one line of JSON among those of its log; outside of a group it is plain text."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from sync_model.secrecy.program_output import json_line

REPO = Path(__file__).parents[4]
FAIL = "from sync_model.secrecy import redaction, uncaught; redaction.remember('s3cr3t-x', 'ann'); uncaught.install()\n"
WORKER = "from sync_worker.__main__ import main; import sys; sys.exit(main(['--config', sys.argv[1]]))"


def _run(code: str, *arguments: str, name: str = "sync-ab") -> list[str]:
    ran = subprocess.run(
        [sys.executable, "-c", code, *arguments], env={**os.environ, "SUPERVISOR_PROCESS_NAME": name},
        cwd=REPO, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert ran.returncode == 1
    return ran.stderr.splitlines()


def test_an_error_that_nobody_caught_is_one_line_that_a_pipe_takes_in_one_piece():
    (line,) = _run(f"{FAIL}raise ValueError('s3cr3t-x' + '\\U0001f600' * 9000 + 'the end')")
    assert len(line.encode()) < 4096
    told = json.loads(line)
    assert (told["level"], told["sync"], told["event"]) == ("error", "sync-ab", "nobody has caught an error")
    assert told["exception"].startswith("Traceback")
    assert told["exception"].endswith("the end\n")
    assert "s3cr3t" not in line


def test_a_line_is_read_as_it_was_written_and_steers_no_terminal():
    text = "a → b … \x1b[2J \x9b31m \u202e \udcff \n \U000e0041 “é”"
    line = json_line("sync-ab", "info", text)
    assert json.loads(line)["event"] == text
    assert line.isprintable()
    assert "a → b … " in line
    assert "“é”" in line


def test_outside_of_a_group_a_person_reads_it():
    lines = _run(f"{FAIL}raise ValueError('why')", name="")
    assert (lines[0], lines[-1]) == ("Traceback (most recent call last):", "ValueError: why")


def test_each_problem_that_keeps_a_worker_from_starting_is_such_a_line(tmp_path):
    (tmp_path / "bad.json").write_text('{"name": "sync-ab", "rulez": []}')
    told = [json.loads(line) for line in _run(WORKER, str(tmp_path / "bad.json"))]
    assert {each["sync"] for each in told} == {"sync-ab"}
    assert any(each["event"].startswith("bad.json: rulez: is not a known key") for each in told)
    assert _run(WORKER, str(tmp_path / "bad.json"), name="")[0].startswith("bad.json: ")
