"""Access to a Jira site for a new sync: its address, our account, and where the workers will find the token."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from generator.running.errors import Unusable
from jira_sync.checkup.finding import listed
from jira_sync.setup.interview import Interview, InvalidAnswer
from sync_model.accounts.connection import Connection
from sync_model.accounts.oauth import ATLASSIANS_GATEWAY, OAUTH, OAuthClient, default_endpoint, default_scopes, id_fault
from sync_model.definition.values import url_fault
from sync_model.secrecy.secret_text import FileFault, read_secret, secret_fault
from sync_worker.core.errors import NeedsOperator, Unavailable
from sync_worker.core.site_info import Project, Server
from sync_worker.jira.probe import Obstacle, cloud_id, patient_client, probe
from sync_worker.jira.survey import Survey

MOST_ATTEMPTS = 3
MOST_SHOWN = 20
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class AccessOptions:
    """The options of one site. `prefix` distinguishes those of the developers' site."""

    site: str | None
    email: str | None
    token_env: str | None
    token_file: Path | None
    prefix: str = ""
    client_id: str | None = None

    @property
    def are_given(self) -> bool:
        return any((self.site, self.email, self.token_env, self.token_file, self.client_id))

    def name(self, option: str) -> str:
        return f"--{self.prefix}{option}"


@dataclass(frozen=True)
class SiteAccess:
    """A site that accepted our token. `token_from` is the reference to the token that goes into the file.

    For a service account, that is its client secret.
    """

    base_url: str
    email: str | None
    token_from: str
    survey: Survey

    def account(self) -> dict[str, Any]:
        """Return the account as the file has it."""
        connection = self.survey.connection
        if client := connection.client:
            site = {"siteUrl": connection.site_url} if connection.site_url != connection.base_url else {}
            names = {"authType": OAUTH, "clientId": client.id, "clientSecret": self.token_from}
            return {"baseUrl": connection.base_url, **site, **names}
        authentication = {"email": self.email} if self.email else {"authType": "pat"}
        return {"baseUrl": self.base_url, **authentication, "apiToken": self.token_from}

    @property
    def todo(self) -> str | None:
        """What a person still must do so that the workers find the token, or None."""
        if _find_token(self.token_from):
            return None
        source = self.token_from.removeprefix("${").removesuffix("}")
        if source.startswith("file:"):
            return f"put the token into {source.removeprefix('file:')}"
        return f"export {source}=…    # the token; for a container, a line in .env"


def get_access(interview: Interview, options: AccessOptions, *, whose: str, default_variable: str) -> SiteAccess:
    """Find the site and sign in there. Raises Unusable."""
    base_url, server = interview.ask(options.name("site"), options.site, f"Address of {whose} Jira", _reach_site)
    interview.say(f"  {server or 'a Jira that tells strangers nothing of itself'}")
    if options.client_id:
        return _service_account(interview, options, base_url, server, default_variable)
    is_cloud = server is not None and server.is_cloud
    account = "E-mail of the account" if is_cloud else "User name, or nothing for a personal access token"
    parse_email = partial(_parse_email, server=server)
    email = interview.ask(options.name("email"), options.email, account, parse_email, default="")
    token_from = _ask_where(interview, options, "token", default_variable)

    def survey(token: str) -> Survey:
        return Survey(Connection(base_url, base_url, SecretStr(token), email), server=server)

    return SiteAccess(base_url, email, token_from, _sign_in(interview, token_from, survey))


def _ask_where(interview: Interview, options: AccessOptions, what: str, default_variable: str) -> str:
    """Return the reference to the secret that the workers will look up."""
    source = f"Environment variable, or file, in which the workers will find its {what}"
    given = str(options.token_file) if options.token_file else options.token_env
    option = options.name("token-file" if options.token_file else "token-env")
    return interview.ask(option, given, source, _parse_reference, default=default_variable)


def _service_account(
    interview: Interview, options: AccessOptions, site_url: str, server: Server | None, default_variable: str
) -> SiteAccess:
    """Sign in as a service account, whose client id is given. Raises Unusable."""
    client_id = options.client_id or ""
    if fault := id_fault(client_id):
        raise Unusable(f"{options.name('client-id')}: {fault}")
    base_url = api_address(site_url, server)
    endpoint = default_endpoint(base_url)
    if endpoint is None:
        raise Unusable(f"the token endpoint for {base_url} is not known here; write it into the sync's file by hand")
    variable = default_variable.replace("API_TOKEN", "CLIENT_SECRET")
    secret_from = _ask_where(interview, options, "client secret", variable)

    def survey(secret: str) -> Survey:
        client = OAuthClient(client_id, SecretStr(secret), endpoint, default_scopes(endpoint))
        return Survey(Connection(base_url, site_url, None, None, client=client), server=server)

    return SiteAccess(site_url, None, secret_from, _sign_in(interview, secret_from, survey))


