"""What every facet in the catalogue keeps to."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from itertools import product
from typing import get_args

import pytest
from hypothesis import assume, given, settings

from sync_model.definition.sync import ANY_STATUS, Fallback, OnDelete, Rule, Side, Sync
from sync_model.health.heartbeat import CycleSummary
from sync_strategies import SYNCS
from sync_worker.core.decisions.rules import actions_for
from sync_worker.core.issues.actions import Action, CarryItems, Comment, Create, Link, Move
from sync_worker.core.issues.causes import CauseKind
from sync_worker.core.permissions import Permission
from sync_worker.facets.catalogue import ACTION_FACETS, COUNTS, FACETS, ITEM_FACETS
from sync_worker.facets.protocol import ActionFacet, Facet, ItemFacet
from worker_values import cause, sync

EVERY_FACET = pytest.mark.parametrize("facet", FACETS.values(), ids=FACETS)


def test_every_kind_of_action_has_exactly_one_facet_in_the_catalogue():
    of_actions = {action.kind for action in get_args(Action) if action is not CarryItems}
    assert (set(ACTION_FACETS), set(FACETS)) == (of_actions, of_actions | set(ITEM_FACETS))
    assert [facet.kind for facet in FACETS.values()] == list(FACETS)


@EVERY_FACET
def test_a_facet_depends_only_on_kinds_that_come_before_it_in_the_catalogue(facet):
    earlier = list(FACETS)[: list(FACETS).index(facet.kind)]
    assert facet.after <= set(earlier)


@EVERY_FACET
def test_a_facet_has_what_its_protocol_declares(facet):
    protocol = ItemFacet if facet.kind in ITEM_FACETS else ActionFacet
    members = {**vars(Facet), **vars(protocol)}
    methods = [name for name, member in members.items() if callable(member) or isinstance(member, staticmethod)]
    for name in {name for name in methods if not name.startswith("_")} | {"__init__"}:
        wanted, own = (inspect.signature(getattr(kind, name)).parameters for kind in (protocol, facet))
        assert [parameter.lstrip("_") for parameter in own] == list(wanted), name
    assert isinstance(facet.holds_up, bool)


@EVERY_FACET
def test_a_facet_needs_a_permission_that_jira_has(facet):
    assert facet.permission in list(Permission)
    assert isinstance(facet.permission, Permission)


def test_the_summary_of_a_cycle_counts_the_actions_of_every_facet():
    assert len(COUNTS) == len(FACETS)
    assert COUNTS.keys().isdisjoint(CycleSummary.model_fields)


WORDS = [
    # facet             its text in the journal   to do                       done                           found
    (Create.kind, "", "create", "created", "create found again"),
    (Create.kind, "it carries our mark", "it carries our mark", "created it carries our mark", "create found again"),
    (Move.kind, "To Do → Done", "move to Done, from To Do", "moved to Done, from To Do", "move found again"),
    (Move.kind, "Done", "move to Done", "moved to Done", "move found again"),
    (Link.kind, "", "link", "linked", "link found again"),
    ("attachments", "a, b.txt, 42", "copy a, b.txt", "copied a, b.txt", "a, b.txt was there already"),
    ("attachments", "copy: link: a.txt, 42", "copy link: a.txt", "copied link: a.txt", "link: a.txt was there already"),
    ("attachments", "link: a.txt, 42", "link to a.txt", "linked to a.txt", "a.txt was there already"),
    ("attachments", "delete: a.txt, 42", "delete a.txt", "deleted a.txt", "a.txt was there already"),
    (Comment.kind, "user", "comment on the user side", "commented on the user side", "comment found again"),
    (Comment.kind, "dev", "comment on the dev side", "commented on the dev side", "comment found again"),
]


@pytest.mark.parametrize(("kind", "text", "to_do", "done", "found"), WORDS)
def test_a_facet_makes_phrases_of_what_the_journal_says_of_its_actions(kind, text, to_do, done, found):
    words = FACETS[kind].words
    assert (words.to_do(text), words.done(text), words.found(text)) == (to_do, done, found)


def test_the_phrases_of_every_facet_are_tested():
    assert {kind for kind, *_ in WORDS} == set(FACETS)


PLANNED = [
    # facet        its text in the journal   how a plan counts it   whether Jira tells people of it
    (Create.kind, "", "to create", True),
    (Move.kind, "To Do → Done", "to move", True),
    (Link.kind, "", "to link", False),
    ("attachments", "a.txt, 42", "to copy", True),
    ("attachments", "copy: link: a.txt, 42", "to copy", True),
    ("attachments", "link: a.txt, 42", "to link to", False),
    ("attachments", "delete: a.txt, 42", "to delete", True),
    (Comment.kind, "user", "to comment on", True),
]


@pytest.mark.parametrize(("kind", "text", "planned", "notifies"), PLANNED)
def test_a_plan_counts_what_is_done_by_what_it_does_to_people_and_their_files(kind, text, planned, notifies):
    assert (FACETS[kind].words.planned(text), FACETS[kind].notifies(text)) == (planned, notifies)


@EVERY_FACET
def test_a_facet_names_its_deed(facet):
    deeds = [other.words.deed for other in FACETS.values()]
    assert facet.words.deed.strip()
    assert deeds.count(facet.words.deed) == 1


@given(SYNCS)
@settings(max_examples=250)
def test_a_facet_is_called_for_only_by_rules_and_fields_that_alone_call_for_one_of_its_actions(fields):
    subject = sync(**fields)
    # A rule that creates, and requires a counterpart, never fits an issue that it could create one for.
    assume(not any(rule.actions.create_issue and rule.requires_mapping for rule in subject.rules))
    for facet, side in product(FACETS.values(), Side):
        for label in facet.called_for_by(subject, side):
            assert isinstance(label, str)
            assert any(_calls_for(alone, facet.kind, side) for alone in _alone(subject, label)), (facet.kind, label)


def _alone(subject: Sync, label: str) -> list[Sync]:
    """Return the syncs in which nothing can call for an action but a rule of this label, or else the fields."""
    own_fields = subject.default_behavior.model_copy(
        update={"fallback_behavior": Fallback.IGNORE, "sync_attachments": False}
    )
    without_fields = {"default_behavior": own_fields, "attachments": None, "on_delete": OnDelete.KEEP}
    named = [{"rules": (rule,), **without_fields} for rule in subject.rules if rule.label == label]
    return [subject.model_copy(update=update) for update in named or [{"rules": ()}]]


def _calls_for(subject: Sync, kind: str, side: Side) -> bool:
    """Tell whether any change calls for an action of `kind` on `side`."""
    return any((kind, side) in _places(action, source) for source, action in _called_for(subject))


def _called_for(subject: Sync) -> Iterator[tuple[Side, Action]]:
    """Yield every action that a change may call for, with the side of the issue that changes.

    A new key is left out: the links that it calls for take the place of links that are there.
    """
    for status in {_status(rule) for rule in subject.rules} | {"Finished"}:
        for kind in set(CauseKind) - {CauseKind.MOVED}:
            change = cause(to_status=status, kind=kind, is_done=True)
            for source in Side:
                for paired in (True, False):
                    yield from ((source, action) for action in actions_for(subject, source, change, paired=paired))


def _status(rule: Rule) -> str:
    return rule.source_status[0].replace(ANY_STATUS, "Anything")


def _places(action: Action, source: Side) -> set[tuple[str, Side]]:
    """Return on which sides an action changes something that is called for by a change on `source`."""
    match action:
        case Link():
            sides = set(Side)
        case Comment():
            sides = {action.side}
        case _:
            sides = {source.other}
    return {(action.kind, side) for side in sides}
