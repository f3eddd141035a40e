"""What a sync says when it has to wait for a person, and what that person decides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simulated_sites import LONG_ENOUGH, USERS
from sync_worker.core.errors import NeedsOperator
from worker_bench import Bench


def refusal(bench: Bench) -> str:
    """Run one cycle, which must end because a person has to decide; return what is said."""
    error = bench.try_cycle()
    assert isinstance(error, NeedsOperator), error
    return str(error)


def decide(bench: Bench, decision: str) -> list[tuple[str, str]]:
    """Let a person decide, and a cycle carry it out; return what is recorded of that, the latest first."""
    request = bench.store.ask("adopt", [decision], "ann")
    error = bench.try_cycle()
    assert bench.store.is_answered(request), error
    said = [entry for entry in bench.store.journal.actions(50) if entry.what == "adopt" and entry.who == "ann"]
    return [(entry.result, entry.text) for entry in said]


def with_empty_database(bench: Bench, name: str = "") -> None:
    """Stop the worker, empty its database or let it have another one, and start it again."""
    bench.stop()
    if name:
        bench.definition["databaseName"] = bench.database_name = name
        bench.database = bench._client[name]
    else:
        bench._client.drop_database(bench.database_name)
    bench.start()


def lose_database(bench: Bench) -> None:
    """Empty the database, and let all that was created before be found again."""
    with_empty_database(bench)
    for _ in range(3):
        bench.cycle()
        bench.pass_time(LONG_ENOUGH)


def resync(bench: Bench, *keys: str, side: str = "") -> str:
    """Ask for it, run a cycle, and return the request's id. `side` is needed for issues of neither project."""
    if bench.worker is None:
        bench.start()
    names = [f"{side or ('user' if key.startswith('SUP') else 'dev')}:{bench.issue(key)['id']}" for key in keys]
    request = bench.store.ask("resync", names, "ann")
    bench.cycle()
    assert bench.store.is_answered(request)
    return request


def on_another_server(bench: Bench) -> None:
    """Let the server know nothing any more of the databases that it had: it is another one."""
    bench.stop()
    bench._client["jira_sync"]["databases"].delete_many({})
    with_empty_database(bench)


def use_other_name(bench: Bench, *blocks: str) -> None:
    """Write another name of the same sites into the file: what was 127.0.0.1 is localhost."""
    for block in blocks or ("jira", "devJira"):
        bench.definition[block]["baseUrl"] = bench.definition[block]["baseUrl"].replace("127.0.0.1", "localhost")
    bench.start()


def add_third_site(bench: Bench, flavor: str = "cloud", **options: Any) -> None:
    """Add a site whose project has the same key, and put it into the file as the developers' site."""
    projects = [{"key": "DEV", "workflow": "development"}]
    bench.control.add_site(
        name="three", flavor=flavor, projects=projects, users=USERS, **{"firstId": 10_013, **options}
    )
    bench.definition["devJira"]["baseUrl"] = f"{bench.url}/three"


def die_after(requests: int) -> Callable[[], None]:
    """Return what raises KeyboardInterrupt, as if the worker died, once it was called so often."""
    left = iter(range(requests))

    def die() -> None:
        if next(left, None) is None:
            raise KeyboardInterrupt

    return die
