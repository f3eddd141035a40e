"""The lock between two commands on one group."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from generator.running.errors import Unusable
from generator.running.state import locking
from warm_processes import PROMPT


def test_commands_at_the_same_time_wait_for_each_other_and_say_for_which(group):
    group.write("sync-a.json")
    group.start()
    with locking.lock(group.run_dir):
        second = subprocess.Popen(
            [sys.executable, "-c", PROMPT, "apply"],
            env=group.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert second.stderr is not None
        assert f"another command (pid {os.getpid()}) is at work" in second.stderr.readline()
        assert second.poll() is None
    out, _ = second.communicate(timeout=30)
    assert (second.returncode, out) == (0, "= 1 unchanged\n")


def test_the_lock_names_its_holder_for_as_long_as_it_is_held(tmp_path):
    assert locking.lock_holder(tmp_path) is None
    with locking.lock(tmp_path):
        assert locking.lock_holder(tmp_path) == os.getpid()
    assert locking.lock_holder(tmp_path) is None
    assert (tmp_path / ".lock").stat().st_mode & 0o777 == 0o600


def test_a_lock_whose_holder_is_not_known_is_waited_for_all_the_same(tmp_path, capfd):
    pid = os.fork()
    if not pid:
        with (tmp_path / ".lock").open("w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            (tmp_path / "held").touch()
            while "waiting for it" not in capfd.readouterr().err and (tmp_path / "held").exists():
                pass
        os._exit(0)
    try:
        while not (tmp_path / "held").exists():
            pass
    finally:
        (tmp_path / "held").unlink()
    with locking.lock(tmp_path):
        pass
    os.waitpid(pid, 0)


@pytest.mark.parametrize("kind", ["link", "dangling link", "folder", "fifo"])
def test_a_lock_that_is_no_file_is_refused_and_not_followed(tmp_path, kind):
    path, elsewhere = tmp_path / ".lock", tmp_path / "elsewhere"
    match kind:
        case "link":
            elsewhere.write_text("precious")
            path.symlink_to(elsewhere)
        case "dangling link":
            path.symlink_to(elsewhere)
        case "folder":
            path.mkdir()
        case _:
            os.mkfifo(path)
    with pytest.raises(Unusable, match="remove it"), locking.lock(tmp_path):
        pass
    assert not elsewhere.exists() or elsewhere.read_text() == "precious"


def test_a_lock_of_another_user_is_refused(tmp_path: Path):
    if os.geteuid() != 0:
        pytest.skip("only root can give a file to another user")
    (tmp_path / ".lock").touch()
    os.chown(tmp_path / ".lock", 4711, -1)
    with pytest.raises(Unusable, match=r"\.lock is no file of root; remove it"), locking.lock(tmp_path):
        pass
