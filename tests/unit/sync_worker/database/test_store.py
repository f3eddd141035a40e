"""The description of the database names what there is."""

from __future__ import annotations

import re
from importlib import import_module
from types import ModuleType

import pytest

from sync_worker.database import journal, lease, store
from sync_worker.database.backups import restore


def exists(name: str) -> bool:
    """Tell whether `core.issues.pairs.Pair`, say, names a module of the worker or something in one."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found = import_module(".".join(["sync_worker", *parts[:length]]))
        except ModuleNotFoundError:
            continue
        return len(parts) - length <= 1 and all(hasattr(found, part) for part in parts[length:])
    return False


@pytest.mark.parametrize("module", [store, journal, lease, restore], ids=lambda module: module.__name__)
def test_every_module_and_class_that_the_description_of_the_database_names_exists(module: ModuleType):
    names = re.findall(r"`((?:core|database|engine|facets)\.[\w.]+)`", module.__doc__)
    assert names
    assert [name for name in names if not exists(name)] == []
