"""Statuses that rules answer since an edit, and did not before.

A worker answers changes. That an issue is in such a status already is no change, and nothing happens with it. So
whoever edits the file is told, and what to type if that is meant, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from generator.deploy.edits import Edit, edits
from generator.running.settings.group import Settings
from sync_model.definition.sync import ANY_STATUS, Rule, Side, Sync, fold
from sync_model.files.loading import Loaded
from sync_model.files.problems import Problem

Answers = Callable[[Rule, Side], bool]
"""Tells whether a rule answers a side's statuses in a certain way."""


def newly_answered(loaded: Loaded, settings: Settings, environ: Mapping[str, str]) -> tuple[Problem, ...]:
    """Return a warning for the newly answered statuses of each side of an edited sync.

    Nothing is said of a sync that is new, or has another database: `initialSyncEnabled` says what it does with what is
    there. Nothing is said of a side that has another project.
    """
    found = edits(loaded, settings, environ)
    return tuple(warning for edit in found if _goes_on(edit) for warning in _warnings(edit))


def _goes_on(edit: Edit) -> bool:
    return edit.before.database.lower() == edit.now.database.lower()


def _warnings(edit: Edit) -> Iterator[Problem]:
    before, now, file = edit.before, edit.now, edit.file.path.name
    for side in Side:
        project = now.project_key(side)
        if before.project_key(side).upper() != project.upper():
            continue
        created = _new_statuses(before, now, side, Rule.may_create)
        if created:
            what = f"what is in {_it(created)} already and has no counterpart gets none, unless you type"
            yield Problem(
                file, "rules", f"{_said(created, project)}; {what}: jira-sync backfill {now.name} --since DATE"
            )
        moved = [
            name for name in _new_statuses(before, now, side, _leads) if name not in created and _moves(now, side, name)
        ]
        if moved:
            what = f"the counterparts of what is in {_it(moved)} already stay where they are, unless you type"
            yield Problem(file, "rules", f"{_said(moved, project)}; {what}: jira-sync resync {now.name} ISSUE…")


def _new_statuses(before: Sync, now: Sync, side: Side, answers: Answers) -> list[str]:
    """Return the names of the statuses that `now` answers so and `before` did not, each once."""
    names = {
        fold(name): name.strip() for rule in now.ordered_rules if answers(rule, side) for name in rule.source_status
    }
    known = [rule for rule in before.ordered_rules if answers(rule, side)]
    return [name for name in names.values() if not any(rule.answers(name) for rule in known)]


def _leads(rule: Rule, side: Side) -> bool:
    return rule.sync_direction.leads_from(side)


def _moves(sync: Sync, side: Side, status: str) -> bool:
    """Tell whether the counterpart of an issue of `side` that comes into `status` is moved."""
    rules = (rule for rule in sync.ordered_rules if _leads(rule, side) and rule.answers(status))
    first = next(rules, None)
    return first is not None and first.actions.sync_status


def _said(statuses: list[str], project: str) -> str:
    if ANY_STATUS in statuses:
        return f"every status of project {project} is answered now; some were not when the file was applied last"
    names, verb = ", ".join(map(repr, statuses)), "is" if len(statuses) == 1 else "are"
    was = "was" if len(statuses) == 1 else "were"
    word = "status" if len(statuses) == 1 else "statuses"
    return f"the {word} {names} of project {project} {verb} answered now, and {was} not when the file was applied last"


def _it(statuses: list[str]) -> str:
    return "it" if len(statuses) == 1 and ANY_STATUS not in statuses else "them"
