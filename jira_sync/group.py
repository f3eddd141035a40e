"""Commands about the group as a whole: what it should be, and making it so."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from generator import __main__ as generator

PANEL = "The group"
Strict = Annotated[bool, typer.Option("--strict", help="Change nothing if any file has a problem.")]


def add_to(app: typer.Typer) -> None:
    """Add these commands to `app`."""
    for command in (check, render, apply):
        app.command(rich_help_panel=PANEL)(command)


def check() -> int:
    """Say what is wrong with the files in CONFIG_DIR, in all of them at once, and what would run."""
    return generator.main(["check"], os.environ)


def render(
    stdout: Annotated[bool, typer.Option("--stdout", help="Print it instead.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Print what would change instead.")] = False,
) -> int:
    """Write supervisord.conf if it changes."""
    options = [*(["--stdout"] if stdout else []), *(["--diff"] if diff else [])]
    return generator.main(["render", *options], os.environ)


def apply(
    strict: Strict = False,
    allow_empty: Annotated[bool, typer.Option("--allow-empty", help="Stop all syncs if the folder is empty.")] = False,
) -> int:
    """Make the running group follow the files; only what an edit touched restarts."""
    options = [*(["--strict"] if strict else []), *(["--allow-empty"] if allow_empty else [])]
    return generator.main(["apply", *options], os.environ)
