"""Refusals: whether our account lacks a permission in the whole project, or Jira refuses one issue."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, TypeVar

from sync_worker.core.bulk import is_about_all
from sync_worker.core.decisions.rate_limit import API_PATH
from sync_worker.core.errors import InvalidRequest, NeedsOperator, Unavailable
from sync_worker.core.permissions import Permission
from sync_worker.jira.calls.issues import IssueCalls
from sync_worker.jira.calls.projects import ProjectCalls
from sync_worker.jira.parsing import issue_json, site_json

T = TypeVar("T")


class PermissionCalls(IssueCalls, ProjectCalls):
    """What writes to an issue or a project stands on this."""

    @contextmanager
    def _permitted(self, permission: Permission, *, issue_id: str = "", project_id: str = "") -> Iterator[None]:
        """Surround a write to an issue, or to a project.

        Raises NeedsOperator in place of InvalidRequest when our account lacks the permission in the whole project: then
        no other write of this sync can succeed either.
        """
        try:
            yield
        except InvalidRequest as error:
            project = self._project_of(issue_id, project_id) if error.status == HTTPStatus.FORBIDDEN else ""
            if not project or not self._is_lacking(permission, project):
                raise
            raise self._not_permitted(permission, project) from error

    def _not_permitted(self, permission: Permission, project_id: str) -> NeedsOperator:
        key = next(iter(self._keys_of(project_id)), project_id)
        message = f"our account may not {permission.may} in project {key}: grant it {permission}"
        return NeedsOperator(message, status=HTTPStatus.FORBIDDEN.value)

    def _project_of(self, issue_id: str, project_id: str) -> str:
        if project_id:
            return project_id
        data = known_or_none(lambda: self._read(issue_id))
        return issue_json.understood(data).project_id if data else ""

    def _is_lacking(self, permission: Permission, project_id: str) -> bool:
        """Tell whether the site says that our account lacks the permission. It may say nothing of it."""
        parameters = {"projectId": project_id, "permissions": permission.value}

        def missing(data: Any) -> set[str]:
            return site_json.missing_permissions(data, [permission])

        return bool(known_or_none(lambda: self._transport.get(f"{API_PATH}/mypermissions", missing, **parameters)))


def known_or_none(ask: Callable[[], T]) -> T | None:
    """Return the answer to an auxiliary question; None when the site refuses to say, or fails to.

    What is asked for the sake of another request decides nothing about that one when it is not known. Raises what holds
    for all requests.
    """
    try:
        return ask()
    except (InvalidRequest, Unavailable) as error:
        if is_about_all(error):
            raise
        return None
