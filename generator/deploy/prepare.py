"""From the folder of configurations to a plan with the text of its conf, both checked. Nothing that runs is changed."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from generator.deploy.advance_notice import warnings
from generator.deploy.own_files import users_before
from generator.deploy.programs import Plan, plan_for
from generator.running import mongod
from generator.running.elsewhere import require_here
from generator.running.errors import Unusable
from generator.running.names import unknown_sync
from generator.running.run_directory import make_folder, make_run_directory
from generator.running.settings.group import Settings
from generator.running.state.manifest import AppliedSync, read_elsewhere, read_manifest
from generator.running.state.pushed import unusable_files
from generator.running.worker_users import WorkerUser
from sync_model.accounts.lookup_policy import JIRA_SITES, LookupPolicy
from sync_model.environment.allowances import lines_to_add
from sync_model.environment.needed_variables import needed_by_worker
from sync_model.files.checks import claims_of
from sync_model.files.loading import Loaded, load_folder
from sync_model.files.problems import Problem

PASSABLE = 0o711
"""Workers of other users pass through such a folder to what is theirs. They cannot see what else is there."""
NOT_HERE = "what was pushed is not here yet: jira-sync start fetches it, jira-sync pull shows it"
OF_FILES = "the files of syncs may send any variable and any file of this group"
OWN = {"SYNC_DIGEST": ""}
"""What a worker has in its environment that the group has not."""


@dataclass(frozen=True)
class Prepared:
    """A plan with the text of its conf, both checked. `warnings` change nothing."""

    settings: Settings
    loaded: Loaded
    claims: Mapping[str, Mapping[str, str]]
    manifest: Mapping[str, AppliedSync]
    plan: Plan
    text: str
    warnings: tuple[Problem, ...]
    only: frozenset[str] | None = None
    """The programs that may change, where not all may."""

    @property
    def problems(self) -> tuple[Problem, ...]:
        return (*self.loaded.problems, *self.plan.problems)

    @property
    def would_stop_all(self) -> bool:
        """Tell whether syncs run and the folder holds none.

        That is more often a volume that is not mounted than the wish to stop all of them.
        """
        return bool(self.manifest) and not (self.loaded.files or self.problems or self.plan.kept)


def load(settings: Settings, environ: Mapping[str, str]) -> Loaded:
    """Load the folder of configurations. Raises Unusable when there is no such folder."""
    try:
        return load_folder(settings.config_dir, environ, unusable_files(settings))
    except OSError as error:
        if settings.is_pushed:
            raise Unusable(f"{NOT_HERE} ({error})") from None
        raise Unusable(f"CONFIG_DIR: {error}") from None


def unbounded(loaded: Loaded, environ: Mapping[str, str]) -> tuple[Problem, ...]:
    """Return a warning when files of syncs may refer to more than they need, with the lines that bound it."""
    lines = lines_to_add((file.sync for file in loaded.files), environ)
    if not lines:
        return ()
    allowed = "; ".join(line for line in lines if not line.endswith("="))
    whose = "whoever may push may send the secrets of syncs" if LookupPolicy(environ).is_pushed else OF_FILES
    message = f"{whose} anywhere; {f'what they need: {allowed}' if allowed else f'{JIRA_SITES} bounds that'}"
    return (Problem("environment", "", message),)


def prepare(settings: Settings, environ: Mapping[str, str], names: Collection[str] = ()) -> Prepared:
    """Load, plan, render and verify. With `names`, all other syncs stay as they were applied. Raises Unusable."""
    # jinja2 and supervisord's parser: commands that only load do without them.
    from generator.deploy.render import render, verify

    if settings.worker_users and os.getuid() != 0:
        raise Unusable("WORKER_USERS needs root: only root can let workers become other users")
    loaded = load(settings, environ)
    _make_folders(settings)
    manifest, elsewhere = read_manifest(settings), read_elsewhere(settings)
    only = None
    if names:
        loaded, only = _narrowed(loaded, {**elsewhere, **manifest}, names)
        require_here(settings, (name for name in names if name not in manifest))
    claims = {file.sync.name: claims_of(file.sync, environ) for file in loaded.files}
    if settings.embedded and settings.mongod is None:
        settings = replace(settings, mongod=str(mongod.find()))
    server = Path(settings.mongod) if settings.mongod else None
    others = frozenset({*manifest, *elsewhere}) - only if only is not None else frozenset[str]()
    plan = plan_for(loaded, claims, settings, manifest, server, users_before(settings), others, elsewhere)
    plan = replace(plan, users=_with_variables(plan, environ))
    text = render(plan, settings)
    verify(text, plan, settings)
    return Prepared(settings, loaded, claims, manifest, plan, text, warnings(loaded, settings, environ), only)


def _narrowed(
    loaded: Loaded, manifest: Mapping[str, AppliedSync], names: Collection[str]
) -> tuple[Loaded, frozenset[str]]:
    """Return what was loaded for the syncs called `names`, and the names of all syncs that this is about.

    Those are more if a file says another name than it was applied with. Raises NotUnderstood.
    """
    files_of_names: dict[str, set[str]] = {Path(file).stem: {file} for file in loaded.broken}
    for name, applied in manifest.items():
        files_of_names.setdefault(name, set()).add(applied.file)
    for file in loaded.files:
        files_of_names.setdefault(file.sync.name, set()).add(file.path.name)
    for name in names:
        if name not in files_of_names:
            raise unknown_sync(name, sorted(files_of_names))
    meant = {file for name in names for file in files_of_names[name]}
    narrowed = Loaded(
        tuple(file for file in loaded.files if file.path.name in meant),
        tuple(problem for problem in loaded.problems if problem.file in meant),
        tuple(warning for warning in loaded.warnings if warning.file in meant),
        loaded.passed_over,
    )
    applied_by_them = {name for name, applied in manifest.items() if applied.file in meant}
    return narrowed, frozenset({*names, *(file.sync.name for file in narrowed.files), *applied_by_them})


def _with_variables(plan: Plan, environ: Mapping[str, str]) -> dict[str, WorkerUser]:
    """Return the users of the plan with the variables that each worker needs; of a broken file those it had."""
    return {
        name: replace(user, variables=tuple(sorted(needed_by_worker(plan.fresh[name].sync, {**environ, **OWN}))))
        if name in plan.fresh
        else user
        for name, user in plan.users.items()
    }


def _make_folders(settings: Settings) -> None:
    """Make the folders of a group, for its own user only. Raises Unusable when one of them is another user's."""
    make_run_directory(settings.run_dir)
    make_folder(settings.snapshots, PASSABLE if settings.worker_users else 0o700)
    if settings.worker_users or stat.S_IMODE(settings.run_dir.stat().st_mode) == PASSABLE:
        settings.run_dir.chmod(PASSABLE if settings.worker_users else 0o700)
    folders = [settings.run_dir / "heartbeats"]
    if settings.log_dir and settings.log_dir.is_relative_to(settings.run_dir):
        folders.append(settings.log_dir)
    elif settings.log_dir:
        settings.log_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    if settings.embedded:
        folders += [settings.database_folder, settings.database_access]
    for folder in folders:
        make_folder(folder)
