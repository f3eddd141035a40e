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
from sync_worker.jira.calls.search import SearchCalls, made_by_us, milliseconds
from sync_worker.jira.transport import Options

KEYS_BEFORE = 10
"""So many keys before the last one are looked at, too: what was imported has a later key than its date."""
MOST_KEYS = 500
"""More issues than a project gets while it is not certain whether one was created."""


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
        if not looked_for.are_all_found:
            self._look_through_next_keys(looked_for, project_id, since)
        return looked_for.outcomes

    def _look_through_next_keys(self, looked_for: _LookedFor, project_id: str, since: datetime) -> None:
        """Look without the index, which may lag behind: read what has the keys that were given out after `since`."""
        try:
            account, prefix, last = self.account(), *self._last_key_before(project_id, since)
            for start in range(max(last - KEYS_BEFORE, 0) + 1, last + MOST_KEYS, self._flavour.keys_at_once):
                keys = [f"{prefix}-{number}" for number in range(start, start + self._flavour.keys_at_once)]
                read = parsing.issues(self._flavour.with_keys(self._transport, keys, self._read))
                for why in read.unprocessable.values():  # it may be one of those that are looked for
                    looked_for.unread = Unavailable(why)
                self._look_through(looked_for, [_Match(issue.id) for issue in read.issues if issue.creator == account])
                if looked_for.are_all_found or (start > last and not read.issues):
                    return
        except SiteThrottled:
            raise
        except Unavailable as error:
            looked_for.unread = error

    def _last_key_before(self, project_id: str, at: datetime) -> tuple[str, int]:
        """Return the project's key, and the number of the last issue that it had before `at`, as search shows it."""
        jql = f"project = {project_id} AND created < {milliseconds(at)} ORDER BY key DESC"
        path, get = self._flavour.search_path, self._transport.get
        found = get(path, _keys, jql=jql, fields="created", maxResults=1)
        key = found[0] if found else f"{get(f'{API_PATH}/project/{project_id}', _key)}-0"
        prefix, _, number = key.rpartition("-")
        return prefix, int(number)

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
            except (InvalidRequest, Unavailable) as error:
                # This match may be one of those we look for. That the others are found is certain all the same.
                looked_for.unread = error if isinstance(error, Unavailable) else Unavailable(str(error))

    def _marker_of(self, match: _Match) -> Any:
        """Return the marker of an issue that search found. The search of some flavours shows it."""
        return match.properties[MARKER] if MARKER in match.properties else self._marker("issue", match.id)


@dataclass(frozen=True)
class _Match:
    """An issue that was found, with the properties that were shown of it."""

    id: str
    properties: Mapping[str, Any] = field(default_factory=dict)


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


def _key(data: Mapping[str, Any]) -> str:
    return parsing.string(data["key"])


def _keys(data: Any) -> list[str]:
    return [_key(issue) for issue in parsing.objects(data["issues"])]


def _body(draft: Draft) -> dict[str, Any]:
    fields = {"project": {"id": draft.project_id}, "issuetype": {"id": draft.issue_type}, **draft.fields}
    return {"fields": fields, "properties": [{"key": MARKER, "value": draft.marker}]}
