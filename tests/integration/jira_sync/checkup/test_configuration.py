"""What `jira-sync doctor` finds about files and secrets, also of a running group."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

REPO = Path(__file__).parents[4]


def test_a_file_that_does_not_load_is_reported_beside_the_others(doctor):
    doctor.write("typo", colour="red")
    (doctor.configs / "half.json").write_text("{")
    doctor.write("off", enabled=False)
    found = doctor.findings()
    assert {finding.sync for finding in found} == {"half", "off", "sync-ab", "typo"}
    failed = [(finding.sync, finding.says) for finding in found if finding.level == "failed"]
    assert [name for name, _ in failed] == ["half", "typo"]
    assert failed[0][1].startswith("half.json: line 1, column 2: is not valid JSON")
    assert failed[1][1].startswith("typo.json: colour: is not a known key")
    assert [finding.says for finding in found if finding.sync == "off"] == [
        "off.json says enabled: false: it is not run"
    ]
    assert doctor.problems("typo")[0][1] == failed[1][1]
    assert any(finding.says.startswith("SUP is there") for finding in doctor.findings("off"))


def test_a_missing_secret_is_reported_with_where_to_put_it(doctor, monkeypatch, tmp_path):
    missing = tmp_path / "no-such-file"
    doctor.write(devJira={"baseUrl": f"{doctor.url}/two", "apiToken": f"${{file:{missing}}}", "authType": "pat"})
    monkeypatch.delenv("SYNC_TOKEN")
    assert doctor.problems() == [
        (
            "failed",
            f"devJira.apiToken: {missing} cannot be read: No such file or directory",
            "put it right; it is looked up again without a restart",
        ),
        (
            "failed",
            "jira.apiToken: environment variable SYNC_TOKEN is not set in the environment of this shell",
            "set it where the group is started: export it, or write it into .env for the container",
        ),
    ]
    assert doctor.control.calls("one") == []


def test_an_unknown_sync_and_an_empty_folder_are_one_line_of_error_each(doctor):
    code, out, err = doctor.run("sync-ac")
    assert (code, out, err) == (2, "", "error: no sync is called sync-ac; did you mean sync-ab?\n")
    (doctor.configs / "sync-ab.json").unlink()
    code, out, err = doctor.run()
    assert (code, out) == (1, "")
    assert err == f"error: there is no sync in {doctor.configs}; jira-sync init writes one\n"


@pytest.fixture
def generator(doctor, monkeypatch, free_port) -> Iterator[Callable[[str], None]]:
    """Run `python -m generator COMMAND` on the folder of syncs, and stop the group in the end."""

    monkeypatch.setenv("PORT", str(free_port()))

    def run(command: str) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "generator", command], cwd=REPO, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done

    yield run
    run("stop")


def test_a_running_group_is_checked_in_the_environment_and_state_of_its_workers(
    doctor, generator, monkeypatch, wait_until
):
    doctor.write(initialSyncEnabled=False)
    generator("start")
    monkeypatch.delenv("SYNC_TOKEN")  # which the group was started with
    wait_until(
        lambda: any("runs this sync since" in finding.says for finding in doctor.findings()),
        "the worker to hold its sync",
    )
    assert doctor.problems() == []
    doctor.write(rules=[doctor.TAKE_ON, doctor.REOPEN])
    doctor.write("new", databaseName="elsewhere", devProjectKey="DEV", userProjectKey="EMPTY", rules=[])
    notes = {
        (finding.sync, finding.says, finding.advice) for finding in doctor.findings() if finding.about == "its file"
    }
    edited = "it was edited: what runs is what was applied last, not what is looked at here"
    assert ("sync-ab", edited, "jira-sync apply") in notes
    assert ("new", "the group that runs here does not know it yet", "jira-sync apply starts it") in notes
    (doctor.configs / "new.json").unlink()
    doctor.write(colour="red")
    found = doctor.findings("sync-ab")
    assert next(finding.says for finding in found if finding.level == "failed").startswith("sync-ab.json: colour")
    assert "it goes on running as it was applied last" in {finding.says for finding in found}
    assert any(finding.says.startswith("DEV has the statuses that rules answer: Done, Closed") for finding in found)
    (doctor.configs / "sync-ab.json").unlink()
    assert doctor.problems("sync-ab") == [
        ("warning", "its file is gone, but it runs as it was applied last", "jira-sync apply ends it")
    ]
