"""What is alive before the fork stays where it is, as it is."""

from __future__ import annotations

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


def _after_sharing(script: str) -> str:
    command = [sys.executable, "-c", SHARED + script]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.strip()


def test_the_collector_does_not_look_at_it_any_more():
    assert _after_sharing("print(gc.get_freeze_count() > 1000, package.thing in gc.get_objects())") == "True False"


def test_the_same_may_be_done_again_after_a_reload():
    assert _after_sharing("sharing.share(); print(package.thing.method())") == "None"


@pytest.mark.skipif(not can_immortalise(), reason="this Python has no immortal objects whose layout is known")
def test_nobody_counts_who_uses_it_but_what_is_supervisords_own_is_counted_as_ever():
    counts = "print(*[sys.getrefcount(each) for each in (package.thing, type(package.thing).method, own.thing)])"
    shared, function, owned = _after_sharing(counts).split()
    assert (int(shared), int(function)) == (IMMORTAL, IMMORTAL)
    assert int(owned) < 10
