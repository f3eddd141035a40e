"""What can be made to go wrong: one record per fault, matched against each call."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic.alias_generators import to_camel


class Fault(BaseModel):
    """One thing that goes wrong, for the calls that match, `times` times or until it is taken away.

    status               answer `status` with `retryAfter`, `reason` and `message`; the call is not carried out
    status_after         carry the call out, then answer `status`
    drop_before          close the connection without an answer; the call is not carried out
    drop_after           carry the call out, then close the connection without an answer
    delay                wait `seconds` first
    hang                 give no answer until the fault is taken away; the call is carried out then
    hang_after           carry the call out, then give no answer until the fault is taken away
    anonymous            treat the caller as an anonymous visitor; `silent` without the headers that tell
    unauthorized         answer 401, as for a wrong or expired token
    html_login           answer 200 with a login page
    redirect_attachment  answer an attachment's download with 303 to `location`
    truncate_attachment  send half of an attachment and close the connection
    truncate_changelog   let `expand=changelog` hold no more than the newest `keep` entries
    burst                429 when a token bucket of `size`, refilled with `rate` tokens a second, is empty; one
                         bucket per endpoint and method on Cloud, one per user on Data Center
    """

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)

    kind: Literal[
        "status", "status_after", "drop_before", "drop_after", "delay", "hang", "hang_after",
        "anonymous", "unauthorized",
        "html_login", "redirect_attachment", "truncate_attachment", "truncate_changelog", "burst",
    ]  # fmt: skip
    method: str | None = None
    path: str | None = None
    user: str | None = None
    times: int | None = Field(default=None, ge=1)
    status: int = Field(default=503, ge=400, le=599)
    retry_after: str | None = None
    reason: str | None = None
    message: str = "This is a simulated fault."
    seconds: float = 0.0
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

    def matches(self, method: str, path: str, user: str | None) -> bool:
        """`path` is searched for in the path below the site's name."""
        return (
            (self.method is None or self.method.upper() == method)
            and (self.path is None or re.search(self.path, path) is not None)
            and (self.user is None or self.user == user)
        )


class Faults:
    """The faults that are switched on for one site."""

    def __init__(self) -> None:
        self._faults: dict[int, Fault] = {}
        self._left: dict[int, int] = {}
        self._last = 0

    def add(self, fault: Fault) -> int:
        self._last += 1
        self._faults[self._last] = fault
        if fault.times is not None:
            self._left[self._last] = fault.times
        return self._last

    def remove(self, identity: int | None = None) -> None:
        """Take one fault away, or all of them."""
        for each in [identity] if identity is not None else list(self._faults):
            self._faults.pop(each, None)
            self._left.pop(each, None)

    def is_on(self, identity: int) -> bool:
        return identity in self._faults

    def take(self, method: str, path: str, user: str | None) -> list[tuple[int, Fault]]:
        """Return the faults that befall this call, and count it for those that end after so many."""
        befallen = [
            (key, fault)
            for key, fault in self._faults.items()
            if self._left.get(key, 1) > 0 and fault.matches(method, path, user)
        ]
        for key, fault in befallen:
            if fault.times is not None:
                self._left[key] -= 1
                # One that hangs is kept until it is taken away, for those that it holds, but takes no more.
                if self._left[key] <= 0 and not fault.kind.startswith("hang"):
                    self.remove(key)
        return befallen
