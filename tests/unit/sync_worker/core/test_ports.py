"""Whatever satisfies a port has all of its methods, and a dry run lets no writing one through to the real thing."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from sync_model.definition import Side
from sync_worker.core import ports
from sync_worker.core.issue import Draft, Transition
from sync_worker.core.pairs import Pair
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
WRITES_TO_JIRA = {"create", "create_many", "transition", "comment", "link", "upload", "delete_file"}
READING = {"Return", "Search", "Read", "Ask", "Tell", "Look", "Give", "How"}
"""How the docstring of a method begins that changes nothing."""
SATISFIED = [
    # who                port          what has to be there
    (JiraClient, ports.Jira, set(members(ports.Jira))),
    (DryRunSite, ports.Jira, WRITES_TO_JIRA),  # the real site answers the rest
    (MongoStore, ports.Store, set(members(ports.Store))),
    (DryRunStore, ports.Store, set(members(ports.Store))),
]


def test_the_writing_methods_of_jira_are_those_whose_docstring_does_not_begin_like_a_reading_one():
    """A method that is added to the port is a writing one, unless it says in its first word that it only reads."""
    first_words = {name: (member.__doc__ or "?").split()[0] for name, member in members(ports.Jira).items()}
    assert {name for name, word in first_words.items() if word not in READING} == WRITES_TO_JIRA


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


@pytest.mark.parametrize("name", sorted(WRITES_TO_JIRA))
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
        "link": ("1", "global", "https://jira.example.com", "title", "summary"),
        "upload": ("1", FILE, iter([b"log"])),
        "delete_file": ("1", FILE.id),
    }
    getattr(DryRunSite(RealSite()), name)(*calls[name])


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
