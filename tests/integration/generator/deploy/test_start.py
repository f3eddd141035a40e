"""`start`, on a real supervisord with real workers."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

TOKEN = "s3cr3t-literal-token"


def test_a_group_that_runs_is_not_started_twice(group):
    group.write("sync-a.json")
    group.start()
    before = group.pids()
    ran = group.run("start")
    assert (ran.code, group.pids()) == (1, before)
    assert "runs already" in ran.err


def test_the_good_files_start_when_others_are_broken(group):
    group.write("sync-a.json")
    (group.configs / "bad.json").write_text("[]")
    ran = group.run("start")
    assert ran.code == 1
    assert "error: bad.json: must hold one object" in ran.err
    assert group.states()["sync-a"].state == "RUNNING"


def test_start_with_strict_starts_nothing_when_a_file_is_broken(group):
    (group.configs / "bad.json").write_text("[]")
    ran = group.run("start", STRICT="1")
    assert ran.code == 1
    assert group.members() == []


def test_a_group_without_syncs_starts_and_takes_them_later(group):
    ran = group.run("start")
    assert ran.code == 0, ran
    assert "no sync to run" in ran.err
    group.write("sync-a.json")
    assert group.run("apply").out == "+ sync-a started\n"


@pytest.mark.defect(21)
def test_no_token_is_in_the_conf_the_manifest_or_a_command_line(group):
    group.write("sync-a.json")
    group.start()
    texts = [path.read_text() for path in (group.run_dir / "supervisord.conf", group.run_dir / "syncs/.manifest.json")]
    lines = [Path(f"/proc/{pid}/cmdline").read_text() for pid in group.members()]
    logs = [path.read_text() for path in (group.run_dir / "logs").iterdir()]
    assert not [text for text in texts + lines + logs if TOKEN in text]
    assert (group.run_dir / "syncs/sync-a.json").stat().st_mode & 0o077 == 0
    assert group.run_dir.stat().st_mode & 0o077 == 0
    assert (group.run_dir / "supervisor.sock").stat().st_mode & 0o077 == 0


def test_the_embedded_database_starts_first_and_stops_last(group):
    group.write("sync-a.json")
    ran = group.run("start", DATABASE_URL=None)
    assert ran.code == 0, ran
    assert group.states()["mongodb"].state == "RUNNING"
    assert group.run("stop").code == 0
    log = (group.run_dir / "logs/supervisord.log").read_text()
    order = [
        "spawned: 'mongodb'", "spawned: 'health-monitor'", "spawned: 'sync-a'",
        "stopped: sync-a", "stopped: health-monitor", "stopped: mongodb (exit status 0)",
    ]  # fmt: skip
    positions = [log.index(event) for event in order]
    assert positions == sorted(positions)


@pytest.mark.parametrize("name", ["MONGODB_PORT", "PORT"])
def test_a_taken_port_is_said_with_what_to_do(group, name, free_port):
    group.write("sync-a.json")
    port = str(free_port())
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", int(port)))
        taken.listen()
        ran = group.run("start", **{"DATABASE_URL": None, name: port})
    assert ran.code == 1
    assert f"error: port {port} is taken by process {os.getpid()} (" in ran.err
    assert f"set {name} to a free one" in ran.err
    assert group.members() == []


@pytest.mark.parametrize(
    # what the loader says                                                                         what is said
    ("loader", "said"),
    [
        (
            "mongod: error while loading shared libraries: libcurl.so.4: cannot open shared object file",
            "mongod needs libcurl4; install it: sudo apt-get install -y libcurl4",
        ),
        ("Illegal instruction", "does not run: Illegal instruction"),
    ],
)
def test_a_mongod_that_cannot_run_is_said_with_what_to_do(group, tmp_path, loader, said):
    fake = tmp_path / "bin" / "mongod"
    fake.parent.mkdir()
    fake.write_text(f"#!/bin/sh\necho '{loader}' >&2\nexit 127\n")
    fake.chmod(0o755)
    ran = group.run("start", DATABASE_URL=None, PATH=f"{fake.parent}:{os.environ['PATH']}")
    assert ran.code == 1
    assert said in ran.err


def test_start_says_that_a_run_directory_cannot_be_made(group, tmp_path):
    (tmp_path / "file").write_text("")
    ran = group.run("start", RUN_DIR=str(tmp_path / "file" / "run"))
    assert ran.code == 1
    assert ran.err.startswith("error: ")


def test_all_programs_append_to_a_file_that_standard_output_leads_to(group, tmp_path):
    group.write("sync-a.json")
    with (tmp_path / "out").open("w") as out:
        command = [sys.executable, "-m", "generator", "start", "--foreground"]
        process = subprocess.Popen(command, env=group.environ, stdout=out, stderr=subprocess.DEVNULL)
        group.wait_until(lambda: "worker started" in (tmp_path / "out").read_text(), "the worker's first line")
        group.wait_until(lambda: "entered RUNNING state" in (tmp_path / "out").read_text(), "supervisord's line")
        assert "worker started" in (tmp_path / "out").read_text()
        process.terminate()
        assert process.wait(30) == 0


@pytest.mark.parametrize(
    # variable         value                                                    said
    ("name", "value", "said"),
    [
        (
            "DATABASE_URL",
            "mongodb://root:p@s3cr3t/x@127.0.0.1:27017",
            "DATABASE_URL is not a MongoDB address: @ and / in its user name or password are to be written %40 and %2F",
        ),
        (
            "DATABASE_URL",
            "mongodb://127.0.0.1:27017/?tls=true&tlsCAFile=/nowhere/ca.pem",
            "DATABASE_URL: tlsCAFile: /nowhere/ca.pem cannot be read: No such file or directory",
        ),
        ("HTTPS_PROXY", "http://user:s3cr3t/x@proxy:3128", "HTTPS_PROXY is not the address of a proxy"),
        ("ALL_PROXY", "socks5://user:s3cr3t@proxy:1080", "ALL_PROXY is the address of a SOCKS proxy"),
        ("SSL_CERT_FILE", "/nowhere/ca.pem", "SSL_CERT_FILE: /nowhere/ca.pem cannot be read"),
    ],
)
def test_what_would_keep_every_worker_from_its_work_is_said_by_check_and_start_and_nothing_starts(
    group, name, value, said
):
    group.write("sync-a.json")
    for command in ("check", "start"):
        ran = group.run(command, **{name: value})
        assert ran.code == 1
        assert f"error: {said}" in ran.err
        assert "s3cr3t/" not in ran.out + ran.err
        assert "s3cr3t@" not in ran.out + ran.err
    assert "sync-a" in group.run("check", **{name: value}).out
    assert group.members() == []


def test_a_token_file_that_holds_no_token_is_a_problem_of_its_field(group, tmp_path):
    token = tmp_path / "token"
    token.write_bytes(b"tok-1\ntok-2\n")
    group.write("sync-a.json", jira={"baseUrl": "http://127.0.0.1:1", "apiToken": f"${{file:{token}}}"})
    ran = group.run("check")
    assert ran.code == 1
    assert f"error: sync-a.json: jira.apiToken: {token} holds more than one line" in ran.err
    token.write_bytes(b"\xef\xbb\xbftok-1\r\n")
    assert group.run("check").code == 0
