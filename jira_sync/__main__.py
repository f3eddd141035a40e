"""`jira-sync COMMAND`, also `python -m jira_sync`: joins the commands and decides their exit codes.

0: done. 1: a person must act, and messages on standard error say how. 2: the command line was not understood.
70: a fault of ours. 130: interrupted. 141: whoever read the output has ended.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from jira_sync.commands import (
    adopt,
    apply,
    backfill,
    backup,
    check,
    confirm,
    dismiss,
    doctor,
    forget,
    history,
    import_,
    init,
    logs,
    pause,
    plan,
    pull,
    push,
    render,
    restart,
    restore,
    resume,
    resync,
    retry,
    schema,
    start,
    status,
    stop,
    sync_now,
    versions,
    watch,
)
from jira_sync.context.invocation import typed_command
from jira_sync.output.terminal import as_typed, complain, for_people, print_line, say_commands_as
from sync_model import VERSION
from sync_model.secrecy import uncaught

USAGE_ERROR: type[Any] = typer.BadParameter.__mro__[2]
"""The base class of typer's errors about a command line. typer exports no name for it."""
NOT_UNDERSTOOD = 2
FAULT_OF_OURS = 70
"""What sysexits.h calls EX_SOFTWARE."""
INTERRUPTED = 130
NOBODY_READS = 141
"""As if SIGPIPE had ended this process."""

app = typer.Typer(
    name="jira-sync",
    help="Keep pairs of Jira projects in step: one JSON file is one sync, one supervised process, one database.",
    epilog="Exit codes: 0 done, 1 a person must act, 2 the command was not understood, 70 a fault of ours, "
    "130 interrupted, 141 nobody reads the output any more.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def print_version(is_wanted: bool) -> None:  # noqa: FBT001 - typer calls it
    if is_wanted:
        print_line(f"jira-sync {VERSION}")
        raise typer.Exit


# Help lists the commands in this order.
check.add_to(app)
render.add_to(app)
start.add_to(app)
apply.add_to(app)
stop.add_to(app)
restart.add_to(app)
watch.add_to(app)
push.add_to(app)
pull.add_to(app)
versions.add_to(app)
status.add_to(app)
logs.add_to(app)
sync_now.add_to(app)
pause.add_to(app)
resume.add_to(app)
retry.add_to(app)
dismiss.add_to(app)
confirm.add_to(app)
init.add_to(app)
doctor.add_to(app)
schema.add_to(app)
plan.add_to(app)
resync.add_to(app)
backfill.add_to(app)
history.add_to(app)
backup.add_to(app)
restore.add_to(app)
forget.add_to(app)
adopt.add_to(app)
import_.add_to(app)


@app.callback()
def _before_each_command(
    _version: Annotated[
        bool, typer.Option("--version", "-V", help="Print the version.", is_eager=True, callback=print_version)
    ] = False,
) -> None:
    pass


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code. Without `argv`, this process is that command's."""
    if argv is None:
        uncaught.install()
    try:
        code = _run(sys.argv[1:] if argv is None else argv)
        sys.stdout.flush()
    except BrokenPipeError:
        return _give_up_output()
    return code


def _run(arguments: Sequence[str]) -> int:
    """Run one command, and say of its errors what they mean. Raises BrokenPipeError when nobody reads that."""
    from generator.running.errors import NotUnderstood

    try:
        typed, group = _spell_commands()
        return int(group.main(args=list(arguments), prog_name=typed, standalone_mode=False) or 0)
    except USAGE_ERROR as error:
        error.show()
        return int(error.exit_code)
    except typer.Exit as error:
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except SystemExit as error:
        # rich ends the process by itself when nobody reads the help that it prints.
        if isinstance(error.__context__, BrokenPipeError):
            raise error.__context__ from None
        raise
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it is no 60 lines for a person
        sentences = for_people(error)
        if sentences is None:
            from jira_sync.output.fault import tell_of_fault

            tell_of_fault(error)
            return FAULT_OF_OURS
        for sentence in sentences:
            complain(sentence)
        return NOT_UNDERSTOOD if isinstance(error, NotUnderstood) else 1


def _spell_commands() -> tuple[str, typer.core.TyperGroup]:
    """Have all messages spell commands as they are typed here; return how this one is, and all of them."""
    typed = typed_command(sys.argv[0], Path.cwd())
    group = typer.main.get_group(app)
    say_commands_as(typed, group.commands)
    for command in group.commands.values():
        command.help = as_typed(command.help or "")
    return typed, group


def _give_up_output() -> int:
    """Return the exit code when nobody reads. Python must not complain that it cannot write the rest."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):
            os.dup2(nowhere, stream.fileno())
    return NOBODY_READS


if __name__ == "__main__":
    sys.exit(main())
