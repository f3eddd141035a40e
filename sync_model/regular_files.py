"""Reads files that others name. Whatever stands there, reading it ends: nothing is waited for, and little is read."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PIECE = 64 * 1024
KINDS = {
    stat.S_IFIFO: "it is a pipe, not a file",
    stat.S_IFSOCK: "it is a socket, not a file",
    stat.S_IFCHR: "it is a device, not a file",
    stat.S_IFBLK: "it is a device, not a file",
}


def kind_fault(mode: int) -> str | None:
    """Return what something with this `st_mode` is, if it is no regular file, as a sentence; None when it is one."""
    if stat.S_ISREG(mode):
        return None
    return "it is a folder, not a file" if stat.S_ISDIR(mode) else KINDS.get(stat.S_IFMT(mode), "it is not a file")


@contextmanager
def open_regular(path: Path | str) -> Iterator[int]:
    """Open a regular file and yield its descriptor.

    Raises OSError, whose `strerror` says why it cannot be read, also for what is no regular file. Raises ValueError for
    what is no name of a file.
    """
    # Opening a device can already do something, and opening a pipe waits for its other end.
    _check(Path(path).stat())
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        _check(os.fstat(descriptor))  # something else may have taken its place meanwhile
        yield descriptor
    finally:
        os.close(descriptor)


def read_regular(path: Path | str, most: int) -> bytes:
    """Return the content of a regular file of at most `most` bytes. Raises as `open_regular` does."""
    content = bytearray()
    with open_regular(path) as descriptor:
        # Asked for all at once, the kernel's answer would be given room for `most` bytes.
        while piece := os.read(descriptor, PIECE):
            content += piece
            if len(content) > most:
                raise OSError(errno.EFBIG, f"it is larger than {most:,} bytes")
    return bytes(content)


def _check(found: os.stat_result) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if fault := kind_fault(found.st_mode):
        raise OSError(errno.EINVAL, fault)
