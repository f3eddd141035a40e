"""Writes the file of a new sync, from a few answers and from what its Jira really has.

The token is asked for only to read the site. The file says where the workers find it, never what it is.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import typer
from pydantic import ValidationError

from generator.running.errors import Unusable
from generator.running.files import write_if_changed
from generator.running.settings import from_environ
from jira_sync.checkup import creation
from jira_sync.checkup.finding import listed
from jira_sync.output.terminal import complain
from jira_sync.setup.access import Access, Flags, choose_project, gain
from jira_sync.setup.interview import Interview, Misfit, is_terminal
from jira_sync.setup.proposal import Proposal, propose, take_on_status
from sync_model.definition import Sync, fold
from sync_model.loading import claims_of, config_paths, load_file
from sync_model.schema import FILE, json_schema
from sync_worker.core.site_info import Project, Workflows

READABLE = 0o644
"""The container's user is another one than the one who edits."""
SAME = {
    "name": "is called {name} too",
    "databaseName": "has the same database",
    "userProjectKey": "pairs the same projects",
}


@dataclass(frozen=True)
class Wishes:
    """What was said on the command line; what was not is asked for, or proposed."""

    name: str | None
    user_flags: Flags
    dev_flags: Flags
    user_project: str | None
    dev_project: str | None
    take_on: str | None
    output: Path | None
    yes: bool
    force: bool


def write_new(wishes: Wishes) -> int:
    """Ask, read, propose, write; return the exit code. Raises Unusable."""
    interview = Interview(asks=is_terminal() and not wishes.yes)
    needed = [wishes.user_flags.site, wishes.user_project, wishes.dev_project]
    interview.demand(list(zip(["--site", "--user-project", "--dev-project"], needed, strict=True)))
    folder = from_environ(os.environ).config_dir
    _check_writable(wishes.output.parent if wishes.output else folder)
    _check_free(wishes.output, force=wishes.force)
    pair = _read_sites(interview, wishes)
    status = _taken_on(interview, wishes.take_on, pair)
    there = pair.user_workflows.statuses, pair.dev_workflows.statuses
    proposals = propose(pair.user_project.key, pair.dev_project.key, *there, status)
    name, path = _named(interview, wishes, folder, f"{pair.user_project.key}-{pair.dev_project.key}".lower())
    data = _definition(name, pair, proposals)
    _check_claims(Sync.model_validate(data), folder, path)
    _show(interview, pair, proposals)
    if not interview.agrees(f"Write {path}?"):
        interview.say("nothing was written")
        raise typer.Abort
    _write(path, data)
    return _tell(name, path, pair, len(proposals))


@dataclass(frozen=True)
class ProjectPair:
    """The two projects as they are, and how we got to them. On one site with one account, `dev` is `user`."""

    user: Access
    dev: Access
    user_project: Project
    dev_project: Project
    user_workflows: Workflows
    dev_workflows: Workflows


def _read_sites(interview: Interview, wishes: Wishes) -> ProjectPair:
    with ExitStack() as stack:
        user = gain(interview, wishes.user_flags, whose="your", default_variable="JIRA_API_TOKEN")
        stack.callback(user.survey.close)
        customers = "Key of the project in which customers report"
        user_project = choose_project(interview, "--user-project", wishes.user_project, customers, user.survey)
        dev = user
        same = "Do the developers work on this Jira too, with this account?"
        if wishes.dev_flags.are_given or not (wishes.dev_project or interview.agrees(same)):
            site = wishes.dev_flags.site or (None if interview.asks else user.base_url)
            flags = replace(wishes.dev_flags, site=site)
            dev = gain(interview, flags, whose="the developers'", default_variable="DEV_JIRA_API_TOKEN")
            stack.callback(dev.survey.close)
        developers = "Key of the project in which developers work"
        taken = user_project if dev.base_url == user.base_url else None
        dev_project = choose_project(interview, "--dev-project", wishes.dev_project, developers, dev.survey, but=taken)
        return ProjectPair(
            user,
            dev,
            user_project,
            dev_project,
            user.survey.workflows(user_project),
            dev.survey.workflows(dev_project),
        )


