"""What a worker remembers between two looks at an issue, as values; `store` keeps them.

A *cause* is one change that a rule may answer. It is remembered in the same write that marks the change as
seen, so a crash can lose neither, and it stays until all of its actions are carried out. What was begun and
what is done stands in its marks: an action is carried out at most once per cause.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum

from sync_model.definition import Side

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class CauseKind(StrEnum):
    STATUS = "status"  # the status changed
    FIRST = "first"  # seen for the first time
    UPDATE = "update"  # anything else changed
    MOVED = "moved"  # it has another key than before
    GONE = "gone"  # it was deleted
    ANEW = "anew"  # a person asked for it to be carried over again


STATUS_CAUSES = frozenset({CauseKind.STATUS, CauseKind.FIRST, CauseKind.ANEW})


@dataclass(frozen=True)
class Attempt:
    """How far one action of a cause has come: begun (its request may be under way), or done."""

    at: datetime
    done: bool = False


@dataclass(frozen=True)
class Failure:
    """Why the last attempt at a cause failed, after how many attempts, and when the next one may be."""

    error: str
    attempts: int
    first_at: datetime
    last_at: datetime
    next_try: datetime


@dataclass(frozen=True)
class FailingIssue:
    """An issue, by its key, of which a change fails: since when, how often, and the last error."""

    issue: str
    since: datetime
    attempts: int
    error: str


@dataclass(frozen=True)
class Cause:
    """One change to answer. `id` is Jira's own id of the status change where there is one.

    `may_move` is False when it must not move the counterpart: the update may be nothing but the echo of our own
    writes, or the issue's status has been set anew since by a later change on the other side.
    """

    id: str
    kind: CauseKind
    at: datetime
    from_status: str | None
    to_status: str
    is_done: bool = False
    may_move: bool = True
    marks: Mapping[str, Attempt] = field(default_factory=dict)
    failure: Failure | None = None

    def __str__(self) -> str:
        """Say what changed, for people."""
        if self.kind is CauseKind.STATUS and self.from_status:
            return f"{self.from_status} → {self.to_status}"
        words = {
            CauseKind.FIRST: "first seen in",
            CauseKind.UPDATE: "edited in",
            CauseKind.MOVED: "got a new key in",
            CauseKind.ANEW: "asked for again in",
        }
        return f"{words.get(self.kind, self.kind)} {self.to_status}".strip()

    def due_at_once(self) -> Cause:
        failure = self.failure and replace(self.failure, next_try=self.failure.last_at)
        return replace(self, failure=failure)

    def begun(self, action: str) -> Attempt | None:
        return self.marks.get(action)

    def has_done(self, action: str) -> bool:
        mark = self.marks.get(action)
        return mark is not None and mark.done

    def marked(self, action: str, mark: Attempt | None) -> Cause:
        """Return this cause with `action`'s mark set, or taken away when `mark` is None."""
        others = {name: each for name, each in self.marks.items() if name != action}
        return replace(self, marks=others if mark is None else {**others, action: mark})


@dataclass(frozen=True)
class OwnMove:
    """A status that we set on behalf of a cause: no cause itself once it shows up in the issue's history.

    `landed`: it has shown up. `settled`: we know that it was carried out. With both it can be forgotten.
    """

    cause: str
    to_status: str
    landed: bool = False
    settled: bool = False


