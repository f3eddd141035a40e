"""What this process has in its memory stays shared with all who are forked from it, for as long as possible.

A page of memory is shared until one of the two writes to it, and Python writes even to what is only used. Three things
are done about that, once all is imported and used, and before the first fork:

- The garbage collector, which writes to everything that it looks at, never looks at it again (`gc.freeze`).
- Nothing is counted. Python notes who refers to an object in the object itself, so that a child which merely calls a
  function gets its own copy of the page that the function lies in. Python 3.12 and later know immortal objects, which
  are not counted (PEP 683, https://peps.python.org/pep-0683/, was made for servers that fork). There is no way yet to
  ask for that from Python, only from C in 3.15 (`PyUnstable_SetImmortal`); it is one number in an object's first word.
  This alone halves what a worker needs for itself.
- The gaps between the objects are filled, so that what a child makes lies together on pages of its own and does not
  cost it a shared page for each gap. This is worth a fifth.

What each is worth, `benchmarks.worker_memory` measures. Most of what is left is Python's, too: it notes in a function's
code which way each branch went, whenever it is run.
"""

from __future__ import annotations

import ctypes
import gc
import sys
import sysconfig
from collections.abc import Callable, Iterable
from functools import partial
from types import CodeType

IMMORTAL = 0xFFFFFFFF
"""`_Py_IMMORTAL_REFCNT` of 3.12 and 3.13."""
VERSIONS = ((3, 12), (3, 13))
OWN = frozenset({"__main__", "supervisor", "supervisor_plugin"})
"""The modules that hold what is supervisord's own, which comes and goes as ever."""
POOL = 16 * 1024
SMALLEST, LARGEST, STEP = 48, 512, 16
"""Bytes: Python's allocator serves sizes up to the largest, rounded to steps, each size from pools of its own."""
LARGE_BLOCKS = tuple(2**power for power in range(16, 9, -1))
HEADER = 8
"""Bytes that glibc needs of each block for itself."""
MOST = 2 * 1024 * 1024
"""Bytes that are spent on the gaps of one size."""
EMPTY = sys.getsizeof(b"")

_fillers: list[bytes] = []


def share() -> None:
    """Do all of it. What is alive now, but for what is supervisord's own, is never freed."""
    gc.unfreeze()  # what an earlier life, before a reload, has left
    gc.collect()
    _fill_gaps()
    if can_immortalise():
        own = [module for name, module in sys.modules.items() if name.partition(".")[0] in OWN]
        immortalise(sys.modules.values(), but=[*own, *map(vars, own)])
    gc.freeze()


def can_immortalise() -> bool:
    """Tell whether this interpreter's objects are laid out as is known, and become immortal as they should."""
    plain = sys.implementation.name == "cpython" and not sysconfig.get_config_var("Py_GIL_DISABLED")
    if not plain or sys.version_info[:2] not in VERSIONS or sys.maxsize < 2**32 or sys.byteorder != "little":
        return False
    probe = object()
    if ctypes.c_size_t.from_address(id(probe)).value != sys.getrefcount(probe) - 1:
        return False
    _make_immortal(probe)
    references = [probe] * 3
    return sys.getrefcount(references[0]) == IMMORTAL


def immortalise(roots: Iterable[object], but: Iterable[object]) -> None:
    """Make all that can be reached from `roots` immortal, `but` for what can only be reached through these objects."""
    left_out = {id(each) for each in but}
    found: dict[int, object] = {}
    to_do = list(roots)
    while to_do:
        each = to_do.pop()
        if id(each) not in found and id(each) not in left_out:
            found[id(each)] = each
            to_do.extend(gc.get_referents(each))
            if isinstance(each, CodeType):  # which the collector does not look into
                to_do += (each.co_consts, each.co_names)
    for each in found.values():
        _make_immortal(each)


def _make_immortal(thing: object) -> None:
    ctypes.c_uint32.from_address(id(thing)).value = IMMORTAL


def _fill_gaps() -> None:
    """Make what fits into them, of each size, and keep it.

    What is larger than Python's pools serve, and what is not Python's, comes from the C library. Its gaps are of any
    size: they are filled from the largest down.
    """
    for size in range(SMALLEST, LARGEST + 1, STEP):
        _fill(size, partial(_filler, size), in_a_row=(POOL - SMALLEST) // size)
    allocate = ctypes.pythonapi.PyMem_RawMalloc
    allocate.restype, allocate.argtypes = ctypes.c_void_p, (ctypes.c_size_t,)
    for size in (*LARGE_BLOCKS, *range(LARGE_BLOCKS[-1] - STEP, STEP, -STEP)):
        _fill(size, partial(allocate, size - HEADER), in_a_row=8)


def _fill(size: int, make: Callable[[], int], in_a_row: int) -> None:
    """Call `make`, which returns an address, until so many blocks lie one after the other: then no gap is left.

    Where they never do, because another allocator is at work, it is given up.
    """
    last = found = 0
    for _ in range(MOST // size):
        address = make()
        found = found + 1 if address - last == size else 1
        if found == in_a_row:
            return
        last = address


def _filler(size: int) -> int:
    _fillers.append(bytes(size - EMPTY))
    return id(_fillers[-1])
