"""What can be created in a project, and with which fields.

Cloud and Data Center call the entries of these lists by different names.
"""

from __future__ import annotations

from typing import Any

from sync_worker.core.rate_limit import API_PATH
from sync_worker.jira.paging import Get, offset_pages


def issue_types(get: Get, project_id: str) -> list[dict[str, Any]]:
    """Return the issue types that our account can create, in the project's order."""
    return list(offset_pages(get, f"{API_PATH}/issue/createmeta/{project_id}/issuetypes", ("issueTypes", "values")))


def create_fields(get: Get, project_id: str, issue_type_id: str) -> list[dict[str, Any]]:
    """Return the fields that can be set when an issue of this type is created."""
    path = f"{API_PATH}/issue/createmeta/{project_id}/issuetypes/{issue_type_id}"
    return list(offset_pages(get, path, ("fields", "values")))
