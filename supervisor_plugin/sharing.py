"""Keeps the memory of this process shared with its forked children for as long as possible.

A page of memory is shared until one process writes to it, and Python writes even to objects that are only used. Three
measures prevent writes. They are taken after all imports and before the first fork:

- The garbage collector writes to each object that it visits. `gc.freeze` keeps it from visiting these.
- Python counts the references to an object in the object itself. So a child that merely calls a function gets its own
  copy of the page with that function. Python 3.12 and later do not count immortal objects (PEP 683,
  https://peps.python.org/pep-0683/, was made for servers that fork). Python code cannot ask for them; C code can from
  3.15 (`PyUnstable_SetImmortal`). Immortality is one number in the first word of an object. This measure alone halves
  the memory that a worker has for itself.
- The gaps between objects are filled. So the objects that a child makes lie together on pages of its own, instead of
  costing it a shared page for each gap. This saves a fifth.

Python writes to the code of what it runs, too: `hot_code` does something about that, before these are taken.
`benchmarks.worker_memory` measures each.
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
SUPERVISORD_PACKAGES = frozenset({"__main__", "supervisor", "supervisor_plugin"})
"""The packages whose objects are supervisord's own. These are counted and freed as always."""
POOL = 16 * 1024
SMALLEST, LARGEST, STEP = 48, 512, 16
"""Bytes. Python's allocator serves sizes up to the largest, rounded up to steps, each size from its own pools."""
LARGE_BLOCKS = tuple(2**power for power in range(16, 9, -1))
HEADER = 8
"""Bytes of each block that glibc uses itself."""
FILLER_LIMIT = 2 * 1024 * 1024
"""The most bytes that fill the gaps of one size."""
EMPTY = sys.getsizeof(b"")

_fillers: list[bytes] = []


def share() -> None:
    """Take all three measures. No object that is alive now is ever freed, except supervisord's own."""
    gc.unfreeze()  # objects that were frozen before a reload
    gc.collect()
    fill_gaps()
    if can_immortalise():
        own = [module for name, module in sys.modules.items() if name.partition(".")[0] in SUPERVISORD_PACKAGES]
        immortalise(sys.modules.values(), but=[*own, *map(vars, own)])
    gc.freeze()


def can_immortalise() -> bool:
    """Tell whether objects of this interpreter have the layout that is known here, and become immortal as expected."""
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
    """Make all objects immortal that can be reached from `roots` without passing through an object of `but`."""
    excluded = {id(thing) for thing in but}
    found: dict[int, object] = {}
    to_visit = list(roots)
    while to_visit:
        thing = to_visit.pop()
        if id(thing) not in found and id(thing) not in excluded:
            found[id(thing)] = thing
            to_visit.extend(gc.get_referents(thing))
            if type(thing) is CodeType:  # the collector does not visit these; isinstance would ask a dead proxy
                to_visit += (thing.co_consts, thing.co_names)
    for thing in found.values():
        _make_immortal(thing)


def _make_immortal(thing: object) -> None:
    ctypes.c_uint32.from_address(id(thing)).value = IMMORTAL


def fill_gaps() -> None:
    """Allocate blocks of each size until no gap of that size is left, and keep them.

    The C library serves blocks that are too large for Python's pools, and blocks that are not Python's. Its gaps may
    have any size, so they are filled from the largest down.
    """
    for size in range(SMALLEST, LARGEST + 1, STEP):
        _fill(size, partial(_filler, size), in_a_row=(POOL - SMALLEST) // size)
    allocate = ctypes.pythonapi.PyMem_RawMalloc
    allocate.restype, allocate.argtypes = ctypes.c_void_p, (ctypes.c_size_t,)
    for size in (*LARGE_BLOCKS, *range(LARGE_BLOCKS[-1] - STEP, STEP, -STEP)):
        _fill(size, partial(allocate, size - HEADER), in_a_row=8)


def _fill(size: int, make: Callable[[], int], in_a_row: int) -> None:
    """Call `make`, which returns an address, until `in_a_row` blocks are adjacent: then no gap is left.

    With another allocator, blocks may never be adjacent. So the number of blocks is limited.
    """
    last = adjacent = 0
    for _ in range(FILLER_LIMIT // size):
        address = make()
        adjacent = adjacent + 1 if address - last == size else 1
        if adjacent == in_a_row:
            return
        last = address


def _filler(size: int) -> int:
    _fillers.append(bytes(size - EMPTY))
    return id(_fillers[-1])
