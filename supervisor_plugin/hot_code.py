"""Puts the code that workers run together, so that running it costs each of them few pages of memory.

Whenever Python runs a function, it writes into the function's code: which way a branch went, which types it met. So
each worker gets its own copy of every page on which such code lies. A worker runs a tenth of what is imported. That
tenth is spread over most pages, because functions lie in memory as they were imported.

`seen` notes which code runs. `gather` copies it, piece after piece, and has the functions use the copies. A function
with another code object that says the same is the same function: Python documents that `__code__` can be set.
"""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from operator import is_not
from types import CodeType, FrameType, FunctionType
from typing import Any

from supervisor_plugin import sharing


@contextmanager
def seen() -> Iterator[Collection[CodeType]]:
    """Yield all code that is run meanwhile, in this thread and in those that are started. It grows with what runs."""
    found: dict[int, CodeType] = {}

    def note(frame: FrameType, event: str, _argument: Any) -> None:
        if event == "call":
            found.setdefault(id(frame.f_code), frame.f_code)

    before, before_in_threads = sys.getprofile(), threading.getprofile()
    threading.setprofile(note)
    sys.setprofile(note)
    try:
        yield found.values()
    finally:
        sys.setprofile(before)
        threading.setprofile(before_in_threads)


def gather(hot: Collection[CodeType]) -> None:
    """Copy the code in `hot` to one place, and have all functions use the copies."""
    copies = _Copies(hot)
    gc.collect()  # what it frees later would leave gaps
    # Not `isinstance`: it asks the object, and a proxy whose object is gone raises an error.
    functions = [thing for thing in gc.get_objects() if type(thing) is FunctionType]
    sharing.fill_gaps()  # or the copies would go where something was freed, and lie as far apart as before
    for function in functions:
        if (copy := copies.of(function.__code__)) is not function.__code__:
            function.__code__ = copy


class _Copies:
    """The copies of hot code, and of what contains it: the code of a function contains that of its lambdas."""

    def __init__(self, hot: Collection[CodeType]) -> None:
        self._hot = {id(code): code for code in hot}
        self._made: dict[int, tuple[CodeType, CodeType]] = {}
        """The code and its copy, by the identity of the code. Equal code is not the same code."""

    def of(self, code: CodeType) -> CodeType:
        """Return the copy of `code`, or `code` itself when nothing in it is hot."""
        if (made := self._made.get(id(code))) is not None:
            return made[1]
        constants = tuple(self.of(each) if isinstance(each, CodeType) else each for each in code.co_consts)
        contains_hot = any(map(is_not, constants, code.co_consts))
        copy = code
        if contains_hot:
            copy = code.replace(co_consts=constants)
        elif id(code) in self._hot:
            copy = code.replace()
        self._made[id(code)] = code, copy
        return copy
