"""The scopes of OAuth 2.0: which one a call needs, and how a site says that an access token lacks it.

Atlassian's gateway says 401 then, as for a token that has expired, and does not name the scope:
https://community.developer.atlassian.com/t/how-to-solve-unauthorized-scope-does-not-match/81389
"""

from __future__ import annotations

from sync_worker.core.decisions.rate_limit import MYSELF, READING_POSTS, WRITES, call_of
from sync_worker.core.errors import NeedsOperator, OutcomeUnknown, SyncError
from sync_worker.jira import wording
from sync_worker.jira.answers import Answer

READS, WRITES_ISSUES, READS_USERS = "read:jira-work", "write:jira-work", "read:jira-user"
NEEDED = (READS, WRITES_ISSUES, READS_USERS)
"""The classic scopes that a sync needs on Cloud."""
ABOUT_USERS = frozenset({MYSELF, "GET /user"})
MISMATCH = "scope does not match"
INSUFFICIENT = "insufficient_scope"
LACKS_SCOPE = "lacks the scope"


def lacks_scope(answer: Answer) -> bool:
    """Tell whether the answer says that the access token lacks a scope: in words of the gateway, or of RFC 6750."""
    if answer.status not in (401, 403):
        return False
    said = wording.said(answer.body[0], answer.error_json, answer.headers.get("Content-Type", ""))
    return MISMATCH in said or INSUFFICIENT in answer.headers.get("WWW-Authenticate", "")


def scope_error(answer: Answer, error: SyncError) -> SyncError:
    """Return what to do about an answer that `lacks_scope`, which was taken for `error` so far."""
    method, _, path = answer.what.partition(" ")
    needed = scope_for(method, path)
    message = (
        f"{answer.says}: the credential of our service account {LACKS_SCOPE} {needed}, or the granular ones that "
        "stand for it here; make a credential that has it, for clientId and clientSecret"
    )
    if isinstance(error, OutcomeUnknown):
        return OutcomeUnknown(message, status=answer.status, ambiguous=True, refusal=message)
    return NeedsOperator(message, status=answer.status)


def scope_for(method: str, path: str) -> str:
    """Return the classic scope of Cloud that a call needs."""
    endpoint = call_of(method, path).endpoint
    if endpoint in ABOUT_USERS:
        return READS_USERS
    return WRITES_ISSUES if method in WRITES and endpoint not in READING_POSTS else READS


def missing(granted: frozenset[str] | None) -> list[str]:
    """Return the classic scopes that a token for Cloud lacks. Granular scopes stand for them: then nothing is known."""
    if granted is None or any(scope.count(":") > 1 for scope in granted):
        return []
    return [scope for scope in NEEDED if scope not in granted]
