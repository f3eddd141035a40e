"""What can be made to go wrong: one record per fault, matched against each call."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from functools import cached_property
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic.alias_generators import to_camel


class InjectedFault(BaseModel):
    """One thing that goes wrong, for the calls that match, until it is taken away.

    A call matches by `method`, by `path` (a regular expression, searched for below the site's name) and by `user`, as
    far as they are given. A fault befalls it with `probability`, no more than `times` times, and no longer than
    `forSeconds` after it was switched on. The site's setting `seed` makes what is left to chance repeatable.

    status               answer `status`, or one of `statuses` at random, with `retryAfter`, `reason` and `message`;
                         the call is not carried out
    status_after         carry the call out, then answer as for status
    drop_before          close the connection without an answer; the call is not carried out
    drop_after           carry the call out, then close the connection without an answer
    delay                wait `seconds` first
    hang                 give no answer until the fault is taken away; the call is carried out then
    hang_after           carry the call out, then give no answer until the fault is taken away
    anonymous            treat the caller as an anonymous visitor; `silent` without the headers that tell
    unauthorized         answer 401, as for a wrong or expired token
    captcha              answer 403 to whoever signs in: a person must solve a captcha first
    html_login           answer 200 with a login page
    redirect             answer 302 to `location`
    redirect_attachment  answer an attachment's download with 303 to `location`
    truncate_attachment  send half of an attachment and close the connection
    truncate_changelog   let `expand=changelog` hold no more than the newest `keep` entries
    burst                429 when a token bucket of `size`, refilled with `rate` tokens a second, is empty; one
                         bucket per endpoint and method on Cloud, one per user on Data Center
    per_issue_burst      429 for a write (POST, PUT or DELETE) to one issue that is more than `size` within `seconds`
                         seconds, with a Retry-After in whole seconds; the call is not carried out
    """

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)

    kind: Literal[
        "status", "status_after", "drop_before", "drop_after", "delay", "hang", "hang_after",
        "anonymous", "unauthorized", "captcha", "html_login", "redirect",
        "redirect_attachment", "truncate_attachment", "truncate_changelog", "burst", "per_issue_burst",
    ]  # fmt: skip
    method: str | None = None
    path: str | None = None
    user: str | None = None
    times: int | None = Field(default=None, ge=1)
    for_seconds: float | None = Field(default=None, gt=0)
    probability: float = Field(default=1.0, gt=0, le=1)
    status: int = Field(default=503, ge=400, le=599)
    statuses: list[Annotated[int, Field(ge=400, le=599)]] = Field(default_factory=list)
    retry_after: str | None = None
    reason: str | None = None
    message: str = "This is a simulated fault."
    seconds: float = Field(default=0.0, ge=0)
    silent: bool = False
    location: str = "https://media.invalid/file"
    keep: int = Field(default=1, ge=1)
    rate: float = Field(default=100.0, gt=0)
    size: int = Field(default=100, ge=1)

    @field_validator("path")
    @classmethod
    def _is_a_pattern(cls, path: str | None) -> str | None:
        if path is not None:
            try:
                re.compile(path)
            except re.error as error:
                raise ValueError(f"is not a regular expression: {error}") from None
        return path

    @model_validator(mode="after")
    def _has_a_window(self) -> InjectedFault:
        if self.kind == "per_issue_burst" and not self.seconds:
            raise ValueError("per_issue_burst needs the seconds within which writes are counted")
        return self

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile(self.path or "")

    def matches(self, method: str, path: str, user: str | None) -> bool:
        return (
            (self.method is None or self.method.upper() == method)
            and (self.path is None or self._pattern.search(path) is not None)
            and (self.user is None or self.user == user)
        )


class Faults:
    """The faults that are switched on for one site."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._faults: dict[int, InjectedFault] = {}
        self._left: dict[int, int] = {}
        self._ends: dict[int, float] = {}
        self._last = 0
        self._clock = clock
        self._random = random.Random()  # noqa: S311 - chance, not secrecy

    def seed(self, number: int) -> None:
        """Let chance take the same course as after any other time that it was given this number."""
        self._random.seed(number)

    def add(self, fault: InjectedFault) -> int:
        self._last += 1
        self._faults[self._last] = fault
        if fault.times is not None:
            self._left[self._last] = fault.times
        if fault.for_seconds is not None:
            self._ends[self._last] = self._clock() + fault.for_seconds
        return self._last

    def remove(self, identity: int | None = None) -> None:
        """Take one fault away, or all of them."""
        for each in [identity] if identity is not None else list(self._faults):
            self._faults.pop(each, None)
            self._left.pop(each, None)
            self._ends.pop(each, None)

    def is_on(self, identity: int) -> bool:
        self._remove_ended()
        return identity in self._faults

    def status_of(self, fault: InjectedFault) -> int:
        return self._random.choice(fault.statuses) if fault.statuses else fault.status

    def take(self, method: str, path: str, user: str | None) -> list[tuple[int, InjectedFault]]:
        """Return the faults that befall this call, and count it for those that end after so many."""
        if not self._faults:
            return []
        self._remove_ended()
        befallen = [
            (key, fault)
            for key, fault in self._faults.items()
            if self._left.get(key, 1) > 0 and fault.matches(method, path, user) and self._strikes(fault)
        ]
        for key, fault in befallen:
            if fault.times is not None:
                self._left[key] -= 1
                # One that hangs is kept until it is taken away, for those that it holds, but takes no more.
                if self._left[key] <= 0 and not fault.kind.startswith("hang"):
                    self.remove(key)
        return befallen

    def _strikes(self, fault: InjectedFault) -> bool:
        return fault.probability == 1 or self._random.random() < fault.probability

    def _remove_ended(self) -> None:
        if self._ends:
            now = self._clock()
            for each in [each for each, end in self._ends.items() if end <= now]:
                self.remove(each)
