"""`jira-sync confirm`: a person lets go what a sync holds because it may be a mistake."""

from __future__ import annotations

import typer

from jira_sync.context.command_line import AsJson, Name, Panel, Yes
from jira_sync.context.control import controlled_syncs
from jira_sync.context.failure_requests import wait_until_answered
from jira_sync.output.outcomes import Outcomes
from jira_sync.output.terminal import agrees, complain, current_user


def add_to(app: typer.Typer) -> None:
    """Add this command to `app`."""
    app.command(rich_help_panel=Panel.CONTROL)(confirm)


def confirm(name: Name, yes: Yes = False, as_json: AsJson = False) -> int:
    """Say what a sync holds until a person confirms it, and let it go on.

    Held are counterparts, if more than "mostCreationsAtOnce" are to be
    created at once, and issues that are gone, or not visible to us, if
    they are many at once. Everything else goes on meanwhile. What comes
    later is held anew.

    Exit code 1 when it was not confirmed.

    Example: jira-sync confirm sync-ab
    """
    with controlled_syncs([name], everything=False) as (controlled,):
        held = controlled.control.held()
        outcomes = Outcomes("confirmed", as_json=as_json, sync=name, held=[part.text for part in held])
        if not held:
            outcomes.say(f"{name} holds nothing")
            return outcomes.end()
        for part in held:
            outcomes.say(part.text)
        if not yes and not agrees("Is this right, and may it go on?"):
            return 1
        request = controlled.control.ask_to_confirm(held, current_user())
        if obstacle := wait_until_answered(controlled, request):
            complain(obstacle)
            return 1
        entries = controlled.control.confirmed(request)
        for entry in entries:
            is_done = entry.result == "done"
            outcomes.add(entry.text, is_done=is_done, line=f"confirmed: {entry.text}" if is_done else "")
        return outcomes.end() or int(not entries)
