"""A folder of JSON files becomes syncs and problems, both as values; one bad file never hides another.

Every problem of every file is found in one pass and said in the reader's words: which file, which field,
what is wrong, what to do. No message repeats a value that may be a secret.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from sync_model.connection import resolve, site_of
from sync_model.definition import PLACEHOLDERS, Direction, Rule, Side, Sync
from sync_model.values import REFERENCE_PATTERN

MAXIMUM_FILE_SIZE = 1_000_000
NO_SYNCS = (".example.json", ".schema.json")

State = tuple[object, ...]
"""Of a file: name, and what the kernel knows of it."""


@dataclass(frozen=True, order=True)
class Problem:
    """One thing wrong in one file. `where` is a field's path, `line 3, column 7`, or empty for the whole file."""

    file: str
    where: str
    message: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.file, self.where, self.message) if part)


@dataclass(frozen=True)
class SyncFile:
    """A file that says a valid sync, as it was read. `digest` changes exactly when what the file says changes."""

    path: Path
    sync: Sync
    digest: str
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class Loaded:
    """What a folder says: the syncs that can run, the problems of those that cannot, and what is worth a look."""

    files: tuple[SyncFile, ...] = ()
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()

    @property
    def broken(self) -> frozenset[str]:
        """The names of the files that have a problem."""
        return frozenset(problem.file for problem in self.problems)


@dataclass
class _Findings:
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)


def config_paths(folder: Path) -> list[Path]:
    """Return the files of `folder` that are syncs: `*.json`, but no NO_SYNCS, hidden files or editors' leftovers.

    Editors leave `sync.json~`, `#sync.json#`, `.#sync.json` and `.sync.json.swp`; the first ends otherwise, the
    rest begin with `#` or a dot. Raises OSError when the folder cannot be read, which is another thing than empty.
    """
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix == ".json"
        and not path.name.startswith((".", "#", "~"))
        and not path.name.endswith(NO_SYNCS)
        and path.is_file()
    )


def states_of(folder: Path) -> tuple[State, ...]:
    """Return what tells one state of the syncs in `folder` from another. Raises OSError as `config_paths` does."""
    return tuple(map(state_of, config_paths(folder)))


def state_of(path: Path) -> State:
    """Return what changes whenever a file does.

    Symbolic links count with what they lead to: a ConfigMap is replaced by turning one of them.
    """
    try:
        found = path.stat()
        return path.name, os.path.realpath(path), found.st_ino, found.st_size, found.st_mtime_ns
    except OSError:
        return path.name, None


def load_folder(folder: Path, environ: Mapping[str, str]) -> Loaded:
    """Read every sync in `folder`.

    Raises OSError when the folder itself cannot be read. What is wrong inside it is in the result.
    """
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is not a folder")
    findings = _Findings()
    readable = [found for path in config_paths(folder) if (found := _read_into(findings, path, environ))]
    findings.problems += _collisions([file for file in readable if file.sync.enabled], environ)
    broken = {problem.file for problem in findings.problems}
    files = tuple(file for file in readable if file.path.name not in broken)
    return Loaded(files, tuple(sorted(findings.problems)), tuple(sorted(findings.warnings)))


def load_file(path: Path, environ: Mapping[str, str]) -> Loaded:
    """Read the one sync that `path` says."""
    findings = _Findings()
    found = _read_into(findings, path, environ)
    return Loaded((found,) if found else (), tuple(findings.problems), tuple(findings.warnings))


