"""A part of JQL, parsed by a grammar. What is not understood is refused, as Jira refuses it."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from lark import Lark, Token, Transformer, Tree
from lark.exceptions import LarkError, VisitError

from jira_simulator.index import IndexEntry
from jira_simulator.model import JiraError, Project, User
from jira_simulator.permissions import BROWSE_PROJECTS
from jira_simulator.state import Site

GRAMMAR = r"""
    query: [expression] ["ORDER"i "BY"i ordering ("," ordering)*]
    ordering: NAME [DIRECTION]

    ?expression: conjunction ("OR"i conjunction)*   -> any_of
    ?conjunction: negation ("AND"i negation)*       -> all_of
    ?negation: "NOT"i negation                      -> negated
             | "(" expression ")"
             | clause
    clause: NAME OPERATOR value                     -> compared
          | NAME "NOT"i "IN"i "(" value ("," value)* ")" -> not_among
          | NAME "IN"i "(" value ("," value)* ")"   -> among
          | NAME "IS"i "NOT"i "EMPTY"i              -> filled
          | NAME "IS"i "EMPTY"i                     -> empty
    value: STRING | FUNCTION | WORD
    DIRECTION.3: /ASC\b|DESC\b/i
    OPERATOR: ">=" | "<=" | "!=" | "=" | ">" | "<"
    FUNCTION.4: /[A-Za-z]+\(\)/
    STRING: /"[^"]*"|'[^']*'/
    NAME: /(?!(?:AND|OR|NOT|IN|IS|ORDER)\b)[A-Za-z][A-Za-z]*(?![\w-])/i
    WORD: /(?!(?:AND|OR|NOT|IN|IS|ORDER)\b)-?\w[\w.-]*/i
    %ignore /\s+/