def api_address(site_url: str, server: Server | None) -> str:
    """Return where access tokens sign in: at Atlassian's gateway for Cloud, else at the site. Raises Unusable."""
    if server is None or not server.is_cloud:
        return site_url
    with patient_client() as http:
        found = cloud_id(http, site_url)
    if found is None:
        raise Unusable(f"{site_url} does not tell its cloud id at /_edge/tenant_info, which a service account needs")
    return f"https://{ATLASSIANS_GATEWAY}/ex/jira/{found}"


def choose_project(
    interview: Interview,
    option: str,
    given: str | None,
    question: str,
    survey: Survey,
    *,
    excluded: Project | None = None,
) -> Project:
    """Return a project that our account sees, other than `excluded`. Raises Unusable."""
    visible = {project.key: project for project in sorted(survey.projects(), key=lambda project: project.key)}
    if given is None:
        for project in list(visible.values())[:MOST_SHOWN]:
            interview.say(f"  {project.key:<10} {project.name}")
        if len(visible) > MOST_SHOWN:
            interview.say(f"  … and {len(visible) - MOST_SHOWN} more")

    def parse(key: str) -> Project:
        # A former key is not in the list, but Jira finds the project by it.
        found = visible.get(key.upper()) or (survey.project(key) if key else None)
        if found is None:
            nearest = difflib.get_close_matches(key.upper(), visible, n=1)
            hint = f"did you mean {nearest[0]}?" if nearest else f"it sees {listed(list(visible)[:MOST_SHOWN])}"
            raise InvalidAnswer(f"our account sees no project {key!r}; {hint}")
        if found == excluded:
            raise InvalidAnswer(f"{found.key} cannot be both projects of a sync")
        return found

    return interview.ask(option, given, question, parse)


def _reach_site(text: str) -> tuple[str, Server | None]:
    base_url = (text if "://" in text else f"https://{text}").rstrip("/")
    if fault := url_fault(base_url):
        raise InvalidAnswer(fault)
    with patient_client() as http:
        answer = probe(http, base_url)
    if isinstance(answer, Obstacle):
        raise InvalidAnswer(f"{answer.what}; {answer.advice}")
    if answer.server and (fault := answer.server.why_too_old(with_token=False)):
        raise InvalidAnswer(fault)
    return base_url, answer.server


def _parse_email(text: str, *, server: Server | None) -> str | None:
    if server and server.is_cloud and not text:
        raise InvalidAnswer("is missing; Jira Cloud takes a token only together with its account's e-mail")
    if server and not text and (fault := server.why_too_old(with_token=True)):
        raise InvalidAnswer(fault)
    return text or None


def _parse_reference(text: str) -> str:
    """Return the reference to a variable or file, as the file of a sync has it."""
    if VARIABLE.fullmatch(text):
        return f"${{{text}}}"
    if "/" not in text or "}" in text:
        raise InvalidAnswer("name a variable (letters, digits and _) or a file (a path with a /), not the token itself")
    return f"${{file:{Path(text).absolute()}}}"


def _sign_in(interview: Interview, token_from: str, survey: Callable[[str], Survey]) -> Survey:
    """Return a survey whose token the site accepts: the token that the workers will find, or one that a person types.

    Raises Unusable.
    """
    token = _find_token(token_from)
    if not token and not interview.can_ask:
        raise Unusable(
            f"{token_from} holds no token here, which is needed to read the site; fill it, "
            "or name another place: --token-env, --token-file"
        )
    for attempt in range(1, MOST_ATTEMPTS + 1):
        secret = token or interview.secret("The token itself (not shown, kept nowhere)")
        candidate = survey(secret)
        try:
            _see_that_it_can_be_one(secret, candidate)
            profile = candidate.profile()
        except NeedsOperator as error:
            candidate.close()
            why = str(error).partition(": ")[2] or str(error)
            if attempt == MOST_ATTEMPTS or not interview.can_ask:
                raise Unusable(f"{why}; the token is read from {token_from}, nothing was written") from None
            interview.say(f"  {why}")
            token = ""
        except Unavailable as error:
            candidate.close()
            raise Unusable(f"{error}; nothing was written") from None
        else:
            interview.say(f"  it knows us as {profile.name}")
            return candidate
    raise AssertionError("the last attempt either returns or raises")


def _see_that_it_can_be_one(secret: str, survey: Survey) -> None:
    """Raises NeedsOperator for a text that no request could carry as a token."""
    if fault := secret_fault(secret, survey.connection.email, is_api_token=False):
        raise NeedsOperator(f"the token {fault}")


def _find_token(token_from: str) -> str:
    """Return the token that the reference leads to, or an empty string."""
    source = token_from.removeprefix("${").removesuffix("}")
    if not source.startswith("file:"):
        return os.environ.get(source, "").strip()
    try:
        return read_secret(source.removeprefix("file:"))
    except FileFault:
        return ""
