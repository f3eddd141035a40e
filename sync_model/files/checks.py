"""What no single field shows: rules that contradict themselves, and files that claim the same thing."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping

from sync_model.accounts.connection import resolve, site_of
from sync_model.definition.sync import PLACEHOLDERS, Direction, Rule, Side, Sync
from sync_model.definition.values import REFERENCE_PATTERN
from sync_model.files.problems import Problem


def check_sync(
    file: str, sync: Sync, environ: Mapping[str, str], *, is_running: bool = False, runs_elsewhere: bool = False
) -> tuple[list[Problem], list[Problem]]:
    """Return the problems and the warnings of one valid sync.

    A value that only this environment lacks is a warning: the worker waits for it. A worker that `is_running` waits for
    whatever is wrong with a value that it looks up. Of a sync that `runs_elsewhere`, what is lacking here is not said.
    """
    problems: set[Problem] = set()
    warnings = {Problem(file, where, message) for where, message in _warnings(sync)}
    for side in Side:
        resolved = resolve(sync, side, environ)
        warnings |= {Problem(file, warning.field, warning.message) for warning in resolved.warnings}
        for fault in resolved.faults:
            if fault.unset and runs_elsewhere:
                continue
            (warnings if fault.unset or is_running else problems).add(Problem(file, fault.field, fault.message))
    if sync.user_project_key.upper() == sync.dev_project_key.upper() and len(set(sites_of(sync, environ))) == 1:
        problems.add(Problem(file, "devProjectKey", "is the same project as userProjectKey"))
    return list(problems), list(warnings)


def _warnings(sync: Sync) -> Iterator[tuple[str, str]]:
    yield from _rule_warnings(sync)
    yield from _file_warnings(sync)


def _rule_warnings(sync: Sync) -> Iterator[tuple[str, str]]:
    if not any(rule.sync_direction is not Direction.NONE for rule in sync.ordered_rules):
        yield "rules", "no rule is switched on: this sync does nothing"
    counts = Counter(rule.id for rule in sync.rules if rule.id)
    for index, rule in enumerate(sync.rules):
        if rule.id and counts[rule.id] > 1:
            yield f"rules[{index}].id", f"{rule.id!r} is the id of {counts[rule.id]} rules; logs cannot tell them apart"
        if rule.enabled:
            for where, message in _contradictions(rule):
                yield f"rules[{index}].{where}", message


def _contradictions(rule: Rule) -> Iterator[tuple[str, str]]:
    """Yield where a rule contradicts itself, and which of the two counts."""
    actions = rule.actions
    into = {Direction.USER_TO_DEV: Side.DEV, Direction.DEV_TO_USER: Side.USER}.get(rule.sync_direction)
    if into and rule.target_project and rule.target_project != into:
        yield "targetProject", f"is {rule.target_project}, but syncDirection is {rule.sync_direction}, which counts"
    if rule.target_status and actions.target_status and rule.target_status != actions.target_status:
        yield "targetStatus", "differs from actions.targetStatus, which counts"
    if (rule.target_status or actions.target_status) and not actions.sync_status:
        yield "actions.targetStatus", "is given, but actions.syncStatus is off: no status is set"
    if actions.create_issue and rule.conditions.require_mapping:
        yield "conditions.requireMapping", "is true, so this rule never creates an issue"
    if actions.comment_template and not actions.add_comment:
        yield "actions.commentTemplate", "is given, but actions.addComment is off: no comment is posted"
    for match in REFERENCE_PATTERN.finditer(actions.comment_template or ""):
        if match["variable"] not in PLACEHOLDERS:
            known = ", ".join(f"${{{name}}}" for name in PLACEHOLDERS)
            yield "actions.commentTemplate", f"{match[0]} is no placeholder and stays as it is; there are {known}"


def _file_warnings(sync: Sync) -> Iterator[tuple[str, str]]:
    """Yield where two fields say different things of the files to copy, and which of the two counts."""
    if sync.attachments is None:
        return
    if sync.default_behavior.sync_attachments:
        yield "defaultBehavior.syncAttachments", "is true, but attachments is given, which counts"
    for index, rule in enumerate(sync.rules):
        against = [side for side in Side if rule.sync_direction.leads_from(side) and not sync.carries_files(side)]
        if rule.enabled and rule.actions.sync_attachments and against:
            ways = " and ".join(f"from {side} to {side.other}" for side in against)
            message = f"copies files {ways}, where attachments carries none; the rule copies them all the same"
            yield f"rules[{index}].actions.syncAttachments", message


def sites_of(sync: Sync, environ: Mapping[str, str]) -> tuple[str, str]:
    """Return the two sites of a sync. A site whose address is unknown here is compared by the text in the file."""

    def site(side: Side) -> str:
        connection = resolve(sync, side, environ).connection
        if connection:
            return site_of(connection.base_url)
        text = sync.account(side).base_url or "${JIRA_BASE_URL}"
        return text if REFERENCE_PATTERN.fullmatch(text) else site_of(text)

    return site(Side.USER), site(Side.DEV)


def claims_of(sync: Sync, environ: Mapping[str, str]) -> dict[str, str]:
    """Return what a sync must have for itself alone, by the field that names it."""
    user_site, dev_site = sites_of(sync, environ)
    ends = sorted([f"{user_site} {sync.user_project_key.upper()}", f"{dev_site} {sync.dev_project_key.upper()}"])
    # MongoDB refuses two databases whose names differ only in case.
    return {"name": sync.name.lower(), "databaseName": sync.database.lower(), "userProjectKey": " ".join(ends)}


def collisions(syncs: Mapping[str, Sync], environ: Mapping[str, str]) -> Iterator[Problem]:
    """Yield a problem for each file whose sync claims the same name, database or pair of projects as another's.

    `syncs` maps the name of a file to its sync.
    """
    claimants: dict[tuple[str, str], list[str]] = defaultdict(list)
    for file, sync in syncs.items():
        for claim in claims_of(sync, environ).items():
            claimants[claim].append(file)
    for (where, _), files in claimants.items():
        for file in files if len(files) > 1 else ():
            others = " and ".join(other for other in files if other != file)
            yield Problem(file, where, f"{_claim(syncs[file], where)} also by {others}")


def _claim(sync: Sync, where: str) -> str:
    return {
        "name": f"the name {sync.name} is used",
        "databaseName": f"the database {sync.database} is used",
        "userProjectKey": f"the projects {sync.user_project_key} and {sync.dev_project_key} are paired",
    }[where]
