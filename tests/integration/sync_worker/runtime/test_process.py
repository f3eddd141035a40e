"""`python -m sync_worker`, as supervisord and people start it."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

REPO = Path(__file__).parents[4]


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sync_worker", *arguments]
    env = {**os.environ, **environ}
    return subprocess.run(command, env=env, cwd=REPO, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    rule = {"sourceStatus": "A", "syncDirection": "both"}
    jira = {"baseUrl": "http://127.0.0.1:1", "apiToken": "s3cr3t-token"}
    definition = {"name": "sync-ab", "jira": jira, "userProjectKey": "U", "devProjectKey": "D", "rules": [rule]}
    path = tmp_path / "sync-ab.json"
    path.write_text(json.dumps(definition))
    return path


def test_the_problems_of_a_broken_file_are_printed_line_by_line(tmp_path):
    path = tmp_path / "bad.json"
    path.write_text('{"name": "all", "rulez": []}')
    ran = run("--config", str(path))
    assert ran.returncode == 1
    assert "bad.json: name: is reserved; choose another name" in ran.stderr.splitlines()
    assert "bad.json: rulez: is not a known key; did you mean rules?" in ran.stderr.splitlines()
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize(
    # environment                                                    what is said
    ("environ", "said"),
    [
        ({"LOG_LEVEL": "loud"}, "LOG_LEVEL is 'loud'"),
        ({"SYNC_INTERVAL_MINUTES": "0"}, "SYNC_INTERVAL_MINUTES is '0'"),
        ({"DATABASE_URL": "mongodb://u:s3cr3t@h:port"}, "DATABASE_URL is not a MongoDB address"),
        ({"DATABASE_URL": "http://u:s3cr3t@h"}, "DATABASE_URL is not a MongoDB address"),
    ],
)
def test_a_wrong_environment_variable_is_explained_in_one_line_without_secrets(config, environ, said):
    ran = run("--config", str(config), **environ)
    assert ran.returncode == 1
    assert ran.stderr.startswith(said)
    assert len(ran.stderr.splitlines()) == 1
    assert "s3cr3t" not in ran.stderr + ran.stdout


def test_once_tells_by_its_exit_code_whether_the_cycle_went_through(bench, config, mongo_server, tmp_path):
    ran = run("--config", str(config), "--once", "--run-dir", str(tmp_path), DATABASE_URL=mongo_server.url)
    assert ran.returncode == 1
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    assert lines[-1]["event"] == "cycle failed"
    assert "no answer" in lines[-1]["error"]
    assert "s3cr3t" not in ran.stdout + ran.stderr
    bench.start()
    good = bench.folder / "sync-ab.json"
    assert (
        run("--config", str(good), "--once", "--run-dir", str(tmp_path), DATABASE_URL=mongo_server.url).returncode == 0
    )


def test_a_request_that_never_ends_does_not_keep_a_worker_from_stopping(bench, tmp_path, wait_until):
    bench.start()
    hanging = bench.control.fault("one", "hang", path="/search")
    # What ends the wait is a constant of the command, made small here.
    code = (
        "import sys, sync_worker.runtime.process; from sync_worker.__main__ import main; "
        "sync_worker.runtime.process.STOP_GRACE = 0.3; sys.exit(main(sys.argv[1:]))"
    )
    command = [
        sys.executable,
        "-c",
        code,
        "--config",
        str(bench.folder / "sync-ab.json"),
        "--run-dir",
        str(tmp_path / "r"),
    ]
    environ = {**os.environ, "DATABASE_URL": bench.mongo_url}
    process = subprocess.Popen([*command, "--once"], env=environ, cwd=REPO, stdout=subprocess.PIPE, text=True)
    wait_until(lambda: bench.control.strikes("one", hanging), "the search")
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=15)
    assert process.returncode == 0
    assert "stopped in the middle of a request" in out


def test_a_worker_on_a_terminal_logs_lines_for_people(config, mongo_server, tmp_path):
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "sync_worker", "--config", str(config), "--once", "--run-dir", str(tmp_path)]
    environ = {**os.environ, "DATABASE_URL": mongo_server.url, "NO_COLOR": "1"}
    subprocess.run(command, env=environ, cwd=REPO, stdout=theirs, check=False, timeout=60)
    os.close(theirs)
    said = os.read(ours, 100_000).decode()
    os.close(ours)
    assert "cycle failed" in said
    assert "error   sync-ab cycle failed error=" in said
    assert not _is_json(said.splitlines()[0])


def _is_json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
