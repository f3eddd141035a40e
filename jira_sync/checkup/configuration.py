"""Selects the syncs to check, and checks their files and secrets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from generator.running.errors import Unusable
from generator.running.state.manifest import read_manifest
from generator.running.state.pushed import unusable_files
from jira_sync.checkup.finding import Finding, failed, passed, warning
from jira_sync.context.target import Target
from sync_model.accounts.connection import resolve
from sync_model.accounts.lookup import DEFAULT_FILES, DEFAULTS, ConnectionFault
from sync_model.definition.sync import Side, Sync
from sync_model.definition.values import is_reference
from sync_model.files.loading import Loaded, SyncFile, load_file, load_folder
from sync_model.files.problems import Problem

RESTART = "jira-sync stop and jira-sync start"


@dataclass(frozen=True)
class Subject:
    """One sync to check. `findings` are about its file; `sync` is None if nothing else of it is checked."""

    name: str
    sync: Sync | None
    findings: tuple[Finding, ...]
    is_expected_to_run: bool = False

    @property
    def description(self) -> str:
        return (self.sync.description if self.sync else None) or ""


def subjects(target: Target, name: str | None) -> list[Subject]:
    """Return the sync called `name`, or all with the broken ones. Raises Unusable if there is none."""
    folder = target.settings.config_dir
    try:
        loaded = load_folder(folder, target.environ, unusable_files(target.settings))
    except OSError as error:
        raise Unusable(f"CONFIG_DIR: {error}") from None
    found = [*_broken(target, loaded), *(_of_file(target, loaded, file, name) for file in loaded.files)]
    found = sorted((subject for subject in found if name in (None, subject.name)), key=lambda subject: subject.name)
    if found:
        return found
    if name is None:
        raise Unusable(f"there is no sync in {folder}; jira-sync init writes one")
    # Without a file, the sync must be one that still runs. Otherwise this raises Unusable.
    removed = target.sync(name)
    note = warning("its file is gone, but it runs as it was applied last", "jira-sync apply ends it")
    return [Subject(name, removed.sync, (note, *_secrets(target, removed.sync)), is_expected_to_run=True)]


def token_from(target: Target, sync: Sync, side: Side) -> str:
    """Return where the token of a side is read from, and when a new token is noticed. Never returns the token."""
    account = sync.account(side)
    connection = resolve(sync, side, target.environ).connection
    field, token = "apiToken", account.api_token
    if connection and connection.client:
        field, token = "clientSecret", account.client_secret
    text = token.get_secret_value() if token else f"{DEFAULTS[field]} or {DEFAULT_FILES[field]}"
    if token and not is_reference(text):
        return "the sync's own file: jira-sync apply"
    if text.startswith("${file:"):
        return f"{text}, and looked up again without a restart"
    return f"{text}, as the group was started: {RESTART}" if target.is_running else text


def _of_file(target: Target, loaded: Loaded, file: SyncFile, wanted: str | None) -> Subject:
    sync = file.sync
    if not sync.enabled and wanted is None:
        return Subject(sync.name, None, (passed(f"{file.path.name} says enabled: false: it is not run"),))
    warnings = _warnings(loaded.warnings, file.path.name, target, sync)
    findings = [passed(_summary(file)), *_applied(target, file), *warnings]
    is_expected_to_run = target.is_running and sync.enabled
    return Subject(sync.name, sync, (*findings, *_secrets(target, sync)), is_expected_to_run)


def _summary(file: SyncFile) -> str:
    sync, count = file.sync, len(file.sync.ordered_rules)
    rules = f"{count} rule{'s' * (count != 1)}"
    return f"{file.path.name} loads: {sync.user_project_key} ↔ {sync.dev_project_key}, {rules}"


def _applied(target: Target, file: SyncFile) -> Iterator[Finding]:
    """Yield how the file differs from what the running group has applied."""
    if not target.is_running or not file.sync.enabled:
        return
    applied = read_manifest(target.settings).get(file.sync.name)
    if applied is None:
        yield warning("the group that runs here does not know it yet", "jira-sync apply starts it")
    elif applied.digest != file.digest:
        yield warning(
            "it was edited: what runs is what was applied last, not what is looked at here", "jira-sync apply"
        )


def _broken(target: Target, loaded: Loaded) -> Iterator[Subject]:
    """Yield the broken files. If its sync runs, it keeps what was applied last, and that is checked."""
    applied = read_manifest(target.settings) if target.is_running else {}
    names = {entry.file: name for name, entry in applied.items()}
    for file in sorted(loaded.broken):
        problems = [problem for problem in loaded.problems if problem.file == file]
        findings = [failed(f"{file}: {_words(problem)}", "mend the file, then jira-sync apply") for problem in problems]
        name = names.get(file, file.removesuffix(".json"))
        running = load_file(target.settings.snapshots / f"{name}.json", target.environ).files if file in names else ()
        if running:
            advice = "what follows is about that"
            findings.append(warning("it goes on running as it was applied last", advice))
            findings += _secrets(target, running[0].sync)
        yield Subject(name, running[0].sync if running else None, tuple(findings), bool(running))


def _words(problem: Problem) -> str:
    return f"{problem.where}: {problem.message}" if problem.where else problem.message


def _warnings(problems: Iterable[Problem], file: str, target: Target, sync: Sync) -> Iterator[Finding]:
    """Yield the loader's warnings about one file, without those about secrets, which `_secrets` reports."""
    unset = {fault.field for side in Side for fault in resolve(sync, side, target.environ).faults}
    for problem in problems:
        if problem.file == file and problem.where not in unset:
            yield warning(_words(problem), "change it, if that is not what is meant")


def _secrets(target: Target, sync: Sync) -> Iterator[Finding]:
    faults = {fault for side in Side for fault in resolve(sync, side, target.environ).faults}
    for fault in sorted(faults, key=lambda fault: (fault.field, fault.message)):
        yield failed(f"{fault.field}: {fault.message}", _how_to_set(target, fault))
    if not faults:
        yield passed("all that it looks up in the environment and in secret files is there")


def _how_to_set(target: Target, fault: ConnectionFault) -> str:
    if "environment variable" not in fault.message:
        return "put it right; it is looked up again without a restart"
    if target.is_running:
        return f"a group that runs keeps its environment: set it, then {RESTART}"
    return "set it where the group is started: export it, or write it into .env for the container"
