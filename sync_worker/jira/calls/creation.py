"""The calls that create issues, and that find what an earlier attempt has created."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any

from sync_worker.core.errors import InvalidRequest, SiteThrottled, Unavailable
from sync_worker.core.issue import MARKER, Created, Draft
from sync_worker.core.permissions import Permission
from sync_worker.core.rate_limit import API_PATH
from sync_worker.jira import parsing
from sync_worker.jira.calls.permissions import PermissionCalls
from sync_worker.jira.calls.search import SearchCalls, made_by_us
from sync_worker.jira.transport import Options


class CreationCalls(PermissionCalls, SearchCalls):
    """Creates issues. The request itself carries the marker, so that no issue is ever without it."""

    def create(self, draft: Draft) -> Created:
        try:
            with self._permitted(Permission.CREATE, project_id=draft.project_id):
                return self._transport.post(f"{API_PATH}/issue", _body(draft), parsing.created)
        except InvalidRequest:
            self._cache.clear()  # the project's issue types or create screens may have changed
            raise

    def create_many(self, drafts: Sequence[Draft]) -> list[Created | InvalidRequest]:
        body = {"issueUpdates": [_body(draft) for draft in drafts]}
        # An answer with 400 says that no issue was created, and for each of them why. Any other error may have come up
        # when some were created already.
        options = Options(and_status=HTTPStatus.BAD_REQUEST, refused_by=frozenset({HTTPStatus.BAD_REQUEST}))
        with self._permitted(Permission.CREATE, project_id=drafts[0].project_id):
            outcomes = self._transport.post(
                f"{API_PATH}/issue/bulk", body, lambda data: parsing.creations(data, len(drafts)), options=options
            )
        if any(isinstance(outcome, InvalidRequest) for outcome in outcomes):
            self._cache.clear()
        return outcomes

    def find_created(self, drafts: Sequence[Draft], since: datetime) -> list[Created | Unavailable | None]:
        project_id = drafts[0].project_id
        looked_for = _LookedFor([draft.marker for draft in drafts])
        self._look_through(looked_for, self._marked(made_by_us(project_id, since)))
        if not looked_for.are_all_found:
            # Somebody may have moved an issue to another project meanwhile.
            self._look_through(looked_for, self._marked(made_by_us(project_id, since, elsewhere=True)))
        return looked_for.outcomes

    def _marked(self, jql: str) -> list[_Match]:
        return self._search(jql, ["updated"], _match, MARKER)

    def _look_through(self, looked_for: _LookedFor, matches: Iterable[_Match]) -> None:
        """Take those of `matches` that carry a marker that is looked for."""
        for match in matches:
            try:
                number = looked_for.number_of(self._marker_of(match))
                if number is not None:
                    path = f"{API_PATH}/issue/{match.id}"
                    looked_for.found.setdefault(number, self._transport.get(path, parsing.created, fields="updated"))
            except SiteThrottled:
                raise
            except Unavailable as error:
                # This match may be one of those we look for. That the others are found is certain all the same.
                looked_for.unread = error

    def _marker_of(self, match: _Match) -> Any:
        """Return the marker of an issue that search found. The search of some flavours shows it."""
        return match.properties[MARKER] if MARKER in match.properties else self._marker("issue", match.id)


@dataclass(frozen=True)
class _Match:
    """An issue that search found, with the properties that search shows."""

    id: str
    properties: Mapping[str, Any]


@dataclass
class _LookedFor:
    """The markers that are looked for, and what is found: issues by the numbers of their markers.

    `unread` is the error if something that was found cannot be read.
    """

    markers: Sequence[Mapping[str, str]]
    found: dict[int, Created] = field(default_factory=dict)
    unread: Unavailable | None = None

    def number_of(self, marker: Any) -> int | None:
        return self.markers.index(marker) if marker in self.markers else None

    @property
    def are_all_found(self) -> bool:
        return len(self.found) == len(self.markers)

    @property
    def outcomes(self) -> list[Created | Unavailable | None]:
        return [self.found.get(number, self.unread) for number in range(len(self.markers))]


def _match(data: Mapping[str, Any]) -> _Match:
    return _Match(parsing.identity(data), parsing.an_object(data.get("properties") or {}))


def _body(draft: Draft) -> dict[str, Any]:
    fields = {"project": {"id": draft.project_id}, "issuetype": {"id": draft.issue_type}, **draft.fields}
    return {"fields": fields, "properties": [{"key": MARKER, "value": draft.marker}]}
