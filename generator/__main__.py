"""`python -m generator check | render | apply | start | stop`: says what is wrong, and decides how it ends.

0: done; 1: a person must act, and plain sentences on standard error say how; 130: interrupted.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from generator.deploy import group, report
from generator.deploy.report import complain
from generator.running import files, processes
from generator.running.code import fingerprint
from generator.running.settings import Settings, Unusable, from_environ, of_running_group, run_dir_of, without_effect
from generator.running.supervisor_rpc import NoAnswer, NotRunning, Supervisor

Environ = Mapping[str, str]
FIRST_PROCESS = 1
"""Of a machine, or of a container; a container ends with it."""


def main(argv: Sequence[str] | None = None, environ: Environ = os.environ) -> int:
    options = _parser().parse_args(argv)
    try:
        code: int = options.run(options, environ)
    except Unusable as error:
        for problem in error.problems:
            complain(problem)
        return 1
    except NoAnswer as error:
        complain(str(error))
        return 1
    except NotRunning:
        complain("supervisord ended meanwhile; its log says why")
        return 1
    except OSError as error:
        # A folder that cannot be made, a full disk, somebody else's file: nothing that a traceback explains better.
        complain(f"{error.filename}: {error.strerror}" if error.filename else str(error))
        return 1
    except KeyboardInterrupt:
        return 130
    return code


def check(options: argparse.Namespace, environ: Environ) -> int:
    """Print every problem of every file, and what would run."""
    settings, seen_by_workers = _as_workers_see_it(from_environ(environ), environ)
    loaded = group.load(settings, seen_by_workers)
    if options.json:
        report.print_check_as_json(loaded, seen_by_workers)
        return int(bool(loaded.problems))
    report.print_check(loaded, seen_by_workers)
    return report.tell(loaded.problems, loaded.warnings)


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
    return report.tell(prepared.problems, prepared.loaded.warnings)


def apply(options: argparse.Namespace, environ: Environ) -> int:
    """Make the running group follow the files."""
    settings = of_running_group(from_environ(environ), environ)
    not_running = f"no group runs in {settings.run_dir}; start one: jira-sync start"
    if not settings.run_dir.is_dir():
        raise Unusable(not_running)
    with _locked(settings.run_dir):
        started_with = processes.environment_of_group(settings.run_dir)
        if started_with is None:
            raise Unusable(not_running)
        for name in without_effect(environ, started_with):
            report.warn(f"{name} here has no effect on a group that runs; `stop` and `start` it")
        if settings.code not in (None, fingerprint()):
            report.warn("jira-sync itself has changed since this group was started; `stop` and `start` it to use that")
        prepared = group.prepare(settings, started_with)
        if options.strict and prepared.problems:
            report.tell(prepared.problems, ())
            raise Unusable("nothing was changed, because of --strict")
        if group.is_emptied(prepared) and not options.allow_empty:
            raise Unusable(
                f"{settings.config_dir} holds no sync, but {len(prepared.manifest)} run; nothing was changed. "
                "If they shall all stop: apply --allow-empty"
            )
        try:
            applied = group.apply(prepared)
        except NotRunning:
            raise Unusable(not_running) from None
        files.link_conf(settings)
    code = int(bool(prepared.problems) or not applied.all_run)
    if options.json:
        report.print_applied_as_json(applied, prepared.problems, prepared.loaded.warnings)
        return code
    for line in applied.lines():
        print(line)
    report.tell(prepared.problems, prepared.loaded.warnings)
    return code


def start(options: argparse.Namespace, environ: Environ) -> int:
    """Start the group."""
    settings = from_environ(environ, log_to_files=not options.foreground)
    with _locked(settings.run_dir):
        group.check_free(settings)
        prepared = group.prepare(settings, environ)
        code = report.tell(prepared.problems, prepared.loaded.warnings)
        if code and (options.strict or environ.get("STRICT") == "1"):
            raise Unusable("nothing was started, because of --strict")
        if not prepared.plan.syncs:
            complain(f"no sync to run in {settings.config_dir}; add a file there, then: jira-sync apply")
        group.install(prepared)
        files.link_conf(prepared.settings)
        if options.foreground:
            files.write_if_changed(settings.record, prepared.settings.recorded())
            sys.stdout.flush()
            group.become_supervisord(prepared, environ)
        states = group.start(prepared, environ)
    report.print_states(states.values())
    for change in group.kept(prepared):
        print(change)
    return code or int(any(state.state != "RUNNING" for state in states.values()))


def stop(_options: argparse.Namespace, environ: Environ) -> int:
    """Stop the group."""
    run_dir = run_dir_of(environ)
    if not run_dir.is_dir():
        print("nothing was running")
        return 0
    if FIRST_PROCESS in processes.members(run_dir):
        raise Unusable("this container is the group, and would come back; stop it from outside: docker compose stop")
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

    command = add("check", check, "say what is wrong with the files, and what would run")
    command.add_argument("--json", action="store_true", help="as one JSON document")
    command = add("render", render, "write supervisord.conf if it changes")
    command.add_argument("--stdout", action="store_true", help="print it instead")
    command.add_argument("--diff", action="store_true", help="print what would change instead")
    command.add_argument("--to-stdout", action="store_true", help="have programs log to standard output, not to files")
    command = add("apply", apply, "make the running group follow the files; only what an edit touched restarts")
    command.add_argument("--strict", action="store_true", help="change nothing if any file has a problem")
    command.add_argument("--allow-empty", action="store_true", help="stop all syncs when the folder holds none")
    command.add_argument("--json", action="store_true", help="as one JSON document")
    command = add("start", start, "start the group")
    command.add_argument("--foreground", action="store_true", help="become supervisord; log to standard output")
    command.add_argument("--strict", action="store_true", help="start nothing if any file has a problem (STRICT=1)")
    add("stop", stop, "stop the group; its data stays")
    return parser


def _as_workers_see_it(settings: Settings, environ: Environ) -> tuple[Settings, Environ]:
    """Return the folder of the running group with what its workers see, unless another folder is meant."""
    started_with = processes.environment_of_group(settings.run_dir)
    if started_with is None:
        return settings, environ
    try:
        return of_running_group(settings, environ), started_with
    except Unusable:
        return settings, environ


def _locked(run_dir: Path) -> AbstractContextManager[None]:
    run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    return files.lock(run_dir)


if __name__ == "__main__":
    sys.exit(main())
