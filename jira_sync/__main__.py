"""`jira-sync COMMAND`, also `python -m jira_sync`: joins the commands and decides their exit codes.

0: done. 1: a person must act, and messages on standard error say how. 2: the command line is wrong.
130: interrupted. Any other error is a bug and shows its traceback.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

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
    history,
    import_,
    init,
    logs,
    pause,
    plan,
    render,
    restore,
    resume,
    resync,
    retry,
    schema,
    start,
    status,
    stop,
    sync_now,
    watch,
)
from jira_sync.output.terminal import complain, for_people
from sync_model import uncaught

USAGE_ERROR: type[Any] = typer.BadParameter.__mro__[2]
"""The base class of typer's errors about a command line. typer exports no name for it."""
INTERRUPTED = 130

app = typer.Typer(
    name="jira-sync",
    help="Keep pairs of Jira projects in step: one JSON file is one sync, one supervised process, one database.",
    epilog="Exit codes: 0 done, 1 a person must act, 2 the command was not understood, 130 interrupted.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
# Help lists the commands in this order.
check.add_to(app)
render.add_to(app)
start.add_to(app)
apply.add_to(app)
stop.add_to(app)
watch.add_to(app)
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
adopt.add_to(app)
import_.add_to(app)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code. Without `argv`, this process is that command's."""
    if argv is None:
        uncaught.install()
    try:
        return int(app(args=argv, prog_name="jira-sync", standalone_mode=False) or 0)
    except USAGE_ERROR as error:
        error.show()
        return int(error.exit_code)
    except typer.Exit as error:
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output, such as head, has ended. Closing prevents a message at exit.
        sys.stderr.close()
    except Exception as error:
        sentences = for_people(error)
        if sentences is None:
            raise
        for sentence in sentences:
            complain(sentence)
    return 1


if __name__ == "__main__":
    sys.exit(main())
