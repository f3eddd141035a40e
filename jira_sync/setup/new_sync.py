"""Writes the file of a new sync, from a few answers and from what its Jira sites have.

The token is needed only to read the sites. The file holds a reference to the token, never the token.
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

from generator.running import mongod
from generator.running.errors import Unusable
from generator.running.files import write_if_changed
from generator.running.settings.group import Settings
from generator.running.supervision.running_group import environment_of_group, is_container, settings_to_read
from jira_sync.checkup import creation
from jira_sync.checkup.finding import listed
from jira_sync.output.terminal import complain, print_line
from jira_sync.setup.access import AccessOptions, SiteAccess, choose_project, get_access
from jira_sync.setup.interview import Interview, InvalidAnswer, is_terminal
from jira_sync.setup.proposal import Proposal, propose, take_on_status
from sync_model.definition.schema import FILE, json_schema
from sync_model.definition.sync import Sync, fold
from sync_model.files.checks import claims_of
from sync_model.files.config_files import config_paths
from sync_model.files.loading import load_file
from sync_worker.core.site_info import Project, Workflows

READABLE = 0o644
"""The user of the container is not the user who edits the file."""
CLASHES = {
    "name": "is called {name} too",
    "databaseName": "has the same database",
    "userProjectKey": "pairs the same projects",
}


@dataclass(frozen=True)
class NewSyncOptions:
    """The options of the command. What is None is asked for or proposed."""

    name: str | None
    user_access: AccessOptions
    dev_access: AccessOptions
    user_project: str | None
    dev_project: str | None
    take_on: str | None
    output: Path | None
    yes: bool
    force: bool


def write_new_sync(options: NewSyncOptions) -> int:
    """Ask, read the sites, propose rules, write the file; return the exit code. Raises Unusable."""
    interview = Interview(can_ask=is_terminal() and not options.yes)
    needed = [options.user_access.site, options.user_project, options.dev_project]
    interview.require(list(zip(["--site", "--user-project", "--dev-project"], needed, strict=True)))
    settings = settings_to_read(os.environ, is_new=True)[0]
    if settings.is_pushed and options.output is None:
        raise Unusable("the files of this group come from the database: say where by --output, then jira-sync push")
    folder = settings.config_dir
    _check_writable(options.output.parent if options.output else folder)
    _check_not_there(options.output, force=options.force)
    pair = _read_sites(interview, options)
    status = _choose_take_on_status(interview, options.take_on, pair)
    statuses = pair.user_workflows.statuses, pair.dev_workflows.statuses
    proposals = propose(pair.user_project.key, pair.dev_project.key, *statuses, status)
    default_name = f"{pair.user_project.key}-{pair.dev_project.key}".lower()
    name, path = _choose_name(interview, options, folder, default_name)
    data = _definition(name, pair, proposals)
    _check_claims(Sync.model_validate(data), folder, path)
    _show_proposals(interview, pair, proposals)
    if not interview.confirm(f"Write {path}?"):
        interview.say("nothing was written")
        raise typer.Abort
    _write(path, data)
    return _print_next_steps(name, path, pair, len(proposals), settings)


@dataclass(frozen=True)
class ProjectPair:
    """The two projects and our access to them. If both are on one site with one account, `dev` is `user`."""

    user: SiteAccess
    dev: SiteAccess
    user_project: Project
    dev_project: Project
    user_workflows: Workflows
    dev_workflows: Workflows


def _read_sites(interview: Interview, options: NewSyncOptions) -> ProjectPair:
    with ExitStack() as stack:
        user = get_access(interview, options.user_access, whose="your", default_variable="JIRA_API_TOKEN")
        stack.callback(user.survey.close)
        customers = "Key of the project in which customers report"
        user_project = choose_project(interview, "--user-project", options.user_project, customers, user.survey)
        dev = user
        same_site = "Do the developers work on this Jira too, with this account?"
        if options.dev_access.are_given or not (options.dev_project or interview.confirm(same_site)):
            site = options.dev_access.site or (None if interview.can_ask else user.base_url)
            dev_options = replace(options.dev_access, site=site)
            dev = get_access(interview, dev_options, whose="the developers'", default_variable="DEV_JIRA_API_TOKEN")
            stack.callback(dev.survey.close)
        developers = "Key of the project in which developers work"
        excluded = user_project if dev.base_url == user.base_url else None
        dev_project = choose_project(
            interview, "--dev-project", options.dev_project, developers, dev.survey, excluded=excluded
        )
        return ProjectPair(
            user,
            dev,
            user_project,
            dev_project,
            user.survey.workflows(user_project),
            dev.survey.workflows(dev_project),
        )


def _choose_take_on_status(interview: Interview, given: str | None, pair: ProjectPair) -> str:
    """Return the status of the user project in which the developers take an issue on."""
    names = [status.name for status in pair.user_workflows.statuses]

    def parse(text: str) -> str:
        found = next((name for name in names if fold(name) == fold(text)), None)
        if found is None:
            raise InvalidAnswer(f"name a status of {pair.user_project.key}: {listed(names, 'or')}")
        return found

    if given is None:
        interview.say(f"  {pair.user_project.key} has {listed(names)}")
    question = "Which of these means that the developers shall take an issue on"
    default = take_on_status(pair.user_workflows.statuses)
    return interview.ask("--take-on", given, question, parse, default=default)


def _choose_name(interview: Interview, options: NewSyncOptions, folder: Path, default: str) -> tuple[str, Path]:
    """Return the name of the sync and the path of its file."""

    def parse(text: str) -> tuple[str, Path]:
        path = options.output or folder / f"{text}.json"
        try:
            Sync.model_validate({"name": text, "userProjectKey": "A", "devProjectKey": "B", "rules": []})
            _check_not_there(path, force=options.force)
        except ValidationError as error:
            raise InvalidAnswer(error.errors()[0]["msg"]) from None
        except Unusable as error:
            raise InvalidAnswer(str(error)) from None
        return text, path

    return interview.ask("--name", options.name, "Name of the sync", parse, default=default)


def _definition(name: str, pair: ProjectPair, proposals: Sequence[Proposal]) -> dict[str, Any]:
    dev_site = {"devJira": pair.dev.account()} if pair.dev is not pair.user else {}
    return {
        "$schema": f"./{FILE}",
        "name": name,
        "description": f"Customers report in {pair.user_project.name}, developers work in {pair.dev_project.name}",
        "jira": pair.user.account(),
        **dev_site,
        "userProjectKey": pair.user_project.key,
        "devProjectKey": pair.dev_project.key,
        "initialSyncEnabled": False,
        "defaultBehavior": {"syncAttachments": True},
        "rules": [proposal.rule for proposal in proposals],
    }


def _check_writable(folder: Path) -> None:
    """Raise Unusable if no file can be written to `folder`. In a container the folder is read-only on purpose."""
    absolute = folder.absolute()
    existing = next(parent for parent in (absolute, *absolute.parents) if parent.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        raise Unusable(f"{folder} cannot be written to from here; --output names another place")


def _check_not_there(path: Path | None, *, force: bool) -> None:
    if path and path.exists() and not force:
        raise Unusable(f"{path} is there already; --replace replaces it, --name or --output writes another one")


def _check_claims(sync: Sync, folder: Path, path: Path) -> None:
    """Raise Unusable if another file has the same name, database or projects: neither sync would run."""
    claims = claims_of(sync, os.environ).items()
    paths = config_paths(folder) if folder.is_dir() else []
    other_paths = [other for other in paths if other.absolute() != path.absolute()]
    for other in (file for other_path in other_paths for file in load_file(other_path, os.environ).files):
        if other.sync.enabled and (common := dict(claims & claims_of(other.sync, os.environ).items())):
            what = listed(clash for field, clash in CLASHES.items() if field in common).format(name=sync.name)
            raise Unusable(f"{other.path.name} {what}: neither would run; nothing was written")


def _show_proposals(interview: Interview, pair: ProjectPair, proposals: Sequence[Proposal]) -> None:
    interview.say("\nThese rules fit the statuses that are there:\n")
    width = max(len(proposal.when) for proposal in proposals)
    for proposal in proposals:
        interview.say(f"  {proposal.when:<{width}}  →  {proposal.then}")
    sources = [issue_type.name for issue_type in pair.user_workflows.types]
    _, findings = creation.choose(pair.dev_project.key, [None], pair.dev_workflows.types, sources)
    interview.say("\n" + "\n".join(finding.says for finding in findings))
    interview.say("Issues that are there already are only noted; what changes from the first cycle on counts.\n")


def _write(path: Path, data: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_if_changed(path, json.dumps(data, indent=2, ensure_ascii=False) + "\n")
    path.chmod(READABLE)
    if not (schema := path.parent / FILE).exists():
        write_if_changed(schema, json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n")
        schema.chmod(READABLE)


def _print_next_steps(name: str, path: Path, pair: ProjectPair, rules: int, settings: Settings) -> int:
    """Check that the new file loads and print the next steps; return the exit code."""
    loaded = load_file(path, os.environ)
    for problem in loaded.problems:
        complain(str(problem))
    if loaded.problems:
        return 1
    keys = f"{pair.user_project.key} ↔ {pair.dev_project.key}"
    todo = dict.fromkeys(access.todo for access in (pair.user, pair.dev) if access.todo)
    print_line(f"{path} written: {keys}, {rules} rule{'s' * (rules != 1)}. Look it over, then:")
    print_line("")
    for step in (*todo, *_next_steps(name, path, settings)):
        print_line(f"  {step}")
    if settings.embedded and settings.mongod is None and (advice := mongod.missing()):
        print_line("")
        print_line(f"Before that: {advice}")
    return 0


def _next_steps(name: str, path: Path, settings: Settings) -> list[str]:
    """Return what to type next: it depends on what runs here."""
    steps = ["jira-sync check", f"jira-sync doctor {name}", f"jira-sync plan {name}"]
    if is_container(settings.run_dir):
        # Whoever reads this is outside of it, or inside with a shell that has no more than this either.
        outside = [f"docker compose exec jira-sync {step}" for step in (*steps, f"jira-sync apply {name}")]
        is_there = path.parent == settings.config_dir
        return outside if is_there else [f"put {path.name} into configs/, beside docker-compose.yml", *outside]
    if environment_of_group(settings.run_dir) is not None:
        return [*steps, f"jira-sync apply {name}"]
    return [*steps, "jira-sync start    # in a container: docker compose up -d"]
