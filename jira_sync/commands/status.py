"""`jira-sync status`: what the status page says, on a terminal. It asks supervisord itself: no monitor has to run."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jira_sync.commands.group import AsJson
from jira_sync.context.target import Target, complete_name, find_target
from jira_sync.output.terminal import complain, out, print_json, printable, table

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

    from health_monitor.observation.snapshot import Snapshot, SyncView
    from health_monitor.observation.tracking import Tracking

PANEL = "Looking"
REFRESH_EVERY = 2.0
UNWELL = frozenset({"BACKOFF", "STOPPED", "STOPPING", "EXITED"})
"""Of programs that are no syncs; those that supervisord has given up on are the group's trouble."""
COLUMNS = ("SYNC", "CONDITION", "LAG", "LAST SUCCESS", "NEXT CYCLE", "QUEUE", "GIVEN UP", "WHY")
STYLES = {"error": "bold red", "attention": "yellow", "ok": "green", "off": "dim"}
Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="NAME", help="The syncs; all, if none is named.", autocompletion=complete_name),
]


def add_to(app: typer.Typer) -> None:
    """Add this command to `app`."""
    app.command(rich_help_panel=PANEL)(status)


def status(
    names: Names = None,
    as_json: AsJson = False,
    watch: Annotated[bool, typer.Option("--watch", help="Look again every two seconds, until Ctrl-C.")] = False,
) -> int:
    """Show how each sync is, worst first, and why.

    Exit code 1 when something needs a person, as with `supervisorctl status`. LAG is the age of the oldest change that
    is not carried over yet.

    Example, what is wrong, for a script: jira-sync status --json | jq '.syncs[] | select(.level == "error")'
    """
    here = find_target(os.environ)
    if watch:
        return _keep_looking(here, names or [])
    picture = _look(here, names or [])
    if as_json:
        print_json(_as_json(here, picture))
    else:
        for part in _parts(picture):
            out.print(part)
    if not here.is_running:
        complain(here.not_running)
    elif picture.trouble:
        complain(picture.trouble)
    return int(not picture.is_healthy)


def _look(here: Target, names: list[str], tracking: Tracking | None = None) -> Snapshot:
    """Look once. Raises Unusable for a name that nothing has."""
    from generator.running.settings import Unusable
    from health_monitor.observation.capture import take_snapshot
    from health_monitor.observation.remedy_records import read_records
    from health_monitor.observation.tracking import track_records

    if not here.settings.config_dir.is_dir() and not here.is_running:
        raise Unusable(f"CONFIG_DIR: {here.settings.config_dir} is not a folder")
    tracking = {} if tracking is None else tracking
    track_records(tracking, read_records(here.run_dir))
    picture = take_snapshot(here.settings, here.environ, tracking)
    known = [view.name for view in picture.syncs]
    for name in names:
        if name not in known:
            raise Unusable(here.unknown(name, known))
    return replace(picture, syncs=tuple(view for view in picture.syncs if not names or view.name in names))


def _as_json(here: Target, picture: Snapshot) -> dict[str, Any]:
    """Return what `/api/syncs` says; the past of the last day is not looked up."""
    from health_monitor import json_views
    from health_monitor.observation.remedy_records import RemedyRecord, read_records

    records = read_records(here.run_dir)
    return json_views.group(picture, lambda name: records.get(name, RemedyRecord()), {}, is_alive=True)


def _keep_looking(here: Target, names: list[str]) -> int:
    from rich.console import Group
    from rich.live import Live

    from generator.running.settings import Unusable

    if not out.is_terminal:
        raise Unusable("--watch needs a terminal")
    tracking: Tracking = {}
    with Live(console=out, auto_refresh=False) as live:
        while True:
            live.update(Group(*_parts(_look(here, names, tracking))), refresh=True)
            time.sleep(REFRESH_EVERY)


def _parts(picture: Snapshot) -> Iterator[RenderableType]:
    """Yield what a person is to see: the syncs, what is wrong with files, and what else of the group is not well."""
    if picture.syncs:
        yield table(COLUMNS, [_row(view, picture.taken) for view in picture.syncs])
    else:
        yield "no syncs"
    for view in picture.syncs:
        for problem in view.facts.problems:
            yield _plain(f"{view.file}: {problem}")
        if view.is_edited:
            yield _plain(f"{view.file} was edited since; jira-sync apply makes {view.name} follow")
    for program in picture.programs:
        if program.state in UNWELL:
            yield _plain(f"{program.name} is {program.state}: {program.description}", "bold red")


def _row(view: SyncView, now: datetime) -> list[str | Text]:
    from sync_model.judgement import spell

    verdict, beat = view.verdict, view.facts.heartbeat
    advice = f" ({verdict.advice})" if verdict.advice else ""
    return [
        _plain(view.name),
        _plain(str(verdict.condition), STYLES[verdict.level]),
        spell(verdict.lag) if verdict.lag is not None else "–",
        f"{spell((now - beat.last_success).total_seconds())} ago" if beat and beat.last_success else "–",
        _until(_next_cycle(view), now),
        str(beat.queued) if beat else "–",
        str(beat.dead_letters) if beat else "–",
        _plain(f"{verdict.why}{advice}"),
    ]


def _next_cycle(view: SyncView) -> datetime | None:
    from sync_model.heartbeat import Phase

    process, beat = view.facts.process, view.facts.heartbeat
    if not (process and process.pid and beat) or beat.phase in (Phase.PAUSED, Phase.STANDBY):
        return None
    return beat.next_cycle


def _until(at: datetime | None, now: datetime) -> str:
    from sync_model.judgement import spell

    if at is None:
        return "–"
    return f"in {spell((at - now).total_seconds())}" if at > now else "now"


def _plain(text: str, style: str = "") -> Text:
    """Return text that is no markup, whatever it holds."""
    from rich.text import Text

    return Text(printable(text), style)
