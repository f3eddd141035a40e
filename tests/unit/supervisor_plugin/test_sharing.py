"""What is alive before the fork stays where it is, as it is."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from supervisor_plugin.sharing import IMMORTAL, can_immortalise

SHARED = """
import gc, sys, types
from supervisor_plugin import sharing
package = types.ModuleType("package")
package.thing = type("Thing", (), {"method": lambda self: None})()
sys.modules["package"] = package
own = types.ModuleType("supervisor.own")
own.thing = type("Own", (), {})()
sys.modules["supervisor.own"] = own
sharing.share()
"""


GAPS = """
kept = [bytes(size) for size in (200, 2000) for _ in range(4000)]
del kept[::10]
"""
PAGES_OF_NEW_THINGS = """
things = [bytes(size) for size in (200, 2000) for _ in range(20)]
print(len({id(each) // 4096 for each in things}))
"""


def _after_sharing(script: str, before: str = "", **environ: str) -> str:
    command = [sys.executable, "-c", before + SHARED + script]
    done = subprocess.run(
        command, env={**os.environ, **environ}, check=True, capture_output=True, text=True, timeout=60
    )
    return done.stdout.strip()


def test_the_garbage_collector_does_not_visit_shared_objects():
    assert _after_sharing("print(gc.get_freeze_count() > 1000, package.thing in gc.get_objects())") == "True False"


def test_sharing_may_be_repeated_after_a_reload():
    assert _after_sharing("sharing.share(); print(package.thing.method())") == "None"


def test_objects_made_after_sharing_lie_together_whatever_gaps_there_were():
    assert int(_after_sharing(PAGES_OF_NEW_THINGS, before=GAPS)) <= 20


def test_sharing_ends_with_any_allocator():
    assert _after_sharing("print(package.thing.method())", PYTHONMALLOC="malloc") == "None"


@pytest.mark.skipif(not can_immortalise(), reason="this Python has no immortal objects whose layout is known")
def test_references_to_shared_objects_are_not_counted_but_those_to_supervisords_own_are():
    counts = "print(*[sys.getrefcount(each) for each in (package.thing, type(package.thing).method, own.thing)])"
    shared, function, owned = _after_sharing(counts).split()
    assert (int(shared), int(function)) == (IMMORTAL, IMMORTAL)
    assert int(owned) < 10
