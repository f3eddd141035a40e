"""Files that are copied from one site to another."""

from __future__ import annotations

import json
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest

from jira_simulator.client import SimulatorControl
from sync_worker.core.issues.issue import Attachment

REPO = Path(__file__).parents[4]
LARGE = 24 * 1024 * 1024


@pytest.mark.defect(18)
def test_a_file_is_never_whole_in_memory(tmp_path, free_port, seed, connect):
    """The simulator, which does hold it, is another process here."""
    (tmp_path / "seed.json").write_text(json.dumps(seed(uploadLimit=2 * LARGE)))
    port = free_port()
    command = [sys.executable, "-m", "jira_simulator", "--seed", str(tmp_path / "seed.json"), "--port", str(port)]
    process = subprocess.Popen(command, cwd=REPO, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    control = SimulatorControl(f"http://127.0.0.1:{port}")
    try:
        with control.person("site", "sync@example.com", "t") as person:
            source, target = person.create("SUP", "a"), person.create("SUP", "b")
            person.attach(source, "large.bin", b"x" * LARGE)
        before = control.issue("site", source)["attachments"][0]
        jira = connect(control.url)
        file = Attachment(before["id"], "large.bin", LARGE, "application/octet-stream")
        tracemalloc.start()
        with jira.download(file) as content:
            jira.upload(control.issue("site", target)["id"], file, content)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert control.issue("site", target)["attachments"][0]["sha256"] == before["sha256"]
        assert peak < LARGE / 8
    finally:
        control.close()
        process.terminate()
        process.wait()
        process.stdout.close()
