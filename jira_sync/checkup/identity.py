"""Compares the sites, projects and accounts of a sync with those that its database remembers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from jira_sync.checkup.database import Client
from jira_sync.checkup.finding import Finding, failed, of_error, passed, warning
from sync_model.accounts.connection import site_of
from sync_model.definition.sync import Side, Sync
from sync_worker.core.errors import SyncError
from sync_worker.core.identity import (
    INSTEAD,
    Identity,
    SeenSide,
    SideIdentity,
    decisions_for,
    differences,
    in_short,
    what_to_type,
)
from sync_worker.database.lease import Lease
from sync_worker.database.store import MongoStore
from sync_worker.jira.survey import Survey

INSTEAD_OF_MARKS = {
    "issue": "leave these labels where they are: without them, nothing says what belongs together",
    "comment": "after a lost answer, a comment with the same words counts as posted; nothing has to be done",
}
"""What a person does about marks that do not arrive, by kind."""


def check_identity(client: Client, sync: Sync, surveys: Mapping[Side, Survey | None]) -> tuple[Finding, ...]:
    """Return what there is to say of a sync whose sites can be asked, as far as they can."""
    try:
        known = MongoStore(client, sync.database, Lease.never_held(client, sync.database)).progress().identity
        seen = {side: seen for side, survey in surveys.items() if survey and (seen := _see(sync, side, survey))}
    except SyncError as error:
        return (of_error(error),)
    if known is None:
        return tuple(_silent(seen))
    return (*_compare(sync, known, seen), *_marks(known, seen))


def _see(sync: Sync, side: Side, survey: Survey) -> SeenSide | None:
    """Ask one side what it is; None when its project is not there, which another check says."""
    project = survey.project(sync.project_key(side))
    if project is None:
        return None
    return SeenSide(site_of(survey.connection.base_url), survey.identity(), project.id, survey.account())


def _silent(seen: Mapping[Side, SeenSide]) -> Iterator[Finding]:
    for side in seen.values():
        if side.site is None:
            yield passed(f"{side.address} does not tell what it is besides its address: its issues have to show it")


def _compare(sync: Sync, known: Identity, seen: Mapping[Side, SeenSide]) -> Iterator[Finding]:
    found = differences(known.sides, seen)
    for difference in found:
        yield failed(f"{difference}", what_to_type(sync.name, decisions_for(found)))
    if not found:
        yield passed(f"its sites, projects and accounts are those that {in_short(known.database)} remembers")
    yield from _silent(seen)


def _marks(known: Identity, seen: Mapping[Side, SeenSide]) -> Iterator[Finding]:
    """Yield where marks were not found again after the first creation, or the first comment."""
    for side in seen:
        remembered: SideIdentity = known.sides[side]
        for kind, arrives in remembered.arrives.items():
            if not arrives:
                says = f"{remembered.addresses[-1]} does not keep the properties of {kind}s: {INSTEAD[kind]}"
                yield warning(says, INSTEAD_OF_MARKS[kind])
