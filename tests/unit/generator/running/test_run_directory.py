"""Where a group lives, and whose it is."""

from __future__ import annotations

import os
import re
import shlex
import stat
from pathlib import Path

import pytest

from generator.running import run_directory
from generator.running.errors import Unusable

ME = os.geteuid()
needs_root = pytest.mark.skipif(ME != 0, reason="only root can give a folder to another user")


def folder(path: Path, mode: int, owner: int = ME, group: int = -1) -> Path:
    path.mkdir()
    os.chown(path, owner, group)
    path.chmod(mode)
    return path


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def refusal(run_dir: Path, command: str = "apply") -> str:
    with pytest.raises(Unusable) as refused:
        run_directory.require_own(run_dir, command)
    return str(refused.value)


@pytest.mark.parametrize("mode", [0o700, 0o755, 0o750])
def test_a_folder_that_only_its_owner_can_write_to_is_used_itself(tmp_path, mode):
    run_dir = folder(tmp_path / "run", mode)
    assert run_directory.home_of(run_dir) == run_dir
    run_directory.make_run_directory(run_dir, "start")
    assert (mode_of(run_dir), list(run_dir.iterdir())) == (mode, [])


def test_a_folder_that_is_not_there_is_made_for_its_owner_alone_whatever_the_umask_lets_others_do(tmp_path):
    run_dir = tmp_path / "run/demo"
    before = os.umask(0)
    try:
        run_directory.make_run_directory(run_dir, "start")
    finally:
        os.umask(before)
    assert (mode_of(run_dir), mode_of(run_dir.parent)) == (0o700, 0o755)


@pytest.mark.parametrize("mode", [0o1777, 0o2777, 0o777, 0o775, 0o2770, 0o1770, 0o757])
def test_in_a_folder_that_others_may_write_to_the_group_has_one_of_its_own(tmp_path, mode):
    shared = folder(tmp_path / "run", mode)
    own = run_directory.home_of(shared)
    assert own == shared / f"group-{ME}"
    run_directory.make_run_directory(own, "start")
    assert mode_of(own) & 0o777 == 0o700
    assert own.stat().st_uid == ME
    assert mode_of(shared) == mode
    assert (run_directory.home_of(shared), run_directory.home_of(own)) == (own, own)
    run_directory.require_own(own)
    run_directory.make_run_directory(own, "apply")


def test_what_stands_in_place_of_the_own_folder_is_refused_and_not_followed(tmp_path):
    shared, elsewhere = folder(tmp_path / "run", 0o1777), folder(tmp_path / "elsewhere", 0o700)
    own = shared / f"group-{ME}"
    own.symlink_to(elsewhere)
    said = f"RUN_DIR: {own} is no folder, .*; remove it, or set RUN_DIR to a folder of your own"
    with pytest.raises(Unusable, match=said):
        run_directory.make_run_directory(own, "start")
    own.unlink()
    own.write_text("")
    with pytest.raises(Unusable, match=said):
        run_directory.make_run_directory(own, "start")
    own.unlink()
    own.symlink_to(tmp_path / "nowhere")
    assert re.search(said, refusal(own))
    own.unlink()
    folder(own, 0o755)
    assert "is open to others, who may have put something there; remove it, or set RUN_DIR" in refusal(own)
    assert list(elsewhere.iterdir()) == []


@needs_root
def test_an_own_folder_that_somebody_else_made_first_is_refused(tmp_path):
    shared = folder(tmp_path / "run", 0o1777)
    own = folder(shared / f"group-{ME}", 0o700, owner=65534)
    assert re.search(rf"{own} was made by \w+; remove it", refusal(own))


@pytest.mark.parametrize("inside", ["settings.json", "supervisord.conf", "mongodb"])
def test_a_group_that_an_earlier_version_has_in_an_open_folder_stays_there_and_the_folder_is_closed(tmp_path, inside):
    run_dir = folder(tmp_path / "run", 0o775)
    (run_dir / inside).mkdir()
    assert run_directory.home_of(run_dir) == run_dir
    run_directory.make_run_directory(run_dir, "apply")
    assert mode_of(run_dir) == 0o755


def test_a_folder_for_everybody_is_never_closed(tmp_path):
    shared = folder(tmp_path / "run", 0o1777)
    (shared / "supervisord.conf").write_text("")
    assert run_directory.home_of(shared) == shared / f"group-{ME}"


