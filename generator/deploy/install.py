"""Puts the conf and the snapshots where supervisord and the workers find them."""

from __future__ import annotations

import difflib
from contextlib import suppress
from pathlib import Path

from generator.deploy.database import write_address
from generator.deploy.prepare import Prepared
from generator.deploy.snapshots import write_snapshots
from generator.running.files import write_if_changed
from generator.running.run_directory import CONF, DEMO, RECORD, named_by
from generator.running.settings.group import Settings
from generator.running.settings.variables import default_of
from generator.running.terminal import warn
from generator.running.worker_users import make_worker_folder, write_users

DEFAULT_RUN_DIR = default_of("RUN_DIR")
DEFAULT_CONF = Path(DEFAULT_RUN_DIR) / CONF
"""The conf of a group in the default run directory, from the folder above it."""
DEMO_CONF = Path(DEFAULT_RUN_DIR) / DEMO / CONF


def install(prepared: Prepared) -> bool:
    """Write the snapshots, the address of the database and the conf; return whether the conf changed."""
    write_address(prepared.settings)
    if prepared.settings.worker_users:
        _give_users(prepared)
    write_snapshots(prepared.plan, prepared.claims, prepared.settings)
    return write_if_changed(prepared.settings.conf, prepared.text)


def _give_users(prepared: Prepared) -> None:
    """Write down the users, and make each worker's folder."""
    settings, users = prepared.settings, prepared.plan.users
    write_users(settings.run_dir, users)
    for program in prepared.plan.syncs:
        make_worker_folder(settings.run_dir, program.name, users[program.name].uid)


def difference(prepared: Prepared) -> str:
    """Return what would change in the conf, as a unified diff."""
    conf = prepared.settings.conf
    before = conf.read_text(encoding="utf-8") if conf.exists() else ""
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), prepared.text.splitlines(keepends=True), str(conf), f"{conf} (new)"
    )
    return "".join(lines)


def link_conf(settings: Settings) -> None:
    """Make links to the conf where supervisorctl looks for it.

    One is in the folder that RUN_DIR names, when the group lives in a folder of its own in that one: the image's
    /etc/supervisord.conf leads there. The other one is in the folder above the default run directory. A file that is
    there already stays. A folder that we may not write gets no link.
    """
    named = named_by(settings.run_dir)
    if named != settings.run_dir:
        _link(named / CONF, settings.conf.relative_to(named))
        if not (named / CONF).exists() or not (named / CONF).samefile(settings.conf):
            warn(f"{named / CONF} is not ours; supervisorctl finds this group by: supervisorctl -c {settings.conf}")
    default = settings.project_dir / DEFAULT_RUN_DIR
    if named == default:
        _unlink(settings.project_dir / CONF, DEMO_CONF)
        _link(settings.project_dir / CONF, DEFAULT_CONF)
    elif named == default / DEMO:
        _link(settings.project_dir / CONF, DEMO_CONF)


def unlink_conf(run_dir: Path) -> None:
    """Remove those links, if they are ours."""
    named = named_by(run_dir)
    if named != run_dir:
        _unlink(named / CONF, (run_dir / CONF).relative_to(named))
    if named.name == DEFAULT_RUN_DIR:
        _unlink(named.parent / CONF, DEFAULT_CONF)
        if (named / DEMO / RECORD).exists():
            _link(named.parent / CONF, DEMO_CONF)
    elif named.name == DEMO and named.parent.name == DEFAULT_RUN_DIR:
        _unlink(named.parent.parent / CONF, DEMO_CONF)


def _link(link: Path, target: Path) -> None:
    with suppress(OSError):
        link.symlink_to(target)


def _unlink(link: Path, target: Path) -> None:
    with suppress(OSError):
        if link.readlink() == target:
            link.unlink()
