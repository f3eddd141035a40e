"""Faults that are injected on demand: each says what goes wrong, and for which calls."""

from __future__ import annotations

import random
import re
import time
from collections import Counter
from collections.abc import Callable
from functools import cached_property
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic.alias_generators import to_camel

OK_BELOW = 400
"""Statuses below this one are no errors."""
HOLDING = frozenset({"hang", "hang_after", "late"})
"""Kinds of faults that hold calls until they are removed."""


class InjectedFault(BaseModel):
    """One thing that goes wrong, for the calls that match, until it is removed.

    A call matches by `method`, by `path` (a regular expression, searched for below the site's name), by `query` (one
    that is searched for in its query) and by `user`, as far as they are given. The fault strikes a matching call with
    `probability`, after it has let `skip` of them through, no more than `times` times, and no longer than `forSeconds`
    after it was added. The site's setting `seed` makes random choices repeatable.

    status               answer `status`, or one of `statuses` at random, with `retryAfter`, `reason` and `message`;
                         the call is not carried out
    status_after         carry the call out, then answer as for status
    answer               answer with `status`, `headers` and `body` as they are: what stands before Jira answers in its
                         place; the call is not carried out
    answer_after         carry the call out, then answer as for answer
    echo                 carry the call out, and put `message` behind each text in the answer that has one of the
                         `names`: people of the site have written that there
    late                 answer as for status at once, and carry the call out when the fault is removed
    drop_before          close the connection without an answer; the call is not carried out
    drop_after           carry the call out, then close the connection without an answer
    delay                wait `seconds` first
    hang                 give no answer until the fault is removed; the call is carried out then
    hang_after           carry the call out, then give no answer until the fault is removed
    anonymous            treat the caller as an anonymous visitor; `silent`: without the headers that tell
    unauthorized         answer 401, as for a wrong or expired token
    captcha              answer 403 to callers who sign in: a person must solve a captcha first
    html_login           answer 200 with a login page
    redirect             answer 302 to `location`
    redirect_attachment  answer an attachment's download with 303 to `location`
    truncate_attachment  send half of an attachment and close the connection
    rename_attachment    file an attachment under a name in which only letters, digits, dots and dashes stay as they are
    ignore_order         list comments oldest first, whatever order is asked for
    truncate_changelog   let `expand=changelog` hold no more than the newest `keep` entries; of `issue`, if it is given
    bad_issue            answer `status` to every read that would show more of `issue` than its id
    issue_errors         let a bulk read list `issue` among its `issueErrors`
    too_many             answer `status` to a search page, a bulk read or a bulk creation of more than `size` issues;
                         nothing is carried out
    wrong_total          let a search count `extra` issues more than it finds, or fewer
    node_clock           let a node serve the call whose clock is `offset` seconds off
    wrong_date           let the `Date` header be `offset` seconds off, or `date`, as a proxy makes it
    burst                answer 429 when a token bucket of `size`, refilled with `rate` tokens a second, is empty; there
                         is one bucket per endpoint and method on Cloud, one per user on Data Center
    per_issue_burst      answer 429 to a write (POST, PUT or DELETE) after `size` writes to the same issue within
                         `seconds` seconds, with a Retry-After in whole seconds; the call is not carried out
    """

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)

    kind: Literal[
        "status", "status_after", "answer", "answer_after", "echo", "late",
        "drop_before", "drop_after", "delay", "hang", "hang_after",
        "anonymous", "unauthorized", "captcha", "html_login", "redirect",
        "redirect_attachment", "truncate_attachment", "rename_attachment", "truncate_changelog", "ignore_order",
        "bad_issue", "issue_errors", "too_many", "wrong_total", "node_clock", "wrong_date", "burst", "per_issue_burst",
    ]  # fmt: skip
    method: str | None = None
    path: str | None = None
    query: str | None = None
    user: str | None = None
    skip: int = Field(default=0, ge=0)
    times: int | None = Field(default=None, ge=1)
    for_seconds: float | None = Field(default=None, gt=0)
    probability: float = Field(default=1.0, gt=0, le=1)
    status: int = Field(default=503, ge=200, le=599)
    statuses: list[Annotated[int, Field(ge=200, le=599)]] = Field(default_factory=list)
    headers: dict[str, str] = Field(default_factory=dict)
    body: str = ""
    retry_after: str | None = None
    reason: str | None = None
    message: str = "This is a simulated fault."
    names: list[str] = Field(default_factory=list)
    seconds: float = Field(default=0.0, ge=0)
    silent: bool = False
    location: str = "https://media.invalid/file"
    keep: int = Field(default=1, ge=1)
    issue: str | None = None
    extra: int = 0
    offset: float = 0.0
    date: str | None = None
    rate: float = Field(default=100.0, gt=0)
    size: int = Field(default=100, ge=1)

    @field_validator("path", "query")
    @classmethod
    def _is_a_pattern(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"is not a regular expression: {error}") from None
        return pattern

    @model_validator(mode="after")
    def _is_an_error_of_jira(self) -> InjectedFault:
        if not self.kind.startswith("answer") and min(self.status, *self.statuses, OK_BELOW) < OK_BELOW:
            raise ValueError(f"{self.kind} answers an error; its status is {OK_BELOW} or more")
        return self

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> InjectedFault:
        if self.kind == "per_issue_burst" and not self.seconds:
            raise ValueError("per_issue_burst needs the seconds within which writes are counted")
        if self.kind in ("bad_issue", "issue_errors") and not self.issue:
            raise ValueError(f"{self.kind} needs the key or the id of an issue")
        return self

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile(self.path or "")

    @cached_property
    def _query_pattern(self) -> re.Pattern[str]:
        return re.compile(self.query or "")

    def is_about(self, key_or_id: str) -> bool:
        """Tell whether the fault is about this issue: the one that it names, or every one if it names none."""
        return self.issue is None or self.issue == key_or_id

    def matches(self, method: str, path: str, user: str | None, query: str = "") -> bool:
        return (
            (self.method is None or self.method.upper() == method)
            and (self.path is None or self._pattern.search(path) is not None)
            and (self.query is None or self._query_pattern.search(query) is not None)
            and (self.user is None or self.user == user)
        )


