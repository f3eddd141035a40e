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

from sync_model.health.heartbeat import Heartbeat, Phase, read_heartbeat

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


LOOKS_OFTEN = """
import sys
from sync_worker.runtime import loop, process

process.SECONDS_BETWEEN_LOOKS = loop.BEAT_EVERY = 0.1
sys.exit(process.main())
"""
"""A worker that looks often whether what it waits for has changed."""


class Watched:
    """A worker's heartbeat."""

    def __init__(self, bench, wait_until) -> None:
        self._bench, self._wait_until = bench, wait_until

    def wait_for(self, phase: Phase, reason: str = "") -> Heartbeat:
        def said() -> Heartbeat | None:
            beat = read_heartbeat(self._bench.folder, "sync-ab")
            return beat if beat and beat.phase is phase and reason in (beat.reason or "") else None

        return self._wait_until(said, f"it to say {phase}: {reason}")


@pytest.fixture
def watched(bench, wait_until) -> Watched:
    return Watched(bench, wait_until)


def test_a_worker_waits_for_the_files_that_its_database_s_address_names(bench, command, watched, wait_until, tmp_path):
    """Whoever renews a certificate may leave it away for a moment. supervisord would give up on the worker."""
    bench.start(syncIntervalMinutes=0.01)
    bench.stop()
    url = tmp_path / "database_url"
    url.write_text(f"{bench.mongo_url}/?tls=true&tlsCAFile={tmp_path}/ca.pem")
    worker = command.start(code=LOOKS_OFTEN, DATABASE_URL="", DATABASE_URL_FILE=str(url))
    watched.wait_for(Phase.REFUSED, f"tlsCAFile: {tmp_path}/ca.pem cannot be read: No such file or directory")
    url.write_text("mongodb://root:p@s3cr3t@127.0.0.1")
    watched.wait_for(Phase.REFUSED, "@ in its user name or password is to be written %40")
    url.unlink()
    watched.wait_for(Phase.REFUSED, f"DATABASE_URL_FILE: {url} cannot be read")
    url.write_text(bench.mongo_url)
    beat = wait_until(lambda: (found := watched.wait_for(Phase.WAITING)).totals.cycles and found, "a cycle")
    assert beat.pid == worker.pid
    worker.terminate()
    out, err = worker.communicate(timeout=20)
    assert worker.wait() == 0
    assert "s3cr3t" not in out + err
    assert "Traceback" not in out + err


def test_a_worker_that_waits_for_a_file_stops_when_it_is_asked_to(bench, command, watched, tmp_path):
    bench.start()
    bench.stop()
    worker = command.start(DATABASE_URL="", DATABASE_URL_FILE=f"{tmp_path}/nowhere")
    watched.wait_for(Phase.REFUSED)
    worker.terminate()
    assert worker.wait(20) == 0
    watched.wait_for(Phase.STOPPING)


def test_a_worker_waits_for_a_token_that_can_be_one_and_takes_it_at_once(bench, command, watched, tmp_path):
    """Its file may have been spoiled while it ran. A worker that ended because of it would be started in vain."""
    token = tmp_path / "token"
    token.write_text("s3cr3t-sync-token")
    bench.start(jira={**bench.definition["jira"], "apiToken": f"${{file:{token}}}"}, syncIntervalMinutes=0.01)
    bench.stop()
    token.write_bytes(b"s3cr3t-sync-token\nand a second line\n")
    worker = command.start(code=LOOKS_OFTEN)
    watched.wait_for(Phase.REFUSED, f"jira.apiToken: {token} holds more than one line")
    token.write_bytes(b"\xef\xbb\xbfs3cr3t-sync-token\r\n")
    assert watched.wait_for(Phase.WAITING).pid == worker.pid


def _is_json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
