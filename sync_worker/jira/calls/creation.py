"""The calls that create issues, and that find what an earlier attempt has created."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any

from sync_worker.core.decisions.rate_limit import API_PATH
from sync_worker.core.errors import InvalidRequest, SiteThrottled, Unavailable
from sync_worker.core.issues.issue import MARKER, NOT_SHOWN, Alike, Created, Draft, Issue
from sync_worker.core.permissions import Permission
from sync_worker.jira.calls.permissions import PermissionCalls
from sync_worker.jira.calls.search import SearchCalls, milliseconds
from sync_worker.jira.parsing import issue_json, shapes, site_json
from sync_worker.jira.transport import Options

KEYS_BEFORE = 10
"""So many keys before the last one are looked at, too: what was imported has a later key than its date."""
LIMITED = frozenset({"description"})
MOST_KEYS = 500
"""More issues than a project gets while it is not certain whether one was created."""


class CreationCalls(PermissionCalls, SearchCalls):
    """Creates issues. The request itself carries the marker, so that no issue is ever without it."""

    def create(self, draft: Draft) -> Created:
        try:
            with self._permitted(Permission.CREATE, project_id=draft.project_id):
                return self._text_limit.send(
                    _texts(draft),
                    draft.source,
                    lambda texts: self._transport.post(f"{API_PATH}/issue", _body(draft, texts), site_json.created),
                )
        except InvalidRequest:
            self._cache.clear()  # the project's issue types or create screens may have changed
            raise

    def create_many(self, drafts: Sequence[Draft]) -> list[Created | InvalidRequest]:
        # A text that is refused for its length is left to `create`: what this request has created must not be in doubt.
        fitted = [self._text_limit.fitted(_texts(draft), draft.source) for draft in drafts]
        body = {"issueUpdates": [_body(draft, texts) for draft, texts in zip(drafts, fitted, strict=True)]}
        # An answer with 400 says that no issue was created, and for each of them why. Any other error may have come up
        # when some were created already.
        options = Options(and_status=HTTPStatus.BAD_REQUEST, refused_by=frozenset({HTTPStatus.BAD_REQUEST}))
        with self._permitted(Permission.CREATE, project_id=drafts[0].project_id):
            outcomes = self._transport.post(
                f"{API_PATH}/issue/bulk", body, lambda data: site_json.creations(data, len(drafts)), options=options
            )
        if any(isinstance(outcome, InvalidRequest) for outcome in outcomes):
            self._cache.clear()
        return outcomes

    def find_created(self, drafts: Sequence[Draft], since: datetime) -> list[Created | Alike | Unavailable | None]:
        project_id = drafts[0].project_id
        looked_for = _LookedFor(drafts)
        self._look_through(looked_for, self._marked(self._made_by_us(project_id, since)))
        if not looked_for.are_all_found:
            # Somebody may have moved an issue to another project meanwhile.
            self._look_through(looked_for, self._marked(self._made_by_us(project_id, since, elsewhere=True)))
        if not looked_for.are_all_found:
            self._look_through_next_keys(looked_for, project_id, since)
        return looked_for.outcomes

    def _look_through_next_keys(self, looked_for: _LookedFor, project_id: str, since: datetime) -> None:
        """Look without the index, which may lag behind: read what has the keys that were given out after `since`."""
        try:
            accounts = {self.account(), *self._former_accounts}
            prefix, last = self._last_key_before(project_id, since)
            for start in range(max(last - KEYS_BEFORE, 0) + 1, last + MOST_KEYS, self._flavour.keys_at_once):
                keys = [f"{prefix}-{number}" for number in range(start, start + self._flavour.keys_at_once)]
                read = issue_json.issues(self._flavour.with_keys(self._transport, keys, self._read))
                for why in read.unprocessable.values():  # it may be one of those that are looked for
                    looked_for.unread = Unavailable(why)
                made = [_match_of(issue, since) for issue in read.issues if issue.creator in accounts]
                self._look_through(looked_for, made)
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
        key = found[0] if found else f"{get(f'{API_PATH}/project/{project_id}', _project_key)}-0"
        prefix, _, number = key.rpartition("-")
        return prefix, int(number)

    def _marked(self, jql: str) -> list[_Match]:
        return self._search(jql, ["summary", "labels"], _match, MARKER)

    def _look_through(self, looked_for: _LookedFor, matches: Iterable[_Match]) -> None:
        """Take those of `matches` that carry a marker that is looked for, and those that may have lost it."""
        for match in matches:
            try:
                marker = self._marker_of(match)
                numbers = looked_for.numbers_of(marker, match.summary)
                if numbers:
                    path = f"{API_PATH}/issue/{match.id}"
                    created = self._transport.get(path, site_json.created, fields="updated")
                    looked_for.take(created, numbers, is_marked=marker is not None)
            except SiteThrottled:
                raise
            except (InvalidRequest, Unavailable) as error:
                # This match may be one of those we look for. That the others are found is certain all the same.
                looked_for.unread = error if isinstance(error, Unavailable) else Unavailable(str(error))

    def _marker_of(self, match: _Match) -> Any:
        """Return the marker of an issue that was found. Some flavours show it with the issue."""
        return self._marker("issue", match.id) if match.marker == NOT_SHOWN else match.marker


@dataclass(frozen=True)
class _Match:
    """An issue that was found, with its marker as far as that was shown."""

    id: str
    marker: object = NOT_SHOWN
    summary: str = ""


@dataclass
class _LookedFor:
    """The drafts whose issues are looked for, and what is found: issues by the numbers of their drafts.

    `alike` are those without a marker that may be a draft's. `unread` is the error if something that was found cannot
    be read.
    """

    drafts: Sequence[Draft]
    found: dict[int, Created] = field(default_factory=dict)
    alike: dict[int, list[Created]] = field(default_factory=dict)
    unread: Unavailable | None = None

    def numbers_of(self, marker: object, summary: str) -> list[int]:
        """Return the numbers of the drafts that an issue belongs to, or may belong to if it has no marker."""
        if marker is not None:
            return [number for number, draft in enumerate(self.drafts) if draft.is_marked_by(marker)][:1]
        words = summary.split()
        return [
            number
            for number, draft in enumerate(self.drafts)
            if draft.is_maybe_unmarked and str(draft.fields.get("summary")).split() == words
        ]

    def take(self, created: Created, numbers: Iterable[int], *, is_marked: bool) -> None:
        for number in numbers:
            if is_marked:
                self.found.setdefault(number, created)
            elif created not in self.alike.setdefault(number, []):
                self.alike[number].append(created)

    @property
    def are_all_found(self) -> bool:
        return len(self.found) == len(self.drafts)

    @property
    def outcomes(self) -> list[Created | Alike | Unavailable | None]:
        return [self._outcome(number) for number in range(len(self.drafts))]

    def _outcome(self, number: int) -> Created | Alike | Unavailable | None:
        alike = self.alike.get(number)
        return self.found.get(number) or self.unread or (Alike(tuple(alike)) if alike else None)


def _match_of(issue: Issue, since: datetime) -> _Match:
    """Return an issue that was read. What is older than `since` is taken for nothing but what its marker says."""
    return _Match(issue.id, issue.marker, issue.summary if issue.created >= since else "")


def _match(data: Mapping[str, Any]) -> _Match:
    fields = shapes.an_object(data.get("fields") or {})
    return _Match(shapes.identity(data), issue_json.marker(data), shapes.text(fields.get("summary")) or "")


def _project_key(data: Mapping[str, Any]) -> str:
    return shapes.name_of(data["key"])


def _keys(data: Any) -> list[str]:
    return [shapes.key(issue) for issue in shapes.objects(data["issues"])]


def _texts(draft: Draft) -> dict[str, str]:
    """Return those fields of a draft that a site may limit the length of."""
    return {name: text for name, text in draft.fields.items() if name in LIMITED and isinstance(text, str)}


def _body(draft: Draft, texts: Mapping[str, str]) -> dict[str, Any]:
    ids = {"project": {"id": draft.project_id}, "issuetype": {"id": draft.issue_type}}
    return {"fields": {**ids, **draft.fields, **texts}, "properties": [{"key": MARKER, "value": draft.marker}]}
