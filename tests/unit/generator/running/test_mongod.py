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


@pytest.mark.parametrize(
    # operating system, machine, C library       what is said of the extra `embedded`
    ("here", "said"),
    [
        (("linux", "x86_64", "glibc"), "or `pip install 'jira-sync[embedded]'`, which brings one"),
        (("linux", "aarch64", "glibc"), "and this is linux aarch64"),
        (("linux", "x86_64", ""), "and this is linux x86_64 without glibc (musl, perhaps)"),
        (("darwin", "arm64", ""), "and this is darwin arm64 without glibc (musl, perhaps)"),
    ],
)
def test_the_extra_is_advised_only_where_it_brings_a_server_that_runs(here, said):
    sentence = mongod.not_found(*here)
    assert sentence.endswith(said)
    assert sentence.startswith("no MongoDB: set DATABASE_URL to a server of yours, or install mongod so that ")
    assert ("pip install" in sentence) == (here == ("linux", "x86_64", "glibc"))


def test_a_server_for_another_c_library_is_explained(monkeypatch, tmp_path):
    other = tmp_path / "mongod"
    other.write_text("#!/lib/ld-of-another-libc.so.1\n")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unusable, match="mongod cannot be run: No such file or directory; no MongoDB: set DATABASE_URL"):
        mongod.find()


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
