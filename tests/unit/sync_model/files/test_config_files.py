"""Which files of a folder are syncs, and whether one of them has changed."""

from __future__ import annotations

import os

import pytest

from sync_model.files.config_files import config_paths, file_state, file_states


def test_examples_schemas_hidden_files_and_editors_leftovers_are_not_loaded(folder, definition):
    folder.write("sync-ab.json", definition())
    leftovers = [
        "sync.example.json",
        "sync.schema.json",
        ".hidden.json",
        ".#sync-ab.json",
        "#sync-ab.json#",
        "sync-ab.json~",
        ".sync-ab.json.swp",
    ]
    for name in [*leftovers, "notes.txt", "sync-ab.json.bak", "#x.json", "~x.json"]:
        folder.write(name, "{ not a sync")
    (folder.path / "folder.json").mkdir()
    assert [file.path.name for file in folder.load().files] == ["sync-ab.json"]
    assert folder.problems() == []


def test_listing_a_folder_that_does_not_exist_is_an_error(tmp_path):
    for listing in (config_paths, file_states):
        with pytest.raises(FileNotFoundError):
            listing(tmp_path / "absent")


def test_a_file_has_the_same_state_until_it_changes_is_replaced_or_is_gone(tmp_path):
    path = tmp_path / "sync-ab.json"
    path.write_text("{}")
    states = [file_state(path)]
    assert file_state(path) == states[0]
    path.write_text("{ }")
    states.append(file_state(path))
    os.utime(path, ns=(0, 0))
    states.append(file_state(path))
    path.unlink()
    states.append(file_state(path))
    assert len(set(states)) == len(states)


def test_a_symbolic_link_changes_its_state_when_it_leads_to_another_folder(tmp_path):
    """Kubernetes updates a ConfigMap so. The files may have the same size and time."""
    for version in ("1", "2"):
        (tmp_path / version).mkdir()
    (tmp_path / "1" / "sync-ab.json").write_text("{}")
    os.link(tmp_path / "1" / "sync-ab.json", tmp_path / "2" / "sync-ab.json")
    (tmp_path / "current").symlink_to("1")
    before = file_states(tmp_path / "current")
    (tmp_path / "current").unlink()
    (tmp_path / "current").symlink_to("2")
    assert file_states(tmp_path / "current") != before
