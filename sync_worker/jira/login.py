"""What a request carries to sign us in, and what it means when the site refuses an access token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

import httpx

from sync_model.accounts.connection import Connection
from sync_worker.core.decisions.rate_limit import API_PATH
from sync_worker.core.errors import CredentialsRefused, InvalidRequest, NeedsOperator, SyncError
from sync_worker.jira.access_tokens import AccessTokens
from sync_worker.jira.answers import Answer
from sync_worker.jira.scopes import lacks_scope, scope_error
from sync_worker.jira.token_endpoint import AccessToken

OUTSIDE_THE_API = "Data Center serves nothing outside of its API, such as files, to a service account; use a token"


class TokenDropped(CredentialsRefused):
    """The site has refused an access token. There will be another one, with which the request may be sent again."""


@dataclass(frozen=True)
class Login:
    """What a request carries to sign us in. `token` is the access token in it, where that is one of OAuth."""

    headers: Mapping[str, str] = field(default_factory=dict)
    auth: httpx.Auth | None = None
    token: AccessToken | None = None


STRANGER = Login()


def login_with(connection: Connection, token: AccessToken | None) -> Login:
    """Return e-mail address and token, or a token alone in a header: the access token, if there is one."""
    name, secret = connection.login
    if token:
        return Login({"Authorization": f"Bearer {token.text.get_secret_value()}"}, token=token)
    if connection.email is None:
        return Login({"Authorization": f"Bearer {secret}"})
    return Login(auth=httpx.BasicAuth(name, secret))


def about_token(answer: Answer, error: SyncError, tokens: AccessTokens, token: AccessToken) -> SyncError:
    """Return what an answer means, taken for `error` so far, to a request with an access token.

    A token that the site refuses is given up.
    """
    if lacks_scope(answer):
        tokens.refused(token)  # the next one may have it
        return scope_error(answer, error)
    if answer.status != HTTPStatus.UNAUTHORIZED and not isinstance(error, CredentialsRefused):
        return error
    if not answer.what.partition(" ")[2].startswith(API_PATH):
        return InvalidRequest(f"{answer.says}: {OUTSIDE_THE_API}", status=answer.status, final=True)
    is_dropped = tokens.refused(token)
    if not isinstance(error, NeedsOperator):
        return error  # whether it was carried out is looked for, with another token
    kind = TokenDropped if is_dropped and not error.ambiguous else CredentialsRefused
    return kind(str(error), status=error.status, ambiguous=error.ambiguous)
