"""`jira-sync versions`: lists what was pushed, and by whom."""

from __future__ import annotations

import os

import typer

from jira_sync.context.command_line import AsJson, Panel
from jira_sync.context.fleet import find_fleet
from jira_sync.output.terminal import print_json, print_line, print_rendered, table

COLUMNS = ("VERSION", "PUSHED", "BY", "FILES")


def add_to(app: typer.Typer) -> None:
    """Add this command to `app`."""
    app.command(rich_help_panel=Panel.FLEET)(versions)


def versions(as_json: AsJson = False) -> int:
    """List the versions that were pushed, the newest one first; the last 20 are kept.

    Example, to go back to one: jira-sync pull /tmp/before --version 11 && jira-sync push /tmp/before
    """
    fleet = find_fleet(os.environ)
    with fleet.files() as files:
        found = files.versions()
    if as_json:
        entries = [
            {"version": each.number, "pushedAt": each.stamp.at.isoformat(), "pushedBy": each.by, "files": count}
            for each, count in found
        ]
        print_json({"fleet": fleet.name, "versions": entries})
        return 0
    if not found:
        print_line(f"nothing has been pushed for fleet {fleet.name} yet: jira-sync push")
        return 0
    rows = [(str(each.number), f"{each.stamp.at:%Y-%m-%d %H:%M} UTC", each.by, str(count)) for each, count in found]
    print_rendered(table(COLUMNS, rows))
    return 0
