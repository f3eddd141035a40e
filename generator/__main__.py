"""`python -m generator check | render | apply | start | stop`: says what is wrong, and decides how it ends.

0: done; 1: a person must act, and plain sentences on standard error say how; 130: interrupted.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from generator import files, group, processes
from generator.settings import Unusable, from_environ, of_running_group, run_dir_of, without_effect
from generator.supervisor_rpc import NoAnswer, NotRunning, State, Supervisor
from sync_model.connection import resolve, site_of
from sync_model.definition import Side, Sync
from sync_model.loading import Loaded, Problem

Environ = Mapping[str, str]


def main(argv: Sequence[str] | None = None, environ: Environ = os.environ) -> int:
    options = _parser().parse_args(argv)
    try:
        code: int = options.run(options, environ)
    except Unusable as error:
        for problem in error.problems:
            _complain(problem)
        return 1
    except NoAnswer as error:
        _complain(str(error))
        return 1
    except NotRunning:
        _complain("supervisord ended meanwhile; its log says why")
        return 1
    except OSError as error:
        # A folder that cannot be made, a full disk, somebody else's file: nothing that a traceback explains better.
        _complain(f"{error.filename}: {error.strerror}" if error.filename else str(error))
        return 1
    except KeyboardInterrupt:
        return 130
    return code


def check(_options: argparse.Namespace, environ: Environ) -> int:
    """Print every problem of every file, and what would run."""
    loaded = group.load(from_environ(environ), environ)
    _print_table(loaded, environ)
    return _report(loaded.problems, loaded.warnings)


def render(options: argparse.Namespace, environ: Environ) -> int:
    """Write the conf, or show it, or show what would change in it."""
    settings = from_environ(environ, log_to_files=not options.to_stdout)
    seen_by_workers = processes.environment_of_group(settings.run_dir)
    prepared = group.prepare(of_running_group(settings, environ), seen_by_workers or environ)
    if options.stdout:
        print(prepared.text, end="")
    elif options.diff:
        print(group.difference(prepared), end="")
    else:
        with _locked(settings.run_dir):
            if Supervisor(settings.socket).is_running() and group.difference(prepared):
                raise Unusable(
                    f"a group runs by {settings.conf}; `render --diff` shows what would change, `apply` changes it"
                )
            changed = group.install(prepared)
        print(f"{prepared.settings.conf} {'written' if changed else 'unchanged'}")
    return _report(prepared.problems, prepared.loaded.warnings)


def apply(options: argparse.Namespace, environ: Environ) -> int:
    """Make the running group follow the files."""
    settings = of_running_group(from_environ(environ), environ)
    not_running = f"no group runs in {settings.run_dir}; start one: python -m generator start"
    if not settings.run_dir.is_dir():
        raise Unusable(not_running)
    with _locked(settings.run_dir):
        started_with = processes.environment_of_group(settings.run_dir)
        if started_with is None:
            raise Unusable(not_running)
        for name in without_effect(environ, started_with):
            print(f"warning: {name} here has no effect on a group that runs; `stop` and `start` it", file=sys.stderr)
        prepared = group.prepare(settings, started_with)
        if options.strict and prepared.problems:
            _report(prepared.problems, ())
            raise Unusable("nothing was changed, because of --strict")
        if group.is_emptied(prepared) and not options.allow_empty:
            raise Unusable(
                f"{settings.config_dir} holds no sync, but {len(prepared.manifest)} run; nothing was changed. "
                "If they shall all stop: apply --allow-empty"
            )
        try:
            lines, all_run = group.apply(prepared)
        except NotRunning:
            raise Unusable(not_running) from None
    for line in lines:
        print(line)
    code = _report(prepared.problems, prepared.loaded.warnings)
    return code or int(not all_run)


def start(options: argparse.Namespace, environ: Environ) -> int:
    """Start the group."""
    settings = from_environ(environ, log_to_files=not options.foreground)
    with _locked(settings.run_dir):
        group.check_free(settings)
        prepared = group.prepare(settings, environ)
        code = _report(prepared.problems, prepared.loaded.warnings)
        if code and (options.strict or environ.get("STRICT") == "1"):
            raise Unusable("nothing was started, because of --strict")
        if not prepared.plan.syncs:
            _complain(f"no sync to run in {settings.config_dir}; add a file there, then: python -m generator apply")
        group.install(prepared)
        if options.foreground:
            files.write_if_changed(settings.record, prepared.settings.recorded())
            sys.stdout.flush()
            group.become_supervisord(prepared, environ)
        states = group.start(prepared, environ)
    _print_states(states.values())
    for line in group.kept(prepared):
        print(line)
    return code or int(any(state.state != "RUNNING" for state in states.values()))


def stop(_options: argparse.Namespace, environ: Environ) -> int:
    """Stop the group."""
    run_dir = run_dir_of(environ)
    if not run_dir.is_dir():
        print("nothing was running")
        return 0
    with _locked(run_dir):
        for line in group.stop(run_dir):
            print(line)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m generator", description="Turn a folder of syncs into processes.")
    commands = parser.add_subparsers(required=True, metavar="command")

    def add(name: str, run: object, text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(run=run)
        return command

    add("check", check, "say what is wrong with the files, and what would run")
    command = add("render", render, "write supervisord.conf if it changes")
    command.add_argument("--stdout", action="store_true", help="print it instead")
    command.add_argument("--diff", action="store_true", help="print what would change instead")
    command.add_argument("--to-stdout", action="store_true", help="have programs log to standard output, not to files")
    command = add("apply", apply, "make the running group follow the files; only what an edit touched restarts")
    command.add_argument("--strict", action="store_true", help="change nothing if any file has a problem")
    command.add_argument("--allow-empty", action="store_true", help="stop all syncs when the folder holds none")
    command = add("start", start, "start the group")
    command.add_argument("--foreground", action="store_true", help="become supervisord; log to standard output")
    command.add_argument("--strict", action="store_true", help="start nothing if any file has a problem (STRICT=1)")
    add("stop", stop, "stop the group; its data stays")
    return parser


def _locked(run_dir: Path) -> AbstractContextManager[None]:
    run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    return files.lock(run_dir)


def _report(problems: Iterable[Problem], warnings: Iterable[Problem]) -> int:
    """Print warnings and problems to standard error; return the exit code that the problems call for."""
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)
    found = list(problems)
    for problem in found:
        _complain(str(problem))
    return int(bool(found))


def _complain(sentence: str) -> None:
    print(f"error: {sentence}", file=sys.stderr)


def _print_table(loaded: Loaded, environ: Environ) -> None:
    rows = [("SYNC", "FILE", "PROJECTS", "SITES", "EVERY", "DATABASE", "")]
    for file in loaded.files:
        sync = file.sync
        projects = f"{sync.user_project_key} ↔ {sync.dev_project_key}"
        state = "" if sync.enabled else "disabled"
        rows.append(
            (sync.name, file.path.name, projects, _sites(sync, environ), _every(sync, environ), sync.database, state)
        )
    rows += [("?", name, "", "", "", "", "does not run") for name in sorted(loaded.broken)]
    if len(rows) == 1:
        print("no syncs")
        return
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _sites(sync: Sync, environ: Environ) -> str:
    found = [resolve(sync, side, environ).connection for side in Side]
    names = [site_of(each.base_url) if each else "?" for each in found]
    return " ↔ ".join(dict.fromkeys(names))


def _every(sync: Sync, environ: Environ) -> str:
    minutes = sync.sync_interval_minutes or float(environ.get("SYNC_INTERVAL_MINUTES") or 5)
    return f"{minutes:g} min"


def _print_states(states: Iterable[State]) -> None:
    rows = sorted(states, key=lambda state: state.name)
    width = max((len(state.name) for state in rows), default=0)
    for state in rows:
        print(f"{state.name.ljust(width)}  {state.state:<8}  {state.description}")


if __name__ == "__main__":
    sys.exit(main())