@needs_root
@pytest.mark.parametrize("owner", [1234, 65534])
def test_root_is_told_whose_group_it_is_and_how_to_act_as_that_one(tmp_path, owner):
    run_dir = folder(tmp_path / "run", 0o700, owner)
    (run_dir / "supervisord.conf").write_text("")
    name = run_directory.user_name(owner)
    user = shlex.quote(f"#{owner}") if name == f"user {owner}" else name
    assert refusal(run_dir) == (
        f"the group in {run_dir} belongs to {name}; act as that one: sudo -u {user} jira-sync apply"
    )


@needs_root
@pytest.mark.parametrize("mode", [0o700, 0o755, 0o777, 0o1777])
def test_root_makes_nothing_in_a_folder_of_somebody_else(tmp_path, mode):
    """Whoever owns a folder can put another one in place of each folder in it."""
    named = folder(tmp_path / "run", mode, owner=1234)
    with pytest.raises(Unusable, match="belongs to user 1234; set RUN_DIR to a folder of your own, or act as that one"):
        run_directory.make_run_directory(run_directory.home_of(named), "start")
    assert list(named.iterdir()) == []


@needs_root
def test_root_looks_where_the_owner_of_an_open_folder_has_the_group(tmp_path):
    named = folder(tmp_path / "run", 0o775, owner=1234)
    own = folder(named / "group-1234", 0o700, owner=1234)
    assert run_directory.home_of(named) == own
    assert "belongs to user 1234; " in refusal(own)


@needs_root
def test_root_without_a_group_in_a_folder_for_everybody_means_the_only_one_there(tmp_path):
    shared = folder(tmp_path / "run", 0o1777)
    own, other = shared / "group-0", folder(shared / "group-1234", 0o700, owner=1234)
    folder(shared / "group-99", 0o700, owner=1234)
    assert run_directory.home_of(shared) == own
    (other / "settings.json").write_text("{}")
    assert run_directory.home_of(shared) == other
    assert "belongs to user 1234; act as that one: sudo -u '#1234' jira-sync apply" in refusal(other)
    folder(own, 0o700)
    assert run_directory.home_of(shared) == own


@needs_root
def test_the_link_of_somebody_else_is_not_the_way_to_a_group(tmp_path):
    mine = folder(tmp_path / "mine", 0o700)
    link = tmp_path / "run"
    link.symlink_to(mine)
    run_directory.require_own(run_directory.home_of(link))
    os.lchown(link, 1234, -1)
    said = f"RUN_DIR: {link} is a link that user 1234 made; name the folder itself"
    assert refusal(run_directory.home_of(link)) == said
    with pytest.raises(Unusable, match="made; name the folder itself"):
        run_directory.act_as_owner(link)


@needs_root
def test_a_supervisord_that_another_user_has_started_there_is_said_with_how_to_end_it(tmp_path):
    run_dir = folder(tmp_path / "run", 0o700)
    (run_dir / "supervisor.sock").touch()
    run_directory.require_own(run_dir)
    os.chown(run_dir / "supervisor.sock", 1234, -1)
    assert f"was started by user 1234, but the folder belongs to root; as user 1234 end it: kill $(cat {run_dir}" in (
        refusal(run_dir)
    )


@needs_root
def test_a_folder_of_another_user_inside_is_said_with_how_to_get_it_back(tmp_path):
    inside = folder(tmp_path / "heartbeats", 0o700, owner=1234)
    with pytest.raises(Unusable, match=f"belongs to user 1234; give it back: sudo chown -R root {inside}"):
        run_directory.make_folder(inside)


def test_a_folder_inside_is_for_its_owner_alone(tmp_path):
    inside = folder(tmp_path / "syncs", 0o777)
    run_directory.make_folder(inside)
    run_directory.make_folder(tmp_path / "heartbeats")
    assert (mode_of(inside), mode_of(tmp_path / "heartbeats")) == (0o700, 0o700)


def test_a_folder_whose_name_is_like_that_of_an_own_one_may_be_named(tmp_path):
    run_dir = folder(tmp_path / "group-4711", 0o700)
    assert run_directory.named_by(run_dir) == run_dir
    run_directory.require_own(run_dir)


def test_what_is_no_folder_is_refused(tmp_path):
    (tmp_path / "run").write_text("")
    assert f"RUN_DIR: {tmp_path / 'run'} is no folder" in refusal(tmp_path / "run")