def _taken_on(interview: Interview, given: str | None, pair: ProjectPair) -> str:
    names = [each.name for each in pair.user_workflows.statuses]

    def understand(text: str) -> str:
        found = next((name for name in names if fold(name) == fold(text)), None)
        if found is None:
            raise Misfit(f"name a status of {pair.user_project.key}: {listed(names, 'or')}")
        return found

    if given is None:
        interview.say(f"  {pair.user_project.key} has {listed(names)}")
    question = "Which of these means that the developers shall take an issue on"
    return interview.ask("--take-on", given, question, understand, default=take_on_status(pair.user_workflows.statuses))


def _named(interview: Interview, wishes: Wishes, folder: Path, default: str) -> tuple[str, Path]:
    """Return what the sync is called, and where its file goes."""

    def understand(text: str) -> tuple[str, Path]:
        path = wishes.output or folder / f"{text}.json"
        try:
            Sync.model_validate({"name": text, "userProjectKey": "A", "devProjectKey": "B", "rules": []})
            _check_free(path, force=wishes.force)
        except ValidationError as error:
            raise Misfit(error.errors()[0]["msg"]) from None
        except Unusable as error:
            raise Misfit(str(error)) from None
        return text, path

    return interview.ask("--name", wishes.name, "Name of the sync", understand, default=default)


def _definition(name: str, pair: ProjectPair, proposals: Sequence[Proposal]) -> dict[str, Any]:
    other = {"devJira": pair.dev.account()} if pair.dev is not pair.user else {}
    return {
        "$schema": f"./{FILE}",
        "name": name,
        "description": f"Customers report in {pair.user_project.name}, developers work in {pair.dev_project.name}",
        "jira": pair.user.account(),
        **other,
        "userProjectKey": pair.user_project.key,
        "devProjectKey": pair.dev_project.key,
        "initialSyncEnabled": False,
        "defaultBehavior": {"syncAttachments": True},
        "rules": [each.rule for each in proposals],
    }


def _check_writable(folder: Path) -> None:
    """See before anything is asked that a file can be written there; in the container it is not meant to be."""
    there = next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise Unusable(f"{folder} cannot be written to from here; --output names another place")


def _check_free(path: Path | None, *, force: bool) -> None:
    if path and path.exists() and not force:
        raise Unusable(f"{path} is there already; --force replaces it, --name or --output writes another one")


def _check_claims(sync: Sync, folder: Path, path: Path) -> None:
    """See that no other file wants what this one wants: neither of the two would run."""
    wanted = claims_of(sync, os.environ).items()
    paths = config_paths(folder) if folder.is_dir() else []
    others = [each for each in paths if each.absolute() != path.absolute()]
    for other in (file for each in others for file in load_file(each, os.environ).files):
        if other.sync.enabled and (same := dict(wanted & claims_of(other.sync, os.environ).items())):
            what = listed(SAME[field] for field in SAME if field in same).format(name=sync.name)
            raise Unusable(f"{other.path.name} {what}: neither would run; nothing was written")


def _show(interview: Interview, pair: ProjectPair, proposals: Sequence[Proposal]) -> None:
    interview.say("\nThese rules fit the statuses that are there:\n")
    width = max(len(each.when) for each in proposals)
    for each in proposals:
        interview.say(f"  {each.when:<{width}}  →  {each.then}")
    sources = [each.name for each in pair.user_workflows.types]
    _, types = creation.choose(pair.dev_project.key, [None], pair.dev_workflows.types, sources)
    interview.say("\n" + "\n".join(each.says for each in types))
    interview.say("Issues that are there already are only noted; what changes from the first cycle on counts.\n")


def _write(path: Path, data: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_if_changed(path, json.dumps(data, indent=2, ensure_ascii=False) + "\n")
    path.chmod(READABLE)
    if not (schema := path.parent / FILE).exists():
        write_if_changed(schema, json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n")
        schema.chmod(READABLE)


def _tell(name: str, path: Path, pair: ProjectPair, rules: int) -> int:
    """See that what was written loads, and say how to go on."""
    loaded = load_file(path, os.environ)
    for problem in loaded.problems:
        complain(str(problem))
    if loaded.problems:
        return 1
    keys = f"{pair.user_project.key} ↔ {pair.dev_project.key}"
    todo = dict.fromkeys(each.todo for each in (pair.user, pair.dev) if each.todo)
    print(f"{path} written: {keys}, {rules} rule{'s' * (rules != 1)}. Look it over, then:\n")
    for step in (*todo, "jira-sync check", f"jira-sync doctor {name}", "jira-sync apply"):
        print(f"  {step}")
    return 0
