"""A site that a new sync is to work on: its address, who we are there, where its workers will find the token."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from generator.running.errors import Unusable
from jira_sync.checkup.finding import listed
from jira_sync.setup.interview import Interview, Misfit
from sync_model.connection import Connection
from sync_model.values import url_fault
from sync_worker.core.errors import NeedsOperator
from sync_worker.core.site_info import Project, Server
from sync_worker.jira.probe import Obstacle, patient_client, probe
from sync_worker.jira.survey import Survey

TRIES = 3
MOST_SHOWN = 20
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Flags:
    """What was said of one site on the command line; `prefix` tells the flags of the developers' site apart."""

    site: str | None
    email: str | None
    token_env: str | None
    token_file: Path | None
    prefix: str = ""

    @property
    def are_given(self) -> bool:
        return any((self.site, self.email, self.token_env, self.token_file))

    def name(self, flag: str) -> str:
        return f"--{self.prefix}{flag}"


@dataclass(frozen=True)
class Access:
    """A site that knows us. `token_from` is the reference that goes into the file."""

    base_url: str
    email: str | None
    token_from: str
    survey: Survey

    def account(self) -> dict[str, Any]:
        """Return what the file says of it."""
        who = {"email": self.email} if self.email else {"authType": "pat"}
        return {"baseUrl": self.base_url, **who, "apiToken": self.token_from}

    @property
    def todo(self) -> str | None:
        """What is left for a person to do before workers find the token, or None."""
        if _token_there(self.token_from):
            return None
        what = self.token_from.removeprefix("${").removesuffix("}")
        if what.startswith("file:"):
            return f"put the token into {what.removeprefix('file:')}"
        return f"export {what}=…    # the token; for a container, a line in .env"


def gain(interview: Interview, flags: Flags, *, whose: str, default_variable: str) -> Access:
    """Find the site, and sign in there. Raises Unusable."""
    base_url, server = interview.ask(flags.name("site"), flags.site, f"Address of {whose} Jira", _site)
    interview.say(f"  {server or 'a Jira that tells strangers nothing of itself'}")
    is_cloud = server is not None and server.is_cloud
    who = "E-mail of the account" if is_cloud else "User name, or nothing for a personal access token"
    email = interview.ask(flags.name("email"), flags.email, who, _email_for(is_cloud=is_cloud), default="")
    place = "Environment variable, or file, in which the workers will find its token"
    given = str(flags.token_file) if flags.token_file else flags.token_env
    flag = flags.name("token-file" if flags.token_file else "token-env")
    token_from = interview.ask(flag, given, place, _reference, default=default_variable)

    def survey(token: str) -> Survey:
        return Survey(Connection(base_url, base_url, SecretStr(token), email), server=server)

    return Access(base_url, email, token_from, _sign_in(interview, token_from, survey))


def choose_project(
    interview: Interview, flag: str, given: str | None, question: str, survey: Survey, *, but: Project | None = None
) -> Project:
    """Return a project that our account sees, `but` for one that is taken. Raises Unusable."""
    seen = {each.key: each for each in sorted(survey.projects(), key=lambda each: each.key)}
    if given is None:
        for each in list(seen.values())[:MOST_SHOWN]:
            interview.say(f"  {each.key:<10} {each.name}")
        if len(seen) > MOST_SHOWN:
            interview.say(f"  … and {len(seen) - MOST_SHOWN} more")

    def understand(key: str) -> Project:
        found = seen.get(key.upper()) or (survey.project(key) if key else None)
        if found is None:
            near = difflib.get_close_matches(key.upper(), seen, n=1)
            hint = f"did you mean {near[0]}?" if near else f"it sees {listed(list(seen)[:MOST_SHOWN])}"
            raise Misfit(f"our account sees no project {key!r}; {hint}")
        if found == but:
            raise Misfit(f"{found.key} cannot be both projects of a sync")
        return found

    return interview.ask(flag, given, question, understand)


def _site(text: str) -> tuple[str, Server | None]:
    base_url = (text if "://" in text else f"https://{text}").rstrip("/")
    if fault := url_fault(base_url):
        raise Misfit(fault)
    with patient_client() as http:
        reached = probe(http, base_url)
    if isinstance(reached, Obstacle):
        raise Misfit(f"{reached.what}; {reached.advice}")
    return base_url, reached.server


def _email_for(*, is_cloud: bool) -> Callable[[str], str | None]:
    def understand(text: str) -> str | None:
        if is_cloud and not text:
            raise Misfit("is missing; Jira Cloud takes a token only together with its account's e-mail")
        return text or None

    return understand


def _reference(text: str) -> str:
    if VARIABLE.fullmatch(text):
        return f"${{{text}}}"
    if "/" not in text or "}" in text:
        raise Misfit("name a variable (letters, digits and _) or a file (a path with a /), not the token itself")
    return f"${{file:{Path(text).absolute()}}}"


def _sign_in(interview: Interview, token_from: str, survey: Callable[[str], Survey]) -> Survey:
    """Return a survey of a site that knows us, by a token that is there already or that a person types."""
    token = _token_there(token_from)
    if not token and not interview.asks:
        raise Unusable(
            f"{token_from} holds no token here, which is needed to read the site; fill it, "
            "or name another place: --token-env, --token-file"
        )
    for attempt in range(1, TRIES + 1):
        asked = survey(token or interview.secret("The token itself (not shown, kept nowhere)"))
        try:
            profile = asked.profile()
        except NeedsOperator as error:
            asked.close()
            why = str(error).partition(": ")[2] or str(error)
            if attempt == TRIES or not interview.asks:
                raise Unusable(f"{why}; the token is read from {token_from}, nothing was written") from None
            interview.say(f"  {why}")
            token = ""
        else:
            interview.say(f"  it knows us as {profile.name}")
            return asked
    raise AssertionError("the last attempt either returns or raises")


def _token_there(token_from: str) -> str:
    what = token_from.removeprefix("${").removesuffix("}")
    if not what.startswith("file:"):
        return os.environ.get(what, "").strip()
    try:
        return Path(what.removeprefix("file:")).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""
