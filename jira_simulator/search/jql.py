"""A part of JQL, parsed by a grammar. What the grammar does not know is refused, as Jira refuses what is wrong."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from lark import Lark, Token, Transformer, Tree
from lark.exceptions import LarkError, VisitError

from jira_simulator.search import conditions
from jira_simulator.search.conditions import (
    FIELDS,
    IDENTITIES,
    ORDER_COMPARISONS,
    WITH_AN_ORDER,
    FieldGetter,
    JqlCondition,
    JqlQuery,
)
from jira_simulator.search.jql_values import JqlValues
from jira_simulator.site.model import JiraError, SimulatedUser
from jira_simulator.site.simulated_site import SimulatedSite

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
MOST_ORDERINGS = 7


def parse(text: str, site: SimulatedSite, user: SimulatedUser, *, validates: bool = True) -> JqlQuery:
    """Raises JiraError 400 for anything that Jira would refuse, or that is not known here.

    Unless it `validates`, an issue that is named by an id that is not there is left out without a word.
    """
    try:
        tree = _tree(text)
    except LarkError as error:
        raise JiraError(400, f"Error in the JQL Query: {str(error).splitlines()[0]}") from None
    try:
        query: JqlQuery = _QueryBuilder(site, user, validates=validates).transform(tree)
    except VisitError as error:
        # lark wraps whatever a method of the transformer raises.
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


class _QueryBuilder(Transformer[Token, Any]):
    """Turns the tree into a query. lark calls the method that has the name of a rule or of its alias."""

    def __init__(self, site: SimulatedSite, user: SimulatedUser, *, validates: bool) -> None:
        super().__init__()
        self._values = JqlValues(site, user, validates=validates)

    def query(self, parts: list[Any]) -> JqlQuery:
        expression, *order = parts
        orderings = tuple(ordering for ordering in order if ordering is not None)
        if len(orderings) > MOST_ORDERINGS:
            raise JiraError(400, "Too many fields in ORDER BY.")
        if expression is None:
            return JqlQuery(lambda _entry: True, orderings, is_bounded=False)
        is_steady = self._values.is_steady
        return JqlQuery(expression.holds, orderings, is_bounded=True, projects=expression.projects, is_steady=is_steady)

    def ordering(self, parts: list[Any]) -> tuple[FieldGetter, bool]:
        name, direction = parts
        return FIELDS[_field(name)], direction is not None and direction.upper() == "DESC"

    def any_of(self, parts: list[JqlCondition]) -> JqlCondition:
        return conditions.any_of(parts)

    def all_of(self, parts: list[JqlCondition]) -> JqlCondition:
        return conditions.all_of(parts)

    def negated(self, parts: list[JqlCondition]) -> JqlCondition:
        return conditions.negated(parts[0])

    def value(self, parts: list[Token]) -> Token:
        return parts[0]

    def compared(self, parts: list[Token]) -> JqlCondition:
        name, sign, value = parts
        field = _field(name)
        if sign not in ("=", "!=") and field not in WITH_AN_ORDER:
            raise JiraError(400, f"The operator '{sign}' is not supported by the '{name}' field.")
        if field in IDENTITIES and sign in ORDER_COMPARISONS:
            return conditions.in_order_of_keys(sign, self._values.place_of(name, str(value)))
        return conditions.compared(field, sign, self._values.read(name, str(value)))

    def among(self, parts: list[Token]) -> JqlCondition:
        name, *values = parts
        return conditions.among(_field(name), frozenset(self._values.read(name, str(value)) for value in values))

    def not_among(self, parts: list[Token]) -> JqlCondition:
        return conditions.negated(self.among(parts))

    def filled(self, parts: list[Token]) -> JqlCondition:
        return conditions.negated(self.empty(parts))

    def empty(self, parts: list[Token]) -> JqlCondition:
        return conditions.empty(_field(parts[0]))


def _field(name: str) -> str:
    """Return the name of a field as FIELDS has it. Raises JiraError 400 for a field that is not known."""
    if name.lower() not in FIELDS:
        raise JiraError(400, f"Field '{name}' does not exist or you do not have permission to view it.")
    return name.lower()
