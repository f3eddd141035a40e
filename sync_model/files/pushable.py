"""Which files may be pushed: those that are right wherever they run, and that hold no secret.

Whoever pushes has not the secrets that the files refer to. So nothing is looked up. A file is at fault when no
environment could make it right. Each container checks again what was pushed, with the environment that it has.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr

from sync_model.accounts.lookup import DEFAULTS
from sync_model.accounts.lookup_policy import CONFIG_VARIABLES, JIRA_SITES, SECRETS_DIR
from sync_model.accounts.oauth import OAUTH
from sync_model.definition.sync import Account, Sync
from sync_model.definition.values import REFERENCE_PATTERN, is_reference
from sync_model.files.checks import check_sync
from sync_model.files.loading import Loaded, SyncFile, load_content, load_folder
from sync_model.files.parsing import parse_object
from sync_model.files.problems import Problem, shown
from sync_model.secrecy.redaction import remember

ACCOUNTS = ("jira", "user_jira", "dev_jira")
WRITTEN = (
    "is written in the file itself, and what is pushed holds no secret; write ${NAME} or ${file:/run/secrets/name}, "
    "and give the value to the containers"
)
REPEATED = "stands more than once; only the last would count, and all would be pushed: remove the others"
SECRET, EMAIL = "not-looked-up-here", "nobody@not-looked-up.invalid"
"""They stand for values that are looked up elsewhere."""
LOOKS_NOTHING_UP = {SECRETS_DIR: os.devnull}
"""An environment without variables, and without a folder of secrets."""


def load_to_push(folder: Path) -> Loaded:
    """Load what of `folder` may be pushed. Raises OSError when the folder cannot be read."""
    loaded = load_folder(folder, LOOKS_NOTHING_UP, check=check_to_push)
    repeated = tuple(
        Problem(file.path.name, shown(key), REPEATED) for file in loaded.files for key in _repeated_keys(file)
    )
    return without_broken(replace(loaded, problems=tuple(sorted({*loaded.problems, *repeated}))))


def load_pushed(name: str, content: bytes) -> tuple[SyncFile, ...]:
    """Return what was pushed as the file `name`, if it could be pushed now."""
    return load_content(name, content, LOOKS_NOTHING_UP, check_to_push).files


def without_broken(loaded: Loaded) -> Loaded:
    """Return what was loaded without the files that have a problem, and without what is warned of in place of it."""
    problems = {(problem.file, problem.where) for problem in loaded.problems}
    return replace(
        loaded,
        files=tuple(file for file in loaded.files if file.path.name not in loaded.broken),
        warnings=tuple(warning for warning in loaded.warnings if (warning.file, warning.where) not in problems),
    )


def check_to_push(file: str, sync: Sync, _environ: Mapping[str, str]) -> tuple[list[Problem], list[Problem]]:
    """Return what is wrong with a file wherever it runs, and what deserves a look."""
    secrets = [Problem(file, where, WRITTEN) for where in written_secrets(sync)]
    alike = _without_files_and_secrets(sync)
    tried = (check_sync(file, alike, _obliging(alike, auth_type), runs_elsewhere=True) for auth_type in ("", OAUTH))
    # Whether the group signs in by OAuth is for the containers to say.
    problems, warnings = min(tried, key=lambda found: len(found[0]))
    places = {problem.where for problem in secrets}
    return [*secrets, *problems], [warning for warning in warnings if warning.where not in places]


def written_secrets(sync: Sync) -> Iterator[str]:
    """Yield the fields, anywhere in `sync`, that hold a secret itself and no reference to one."""
    for where, secret in _secrets(sync, ""):
        if not is_reference(secret.get_secret_value()):
            yield where


def _secrets(value: Any, where: str) -> Iterator[tuple[str, SecretStr]]:
    if isinstance(value, SecretStr):
        yield where, value
    elif isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            yield from _secrets(getattr(value, name), f"{where}.{field.alias or name}".removeprefix("."))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _secrets(item, f"{where}[{index}]")


def _repeated_keys(file: SyncFile) -> list[str]:
    keys: list[str] = []
    parse_object(file.content, keys)
    return keys


def _without_files_and_secrets(sync: Sync) -> Sync:
    """Return a sync that refers to a variable where `sync` refers to a file: no file of this machine is read for it.

    Something else stands in place of a secret that is written there.
    """
    accounts = {name: getattr(sync, name) for name in ACCOUNTS}
    return sync.model_copy(update={name: _alike(account) for name, account in accounts.items() if account})


def _alike(account: Account) -> Account:
    changes: dict[str, Any] = {}
    for name, text in _texts(account):
        found, is_secret = REFERENCE_PATTERN.fullmatch(text), isinstance(getattr(account, name), SecretStr)
        if found and found["file"]:
            variable = f"${{FILE_{_digest(found['file'])}}}"
            changes[name] = SecretStr(variable) if is_secret else variable
        elif is_secret and not found:
            remember(text)
            changes[name] = SecretStr(SECRET)
    return account.model_copy(update=changes)


def _texts(account: Account) -> Iterator[tuple[str, str]]:
    for name in Account.model_fields:
        value = getattr(account, name)
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        if isinstance(text, str):
            yield name, text


def _obliging(sync: Sync, auth_type: str) -> dict[str, str]:
    """Return an environment that has whatever `sync` leaves to it, and allows it.

    Two addresses are never the same, since nobody knows whether they are.
    """
    environ = dict.fromkeys(DEFAULTS.values(), SECRET)
    environ |= {"JIRA_AUTH_TYPE": auth_type, "JIRA_EMAIL": EMAIL, "JIRA_BASE_URL": _address("JIRA_BASE_URL")}
    sites = {environ["JIRA_BASE_URL"]}
    referred_to: set[str] = set()
    for account in (getattr(sync, name) for name in ACCOUNTS):
        for name, text in _texts(account) if account else ():
            found = REFERENCE_PATTERN.fullmatch(text)
            if found:
                referred_to.add(found["variable"])
                environ[found["variable"]] = _value_for(name, found["variable"])
            if name in ("base_url", "token_endpoint"):
                sites.add(environ[found["variable"]] if found else text)
    return environ | {CONFIG_VARIABLES: " ".join(referred_to), JIRA_SITES: " ".join(sites), SECRETS_DIR: os.sep}


def _value_for(field: str, variable: str) -> str:
    if field in ("base_url", "site_url", "token_endpoint"):
        return _address(variable)
    return EMAIL if field == "email" else SECRET


def _address(variable: str) -> str:
    return f"https://{_digest(variable)}.invalid"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
