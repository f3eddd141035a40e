"""Finding a MongoDB server."""

from __future__ import annotations

import pytest

from generator.running import mongod
from generator.running.errors import Unusable


def test_without_any_server_the_three_ways_out_are_named(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(mongod, "PACKAGE", "no_such_package.db")
    with pytest.raises(Unusable) as error:
        mongod.find()
    (said,) = error.value.problems
    assert [way for way in ("DATABASE_URL", "pip install 'jira-sync[embedded]'", "on PATH") if way not in said] == []


def test_a_server_on_the_path_was_chosen_by_somebody_and_goes_first(monkeypatch, tmp_path):
    chosen = tmp_path / "mongod"
    chosen.write_text("#!/bin/sh\nexit 0\n")
    chosen.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert mongod.find() == chosen


def test_the_embedded_server_runs_even_if_its_run_bit_was_lost(monkeypatch, tmp_path, mongod_binary):
    monkeypatch.setenv("PATH", str(tmp_path))
    mode = mongod_binary.stat().st_mode
    mongod_binary.chmod(0o644)
    try:
        assert mongod.find() == mongod_binary
    finally:
        mongod_binary.chmod(mode)