@dataclass(frozen=True)
class IssueState:
    """What is remembered of one issue.

    `updated` is the newest `updated` that a direct read gave. `seen` holds the ids of the status changes no
    older than an hour before `seen_until`; older ones count as seen by their time. `copied` maps attachments
    to their copies on the counterpart, `received` lists the ones that are copies themselves, `uploads` those
    whose upload was begun. `pending` holds the causes that are not carried out yet, in the order in which they
    will be; `dead` those that were given up, until a person has them tried again.
    """

    side: Side
    id: str
    key: str
    status: str
    updated: datetime
    seen_until: datetime
    seen: tuple[str, ...] = ()
    own_moves: tuple[OwnMove, ...] = ()
    wrote_until: datetime | None = None
    copied: Mapping[str, str] = field(default_factory=dict)
    received: tuple[str, ...] = ()
    uploads: Mapping[str, datetime] = field(default_factory=dict)
    pending: tuple[Cause, ...] = ()
    dead: tuple[Cause, ...] = ()

    @classmethod
    def blank(cls, side: Side, issue_id: str, key: str) -> IssueState:
        """Return the memory of an issue of which nothing was seen: all of its history is news."""
        return cls(side, issue_id, key, "", LONG_AGO, seen_until=LONG_AGO)

    def with_cause(self, cause: Cause) -> IssueState:
        """Return this memory with `cause` in the place of the pending one of the same id."""
        return replace(self, pending=tuple(cause if each.id == cause.id else each for each in self.pending))

    def without_cause(self, cause_id: str) -> IssueState:
        return replace(self, pending=tuple(each for each in self.pending if each.id != cause_id))

    def dead_lettered(self, cause: Cause) -> IssueState:
        """Return this memory with `cause` given up: the later ones go on."""
        others = tuple(each for each in self.dead if each.id != cause.id)
        return replace(self.without_cause(cause.id), dead=(*others, cause))

    def requeued(self) -> IssueState:
        """Return this memory with all that failed or was given up due at once, as if it had never been tried."""
        waiting = {each.id: each for each in (*self.dead, *self.pending)}
        causes = sorted(waiting.values(), key=lambda cause: cause.at)
        return replace(self, pending=tuple(replace(each, failure=None) for each in causes), dead=())

    def dismissed(self) -> IssueState:
        """Return this memory without what was given up."""
        return replace(self, dead=())

    def due_now(self) -> IssueState:
        """Return this memory with all that waits for its next try due at once."""
        return replace(self, pending=tuple(each.due_at_once() for each in self.pending))

    def superseded(self) -> IssueState:
        """Return this memory with no status change that is still here moving the counterpart any more."""
        return replace(self, pending=_without_moves(self.pending), dead=_without_moves(self.dead))

    def expired(self, at: datetime) -> IssueState:
        """Return this memory with no status change up to `at` that was given up moving the counterpart any more."""
        older, newer = [each for each in self.dead if each.at <= at], [each for each in self.dead if each.at > at]
        return replace(self, dead=(*_without_moves(older), *newer))

    def own_move(self, cause: str) -> OwnMove | None:
        return next((each for each in self.own_moves if each.cause == cause), None)

    def with_own_move(self, move: OwnMove) -> IssueState:
        """Return this memory with `move` in the place of an earlier one of the same cause."""
        return replace(self, own_moves=(*self.without_own_move(move.cause).own_moves, move))

    def without_own_move(self, cause: str) -> IssueState:
        return replace(self, own_moves=tuple(each for each in self.own_moves if each.cause != cause))


def _without_moves(causes: Iterable[Cause]) -> tuple[Cause, ...]:
    return tuple(replace(each, may_move=False) if each.kind in STATUS_CAUSES else each for each in causes)


@dataclass(frozen=True)
class Pair:
    """Two issues that are each other's counterpart, by immutable ids; unique on both sides.

    `linked` maps a side to the key of its counterpart that the remote link there was given. `away` names the sides
    whose issue was moved out of its project. `missing` maps a side to when a direct read first did not find its
    issue, `gone` to when a later one confirmed it: that issue was deleted.
    """

    user_id: str
    dev_id: str
    user_key: str
    dev_key: str
    created: datetime
    linked: Mapping[str, str] = field(default_factory=dict)
    away: tuple[str, ...] = ()
    missing: Mapping[str, datetime] = field(default_factory=dict)
    gone: Mapping[str, datetime] = field(default_factory=dict)

    @classmethod
    def of(cls, side: Side, own: tuple[str, str], other: tuple[str, str], created: datetime) -> Pair:
        """Return the pair of `side`'s issue, given as id and key, and its counterpart."""
        (user_id, user_key), (dev_id, dev_key) = (own, other) if side is Side.USER else (other, own)
        return cls(user_id, dev_id, user_key, dev_key, created)

    def id(self, side: Side) -> str:
        return self.user_id if side is Side.USER else self.dev_id

    def key(self, side: Side) -> str:
        return self.user_key if side is Side.USER else self.dev_key

    def found(self, side: Side, key: str, *, in_project: bool) -> Pair:
        """Return this pair after a direct read of `side`'s issue, which may have moved since."""
        keys = {"user_key": key} if side is Side.USER else {"dev_key": key}
        away = tuple(each for each in self.away if each != side) + (() if in_project else (str(side),))
        missing, gone = _without(side, self.missing), _without(side, self.gone)
        return replace(self, away=away, missing=missing, gone=gone, **keys)  # type: ignore[arg-type]


