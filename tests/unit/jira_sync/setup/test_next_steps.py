"""The last words of `jira-sync init` fit what runs here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from generator.running.settings.group import from_environ
from jira_sync.setup import new_sync

STEPS = ["jira-sync check", "jira-sync doctor sync-ab", "jira-sync plan sync-ab"]


@pytest.fixture
def settings(environment, monkeypatch):
    settings = replace(from_environ({}), config_dir=environment.folder, run_dir=environment.folder.parent / "run")

    def runs(*, is_running: bool = False, is_container: bool = False):
        monkeypatch.setattr(new_sync, "environment_of_group", lambda _run_dir: {} if is_running else None)
        monkeypatch.setattr(new_sync, "is_container", lambda _run_dir: is_container)
        return settings

    return runs


def steps(settings, path: Path | None = None) -> list[str]:
    return new_sync._next_steps("sync-ab", path or settings.config_dir / "sync-ab.json", settings)


def test_where_nothing_runs_they_start_a_group(settings):
    assert steps(settings()) == [*STEPS, "jira-sync start    # in a container: docker compose up -d"]


def test_where_a_group_runs_they_apply_the_new_file(settings):
    assert steps(settings(is_running=True)) == [*STEPS, "jira-sync apply sync-ab"]


def test_in_a_container_they_are_typed_outside_of_it(settings, tmp_path):
    told = [f"docker compose exec jira-sync {step}" for step in (*STEPS, "jira-sync apply sync-ab")]
    inside = settings(is_running=True, is_container=True)
    assert steps(inside) == told
    first, *others = steps(inside, tmp_path / "sync-ab.json")
    assert (first, others) == ("put sync-ab.json into configs/, beside docker-compose.yml", told)
