"""`jira-sync status`: the status page on a terminal. It asks supervisord itself, so that no monitor has to run."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jira_sync.context.command_line import AsJson, Panel, complete_name
from jira_sync.context.target import Target, find_target
from jira_sync.output.terminal import complain, out, print_json, print_rendered, show, table

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from health_monitor.fleet.look import FleetLook
    from health_monitor.observation.snapshot import Snapshot, SyncView
    from health_monitor.observation.tracking import Tracking
    from sync_worker.database.shared.fleet import Container

REFRESH_EVERY = 2.0
MANY = 20
"""Rows that fit on a screen."""
NOT_RUNNING = frozenset({"BACKOFF", "STOPPED", "STOPPING", "EXITED"})
"""States in which a program that is no sync is shown. A FATAL one is part of the snapshot's `trouble` already."""
CONTAINER_COLUMNS = ("SHARD", "HOST", "SYNCS", "VERSION", "FILES", "UP")
COLUMNS = ("SYNC", "CONDITION", "LAG", "LAST SUCCESS", "NEXT CYCLE", "QUEUE", "GIVEN UP", "WHY")
STYLES = {"error": "bold red", "attention": "yellow", "ok": "green", "off": "dim"}
OptionalNames = Annotated[
    list[str] | None,
    typer.Argument(metavar="NAME", help="The syncs; all, if none is named.", autocompletion=complete_name),
]


def _complete_condition(incomplete: str) -> list[str]:
    from health_monitor.filtering import known_conditions

    return [word for word in known_conditions() if word.startswith(incomplete)]


def add_to(app: typer.Typer) -> None:
    """Add this command to `app`."""
    app.command(rich_help_panel=Panel.MONITORING)(status)


def status(
    names: OptionalNames = None,
    conditions: Annotated[
        list[str] | None,
        typer.Option(
            "--condition",
            metavar="CONDITION",
            help="Only syncs in this condition, such as stuck; or all that are error, attention, well or off.",
            autocompletion=_complete_condition,
        ),
    ] = None,
    shards: Annotated[
        list[str] | None, typer.Option("--shard", metavar="SHARD", help="Only syncs of this shard, such as 2/4.")
    ] = None,
    sites: Annotated[
        list[str] | None,
        typer.Option("--site", metavar="SITE", help="Only syncs with a project on this site: acme.atlassian.net."),
    ] = None,
    as_json: AsJson = False,
    watch: Annotated[bool, typer.Option("--watch", help="Look again every two seconds, until Ctrl-C.")] = False,
) -> int:
    """Show how each sync is, worst first, and why.

    Exit code 1 when something needs a person, as with supervisorctl status. LAG is the age of the oldest change that
    is not carried over yet. Each of the options may be there several times.

    Examples, what needs somebody, and the same for a script: jira-sync status --condition error --condition attention;
    jira-sync status --condition error --json
    """
    from generator.running.errors import NotUnderstood
    from generator.running.supervision.processes import left_behind

    target = find_target(os.environ)
    if watch and as_json:
        raise NotUnderstood("--watch shows a page, and --json prints one document; say one of them")
    wanted = _Wanted(tuple(names or ()), tuple(conditions or ()), tuple(shards or ()), tuple(sites or ()))
    _require_known(wanted.conditions)
    if watch:
        return _refresh_until_interrupted(target, wanted)
    snapshot, total = _take_snapshot(target, wanted)
    if as_json:
        print_json(_as_json(target, snapshot, total))
    else:
        print_rendered(*_parts(snapshot, total))
    if not target.is_running:
        complain(left_behind(target.run_dir) or target.not_running)
    elif snapshot.whole_trouble:
        complain(snapshot.whole_trouble)
    if snapshot.news_trouble:
        complain(f"not everybody could be told: {snapshot.news_trouble}")
    return int(not snapshot.is_healthy)


@dataclass(frozen=True)
class _Wanted:
    """Which syncs somebody wants to see: with nothing of one kind, all."""

    names: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()
    shards: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()


def _require_known(conditions: Iterable[str]) -> None:
    """Raise NotUnderstood for what is no condition: no sync would be in it, which would look like good news."""
    from generator.running.errors import NotUnderstood
    from health_monitor.filtering import is_known_condition, known_conditions

    for word in conditions:
        if not is_known_condition(word):
            raise NotUnderstood(f"{word} is no condition; these are: {', '.join(known_conditions())}")


def _take_snapshot(target: Target, wanted: _Wanted, tracking: Tracking | None = None) -> tuple[Snapshot, int]:
    """Return the state of the syncs that are wanted, and how many there are in all.

    Raises Unusable for an unknown name or shard.
    """
    from generator.running.errors import Unusable
    from health_monitor.filtering import SyncFilter
    from health_monitor.observation.capture import take_snapshot
    from health_monitor.observation.config_cache import ConfigCache
    from health_monitor.observation.remedy_records import read_records
    from health_monitor.observation.tracking import track_records
    from jira_sync.context.other_containers import look_at_fleet, look_nowhere

    if not target.settings.config_dir.is_dir() and not target.is_running:
        raise Unusable(target.no_folder)
    tracking = {} if tracking is None else tracking
    track_records(tracking, read_records(target.run_dir))
    configs = ConfigCache(target.settings, target.environ)
    snapshot = take_snapshot(target.settings, target.environ, tracking, configs, look_nowhere(target))
    if snapshot.fleet:
        fleet = look_at_fleet(target, snapshot)
        snapshot = take_snapshot(target.settings, target.environ, tracking, configs, fleet)
    known = [view.name for view in snapshot.syncs]
    for name in wanted.names:
        if name not in known:
            raise target.unknown(name, known)
    if wanted.shards and snapshot.fleet is None:
        raise Unusable("this group has no SHARD, and runs all syncs: leave --shard away")
    asked = SyncFilter(conditions=wanted.conditions, shards=wanted.shards, sites=wanted.sites)
    found = tuple(view for view in asked.of(snapshot) if not wanted.names or view.name in wanted.names)
    return replace(snapshot, syncs=found), len(known)


