"""The tree of errors in the module's docstring is the tree of its classes."""

from __future__ import annotations

import re

from sync_worker.core import errors


def test_the_docstring_lists_every_error_below_its_parent():
    lines = (re.match(r"    ([│├└─ ]*)([A-Z][A-Za-z]+)( |$)", line) for line in (errors.__doc__ or "").splitlines())
    drawn = [(len(match[1]) // 4, match[2]) for match in lines if match]
    expected: list[tuple[int, str]] = []

    def walk(kind: type[Exception], depth: int) -> None:
        expected.append((depth, kind.__name__))
        for child in kind.__subclasses__():
            if child.__module__ == errors.__name__:
                walk(child, depth + 1)

    walk(errors.SyncError, 0)
    assert drawn == expected


def test_what_unwinds_a_cycle_is_no_sync_error():
    for kind in (errors.StopRequested, errors.LeaseLost, errors.Paused):
        assert not issubclass(kind, errors.SyncError)
        assert f"`{kind.__name__}`" in (errors.__doc__ or "")
