"""An error that nobody has caught is told without secrets, and steers no terminal. Its message may quote anything."""

from __future__ import annotations

import sys
import threading
import traceback
from types import TracebackType

from sync_model.secrecy.program_output import print_error


def install() -> None:
    """Have this process tell such errors, of all its threads, in this way."""
    sys.excepthook = _tell
    threading.excepthook = _tell_of_thread
    sys.unraisablehook = _tell_of_unraisable


def _tell(kind: type[BaseException], error: BaseException | None, where: TracebackType | None, first: str = "") -> None:
    text = first + "".join(traceback.format_exception(kind, error, where))
    print_error("nobody has caught an error", text)


def _tell_of_thread(told: threading.ExceptHookArgs) -> None:
    if told.exc_type is not SystemExit:
        name = told.thread.name if told.thread else "that has ended"
        _tell(told.exc_type, told.exc_value, told.exc_traceback, f"in the thread {name}:\n")


def _tell_of_unraisable(told: sys.UnraisableHookArgs) -> None:
    where = told.err_msg or "ignored in"
    _tell(told.exc_type, told.exc_value, told.exc_traceback, f"{where}: {told.object!r}\n")
