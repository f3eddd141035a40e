"""What can go wrong outside, sorted by what the caller does next.

    SyncError
    ├── Unavailable                wait and try again: no answer, too many calls, an error on the other side
    │   ├── DatabaseUnavailable    wait: MongoDB does not answer
    │   ├── OutcomeUnknown         wait: whether a request was carried out cannot be told yet
    │   ├── NotJira                wait: something else has answered in Jira's place
    │   │   └── Redirected         wait: it wants us at another address
    │   └── SiteThrottled          wait, and all other calls to this site with it
    ├── NeedsOperator              a person must act: credentials, a missing project, a permission for the whole sync
    │   ├── MadeByAnother          another installation has created counterparts for the same two projects
    │   └── CredentialsRefused     the site does not accept our secret; it is not tried for ever
    └── InvalidRequest             this one action is wrong: note it and go on with the others
        ├── IssueGone              its issue is gone, or not visible to us
        └── CounterpartGone        the counterpart of its issue is gone, or not visible to us

`StopRequested`, `LeaseLost` and `Paused` are no errors. They unwind a cycle that was asked to end, whose sync is
another worker's now, or that is nobody's for the time being.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

from sync_model.secrecy.redaction import redacted


class SyncError(Exception):
    """Something outside did not do what it was asked to. The message is one sentence for an operator.

    No secret of ours is in it, even if what is outside repeats one.
    """

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(redacted(message))
        self.status = status


class Unavailable(SyncError):
    """Wait and try again, at the earliest after `retry_after` seconds.

    `ambiguous` is True when the request may have been carried out although no answer says so.
    """

    def __init__(
        self, message: str, *, status: int | None = None, retry_after: float = 0.0, ambiguous: bool = False
    ) -> None:
        super().__init__(message, status=status)
        self.retry_after = retry_after
        self.ambiguous = ambiguous


class DatabaseUnavailable(Unavailable):
    """MongoDB does not answer, or not as it should."""


class OutcomeUnknown(Unavailable):
    """Whether a request was carried out cannot be told yet; until then there must be no second one.

    `refusal` is set when something else than Jira has said no: what it said. It is believed when the request turns out
    not to have been carried out.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        retry_after: float = 0.0,
        ambiguous: bool = False,
        refusal: str = "",
    ) -> None:
        super().__init__(message, status=status, retry_after=retry_after, ambiguous=ambiguous)
        self.refusal = redacted(refusal)


class NotJira(Unavailable):
    """What has answered is not Jira, or not as Jira does. Nothing of it is believed."""


class Redirected(NotJira):
    """What has answered wants us at another address. Redirects are not followed."""


class SiteThrottled(Unavailable):
    """The site as a whole asked for a pause that is too long to wait for in place."""


class NeedsOperator(SyncError):
    """Nothing of this sync can work until a person has acted. `ambiguous` as for `Unavailable`."""

    def __init__(self, message: str, *, status: int | None = None, ambiguous: bool = False) -> None:
        super().__init__(message, status=status)
        self.ambiguous = ambiguous


class MadeByAnother(NeedsOperator):
    """Another installation has created counterparts for the two projects of this sync."""


class CredentialsRefused(NeedsOperator):
    """The site does not accept our credentials."""


class InvalidRequest(SyncError):
    """This one action cannot be done as things stand; the others can. `final`: no waiting mends it.

    `fields`: what Jira says of single fields, by their names.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        final: bool = False,
        fields: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        super().__init__(message, status=status)
        self.final, self.fields = final, fields


class IssueGone(InvalidRequest):
    """The issue is gone, or not visible to us any more."""


class CounterpartGone(InvalidRequest):
    """The counterpart of the issue is gone, or not visible to us any more."""


class StopRequested(Exception):
    """The worker was asked to stop; raised between two requests."""


class LeaseLost(Exception):
    """This sync is another worker's, or may be by now: nothing more is written. The message says whose."""


class Paused(Exception):
    """An operator wants this sync to do nothing for the time being. The message says who, and why."""


def is_final(error: Exception) -> bool:
    """Tell whether no waiting mends what has ended in this error."""
    return isinstance(error, InvalidRequest) and error.final


def to_go_by(errors: Iterable[SyncError]) -> SyncError:
    """Return which of several errors decides: one that waiting may mend, if there is one, so that it is tried again."""
    return min(errors, key=is_final)


def may_have_happened(error: Exception) -> bool:
    """Tell whether a request that ended in `error` may have been carried out all the same."""
    if isinstance(error, Unavailable | NeedsOperator):
        return error.ambiguous
    # Anything else is a fault of our own, which may have come up after the answer.
    return not isinstance(error, SyncError | StopRequested)


def _ignore(_error: Exception) -> None: ...


@contextmanager
def unless_carried_out(
    take_back: Callable[[], None], note_doubt: Callable[[Exception], None] = _ignore
) -> Iterator[None]:
    """Surround a request.

    `take_back` what was remembered of it when it certainly was not carried out; `note_doubt` when it may have been.
    """
    try:
        yield
    except LeaseLost:
        raise
    except Exception as error:
        if may_have_happened(error):
            note_doubt(error)
        else:
            take_back()
        raise