def _as_json(target: Target, snapshot: Snapshot, total: int) -> dict[str, Any]:
    """Return the document of `/api/syncs`, without the history of the last day."""
    from health_monitor import json_views
    from health_monitor.observation.remedy_records import RemedyRecord, read_records

    records = read_records(target.run_dir)
    return json_views.group(snapshot, lambda name: records.get(name, RemedyRecord()), {}, is_alive=True, total=total)


def _refresh_until_interrupted(target: Target, wanted: _Wanted) -> int:
    from rich.live import Live

    from generator.running.errors import Unusable

    if not out.is_terminal:
        raise Unusable("--watch needs a terminal")
    tracking: Tracking = {}
    with Live(console=out, auto_refresh=False) as live:
        while True:
            live.update(show(*_parts(*_take_snapshot(target, wanted, tracking))), refresh=True)
            time.sleep(REFRESH_EVERY)


def _parts(snapshot: Snapshot, total: int) -> Iterator[str | Table | Text]:
    """Yield what is printed: the table of syncs, what is wrong with files and issues, and programs that do not run.

    `total` is the number of all syncs. Where many are shown, the worst have left the screen: their number comes last.
    """
    if snapshot.syncs:
        yield table(COLUMNS, [_row(view, snapshot.taken) for view in snapshot.syncs])
    else:
        yield f"none of {total:,} syncs" if total else "no syncs"
    if snapshot.pushed:
        yield _plain(f"files: {snapshot.pushed}")
    for view in snapshot.syncs:
        yield from _notes(view)
    if snapshot.fleet:
        yield table(CONTAINER_COLUMNS, [_container_row(snapshot.fleet, found) for found in snapshot.fleet.containers])
    for program in snapshot.programs:
        if program.state in NOT_RUNNING:
            yield _plain(f"{program.name} is {program.state}: {program.description}", "bold red")
    if len(snapshot.syncs) > MANY:
        yield _tally(snapshot, total)


def _tally(snapshot: Snapshot, total: int) -> str:
    """Say how many syncs are shown, and how many of them are in each condition, the worst first."""
    counts = Counter(str(view.verdict.condition) for view in snapshot.syncs)
    shown = f"{len(snapshot.syncs):,}{'' if len(snapshot.syncs) == total else f' of {total:,}'} syncs"
    return f"{shown}: {', '.join(f'{count:,} {condition}' for condition, count in counts.items())}"


def _notes(view: SyncView) -> Iterator[Text]:
    """Yield what is wrong with the file of a sync, and with its issues."""
    for problem in view.facts.problems:
        yield _plain(f"{view.file}: {problem}")
    heartbeat = view.facts.heartbeat
    for issue in heartbeat.unprocessable_issues if heartbeat else ():
        yield _plain(f"{view.name}: {issue.issue} cannot be handled: {issue.error}")
    if heartbeat and heartbeat.census_trouble:
        yield _plain(f"{view.name}: the census fails: {heartbeat.census_trouble.error}")
    if view.is_edited:
        yield _plain(f"{view.file} was edited since; jira-sync apply makes {view.name} follow")


def _row(view: SyncView, now: datetime) -> list[str | Text]:
    from sync_model.health.judgement import format_duration

    verdict, heartbeat = view.verdict, view.facts.heartbeat
    last_success = heartbeat.last_success if heartbeat else None
    advice = f" ({verdict.advice})" if verdict.advice else ""
    return [
        _plain(view.name),
        _plain(str(verdict.condition), STYLES[verdict.level]),
        format_duration(verdict.lag) if verdict.lag is not None else "–",
        f"{format_duration((now - last_success).total_seconds())} ago" if last_success else "–",
        _until(_next_cycle(view), now),
        str(heartbeat.queued) if heartbeat else "–",
        str(heartbeat.dead_letters) if heartbeat else "–",
        _plain(f"{verdict.why}{advice}"),
    ]


def _container_row(fleet: FleetLook, container: Container) -> list[str | Text]:
    from sync_model.health.judgement import format_duration

    here = " (this one)" if container.id == fleet.here else ""
    runs = "standing by" if container.is_standby else str(container.syncs - container.standing_by)
    return [
        str(container.shard),
        _plain(f"{container.host}{here}"),
        runs,
        _plain(container.version),
        str(container.files) if container.files is not None else "a folder",
        f"since {format_duration(container.up_for)}",
    ]


def _next_cycle(view: SyncView) -> datetime | None:
    from sync_model.health.heartbeat import Phase

    process, heartbeat = view.facts.process, view.facts.heartbeat
    is_up = view.elsewhere.is_held if view.elsewhere else process and process.pid
    if not (is_up and heartbeat) or heartbeat.phase in (Phase.PAUSED, Phase.STANDBY):
        return None
    return heartbeat.next_cycle


def _until(at: datetime | None, now: datetime) -> str:
    from sync_model.health.judgement import format_duration

    if at is None:
        return "–"
    return f"in {format_duration((at - now).total_seconds())}" if at > now else "now"


def _plain(text: str, style: str = "") -> Text:
    """Return `text` so that rich does not read it as markup."""
    from rich.text import Text

    return Text(text, style)
