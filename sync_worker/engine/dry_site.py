"""The site of a dry run: nothing is changed on it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import datetime
from itertools import count
from typing import Any

from sync_worker.core.issues.issue import Attachment, Created, Draft, Issue, OwnComment, TextSource, Transition
from sync_worker.core.ports import Read, ReadOnlyJira
from sync_worker.core.timing import LONG_AGO

POSTED = "-0"
"""The id of each comment that would be posted."""


class DryRunSite:
    """Satisfies `core.ports.Jira`. What would change something is answered as if it had been done.

    What only reads reaches the real site. An issue that would be created is there from then on, without a key.
    """

    def __init__(self, real: ReadOnlyJira) -> None:
        self._real = real
        self._keys: dict[str, str] = {}
        self._made: dict[str, Issue] = {}
        self._marks: dict[str, object] = {}
        self._moved: dict[str, str] = {}
        self._numbers = count(1)

    def __getattr__(self, name: str) -> Any:
        """Return what the real site has under this name if that only reads, else what does nothing."""
        return getattr(self._real, name) if hasattr(ReadOnlyJira, name) else lambda *_, **__: None

    def project_id(self, key: str) -> str:
        identity = self._real.project_id(key)
        self._keys[identity] = key
        return identity

    def read(self, ids: Collection[str]) -> Read:
        real = [issue_id for issue_id in ids if issue_id not in self._made]
        read = self._real.read(real) if real else Read([], {})
        found = [*read.issues, *(self._made[issue_id] for issue_id in ids if issue_id in self._made)]
        return replace(read, issues=[self._as_moved(issue) for issue in found])

    def issue(self, issue_id: str) -> Issue | None:
        found = self._made.get(issue_id) or self._real.issue(issue_id)
        return found and self._as_moved(found)

    def _as_moved(self, issue: Issue) -> Issue:
        return replace(issue, status=self._moved.get(issue.id, issue.status))

    def transition_to(self, issue: Issue, status: str, *, refresh: bool = False) -> Transition | None:
        if issue.id in self._made:
            return Transition("", "", status)
        return self._real.transition_to(issue, status, refresh=refresh)

    def has_comment(
        self, issue_id: str, marker: str, since: datetime, databases: Collection[str] = (), *, by_anybody: bool = False
    ) -> bool:
        if issue_id in self._made:
            return False
        return self._real.has_comment(issue_id, marker, since, databases, by_anybody=by_anybody)

    def links_of(self, issue_id: str) -> list[str]:
        return [] if issue_id in self._made else self._real.links_of(issue_id)

    def mark_of(self, issue_id: str) -> object:
        return self._marks[issue_id] if issue_id in self._marks else self._real.mark_of(issue_id)

    def is_comment_marked(self, comment_id: str, marker: str | None = None) -> bool:
        return comment_id == POSTED or self._real.is_comment_marked(comment_id, marker)

    def own_comments(self, issue_id: str, since: datetime) -> list[OwnComment]:
        return [] if issue_id in self._made else self._real.own_comments(issue_id, since)

    # What would change something, and is answered

    def create(self, draft: Draft) -> Created:
        identity, key = f"-{next(self._numbers)}", f"{self._keys.get(draft.project_id, draft.project_id)}-?"
        summary = str(draft.fields.get("summary"))
        self._made[identity] = Issue(
            id=identity,
            key=key,
            project_id=draft.project_id,
            issue_type=draft.issue_type,
            summary=summary,
            description=None,
            status="",
            is_done=False,
            priority=None,
            labels=(),
            creator=None,
            created=LONG_AGO,
            updated=LONG_AGO,
        )
        self._marks[identity] = draft.marker
        return Created(identity, key)

    def create_many(self, drafts: Sequence[Draft]) -> list[Created]:
        return [self.create(draft) for draft in drafts]

    def transition(self, issue: Issue, transition: Transition) -> None:
        self._moved[issue.id] = transition.to_status

    def comment(
        self,
        issue_id: str,  # noqa: ARG002
        body: str,  # noqa: ARG002
        marker: str,  # noqa: ARG002
        database: str = "",  # noqa: ARG002
        *,
        source: TextSource | None = None,  # noqa: ARG002
    ) -> str:
        return POSTED

    def upload(self, _issue_id: str, attachment: Attachment, _content: Iterator[bytes]) -> Attachment:
        return replace(attachment, id=f"-{next(self._numbers)}", author=None)

    def download(self, attachment: Attachment) -> AbstractContextManager[Iterator[bytes]]:
        """Give the file to whoever looks into it, and do not even ask for it otherwise."""

        def content() -> Iterator[bytes]:
            with self._real.download(attachment) as chunks:
                yield from chunks

        @contextmanager
        def lazily() -> Iterator[Iterator[bytes]]:
            yield content()

        return lazily()
