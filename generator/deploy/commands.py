"""The commands about a group as a whole. `jira-sync` has their command line, and says what the errors mean.

Each returns an exit code: 0 done, 1 a person must act. Each may raise Unusable, NoAnswer or OSError.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from generator.deploy import report, surroundings
from generator.deploy.advance_notice import warnings
from generator.deploy.apply import apply_plan, kept_syncs
from generator.deploy.database import create_user
from generator.deploy.install import difference, install, link_conf
from generator.deploy.prepare import Prepared, load, prepare, unbounded
from generator.deploy.programs import STOP_TIMEOUT
from generator.deploy.some_syncs import SyncChange, named_syncs, restart_syncs, start_syncs, stop_syncs
from generator.deploy.start import become_supervisord, check_nothing_is_in_the_way, start_in_background
from generator.deploy.stop import stop_group
from generator.running import mongod
from generator.running.code import fingerprint
from generator.running.errors import NotRunning, NotUnderstood, SocketGone, Unusable
from generator.running.run_directory import SOCKET, make_run_directory, require_own
from generator.running.settings.group import Settings, of_running_group, run_dir_of
from generator.running.settings.project_folder import no_group_runs
from generator.running.state import locking
from generator.running.state.intention import finish
from generator.running.state.pushed import is_pushed_empty, pushed_state
from generator.running.supervision import processes
from generator.running.supervision.running_group import (
    enter,
    environment_of_group,
    is_container,
    settings_to_read,
    settings_to_write,
    warn_of_shell,
)
from generator.running.supervision.supervisor_rpc import Supervisor
from generator.running.terminal import complain, note, print_line, print_lines, warn, write_log_lines
from sync_model.files.problems import Problem

Environ = Mapping[str, str]
Fetch = Callable[[Settings, Environ], None]
"""Brings the files that were pushed, where they come from the database, before they are loaded."""


def check(environ: Environ, *, as_json: bool = False) -> int:
    """Print every problem of every file, and what would run."""
    settings, seen_by_workers = _as_workers_see_it(*settings_to_read(environ, is_new=True))
    loaded = load(settings, seen_by_workers)
    told = (*unbounded(loaded, seen_by_workers), *warnings(loaded, settings, seen_by_workers))
    if settings.embedded and settings.mongod is None and (advice := mongod.missing()):
        told = (*told, Problem("environment", "", advice))
    loaded = replace(loaded, warnings=told)
    if as_json:
        faults = surroundings.faults(seen_by_workers)
        report.print_check_as_json(loaded, seen_by_workers, faults)
        return int(bool(loaded.problems or faults))
    report.print_check(loaded, seen_by_workers, settings.config_dir)
    code = report.print_problems(loaded.problems, loaded.warnings)
    surroundings.check_surroundings(seen_by_workers)
    return code


def render(environ: Environ, *, to_stdout: bool = False, diff: bool = False, log_to_stdout: bool = False) -> int:
    """Write the conf; with `to_stdout` print it instead, with `diff` print what would change in it.

    `log_to_stdout`: the programs log to standard output instead of to files.
    """
    if to_stdout and diff:
        raise NotUnderstood("say --stdout or --diff, not both")
    settings = settings_to_write(environ, "render", log_to_files=not log_to_stdout, is_new=True)
    make_run_directory(settings.run_dir, "render")
    seen_by_workers = environment_of_group(settings.run_dir)
    if seen_by_workers:
        warn_of_shell(environ, seen_by_workers, settings)
    prepared = prepare(_of_running_group(settings, environ), seen_by_workers or environ)
    if to_stdout:
        print_lines(prepared.text)
    elif diff:
        print_lines(difference(prepared))
    else:
        with locking.lock(settings.run_dir):
            is_running = Supervisor(settings.socket).is_running()
            if is_running:
                _check_that_syncs_are_left(prepared)
            changed = install(prepared)
            if not is_running:
                create_user(prepared.settings)
        print_line(f"{prepared.settings.conf} {'written' if changed else 'unchanged'}")
        if is_running and changed:
            print_line("the group that runs follows it by: jira-sync apply")
    return report.print_problems(prepared.problems, prepared.warnings)


def apply(
    environ: Environ,
    names: Sequence[str] = (),
    *,
    strict: bool = False,
    allow_empty: bool = False,
    as_json: bool = False,
    fetch: Fetch | None = None,
) -> int:
    """Make the running group follow the files; with `names`, only those of these syncs.

    `strict`: change nothing if any file has a problem. `allow_empty`: stop all syncs if the folder holds none.
    """
    settings = _of_running_group(settings_to_write(environ, "apply"), environ)
    not_running = no_group_runs(settings.run_dir, environ)
    if not settings.run_dir.is_dir():
        raise Unusable(not_running)
    with _locked(settings.run_dir, "apply"):
        started_with = environment_of_group(settings.run_dir)
        if started_with is None:
            raise Unusable(not_running)
        _warn_of_what_apply_cannot_change(settings, environ, started_with)
        if fetch:
            fetch(settings, started_with)
        prepared = prepare(settings, started_with, names)
        if strict and prepared.problems:
            report.print_problems(prepared.problems, ())
            raise Unusable("nothing was changed, because of --strict")
        if not (allow_empty or is_pushed_empty(settings)):
            _check_that_syncs_are_left(prepared)
        try:
            applied = apply_plan(prepared)
        except NotRunning:
            raise Unusable(not_running) from None
        link_conf(settings)
    code = int(bool(prepared.problems) or not applied.all_run)
    if as_json:
        report.print_applied_as_json(applied, prepared.problems, prepared.warnings)
        return code
    report.print_applied(applied)
    report.print_problems(prepared.problems, prepared.warnings)
    return code


def start(
    environ: Environ,
    *,
    foreground: bool = False,
    strict: bool = False,
    as_json: bool = False,
    fetch: Fetch | None = None,
) -> int:
    """Start the group; with `foreground` become supervisord, and never return.

    `strict`, or STRICT=1 in `environ`: start nothing if any file has a problem.
    """
    if foreground and not sys.stderr.isatty():
        write_log_lines("jira-sync")  # its lines are among those of the programs
    settings = settings_to_write(environ, "start", log_to_files=not foreground, is_new=True)
    surroundings.check_surroundings(environ)
    with _locked(settings.run_dir, "start"):
        for sentence in _end_what_is_left(settings.run_dir):
            note(sentence) if as_json else print_line(sentence)
        check_nothing_is_in_the_way(settings)
        if fetch:
            fetch(settings, environ)
        prepared = prepare(settings, environ)
        # Its environment stays as it is: `apply` need not say this again after each edit.
        warnings = (*unbounded(prepared.loaded, environ), *prepared.warnings)
        code = report.print_problems(prepared.problems, warnings)
        if code and (strict or environ.get("STRICT") == "1"):
            raise Unusable("nothing was started, because of --strict")
        if not prepared.plan.syncs:
            complain(_nothing_to_run(prepared))
        install(prepared)
        create_user(prepared.settings)
        link_conf(prepared.settings)
        if foreground:
            become_supervisord(prepared, environ)
        states = start_in_background(prepared, environ)
    if as_json:
        report.print_started_as_json(states.values(), kept_syncs(prepared), prepared.problems, warnings)
    else:
        report.print_started(states.values(), kept_syncs(prepared))
    return code or int(any(state.state != "RUNNING" for state in states.values()))


def start_some(environ: Environ, names: Sequence[str], *, everything: bool = False, as_json: bool = False) -> int:
    """Start syncs of the running group that a person has stopped, or supervisord has given up on."""
    return _change_some(environ, "start", names, start_syncs, everything=everything, as_json=as_json)


def stop_some(environ: Environ, names: Sequence[str], *, everything: bool = False, as_json: bool = False) -> int:
    """Stop syncs of the running group. They stay stopped until a person starts them."""
    return _change_some(environ, "stop", names, stop_syncs, everything=everything, as_json=as_json)


def restart_some(environ: Environ, names: Sequence[str], *, everything: bool = False, as_json: bool = False) -> int:
    """Restart syncs of the running group, as they were applied. With `everything`, what is stopped stays so."""
    restart = partial(restart_syncs, but_stopped=everything)
    return _change_some(environ, "restart", names, restart, everything=everything, as_json=as_json)


def _change_some(
    environ: Environ,
    command: str,
    names: Sequence[str],
    change: Callable[[Supervisor, Sequence[str]], list[SyncChange]],
    *,
    everything: bool,
    as_json: bool,
) -> int:
    settings = settings_to_write(environ, command)
    not_running = no_group_runs(settings.run_dir, environ)
    if not settings.run_dir.is_dir():
        raise Unusable(not_running)
    settings = _of_running_group(settings, environ)
    supervisor = Supervisor(settings.socket)
    with suppress(NotRunning):
        # Else whoever does it later would undo what is asked for now.
        finish(settings, supervisor, STOP_TIMEOUT)
    with _locked(settings.run_dir, command):
        if not supervisor.is_running():
            raise Unusable(not_running)
        changes = change(supervisor, named_syncs(settings, names, everything=everything))
    report.print_sync_changes(changes, as_json=as_json)
    return int(not all(change.is_well for change in changes))


def stop(environ: Environ, *, as_json: bool = False) -> int:
    """Stop the group, and whatever an earlier one has left behind."""
    run_dir = run_dir_of(environ)
    require_own(run_dir, "stop")
    if not run_dir.is_dir() and not processes.members(run_dir):
        raise Unusable(no_group_runs(run_dir, environ))
    _check_it_is_no_container(run_dir)
    with _locked(run_dir, "stop"):
        sentences = stop_group(run_dir)
    report.print_stopped(sentences, as_json=as_json)
    return 0


def _end_what_is_left(run_dir: Path) -> list[str]:
    """End what a supervisord that was killed, or has lost its socket, has left running; return what to tell about it.

    Otherwise nobody could control it, and no new group could start beside it. Raises NoAnswer.
    """
    try:
        if Supervisor(run_dir / SOCKET).is_running():
            return []
    except SocketGone:
        _check_it_is_no_container(run_dir)
    return stop_group(run_dir) if processes.members(run_dir) else []


def _check_it_is_no_container(run_dir: Path) -> None:
    if is_container(run_dir):
        raise Unusable("this container is the group; do it from outside: docker compose stop, or restart")


def _as_workers_see_it(settings: Settings, environ: Environ) -> tuple[Settings, Environ]:
    """Return the settings of the running group and the environment of its workers.

    They are `settings` and `environ` when no group runs, or when another folder is meant than that of the group.
    """
    started_with = environment_of_group(settings.run_dir)
    if started_with is None:
        return settings, environ
    try:
        settings = _of_running_group(settings, environ)
    except Unusable:
        return settings, environ
    warn_of_shell(environ, started_with, settings)
    return settings, started_with


def _of_running_group(settings: Settings, environ: Environ) -> Settings:
    """Return the settings that the group was started with, and go to its folder. Raises Unusable."""
    settings = of_running_group(settings, environ)
    enter(settings)
    return settings


def _warn_of_what_apply_cannot_change(settings: Settings, environ: Environ, started_with: Environ) -> None:
    warn_of_shell(environ, started_with, settings)
    if settings.code not in (None, fingerprint()):
        warn("jira-sync has changed since this group was started; to use that: jira-sync stop, then jira-sync start")


def _check_that_syncs_are_left(prepared: Prepared) -> None:
    """Raises Unusable when the group would lose all its syncs."""
    if prepared.would_stop_all:
        folder, running = prepared.settings.config_dir, _running(len(prepared.manifest))
        aside = "If they shall all stop: jira-sync apply --allow-empty"
        raise Unusable(f"{folder} holds no sync, but {running}; nothing was changed. {aside}")


def _nothing_to_run(prepared: Prepared) -> str:
    settings = prepared.settings
    if settings.shard and (count := len(prepared.plan.elsewhere)):
        return f"none of the {count} syncs in {settings.config_dir} belongs to shard {settings.shard}"
    if pushed := pushed_state(settings):
        return f"no sync to run: {pushed.why_empty}"
    return f"no sync to run in {settings.config_dir}; add a file there, then: jira-sync apply"


def _running(count: int) -> str:
    return f"{count} run{'s' * (count == 1)}"


def _locked(run_dir: Path, command: str) -> AbstractContextManager[None]:
    make_run_directory(run_dir, command)
    return locking.lock(run_dir)
