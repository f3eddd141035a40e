"""`jira-sync init`: writes the file of a new sync. On a terminal it asks for what the options do not say."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jira_sync.context.command_line import Panel, seen_from_here


def add_to(app: typer.Typer) -> None:
    """Add this command to `app`."""
    app.command(rich_help_panel=Panel.SETUP)(init)


def init(
    *,
    name: Annotated[str | None, typer.Option(help="The sync's name; by default made of the two keys.")] = None,
    site: Annotated[str | None, typer.Option(help="The Jira of both projects, or of the customers' one.")] = None,
    email: Annotated[str | None, typer.Option(help="The account's e-mail; none: a personal access token.")] = None,
    token_env: Annotated[str | None, typer.Option(metavar="NAME", help="The variable that holds its token.")] = None,
    token_file: Annotated[
        Path | None, typer.Option(metavar="PATH", help="The file that holds its token.", callback=seen_from_here)
    ] = None,
    client_id: Annotated[
        str | None,
        typer.Option(metavar="ID", help="A service account's client id; its secret is the token."),
    ] = None,
    user_project: Annotated[str | None, typer.Option(metavar="KEY", help="Where customers report.")] = None,
    dev_project: Annotated[str | None, typer.Option(metavar="KEY", help="Where developers work.")] = None,
    dev_site: Annotated[str | None, typer.Option(help="The developers' Jira, if it is another one.")] = None,
    dev_email: Annotated[str | None, typer.Option(help="The account there.")] = None,
    dev_token_env: Annotated[str | None, typer.Option(metavar="NAME", help="The variable with its token.")] = None,
    dev_token_file: Annotated[
        Path | None, typer.Option(metavar="PATH", help="The file with its token.", callback=seen_from_here)
    ] = None,
    dev_client_id: Annotated[str | None, typer.Option(metavar="ID", help="A service account's client id.")] = None,
    take_on: Annotated[
        str | None, typer.Option(metavar="STATUS", help="The customers' status that has an issue created.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="By default NAME.json in CONFIG_DIR.", callback=seen_from_here)
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing; take what is proposed.")] = False,
    force: Annotated[bool, typer.Option("--replace", "--force", help="Replace a file that is there.")] = False,
) -> int:
    """Write the file of a new sync, from a few answers and from what your Jira has.

    Asks on a terminal for what the options do not say, reads projects and
    statuses from the site, and proposes rules. Nothing is changed on Jira, and
    the token is written nowhere.

    Example, without questions: jira-sync init --yes --site acme.atlassian.net
    --email sync@acme.example --user-project SUP --dev-project DEV
    """
    from jira_sync.setup.access import AccessOptions
    from jira_sync.setup.new_sync import NewSyncOptions, write_new_sync

    return write_new_sync(
        NewSyncOptions(
            name=name,
            user_access=AccessOptions(site, email, token_env, token_file, client_id=client_id),
            dev_access=AccessOptions(dev_site, dev_email, dev_token_env, dev_token_file, "dev-", dev_client_id),
            user_project=user_project,
            dev_project=dev_project,
            take_on=take_on,
            output=output,
            yes=yes,
            force=force,
        )
    )
