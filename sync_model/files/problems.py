"""What is wrong with a file, in the reader's words: which file, which field, what is wrong, what to do.

No message repeats a value that may be a secret.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from sync_model.definition.sync import Sync

MOST_PROBLEMS = 50
"""Of one file. Nobody reads more of them, and each takes time at every look of the monitor."""
LONGEST_KEY = 80
LONGEST_MESSAGE = 1000


@dataclass(frozen=True, order=True)
class Problem:
    """One thing wrong in one file. `where` is a field's path, `line 3, column 7`, or empty for the whole file."""

    file: str
    where: str
    message: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.file, self.where, self.message) if part)


def validation_problems(file: str, error: ValidationError) -> list[Problem]:
    """Return the problems that pydantic found in `file`: of many the first ones, and how many there are."""
    errors = error.errors(include_url=False, include_input=False)
    # The words of a problem take time: what is not said is not put into words.
    said = errors if len(errors) <= MOST_PROBLEMS else errors[: MOST_PROBLEMS - 1]
    problems = [Problem(file, _field_path(details["loc"]), _message(details)) for details in said]
    left = len(errors) - len(said)
    return [*problems, _rest(file, left)] if left else problems


def bounded(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return what is said of one file: of many problems the first ones, none of them longer than a few lines."""
    found = [replace(problem, message=shown(problem.message, LONGEST_MESSAGE)) for problem in problems]
    if len(found) <= MOST_PROBLEMS:
        return tuple(found)
    return (*found[: MOST_PROBLEMS - 1], _rest(found[0].file, len(found) - MOST_PROBLEMS + 1))


def shown(text: str, most: int = LONGEST_KEY) -> str:
    """Return what was typed or named as far as it can be shown: the first characters of it, all of them in Unicode."""
    cut = text if len(text) <= most else text[: most - 1] + "…"
    return cut.encode("utf-8", "replace").decode()


def _rest(file: str, count: int) -> Problem:
    return Problem(file, "", f"has {count} more of them")


def _field_path(loc: Iterable[str | int]) -> str:
    """Return a field's path as a person writes it: `rules[0].actions.targetStatus`."""
    path = ""
    for part in loc:
        path += f"[{part}]" if isinstance(part, int) else f".{shown(part)}" if path else shown(part)
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
    folded = {key.casefold(): key for key in known}
    # A key that is spelt in snake_case still resembles the camelCase one.
    near = difflib.get_close_matches(shown(str(loc[-1])).casefold().replace("_", ""), folded, n=1)
    hint = f"did you mean {folded[near[0]]}?" if near else f"known are {', '.join(known)}"
    return f"is not a known key; {hint}"


@cache
def _schema() -> dict[str, Any]:
    return Sync.model_json_schema(by_alias=True)


def _known_keys(loc: tuple[int | str, ...]) -> list[str]:
    """Return the keys of the object at `loc`, by the model's JSON Schema."""
    node = _schema()
    for part in loc:
        node = _holder(node["items"] if isinstance(part, int) else node["properties"][part])
    return sorted(node["properties"])


def _holder(node: dict[str, Any]) -> dict[str, Any]:
    """Return the object or list that a node of the schema is, refers to or offers; a node without one as it is."""
    choices = [_referred_to(choice) for choice in (node, *node.get("anyOf", []))]
    return next((choice for choice in choices if "properties" in choice or "items" in choice), node)


def _referred_to(node: dict[str, Any]) -> dict[str, Any]:
    reference = node.get("$ref")
    return _schema()["$defs"][reference.rpartition("/")[2]] if reference else node
