"""What the cycle asks of Jira, said in Jira's own calls.

Cloud and Data Center differ in a few places only: how to search, how to read in bulk, where the history and the
files are. Search finds candidates, nothing more; what is acted on comes from a direct read.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, TypeVar
from urllib.parse import quote

from sync_model.connection import Connection, site_of
from sync_model.definition import fold
from sync_worker.core.concurrency import batches
from sync_worker.core.errors import InvalidRequest, NeedsOperator, SiteThrottled, Unavailable
from sync_worker.core.issue import MARKER, Attachment, Candidate, Created, Draft, Glimpse, Issue, Transition
from sync_worker.core.ports import CreateScreen, IssueType, Read
from sync_worker.core.rate_limit import API_PATH
from sync_worker.jira import parsing, transfer
from sync_worker.jira.limits import Limits, NoLimits
from sync_worker.jira.transport import Transport

T = TypeVar("T")
CLOUD_LAG = timedelta(minutes=5)
DATA_CENTER_LAG = timedelta(minutes=2)
PAGE = 1000
ID_PAGE = 5000
FORBIDDEN = 403
READ_AT_ONCE = 100
RESCANS = 3
SCREENS_KEPT_FOR = 3600.0
"""Seconds for which issue types, create screens, transitions and the upload limit are believed."""
PERMISSIONS = {
    "CREATE_ISSUES": "create issues",
    "TRANSITION_ISSUES": "move issues",
    "ADD_COMMENTS": "comment",
    "LINK_ISSUES": "link issues",
    "CREATE_ATTACHMENTS": "attach files",
}


class JiraClient:
    """One site, seen by one account. Satisfies `sync_worker.core.ports.Jira`."""

    def __init__(
        self,
        connect: Callable[[], Connection],
        pause: Callable[[float], None],
        *,
        search_lag: timedelta | None = None,
        check: Callable[[], None] = lambda: None,
        limits_of: Callable[[Connection], Limits] = lambda _connection: NoLimits(),
    ) -> None:
        self._transport = Transport(connect, pause, check, limits_of)
        self._search_lag = search_lag
        self._projects: dict[str, str] = {}
        self._kept: dict[str, tuple[float, Any]] = {}

    # The site

    @property
    def calls(self) -> Mapping[tuple[str, int], int]:
        """How many requests were answered so far, by endpoint and status; status 0 stands for no answer."""
        return self._transport.calls

    @property
    def cooldown(self) -> float:
        """The seconds spent so far in waiting because the site is to be spared."""
        return self._transport.cooldown

    @cached_property
    def is_cloud(self) -> bool:
        return bool(self._transport.get(f"{API_PATH}/serverInfo").get("deploymentType") == "Cloud")

    @property
    def search_lag(self) -> timedelta:
        return self._search_lag or (CLOUD_LAG if self.is_cloud else DATA_CENTER_LAG)

    def now(self) -> datetime:
        if self._transport.clock.now() is None:
            _ = self.is_cloud  # any answer tells the time
        # A site that sends no Date leaves us our own clock.
        return self._transport.clock.now() or datetime.now(UTC)

    def account(self) -> str:
        account = parsing.account(self._transport.get(f"{API_PATH}/myself"))
        if account is None:
            raise NeedsOperator("the site does not say who we are")
        return account

    def site(self) -> str:
        return site_of(self._transport.connection.base_url)

    def browse(self, key: str) -> str:
        return self._transport.connection.browse(key)

    def close(self) -> None:
        self._transport.http.close()

    # Projects

    def project_id(self, key: str) -> str:
        if key not in self._projects:
            try:
                self._projects[key] = str(self._transport.get(f"{API_PATH}/project/{quote(key)}")["id"])
            except InvalidRequest as error:
                raise NeedsOperator(f"project {key} is not there, or our account may not see it ({error})") from error
        return self._projects[key]

    def check_project(self, key: str) -> None:
        self._projects.pop(key, None)
        self.project_id(key)

    def issue_types(self, project_id: str) -> list[IssueType]:
        path = f"{API_PATH}/issue/createmeta/{project_id}/issuetypes"
        found = self._keep(path, lambda: list(self._offset_pages(path, ("issueTypes", "values"))))
        return [IssueType(str(each["id"]), each["name"], bool(each.get("subtask"))) for each in found]

    def create_screen(self, project_id: str, issue_type_id: str) -> CreateScreen:
        path = f"{API_PATH}/issue/createmeta/{project_id}/issuetypes/{issue_type_id}"
        found = self._keep(path, lambda: list(self._offset_pages(path, ("fields", "values"))))
        fields = {each.get("fieldId") or each.get("key"): each for each in found}
        priorities = fields.get("priority", {}).get("allowedValues") or ()
        return CreateScreen(frozenset(fields), tuple(each["name"] for each in priorities))

    def upload_limit(self) -> int | None:
        meta = self._keep("upload limit", lambda: self._transport.get(f"{API_PATH}/attachment/meta"))
        if not meta.get("enabled", True):
            return 0
        limit = meta.get("uploadLimit")
        return int(limit) if limit else None

    # Search

    def changed_since(self, project_id: str, since: datetime | None) -> list[Candidate]:
        # Unquoted, the number is milliseconds since 1970, absolute; quoted times are read in a profile's zone.
        # There is no upper bound: an issue that keeps changing would always have just left the window.
        bound = f" AND updated >= {int(since.timestamp() * 1000)}" if since else ""
        jql = f"project = {project_id}{bound} ORDER BY key ASC"
        try:
            return self._search(jql, ["updated"], parsing.candidate)
        except InvalidRequest:
            # Search knows no project that is gone or that our account may not see any more.
            for key in [key for key, known in self._projects.items() if known == project_id]:
                self.check_project(key)
            raise

    def ids_in(self, project_id: str) -> set[str]:
        jql = f"project = {project_id} ORDER BY key ASC"
        return set(self._search(jql, ["id"], lambda each: str(each["id"]), page=ID_PAGE))

    def listing(self, project_id: str, make: Callable[[Glimpse], T]) -> list[T]:
        jql = f"project = {project_id} ORDER BY key ASC"
        return self._search(jql, ["status", "updated", "description"], lambda each: make(parsing.glimpse(each)))

    def made_since(self, project_id: str, since: datetime) -> list[str]:
        return self._search(_made_by_us(project_id, since), ["id"], lambda each: str(each["id"]), page=ID_PAGE)

    def find_created(self, drafts: Sequence[Draft], since: datetime) -> list[Created | Unavailable | None]:
        found, unread = self._find_marked(drafts, _made_by_us(drafts[0].project_id, since))
        if len(found) < len(drafts):
            # Somebody may have moved it to another project meanwhile.
            elsewhere, also_unread = self._find_marked(drafts, _made_by_us(drafts[0].project_id, since, elsewhere=True))
            found, unread = elsewhere | found, unread or also_unread
        return [found.get(number, unread) for number in range(len(drafts))]

    def _find_marked(self, drafts: Sequence[Draft], jql: str) -> tuple[dict[int, Created], Unavailable | None]:
        """Return what carries the markers of `drafts`, by their numbers, and why one match cannot be read."""
        wanted = [draft.marker for draft in drafts]
        found: dict[int, Created] = {}
        unread: Unavailable | None = None
        for each in self._search(jql, ["updated"], dict, MARKER):
            try:
                marker = self._marker_of(each)
                if marker in wanted:
                    data = self._transport.get(f"{API_PATH}/issue/{each['id']}", fields="updated")
                    found.setdefault(wanted.index(marker), Created(str(data["id"]), data["key"]))
            except SiteThrottled:
                raise
            except Unavailable as error:  # which may be the one in question; the others can be told all the same
                unread = error
        return found, unread

    def _marker_of(self, found: dict[str, Any]) -> Any:
        """Return the marker of an issue that search found, and shows where the site's search can show properties."""
        if MARKER in (shown := found.get("properties") or {}):
            return shown[MARKER]
        return self._marker("issue", found["id"])

    def _search(
        self, jql: str, fields: list[str], make: Callable[[dict[str, Any]], T], shown: str = "", page: int = PAGE
    ) -> list[T]:
        """Return what `make` makes of each match, with the property `shown` where the site can show it.

        Only that is kept of a page when the next one is asked for.
        """
        if not self.is_cloud:
            return self._data_center_search(jql, fields, make)
        pages = self._cloud_pages(jql, fields, shown, page)
        return list({str(each["id"]): make(each) for each in pages}.values())

    def _cloud_pages(self, jql: str, fields: list[str], shown: str, page: int) -> Iterator[dict[str, Any]]:
        def ask(body: dict[str, Any]) -> dict[str, Any]:
            page: dict[str, Any] = self._transport.post(f"{API_PATH}/search/jql", body, repeatable=True)
            return page

        properties = {"properties": [shown]} if shown else {}
        return all_pages(ask, {"jql": jql, "fields": fields, "maxResults": page, **properties})

    def _data_center_search(self, jql: str, fields: list[str], make: Callable[[dict[str, Any]], T]) -> list[T]:
        """Page by offset, and start over when the pages have shifted under our hands."""
        for _ in range(RESCANS):
            found = self._offset_scan(jql, fields, make)
            if found is not None:
                return list(found.values())
        raise Unavailable("search keeps shifting between its pages; nothing is skipped, it is tried again")

    def _offset_scan(self, jql: str, fields: list[str], make: Callable[[dict[str, Any]], T]) -> dict[str, T] | None:
        """Return all pages, by issue id, or None when they shifted.

        Each page begins with the last issue of the one before. The order is by key, which only what leaves the
        result can shift, so finding that issue in its place shows that nothing before it has left.
        """
        found: dict[str, T] = {}
        last = ""
        while True:
            start = max(len(found) - 1, 0)
            page = self._transport.get(
                f"{API_PATH}/search", jql=jql, fields=",".join(fields), startAt=start, maxResults=PAGE
            )
            issues = page["issues"]
            if found and (not issues or str(issues[0]["id"]) != last):
                return None
            found |= {str(each["id"]): make(each) for each in issues}
            last = str(issues[-1]["id"]) if issues else ""
            if len(found) >= page["total"] or len(issues) < 2:  # noqa: PLR2004 - one is the overlap
                return found

    # Issues

    def read(self, ids: Collection[str]) -> Read:
        wanted = sorted(ids, key=int)
        read = self._bulk_fetch if self.is_cloud else self._bulk_search
        return parsing.issues(each for batch in batches(wanted, READ_AT_ONCE) for each in read(batch))

    def _bulk_fetch(self, ids: list[str]) -> list[dict[str, Any]]:
        body = {"issueIdsOrKeys": ids, "fields": list(parsing.FIELDS), "expand": ["changelog"]}
        answer = self._transport.post(f"{API_PATH}/issue/bulkfetch", body, repeatable=True)
        if errors := answer.get("issueErrors"):
            raise Unavailable(f"{len(errors)} issues could not be read for the moment")
        return list(answer["issues"])

    def _bulk_search(self, ids: list[str]) -> list[dict[str, Any]]:
        """Data Center has no bulk read: its search reads the issues themselves, and what it misses is asked for."""
        page = self._transport.get(
            f"{API_PATH}/search",
            jql=f"id in ({', '.join(ids)}) ORDER BY key ASC",
            fields=",".join(parsing.FIELDS),
            expand="changelog",
            maxResults=len(ids),
            validateQuery="false",  # one id that is gone must not take the others with it
        )
        found = {str(each["id"]): each for each in page["issues"]}
        for missing in set(ids) - set(found):
            try:
                if data := self._issue_data(missing, "changelog"):
                    found[missing] = data
            except SiteThrottled:
                raise
            except (InvalidRequest, Unavailable) as error:  # there, it seems, but not for us, or not now
                found[missing] = {"id": missing, "error": str(error)}
        return list(found.values())

    def ids_of(self, keys: Collection[str]) -> dict[str, str]:
        # One by one, because only this way does a key that an issue had before it was moved find it.
        found = {key: self._issue_data(key, "") for key in keys}
        return {key: str(data["id"]) for key, data in found.items() if data}

    def issue(self, issue_id: str) -> Issue | None:
        data = self._issue_data(issue_id, "changelog")
        return self.with_history(parsing.issue(data)) if data else None

    def transition_to(self, issue: Issue, status: str, *, refresh: bool = False) -> Transition | None:
        found = None if refresh else self._leading_to(self._transitions(issue), status)
        return found or self._leading_to(self._transitions(issue, refresh=True), status)

    def reachable_statuses(self, issue: Issue) -> list[str]:
        found = sorted({each.to_status for each in self._transitions(issue, refresh=True)})
        # Jira offers nothing, rather than refusing, to whom may not move issues.
        if not found and not self._has_permission(permission := "TRANSITION_ISSUES", issue.project_id):
            raise self._not_permitted(permission, issue.project_id)
        return found

    def _transitions(self, issue: Issue, *, refresh: bool = False) -> list[Transition]:
        """Return the transitions from where `issue` is; they are the same for all issues of its workflow."""
        workflow = f"transitions {issue.project_id} {issue.issue_type} {fold(issue.status)}"
        if refresh:
            self._kept.pop(workflow, None)
        found = self._keep(workflow, lambda: self._transport.get(f"{API_PATH}/issue/{issue.id}/transitions"))
        return [parsing.transition(each) for each in found.get("transitions") or ()]

    @staticmethod
    def _leading_to(transitions: Iterable[Transition], status: str) -> Transition | None:
        return next((each for each in transitions if fold(each.to_status) == fold(status)), None)

    def _issue_data(self, issue_id: str, expand: str) -> dict[str, Any] | None:
        try:
            path = f"{API_PATH}/issue/{issue_id}"
            data: dict[str, Any] = self._transport.get(path, fields=",".join(parsing.FIELDS), expand=expand)
        except InvalidRequest as error:
            if error.status != 404:  # noqa: PLR2004
                raise
            self.account()  # nobody in particular is told that nothing is there
            return None
        return data

    def with_history(self, issue: Issue) -> Issue:
        if issue.history_from is None:
            return issue
        entries = self._offset_pages(f"{API_PATH}/issue/{issue.id}/changelog", ("values",))
        return replace(issue, changes=parsing.status_changes(entries), history_from=None)

    def is_marked(self, issue_id: str) -> bool:
        return self.mark_of(issue_id) is not None

    def mark_of(self, issue_id: str) -> object:
        return self._marker("issue", issue_id)

    def create(self, draft: Draft) -> Created:
        try:
            with self._permitted("CREATE_ISSUES", project_id=draft.project_id):
                data = self._transport.post(f"{API_PATH}/issue", _creation(draft))
        except InvalidRequest:
            self._kept.clear()  # the project's types or screens may have changed since we looked
            raise
        return Created(str(data["id"]), data["key"])

    def create_many(self, drafts: Sequence[Draft]) -> list[Created | InvalidRequest]:
        body = {"issueUpdates": [_creation(draft) for draft in drafts]}
        with self._permitted("CREATE_ISSUES", project_id=drafts[0].project_id):
            # 400 says that none was created, and why, each for itself.
            answer = self._transport.post(f"{API_PATH}/issue/bulk", body, and_status=400)
        outcome = parsing.creations(answer, len(drafts))
        if any(isinstance(each, InvalidRequest) for each in outcome):
            self._kept.clear()
        return outcome

    def transition(self, issue: Issue, transition: Transition) -> None:
        def is_unchanged() -> None:
            data = self._transport.get(f"{API_PATH}/issue/{issue.id}", fields="updated")
            if parsing.time_of(data["fields"]["updated"]) != issue.updated:
                raise Unavailable(f"{issue.key} was changed while its move waited for its turn; it is looked at again")

        path, body = f"{API_PATH}/issue/{issue.id}/transitions", {"transition": {"id": transition.id}}
        with self._permitted("TRANSITION_ISSUES", issue_id=issue.id):
            self._transport.post(path, body, confirm=is_unchanged)

    # Comments, links, files

    def comment(self, issue_id: str, body: str, marker: str) -> None:
        properties = [{"key": MARKER, "value": {"cause": marker}}]
        with self._permitted("ADD_COMMENTS", issue_id=issue_id):
            self._transport.post(f"{API_PATH}/issue/{issue_id}/comment", {"body": body, "properties": properties})

    def has_comment(self, issue_id: str, marker: str, since: datetime) -> bool:
        found = self._own_comments(issue_id, since)
        return any(self._marker("comment", each["id"]) == {"cause": marker} for each in found)

    def own_comments(self, issue_id: str, since: datetime) -> list[str]:
        return [each.get("body") or "" for each in self._own_comments(issue_id, since)]

    def _own_comments(self, issue_id: str, since: datetime) -> Iterator[dict[str, Any]]:
        own = self.account()
        for each in self._offset_pages(f"{API_PATH}/issue/{issue_id}/comment", ("comments",), orderBy="-created"):
            if parsing.time_of(each["created"]) < since:
                return
            if parsing.account(each.get("author") or {}) == own:
                yield each

    def link(self, issue_id: str, global_id: str, url: str, title: str, summary: str) -> None:
        body = {
            "globalId": global_id,
            "application": {"type": "jira-sync", "name": "jira-sync"},
            "relationship": "is synchronised with",
            "object": {"url": url, "title": title, "summary": summary},
        }
        with self._permitted("LINK_ISSUES", issue_id=issue_id):
            self._transport.post(f"{API_PATH}/issue/{issue_id}/remotelink", body, repeatable=True)

    def download(self, attachment: Attachment) -> AbstractContextManager[Iterator[bytes]]:
        return transfer.download(self._transport, attachment, is_cloud=self.is_cloud)

    def upload(self, issue_id: str, attachment: Attachment, content: Iterator[bytes]) -> Attachment:
        with self._permitted("CREATE_ATTACHMENTS", issue_id=issue_id):
            return transfer.upload(self._transport, issue_id, attachment, content)

    # Helpers

    @contextmanager
    def _permitted(self, permission: str, *, issue_id: str = "", project_id: str = "") -> Iterator[None]:
        """Tell a permission that our account lacks in the whole project, which stops the sync, from any other refusal.

        Raises NeedsOperator for the former.
        """
        try:
            yield
        except InvalidRequest as error:
            project = self._project_of(issue_id, project_id) if error.status == FORBIDDEN else ""
            if not project or self._has_permission(permission, project):
                raise
            raise self._not_permitted(permission, project) from error

    def _not_permitted(self, permission: str, project_id: str) -> NeedsOperator:
        key = next((key for key, known in self._projects.items() if known == project_id), project_id)
        message = f"our account may not {PERMISSIONS[permission]} in project {key}: grant it {permission}"
        return NeedsOperator(message, status=FORBIDDEN)

    def _project_of(self, issue_id: str, project_id: str) -> str:
        if project_id:
            return project_id
        data = self._issue_data(issue_id, "")
        return str(data["fields"]["project"]["id"]) if data else ""

    def _has_permission(self, permission: str, project_id: str) -> bool:
        answer = self._transport.get(f"{API_PATH}/mypermissions", projectId=project_id, permissions=permission)
        return bool(answer["permissions"].get(permission, {}).get("havePermission", True))

    def _marker(self, kind: str, identity: str) -> Any:
        try:
            return self._transport.get(f"{API_PATH}/{kind}/{identity}/properties/{MARKER}")["value"]
        except InvalidRequest as error:
            if error.status != 404:  # noqa: PLR2004
                raise
            return None

    def _offset_pages(self, path: str, names: tuple[str, ...], **parameters: Any) -> Iterator[dict[str, Any]]:
        """Yield the entries of a paged list, which Cloud and Data Center may call by different names."""
        start = 0
        while True:
            page = self._transport.get(path, startAt=start, maxResults=READ_AT_ONCE, **parameters)
            entries: list[dict[str, Any]] = next((page[name] for name in names if name in page), [])
            yield from entries
            start += len(entries)
            if not entries or start >= page.get("total", start):
                return

    def _keep(self, name: str, look_up: Callable[[], Any]) -> Any:
        kept = self._kept.get(name)
        if kept is None or time.monotonic() - kept[0] > SCREENS_KEPT_FOR:
            kept = self._kept[name] = (time.monotonic(), look_up())
        return kept[1]


def _made_by_us(project_id: str, since: datetime, *, elsewhere: bool = False) -> str:
    bound = int(since.timestamp() * 1000)
    where = f"project {'!=' if elsewhere else '='} {project_id}"
    return f"{where} AND creator = currentUser() AND created >= {bound} ORDER BY key ASC"


def _creation(draft: Draft) -> dict[str, Any]:
    fields = {"project": {"id": draft.project_id}, "issuetype": {"id": draft.issue_type}, **draft.fields}
    return {"fields": fields, "properties": [{"key": MARKER, "value": draft.marker}]}


def all_pages(ask: Callable[[dict[str, Any]], dict[str, Any]], body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the issues of all pages of a Cloud search, from `body` on. Raises Unavailable when a page comes again."""
    seen: set[str] = set()
    while True:
        page = ask(body)
        yield from page["issues"]
        token = page.get("nextPageToken")
        if page.get("isLast") or not token:
            return
        if token in seen:
            raise Unavailable("search repeats a page; the answer cannot be trusted")
        seen.add(token)
        body = {**body, "nextPageToken": token}
