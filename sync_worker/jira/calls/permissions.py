"""Refusals: whether our account lacks a permission in the whole project, or Jira refuses one issue."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from sync_worker.core.errors import InvalidRequest, NeedsOperator
from sync_worker.core.permissions import Permission
from sync_worker.core.rate_limit import API_PATH
from sync_worker.jira import parsing
from sync_worker.jira.calls.issues import IssueCalls
from sync_worker.jira.calls.projects import ProjectCalls


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
            if not project or self._has_permission(permission, project):
                raise
            raise self._not_permitted(permission, project) from error

    def _not_permitted(self, permission: Permission, project_id: str) -> NeedsOperator:
        key = next(iter(self._keys_of(project_id)), project_id)
        message = f"our account may not {permission.may} in project {key}: grant it {permission}"
        return NeedsOperator(message, status=HTTPStatus.FORBIDDEN.value)

    def _project_of(self, issue_id: str, project_id: str) -> str:
        if project_id:
            return project_id
        data = self._read(issue_id)
        return parsing.understood(data).project_id if data else ""

    def _has_permission(self, permission: Permission, project_id: str) -> bool:
        missing = self._transport.get(
            f"{API_PATH}/mypermissions",
            lambda data: parsing.missing_permissions(data, [permission]),
            projectId=project_id,
            permissions=permission.value,
        )
        return not missing
