"""Whatever satisfies a port has all of its methods, and a dry run lets no writing one through to the real thing."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from sync_model.definition.sync import Side
from sync_worker.core import ports
from sync_worker.core.issues.issue import Draft, Transition
from sync_worker.core.issues.pairs import Pair
from sync_worker.core.progress import Progress
from sync_worker.core.records import JournalEntry, Request
from sync_worker.database.store import MongoStore
from sync_worker.engine.dry_site import DryRunSite
from sync_worker.engine.dry_store import DryRunStore
from sync_worker.jira import JiraClient
from worker_values import FILE, NOON, issue, state


def members(port: type) -> dict[str, Any]:
    """Return what the port itself declares, by name."""
    return {name: member for name, member in vars(port).items() if not name.startswith("_")}


def parameters(function: Callable[..., Any]) -> list[tuple[str, object, object]]:
    """Return name, kind and default of each parameter; an underscore before a name says that it is not used."""
    found = inspect.signature(function).parameters.values()
    return [(parameter.name.lstrip("_"), parameter.kind, parameter.default) for parameter in found]


WRITES_TO_STORE = {
    "save_progress", "save", "forget", "save_pair", "save_pairs", "forget_pair", "record", "answer",
    "register", "stage_nothing", "stage", "erase", "recall", "recall_all", "record_once",
}  # fmt: skip
WRITES_TO_JIRA = members(ports.Jira)
ANSWERED = {name for name, write in WRITES_TO_JIRA.items() if inspect.signature(write).return_annotation != "None"}
SATISFIED = [
    # who                port          what has to be there
    (JiraClient, ports.ReadOnlyJira, set(members(ports.ReadOnlyJira))),
    (JiraClient, ports.Jira, set(WRITES_TO_JIRA)),
    (DryRunSite, ports.ReadOnlyJira, set()),  # the real site answers the rest
    (DryRunSite, ports.Jira, ANSWERED),  # nothing is done about the rest
    (MongoStore, ports.Store, set(members(ports.Store))),
    (DryRunStore, ports.Store, set(members(ports.Store))),
]


@pytest.mark.parametrize(("implementation", "port", "names"), SATISFIED)
def test_an_implementation_of_a_port_has_its_methods(implementation, port, names):
    assert names - set(dir(implementation)) == set()


@pytest.mark.parametrize(("implementation", "port", "_names"), SATISFIED)
def test_an_implementation_of_a_port_takes_the_same_parameters(implementation, port, _names):
    for name, member in members(port).items():
        own = inspect.getattr_static(implementation, name, None)
        if isinstance(member, property):
            assert own is None or isinstance(own, property), name
        elif own is not None:
            assert parameters(own) == parameters(member), name


@pytest.mark.parametrize("name", WRITES_TO_JIRA)
def test_a_dry_run_never_passes_a_writing_call_on_to_the_real_site(name):
    class RealSite:
        def __getattr__(self, asked: str) -> Any:
            pytest.fail(f"{asked} reached the real site")

    draft = Draft("10", "1", {"summary": "It is broken"}, {})
    calls: dict[str, tuple[Any, ...]] = {
        "create": (draft,),
        "create_many": ([draft, draft],),
        "transition": (issue(), Transition("1", "Close", "Closed")),
        "comment": ("1", "text", "marker"),
        "upload": ("1", FILE, iter([b"log"])),
    }
    getattr(DryRunSite(RealSite()), name)(*calls.get(name, ()))


@pytest.mark.parametrize("name", sorted(WRITES_TO_STORE))
def test_a_dry_run_never_passes_a_write_on_to_the_real_store(name):
    class RealStore:
        """An empty one."""

        def state(self, *_: object) -> None:
            return None

        def pairs_of(self, *_: object) -> tuple[dict[str, Pair], dict[str, str]]:
            return {}, {}

        def __getattr__(self, asked: str) -> Any:
            pytest.fail(f"{asked} reached the real store")

    pair = Pair("1", "2", "U-1", "D-1", NOON)
    arguments: dict[str, tuple[Any, ...]] = {
        "save_progress": (Progress(),),
        "save": ([state()],),
        "forget": (state(),),
        "save_pair": (pair,),
        "save_pairs": ([pair],),
        "forget_pair": (pair,),
        "erase": (Request("1", "forget", ("user:1", "dev:2", "user/U-1")),),
        "recall": (Side.USER, ["1"]),
        "recall_all": (Side.USER,),
        "record_once": (JournalEntry(NOON, "ann", "forget", cause="forget-1"),),
        "record": ([JournalEntry(NOON, "worker", "link")],),
        "answer": (Request("1", "retry"),),
        "register": ("database",),
        "stage_nothing": (),
        "stage": ([state()], [pair]),
    }
    getattr(DryRunStore(RealStore()), name)(*arguments[name])
