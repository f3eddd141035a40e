"""The calls about transitions: which ones are open to our account, and carrying one out."""

from __future__ import annotations

from sync_model.definition.sync import fold
from sync_worker.core.decisions.rate_limit import API_PATH
from sync_worker.core.errors import Unavailable
from sync_worker.core.issues.issue import Issue, Transition
from sync_worker.core.permissions import Permission
from sync_worker.jira.calls.permissions import PermissionCalls
from sync_worker.jira.parsing import issue_json, shapes, site_json
from sync_worker.jira.transport import Options


class TransitionCalls(PermissionCalls):
    """Moves issues through their workflows."""

    def transition_to(self, issue: Issue, status: str, *, refresh: bool = False) -> Transition | None:
        status = self._status_names.shown(status)
        found = None if refresh else _leading_to(status, self._transitions(issue))
        return found or _leading_to(status, self._transitions(issue, refresh=True))

    def reachable_statuses(self, issue: Issue) -> list[str]:
        found = sorted({transition.to_status for transition in self._transitions(issue, refresh=True)})
        # To an account that may not move issues, Jira offers no transition instead of refusing.
        if not found and self._is_lacking(Permission.TRANSITION, issue.project_id):
            raise self._not_permitted(Permission.TRANSITION, issue.project_id)
        return found

    def transition(self, issue: Issue, transition: Transition) -> None:
        def confirm_unchanged() -> None:
            shown = self._transport.get(f"{API_PATH}/issue/{issue.id}", issue_json.candidate, fields="updated")
            if shown.updated != issue.updated:
                raise Unavailable(f"{issue.key} was changed while its move waited for its turn; it is looked at again")

        path, body = f"{API_PATH}/issue/{issue.id}/transitions", {"transition": {"id": transition.id}}
        with self._permitted(Permission.TRANSITION, issue_id=issue.id):
            self._transport.post(path, body, shapes.nothing, options=Options(confirm=confirm_unchanged))

    def _transitions(self, issue: Issue, *, refresh: bool = False) -> list[Transition]:
        """Return the transitions out of the status of `issue`.

        They are kept for all issues of this project and type, because these have the same workflow.
        """
        name = f"transitions {issue.project_id} {issue.issue_type} {fold(issue.status)}"
        if refresh:
            self._cache.forget(name)
        path = f"{API_PATH}/issue/{issue.id}/transitions"
        found: list[Transition] = self._cache.get(name, lambda: self._transport.get(path, site_json.transitions))
        return found


def _leading_to(status: str, transitions: list[Transition]) -> Transition | None:
    return next((transition for transition in transitions if fold(transition.to_status) == fold(status)), None)