def _without(side: Side, times: Mapping[str, datetime]) -> dict[str, datetime]:
    return {each: at for each, at in times.items() if each != side}


@dataclass(frozen=True)
class Restored:
    """The database was restored from a backup, so that it does not know what was done since: Jira does.

    Times are on each side's clock: whatever was done unknown to us was done after `since`, as far as it is known, and
    before `until`, the first look after the restore. `is_reunited`: the counterparts created meanwhile are known again.
    """

    since: Mapping[str, datetime] = field(default_factory=dict)
    until: Mapping[str, datetime] = field(default_factory=dict)
    is_reunited: bool = False

    def may_know(self, cause: Cause, side: Side) -> bool:
        """Tell whether `cause`, of an issue of `side`, may have been carried out before the restore."""
        return cause.at <= self.until[side]

    def earliest(self, side: Side) -> datetime:
        """Return from when on something may have been done on `side`."""
        return self.since.get(side, LONG_AGO)


@dataclass(frozen=True)
class Importing:
    """What the replaced service left is being taken over: since when, on the dev side's clock, and from where.

    `source` is what a person has named; it is empty where the worker does it, from its own server.
    """

    began: datetime
    source: str = ""


@dataclass(frozen=True)
class Progress:
    """How far the sync as a whole has come.

    `cursors` maps a side to the time, on its Jira's clock, up to which every change is remembered. `baselines`
    is set when the first look only took note of what was there: changes before it are no cause. `swept` and
    `counted` say when, on the user side's clock, the last sweep and the last census were. `definition` is the
    digest of the sync's file as the last cycle knew it. `unfit` maps a side to the ids of issues that could not be
    handled, because their document or Jira's answer could not be understood: they are looked at in every cycle.
    `restored` is set when the database comes from a backup, `import_run` until a takeover has come to its end.
    """

    cursors: Mapping[str, datetime] = field(default_factory=dict)
    baselines: Mapping[str, datetime] = field(default_factory=dict)
    swept: datetime | None = None
    counted: datetime | None = None
    definition: str | None = None
    unfit: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    restored: Restored | None = None
    importing: Importing | None = None


@dataclass(frozen=True)
class Request:
    """What an operator, `by` name, asked for: `retry`, `dismiss` or `resync`, for `issues` (`user:10001`).

    `retry` and `dismiss` mean all issues when there are none.
    """

    id: str
    kind: str
    issues: tuple[str, ...] = ()
    by: str = ""


@dataclass(frozen=True)
class JournalEntry:
    """One thing that was done for an issue, or was not, and why.

    `who`: the worker, or the person who asked. `what`: an action's kind, or what was asked for. `result`: `done`,
    `found` (an earlier attempt had done it), `skipped`, `failed`, `given up`. `issue` and `counterpart` are keys, as
    they were then. `side` is the issue's; None for what is about the sync as a whole. `rule` called for it, in answer
    to `cause`. `text` says the rest in words: a status, a file, an error.
    """

    at: datetime
    who: str
    what: str
    result: str = "done"
    side: Side | None = None
    issue: str | None = None
    counterpart: str | None = None
    rule: str | None = None
    cause: str | None = None
    text: str = ""


@dataclass(frozen=True)
class Pause:
    """Who paused the sync, when, and why, if they said."""

    by: str
    at: datetime
    reason: str = ""

    def __str__(self) -> str:
        return f"paused by {self.by} at {self.at:%Y-%m-%d %H:%M} UTC{f': {self.reason}' if self.reason else ''}"


@dataclass(frozen=True)
class PastCycle:
    """One cycle that ended; `error` says why it failed, if it did. `duration` in seconds."""

    started: datetime
    duration: float
    counts: dict[str, int]
    error: str | None = None