"""

Match = Callable[[IndexEntry], bool]

OPPOSITES = {"=": "!=", "!=": "=", ">": "<=", "<=": ">", "<": ">=", ">=": "<"}
ORDERINGS = {">": operator.gt, "<=": operator.le, "<": operator.lt, ">=": operator.ge}
Key = Callable[[IndexEntry], Any]

TIME_FORMATS = ("%Y-%m-%d %H:%M", "%Y/%m/%d %H:%M", "%Y-%m-%d", "%Y/%m/%d")
UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
MOST_ORDERINGS = 7


@dataclass(frozen=True)
class JqlCondition:
    """What matches, and what matches its negation: an issue whose field is empty matches neither, as in Jira.

    `projects` are those (ids) outside of which nothing matches; None when any may do.
    """

    holds: Match
    fails: Match
    projects: frozenset[str] | None = None


@dataclass(frozen=True)
class Query:
    """A parsed query: what matches, and the order. `is_bounded` tells whether it restricts anything.

    What a query finds that `is_steady` depends on the index alone, not on when it is asked.
    """

    matches: Match
    order: tuple[tuple[Key, bool], ...]
    is_bounded: bool
    projects: frozenset[str] | None = None
    is_steady: bool = True

    def run(self, entries: Sequence[IndexEntry]) -> list[IndexEntry]:
        found = [entry for entry in entries if self.matches(entry)]
        for key, descending in reversed(self.order):
            found.sort(key=key, reverse=descending)
        return found


def parse(text: str, site: Site, user: User) -> Query:
    """Raises JiraError 400 for anything that Jira would refuse, or that is not known here."""
    try:
        tree = _tree(text)
    except LarkError as error:
        raise JiraError(400, f"Error in the JQL Query: {str(error).splitlines()[0]}") from None
    try:
        query: Query = _Builder(site, user).transform(tree)
    except VisitError as error:
        if isinstance(error.orig_exc, JiraError):
            raise error.orig_exc from None
        raise
    return query


@lru_cache(1000)
def _tree(text: str) -> Tree[Token]:
    return _grammar().parse(text)


@lru_cache(1)
def _grammar() -> Lark:
    return Lark(GRAMMAR, start="query", parser="lalr")


FIELDS: dict[str, Key] = {
    "project": operator.attrgetter("project"),
    "status": operator.attrgetter("status"),
    "id": operator.attrgetter("id"),
    "key": operator.attrgetter("number"),
    "issuekey": operator.attrgetter("number"),
    "labels": operator.attrgetter("labels"),
    "creator": operator.attrgetter("creator"),
    "reporter": operator.attrgetter("creator"),
    "updated": operator.attrgetter("updated"),
    "created": operator.attrgetter("created"),
    "priority": operator.attrgetter("priority"),
    "description": operator.attrgetter("description"),
}
ORDERED = {"id", "key", "issuekey", "updated", "created"}


def _single(sign: str, field: Key, wanted: Any) -> Match:
    """Compare a field with one value, or with none. As in Jira, an empty field matches no negation."""
    if sign in ORDERINGS:
        compare = ORDERINGS[sign]
        return lambda entry: compare(field(entry), wanted)
    if sign == "=":
        return lambda entry: bool(field(entry) == wanted)
    return lambda entry: field(entry) not in (None, (), wanted)


def _several(sign: str, field: Key, wanted: Any) -> Match:
    """Look for a value in a field with several."""
    if sign == "=":
        return lambda entry: wanted in field(entry)
    return lambda entry: bool(field(entry)) and wanted not in field(entry)


def _every(tests: list[Match]) -> Match:
    if len(tests) == 2:  # noqa: PLR2004 - most queries have two, and this is quicker
        first, second = tests
        return lambda entry: first(entry) and second(entry)
    return lambda entry: all(test(entry) for test in tests)


class _Builder(Transformer[Token, Any]):
    """Turns the tree into a Query, against the names that the site knows."""

    def __init__(self, site: Site, user: User) -> None:
        super().__init__()
        self._site, self._user, self._is_steady = site, user, True

    def query(self, parts: list[Any]) -> Query:
        expression, *order = parts
        orderings = tuple(each for each in order if each is not None)
        if len(orderings) > MOST_ORDERINGS:
            raise JiraError(400, "Too many fields in ORDER BY.")
        if expression is None:
            return Query(lambda _entry: True, orderings, is_bounded=False)
        steady = self._is_steady
        return Query(expression.holds, orderings, is_bounded=True, projects=expression.projects, is_steady=steady)

    def ordering(self, parts: list[Any]) -> tuple[Key, bool]:
        name, direction = parts
        return self._field(name), direction is not None and direction.upper() == "DESC"

    def any_of(self, parts: list[JqlCondition]) -> JqlCondition:
        if len(parts) == 1:
            return parts[0]
        known = [part.projects for part in parts if part.projects is not None]
        return JqlCondition(
            lambda entry: any(part.holds(entry) for part in parts),
            _every([part.fails for part in parts]),
            frozenset.union(*known) if len(known) == len(parts) else None,
        )

    def all_of(self, parts: list[JqlCondition]) -> JqlCondition:
        if len(parts) == 1:
            return parts[0]
        known = [part.projects for part in parts if part.projects is not None]
        return JqlCondition(
            _every([part.holds for part in parts]),
            lambda entry: any(part.fails(entry) for part in parts),
            frozenset.intersection(*known) if known else None,
        )

    def negated(self, parts: list[JqlCondition]) -> JqlCondition:
        return JqlCondition(parts[0].fails, parts[0].holds)

    def value(self, parts: list[Token]) -> Token:
        return parts[0]

    def compared(self, parts: list[Token]) -> JqlCondition:
        name, sign, value = parts
        field = self._field(name)
        if sign not in ("=", "!=") and name.lower() not in ORDERED:
            raise JiraError(400, f"The operator '{sign}' is not supported by the '{name}' field.")
        wanted = self._value(name, value)
        compare = _several if name.lower() == "labels" else _single
        is_project = name.lower() == "project" and sign == "="
        projects = frozenset({wanted}) if is_project else None
        return JqlCondition(compare(sign, field, wanted), compare(OPPOSITES[sign], field, wanted), projects)

    def among(self, parts: list[Token]) -> JqlCondition:
        name, *values = parts
        field, wanted = self._field(name), frozenset(self._value(name, each) for each in values)
        has_several = name.lower() == "labels"

        def is_among(entry: IndexEntry) -> bool:
            return not wanted.isdisjoint(field(entry)) if has_several else field(entry) in wanted

        def is_outside(entry: IndexEntry) -> bool:
            return field(entry) not in (None, ()) and not is_among(entry)

        return JqlCondition(is_among, is_outside, wanted if name.lower() == "project" else None)

    def not_among(self, parts: list[Token]) -> JqlCondition:
        return self.negated([self.among(parts)])

    def filled(self, parts: list[Token]) -> JqlCondition:
        return self.negated([self.empty(parts)])

    def empty(self, parts: list[Token]) -> JqlCondition:
        field = self._field(parts[0])
        return JqlCondition(lambda entry: not field(entry), lambda entry: bool(field(entry)))

    def _field(self, name: str) -> Key:
        if name.lower() not in FIELDS:
            raise JiraError(400, f"Field '{name}' does not exist or you do not have permission to view it.")
        return FIELDS[name.lower()]

    def _value(self, name: Token, token: Token) -> Any:
        field, text, quoted = name.lower(), str(token), token[0] in "\"'"
        text = text[1:-1] if quoted else text
        if field in ("updated", "created"):
            return self._time(name, text, quoted=quoted)
        if field in ("creator", "reporter"):
            if text == "currentUser()":
                return self._user.id
            return text
        if field in ("key", "issuekey"):
            return self._key(text)
        if field == "id":
            return self._id(text)
        if field == "project":
            return self._project(text)
        if field == "status":
            return self._status(text)
        if field == "priority":
            return self._priority(text)
        return text

    def _status(self, name_or_id: str) -> str:
        known = {each.id: name.lower() for name, each in self._site.statuses.items()}
        wanted = known.get(name_or_id, name_or_id.lower())
        if wanted not in known.values():
            raise JiraError(400, f"The value '{name_or_id}' does not exist for the field 'status'.")
        return wanted

    def _priority(self, text: str) -> str:
        known = {each.lower(): each for each in self._site.priorities}
        if text.lower() not in known:
            raise JiraError(400, f"The value '{text}' does not exist for the field 'priority'.")
        return known[text.lower()]

    def _project(self, text: str) -> str:
        project = self._site.project(text)
        if project is None or not self._sees(project):
            raise JiraError(400, f"The value '{text}' does not exist for the field 'project'.")
        return project.id

    def _sees(self, project: Project) -> bool:
        return self._site.permissions.allow(self._user, BROWSE_PROJECTS, project)

    def _id(self, text: str) -> int:
        if not text.isdigit():
            raise JiraError(400, f"The value '{text}' is not a valid id.")
        return int(text)

    def _key(self, text: str) -> tuple[str, int]:
        project, _, number = text.upper().rpartition("-")
        issue = self._site.issue(text)
        if not number.isdigit() or issue is None or not self._sees(issue.project):
            raise JiraError(400, f"An issue with key '{text}' does not exist for field 'key'.")
        return project, int(number)

    def _time(self, name: str, text: str, *, quoted: bool) -> datetime:
        """Unquoted digits are milliseconds since 1970; quoted times are minutes in the profile's own zone."""
        if not quoted and text.isdigit():
            return datetime.fromtimestamp(int(text) / 1000, tz=self._site.now().tzinfo)
        if relative := re.fullmatch(r"-(\d+)([mhdw])", text):
            self._is_steady = False
            return self._site.now() - timedelta(**{UNITS[relative[2]]: int(relative[1])})
        for each in TIME_FORMATS:
            try:
                return datetime.strptime(text, each).replace(tzinfo=ZoneInfo(self._user.time_zone))
            except ValueError:
                continue
        raise JiraError(400, f"Date value '{text}' for field '{name}' is invalid.")
