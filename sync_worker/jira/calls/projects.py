"""The calls about projects: whether they are there, and what can be created in them."""

from __future__ import annotations

from urllib.parse import quote

from sync_worker.core.decisions.rate_limit import API_PATH
from sync_worker.core.errors import InvalidRequest, NeedsOperator
from sync_worker.core.issues.issue import StatusName
from sync_worker.core.ports import CreateScreen, IssueType
from sync_worker.jira import create_metadata
from sync_worker.jira.calls.site import SiteCalls
from sync_worker.jira.parsing import shapes, site_json


class ProjectCalls(SiteCalls):
    """The projects of a site."""

    def project_id(self, key: str) -> str:
        if key not in self._project_ids:
            try:
                self._project_ids[key] = self._transport.get(f"{API_PATH}/project/{quote(key)}", shapes.identity)
            except InvalidRequest as error:
                raise NeedsOperator(f"project {key} is not there, or our account may not see it ({error})") from error
        return self._project_ids[key]

    def check_project(self, key: str) -> None:
        self._project_ids.pop(key, None)
        self.project_id(key)

    def _keys_of(self, project_id: str) -> list[str]:
        """Return the keys by which we know the project."""
        return [key for key, known_id in self._project_ids.items() if known_id == project_id]

    def statuses(self, project_key: str) -> list[StatusName]:
        path = f"{API_PATH}/project/{quote(project_key)}/statuses"
        return self._transport.get_once(path, site_json.statuses_of_types)

    def issue_types(self, project_id: str) -> list[IssueType]:
        get = self._transport.get
        found: list[IssueType] = self._cache.get(
            f"issue types {project_id}", lambda: create_metadata.issue_types(get, project_id)
        )
        return found

    def create_screen(self, project_id: str, issue_type_id: str) -> CreateScreen:
        get = self._transport.get
        found: CreateScreen = self._cache.get(
            f"create screen {project_id} {issue_type_id}",
            lambda: site_json.create_screen(
                create_metadata.create_fields(get, project_id, issue_type_id, site_json.create_field)
            ),
        )
        return found
