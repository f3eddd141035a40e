"""Which syncs are looked at, and what their files alone tell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from generator.running.errors import Unusable
from generator.running.manifest import read_manifest
from jira_sync.checkup.finding import Finding, failed, passed, warning
from jira_sync.context.target import Target
from sync_model.connection import DEFAULTS, Fault, resolve
from sync_model.definition import Side, Sync
from sync_model.loading import Loaded, Problem, SyncFile, load_file, load_folder
from sync_model.values import is_reference

RESTART = "jira-sync stop and jira-sync start"


@dataclass(frozen=True)
class Subject:
    """One sync to look at, or a file that is none: then `sync` is None. `findings` are those about its file."""

    name: str
    sync: Sync | None
    findings: tuple[Finding, ...]
    is_expected_to_run: bool = False

    @property
    def description(self) -> str:
        return (self.sync.description if self.sync else None) or ""


def subjects(here: Target, name: str | None) -> list[Subject]:
    """Return the sync called `name`, or all of them, broken ones included. Raises Unusable when there is none."""
    folder = here.settings.config_dir
    try:
        loaded = load_folder(folder, here.environ)
    except OSError as error:
        raise Unusable(f"CONFIG_DIR: {error}") from None
    found = [*_broken(here, loaded), *(_of_file(here, loaded, file, name) for file in loaded.files)]
    found = sorted((each for each in found if name in (None, each.name)), key=lambda each: each.name)
    if found:
        return found
    if name is None:
        raise Unusable(f"there is no sync in {folder}; jira-sync init writes one")
    removed = here.sync(name)  # which raises Unusable unless it runs all the same
    note = warning("its file is gone, but it runs as it was applied last", "jira-sync apply ends it")
    return [Subject(name, removed.sync, (note, *_secrets(here, removed.sync)), is_expected_to_run=True)]


def token_from(here: Target, sync: Sync, side: Side) -> str:
    """Return where a side's token is, and when a new one is noticed. Never the token."""
    token = sync.account(side).api_token
    text = token.get_secret_value() if token else f"{DEFAULTS['apiToken']} or JIRA_API_TOKEN_FILE"
    if token and not is_reference(text):
        return "the sync's own file: jira-sync apply"
    if text.startswith("${file:"):
        return f"{text}, and looked up again without a restart"
    return f"{text}, as the group was started: {RESTART}" if here.is_running else text


def _of_file(here: Target, loaded: Loaded, file: SyncFile, wanted: str | None) -> Subject:
    sync = file.sync
    if not sync.enabled and wanted is None:
        return Subject(sync.name, None, (passed(f"{file.path.name} says enabled: false: it is not run"),))
    findings = [passed(_summary(file)), *_applied(here, file), *_doubts(loaded.warnings, file.path.name, here, sync)]
    return Subject(sync.name, sync, (*findings, *_secrets(here, sync)), here.is_running and sync.enabled)


def _summary(file: SyncFile) -> str:
    sync, count = file.sync, len(file.sync.ordered_rules)
    rules = f"{count} rule{'s' * (count != 1)}"
    return f"{file.path.name} loads: {sync.user_project_key} ↔ {sync.dev_project_key}, {rules}"


def _applied(here: Target, file: SyncFile) -> Iterator[Finding]:
    """Say whether what is looked at is what runs."""
    if not here.is_running or not file.sync.enabled:
        return
    known = read_manifest(here.settings).get(file.sync.name)
    if known is None:
        yield warning("the group that runs here does not know it yet", "jira-sync apply starts it")
    elif known.digest != file.digest:
        yield warning(
            "it was edited: what runs is what was applied last, not what is looked at here", "jira-sync apply"
        )


def _broken(here: Target, loaded: Loaded) -> Iterator[Subject]:
    """A sync whose file was broken goes on as it was applied last, and is looked at as such."""
    names = {known.file: name for name, known in read_manifest(here.settings).items()} if here.is_running else {}
    for file in sorted(loaded.broken):
        problems = [each for each in loaded.problems if each.file == file]
        findings = [failed(f"{file}: {_said(each)}", "mend the file, then jira-sync apply") for each in problems]
        name = names.get(file, file.removesuffix(".json"))
        running = load_file(here.settings.snapshots / f"{name}.json", here.environ).files if file in names else ()
        if running:
            advice = "what follows is about that"
            findings.append(warning("it goes on running as it was applied last", advice))
            findings += _secrets(here, running[0].sync)
        yield Subject(name, running[0].sync if running else None, tuple(findings), bool(running))


def _said(problem: Problem) -> str:
    return f"{problem.where}: {problem.message}" if problem.where else problem.message


def _doubts(warnings: Iterable[Problem], file: str, here: Target, sync: Sync) -> Iterator[Finding]:
    """What cannot be looked up is told with the secrets."""
    unset = {fault.field for side in Side for fault in resolve(sync, side, here.environ).faults}
    for each in warnings:
        if each.file == file and each.where not in unset:
            yield warning(_said(each), "change it, if that is not what is meant")


def _secrets(here: Target, sync: Sync) -> Iterator[Finding]:
    faults = {fault for side in Side for fault in resolve(sync, side, here.environ).faults}
    for fault in sorted(faults, key=lambda each: (each.field, each.message)):
        yield failed(f"{fault.field}: {fault.message}", _how_to_set(here, fault))
    if not faults:
        yield passed("all that it looks up in the environment and in secret files is there")


def _how_to_set(here: Target, fault: Fault) -> str:
    if "environment variable" not in fault.message:
        return "put it right; it is looked up again without a restart"
    if here.is_running:
        return f"a group that runs keeps its environment: set it, then {RESTART}"
    return "set it where the group is started: export it, or write it into .env for the container"
