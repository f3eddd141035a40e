"""From a plan to the text of a `supervisord.conf`, and the proof that supervisord reads the plan in it."""

from __future__ import annotations

import io
import os
import re
import shlex
import tempfile
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, PackageLoader, StrictUndefined
from supervisor.options import ProcessConfig, ServerOptions

from generator.deploy.programs import Plan, Program
from generator.running.settings.group import UNSAFE_IN_PATHS, Settings
from generator.running.supervision.descriptors import wanted_limit

TEMPLATE = "supervisord.conf.j2"


class ConfMismatch(Exception):
    """supervisord would read something else than was planned. That is our own fault, not that of a configuration."""


def render(plan: Plan, settings: Settings) -> str:
    """Return the conf for `plan`. Raises ConfMismatch for a value that the format cannot hold."""
    return (
        _environment()
        .get_template(TEMPLATE)
        .render(
            programs=plan.programs,
            config_dir=settings.config_dir,
            is_pushed=settings.is_pushed,
            run_dir=settings.run_dir,
            log_dir=settings.log_dir,
            project_dir=settings.project_dir,
            minfds=wanted_limit(len(plan.programs)),
            # Without it, supervisord warns at every start that it runs as root. Here that is deliberate.
            user="root" if os.getuid() == 0 else None,
        )
    )


def verify(text: str, plan: Plan, settings: Settings) -> None:
    """Read `text` by supervisord's own parser. Raises ConfMismatch unless it holds exactly the plan."""
    found = {group.name: group.process_configs for group in _parse(text).process_group_configs}
    if sorted(found) != sorted(program.name for program in plan.programs):
        raise ConfMismatch(f"it finds the programs {sorted(found)}")
    for program in plan.programs:
        (process,) = found[program.name]
        if _as_read(process) != _as_planned(program, settings):
            raise ConfMismatch(f"it misreads {program.name}: {_as_read(process)}")


def _parse(text: str) -> ServerOptions:
    options = ServerOptions()
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as draft:
        draft.write(text)
        draft.flush()
        options.configfile = draft.name
        output = io.StringIO()
        try:
            with redirect_stderr(output), redirect_stdout(output):
                options.process_config(do_usage=False)
        except ValueError as error:
            raise ConfMismatch(f"it refuses the file: {str(error)[:200]}") from None
    return options


def _as_read(process: ProcessConfig) -> dict[str, object]:
    return {
        "command": tuple(shlex.split(process.command)),
        "environment": dict(process.environment),
        "priority": process.priority,
        "start": (process.startsecs, process.startretries),
        "stop": (process.stopwaitsecs, process.stopasgroup, process.killasgroup),
        "log": process.stdout_logfile,
        "directory": process.directory,
    }


def _as_planned(program: Program, settings: Settings) -> dict[str, object]:
    return {
        "command": program.command,
        "environment": dict(program.environment),
        "priority": program.priority,
        "start": (program.start_seconds, program.start_retries),
        "stop": (program.stop_seconds, True, True),
        "log": f"{settings.log_dir}/{program.name}.log" if settings.log_dir else "/dev/fd/1",
        "directory": str(settings.project_dir),
    }


def _environment() -> Environment:
    # A checkout and the image have the templates beside the packages. A wheel has them inside this package.
    folder = Path(__file__).parents[2] / "templates"
    loader = FileSystemLoader(folder) if folder.is_dir() else PackageLoader("generator")
    environment = Environment(  # noqa: S701 - an ini file, not HTML
        loader=loader, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters |= {"command": command_line, "environment": environment_line, "comment": comment}
    return environment


def command_line(arguments: tuple[str, ...]) -> str:
    """Return the value of `command=` that supervisord reads as `arguments`.

    supervisord expands what follows a `%`. A `;` or `#` after white space begins a comment, also inside quotes.
    """
    quoted = " ".join(shlex.quote(argument) for argument in arguments)
    return re.sub(r"(\s)([;#])", r"\1''\2", quoted).replace("%", "%%")


def environment_line(variables: Mapping[str, str]) -> str:
    """Return the value of `environment=`. Raises ConfMismatch for a value that needs escapes: the format has none."""
    for name, value in variables.items():
        if UNSAFE_IN_PATHS & set(value) or not value.isprintable():
            raise ConfMismatch(f"the value of {name} cannot be written in environment=")
    return ",".join(f'{name}="{value}"' for name, value in variables.items())


def comment(text: str) -> str:
    """Return `text` as it can follow a `;`, whatever the name of a file is."""
    printable = "".join(character if character.isprintable() else "?" for character in text)
    # supervisord reads the file in the encoding of the locale, whichever that is.
    return printable.encode("ascii", "backslashreplace").decode()