class ActiveFaults:
    """The faults of one site that are switched on. `strikes` counts by id the calls that each has struck."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._faults: dict[int, InjectedFault] = {}
        self._strikes_left: dict[int, int] = {}
        self._let_through: Counter[int] = Counter()
        self.strikes: Counter[int] = Counter()
        self._ends: dict[int, float] = {}
        self._last_id = 0
        self._clock = clock
        self._random = random.Random()  # noqa: S311 - for tests, not for secrets

    def seed(self, number: int) -> None:
        """Make all random choices from here on the same as after any other call with this number."""
        self._random.seed(number)

    def add(self, fault: InjectedFault) -> int:
        """Switch a fault on, and return its id."""
        self._last_id += 1
        self._faults[self._last_id] = fault
        if fault.times is not None:
            self._strikes_left[self._last_id] = fault.times
        if fault.for_seconds is not None:
            self._ends[self._last_id] = self._clock() + fault.for_seconds
        return self._last_id

    def remove(self, fault_id: int | None = None) -> None:
        """Switch one fault off, or all of them."""
        for ended in [fault_id] if fault_id is not None else list(self._faults):
            self._faults.pop(ended, None)
            self._strikes_left.pop(ended, None)
            self._ends.pop(ended, None)

    def is_on(self, fault_id: int) -> bool:
        self._remove_expired()
        return fault_id in self._faults

    def status_of(self, fault: InjectedFault) -> int:
        return self._random.choice(fault.statuses) if fault.statuses else fault.status

    def strike(self, method: str, path: str, user: str | None, query: str = "") -> list[tuple[int, InjectedFault]]:
        """Return the faults that strike this call, with their ids, and count the call for those that are limited."""
        if not self._faults:
            return []
        self._remove_expired()
        striking = [
            (fault_id, fault)
            for fault_id, fault in self._faults.items()
            if self._strikes_left.get(fault_id, 1) > 0
            and fault.matches(method, path, user, query)
            and self._is_next(fault_id, fault)
            and self._decide(fault)
        ]
        for fault_id, fault in striking:
            self.strikes[fault_id] += 1
            if fault.times is not None:
                self._strikes_left[fault_id] -= 1
                # A fault that holds calls stays for them until it is removed, but strikes no more.
                if self._strikes_left[fault_id] <= 0 and fault.kind not in HOLDING:
                    self.remove(fault_id)
        return striking

    def _is_next(self, fault_id: int, fault: InjectedFault) -> bool:
        """Count a call that matches; tell whether enough others were let through."""
        if self._let_through[fault_id] >= fault.skip:
            return True
        self._let_through[fault_id] += 1
        return False

    def _decide(self, fault: InjectedFault) -> bool:
        return fault.probability == 1 or self._random.random() < fault.probability

    def _remove_expired(self) -> None:
        if self._ends:
            now = self._clock()
            for expired in [fault_id for fault_id, end in self._ends.items() if end <= now]:
                self.remove(expired)
