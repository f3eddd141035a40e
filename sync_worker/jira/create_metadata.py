"""What can be created in a project, and with which fields.

Cloud and Data Center call the entries of these lists by different names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from sync_worker.core.decisions.rate_limit import API_PATH
from sync_worker.core.ports import IssueType
from sync_worker.jira.paging import Get, offset_pages
from sync_worker.jira.parsing import site_json

T = TypeVar("T")


def issue_types(get: Get, project_id: str) -> list[IssueType]:
    """Return the issue types that our account can create, in the project's order."""
    path, names = f"{API_PATH}/issue/createmeta/{project_id}/issuetypes", ("issueTypes", "values")
    return list(offset_pages(get, path, names, site_json.issue_type))


def create_fields(get: Get, project_id: str, issue_type_id: str, make: Callable[[Mapping[str, Any]], T]) -> list[T]:
    """Return what `make` makes of the fields that can be set when an issue of this type is created."""
    path = f"{API_PATH}/issue/createmeta/{project_id}/issuetypes/{issue_type_id}"
    return list(offset_pages(get, path, ("fields", "values"), make))
