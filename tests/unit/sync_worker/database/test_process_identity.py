"""Whether a process is dead for certain: only of one on this very machine, since its last boot, that can be known."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from dataclasses import replace
from pathlib import Path

import pytest

from sync_worker.database.process_identity import ProcessIdentity, this_process

PRINT_IDENTITY = """
import json
from dataclasses import asdict
from pathlib import Path
from sync_worker.database.process_identity import this_process
print(json.dumps(asdict(this_process(Path("/run")))))
"""


@pytest.fixture(scope="module")
def dead_process() -> ProcessIdentity:
    """A process of this machine that has ended."""
    said = subprocess.run([sys.executable, "-c", PRINT_IDENTITY], capture_output=True, text=True, check=True).stdout
    return ProcessIdentity(**json.loads(said))


def other_boot(process: ProcessIdentity) -> ProcessIdentity:
    """Return the same as a machine has it that was booted another time: pid and pid namespace may be the same."""
    _, namespace = process.home.split()
    return replace(process, home=f"{uuid.uuid4()} {namespace}")


def test_a_process_that_runs_here_is_not_dead():
    assert not this_process(Path("/run")).is_certainly_dead()


def test_a_process_that_ended_here_is_dead_also_when_another_one_has_its_pid(dead_process):
    assert dead_process.is_certainly_dead()
    assert replace(dead_process, pid=os.getpid()).is_certainly_dead()


def test_of_a_process_of_another_boot_or_another_namespace_nobody_knows(dead_process):
    """A node that died, and one that is cut off, look the same from here."""
    boot, namespace = dead_process.home.split()
    assert not other_boot(dead_process).is_certainly_dead()
    assert not other_boot(this_process(Path("/run"))).is_certainly_dead()
    assert not replace(dead_process, home=f"{boot} {int(namespace) + 1}").is_certainly_dead()
    assert not replace(dead_process, home="").is_certainly_dead()