def digest_of(data: Any) -> str:
    """Return a digest of what a file says; spaces, line ends and the order of keys do not count."""
    return hashlib.sha256(json.dumps(data, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _read_into(findings: _Findings, path: Path, environ: Mapping[str, str]) -> SyncFile | None:
    name = path.name
    try:
        content = _content_of(path)
        data = _parse(path, content, findings)
    except _Unreadable as error:
        findings.problems.append(Problem(name, error.where, error.message))
        return None
    try:
        sync = Sync.model_validate(data)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False)
        findings.problems += [Problem(name, _where(each["loc"]), _message(each)) for each in errors]
        return None
    problems, warnings = _second_look(name, sync, environ)
    findings.problems += problems
    findings.warnings += warnings
    return None if problems else SyncFile(path, sync, digest_of(data), content)


class _Unreadable(Exception):
    def __init__(self, message: str, where: str = "") -> None:
        super().__init__(message)
        self.message, self.where = message, where


def _content_of(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _Unreadable(f"cannot be read: {error.strerror}") from None
    if len(content) > MAXIMUM_FILE_SIZE:
        raise _Unreadable(f"is larger than {MAXIMUM_FILE_SIZE:,} bytes; this is no sync")
    return content


def _parse(path: Path, content: bytes, findings: _Findings) -> Any:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _Unreadable("is not UTF-8 text; save it as UTF-8") from None
    if not text.strip():
        raise _Unreadable("is empty; start from sync.example.json")

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        repeated = [key for key, count in Counter(key for key, _ in pairs).items() if count > 1]
        findings.warnings += [Problem(path.name, key, "stands more than once; the last counts") for key in repeated]
        return dict(pairs)

    try:
        data = json.loads(text, object_pairs_hook=once, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise _Unreadable(f"is not valid JSON: {error.msg[0].lower()}{error.msg[1:]}", where) from None
    except RecursionError:
        raise _Unreadable("is nested too deeply; this is no sync") from None
    if not isinstance(data, dict):
        raise _Unreadable("must hold one object, { … }")
    return data


def _refuse_constant(name: str) -> Any:
    raise _Unreadable(f"is not valid JSON: {name} is not a JSON value")


def _where(loc: Iterable[str | int]) -> str:
    """Return a field's path as a person writes it: `rules[0].actions.targetStatus`."""
    path = ""
    for part in loc:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path


def _message(error: ErrorDetails) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind == "missing":
        return "is missing"
    if kind == "extra_forbidden":
        return _unknown_key(error["loc"])
    if kind in ("enum", "literal_error"):
        return f"must be {context['expected']}"
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        return "must be an object, { … }"
    if kind in ("tuple_type", "list_type"):
        return "must be a list, [ … ]"
    if kind == "string_too_short":
        return "is empty"
    return error["msg"].replace("Input should", "must")


def _unknown_key(loc: tuple[int | str, ...]) -> str:
    known = _known_keys(loc[:-1])
    bare = {key.casefold(): key for key in known}
    near = difflib.get_close_matches(str(loc[-1]).casefold().replace("_", ""), bare, n=1)
    hint = f"did you mean {bare[near[0]]}?" if near else f"known are {', '.join(known)}"
    return f"is not a known key; {hint}"


@cache
def _schema() -> dict[str, Any]:
    return Sync.model_json_schema(by_alias=True)


def _known_keys(loc: tuple[int | str, ...]) -> list[str]:
    """Follow `loc` through the model's JSON Schema to the object it stands for and list that object's keys."""
    node = _schema()
    for part in loc:
        node = node["items"] if isinstance(part, int) else node["properties"][part]
        choices = [node, *node.get("anyOf", [])]
        reference = next((choice["$ref"] for choice in choices if "$ref" in choice), None)
        if reference:
            node = _schema()["$defs"][reference.rpartition("/")[2]]
    return sorted(node["properties"])


def _second_look(file: str, sync: Sync, environ: Mapping[str, str]) -> tuple[list[Problem], list[Problem]]:
    """Find what no single field shows. A value that this environment lacks is a warning: the worker waits."""
    problems: set[Problem] = set()
    warnings = {Problem(file, where, message) for where, message in _rule_warnings(sync)}
    for side in Side:
        resolved = resolve(sync, side, environ)
        warnings |= {Problem(file, each.field, each.message) for each in resolved.warnings}
        for fault in resolved.faults:
            (warnings if fault.unset else problems).add(Problem(file, fault.field, fault.message))
    if sync.user_project_key.upper() == sync.dev_project_key.upper() and len(set(_sites(sync, environ))) == 1:
        problems.add(Problem(file, "devProjectKey", "is the same project as userProjectKey"))
    return list(problems), list(warnings)


def _rule_warnings(sync: Sync) -> Iterator[tuple[str, str]]:
    if not any(rule.sync_direction is not Direction.NONE for rule in sync.ordered_rules):
        yield "rules", "no rule is switched on: this sync does nothing"
    counts = Counter(rule.id for rule in sync.rules if rule.id)
    for index, rule in enumerate(sync.rules):
        if rule.id and counts[rule.id] > 1:
            yield f"rules[{index}].id", f"{rule.id!r} is the id of {counts[rule.id]} rules; logs cannot tell them apart"
        if rule.enabled:
            for where, message in _doubts(rule):
                yield f"rules[{index}].{where}", message


def _doubts(rule: Rule) -> Iterator[tuple[str, str]]:
    """Say where a rule contradicts itself, and which of the two counts."""
    actions = rule.actions
    into = {Direction.USER_TO_DEV: Side.DEV, Direction.DEV_TO_USER: Side.USER}.get(rule.sync_direction)
    if into and rule.target_project and rule.target_project != into:
        yield "targetProject", f"is {rule.target_project}, but syncDirection is {rule.sync_direction}, which counts"
    if rule.target_status and actions.target_status and rule.target_status != actions.target_status:
        yield "targetStatus", "differs from actions.targetStatus, which counts"
    if (rule.target_status or actions.target_status) and not actions.sync_status:
        yield "actions.targetStatus", "is given, but actions.syncStatus is off: no status is set"
    if actions.create_issue and rule.conditions.require_mapping:
        yield "conditions.requireMapping", "is true, so this rule never creates an issue"
    if actions.comment_template and not actions.add_comment:
        yield "actions.commentTemplate", "is given, but actions.addComment is off: no comment is posted"
    for match in REFERENCE_PATTERN.finditer(actions.comment_template or ""):
        if match["variable"] not in PLACEHOLDERS:
            known = ", ".join(f"${{{name}}}" for name in PLACEHOLDERS)
            yield "actions.commentTemplate", f"{match[0]} is no placeholder and stays as it is; there are {known}"


def _sites(sync: Sync, environ: Mapping[str, str]) -> tuple[str, str]:
    """Return the two sites of a sync; one whose address is unknown here stands as it is written."""

    def site(side: Side) -> str:
        connection = resolve(sync, side, environ).connection
        if connection:
            return site_of(connection.base_url)
        text = sync.account(side).base_url or "${JIRA_BASE_URL}"
        return text if REFERENCE_PATTERN.fullmatch(text) else site_of(text)

    return site(Side.USER), site(Side.DEV)


def claims_of(sync: Sync, environ: Mapping[str, str]) -> dict[str, str]:
    """Return what a sync wants for itself alone, by the field that says so."""
    user_site, dev_site = _sites(sync, environ)
    ends = sorted([f"{user_site} {sync.user_project_key.upper()}", f"{dev_site} {sync.dev_project_key.upper()}"])
    # MongoDB refuses two databases whose names differ only in case.
    return {"name": sync.name.lower(), "databaseName": sync.database.lower(), "userProjectKey": " ".join(ends)}


def _collisions(files: list[SyncFile], environ: Mapping[str, str]) -> Iterator[Problem]:
    """Find files that claim the same name, database or pair of projects; it is a problem of each of them."""
    claimants: dict[tuple[str, str], list[SyncFile]] = defaultdict(list)
    for file in files:
        for claim in claims_of(file.sync, environ).items():
            claimants[claim].append(file)
    for (where, _), rivals in claimants.items():
        for file in rivals if len(rivals) > 1 else ():
            others = " and ".join(other.path.name for other in rivals if other is not file)
            yield Problem(file.path.name, where, f"{_claim(file.sync, where)} also by {others}")


def _claim(sync: Sync, where: str) -> str:
    return {
        "name": f"the name {sync.name} is used",
        "databaseName": f"the database {sync.database} is used",
        "userProjectKey": f"the projects {sync.user_project_key} and {sync.dev_project_key} are paired",
    }[where]
