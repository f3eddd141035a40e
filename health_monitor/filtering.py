"""Which of the syncs somebody wants to see, and how many of them at once. Pure.

The page, the API and `jira-sync status` take the same words:

    q           each of its words is in the name, a project key, a site or the file's name
    condition   a condition, or `error`, `attention`, `well` or `off` for all conditions of that level
    shard       `2/4`, or `2`
    site        the site of either project, as people see it: `acme.atlassian.net`
    page, rows  which part of them: `rows=all` for all

All but `page` and `rows` may be there several times: one of each kind has to fit. A word that means nothing fits no
sync.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Protocol
from urllib.parse import urlencode

from health_monitor.observation.snapshot import Snapshot, SyncView
from sync_model.health.judgement import Condition, Level

ROWS = 100
"""So many rows are shown at once, unless somebody asks for others."""
ALL_ROWS = "all"
MOST_VALUES = 50
"""Of each kind. Nobody types more."""
LEVEL_WORDS = {"error": Level.ERROR, "attention": Level.ATTENTION, "well": Level.OK, "off": Level.OFF}
LABELS = {Condition.OK: "in step"}
"""Words of the page for conditions whose own word is another one."""


class Parameters(Protocol):
    """The parameters of a request."""

    def getall(self, key: str, default: Sequence[str], /) -> Sequence[str]: ...


@dataclass(frozen=True)
class SyncFilter:
    """What a sync has to have so that somebody sees it. The default is fulfilled by all."""

    text: str = ""
    conditions: tuple[str, ...] = ()
    shards: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()

    @property
    def is_set(self) -> bool:
        return self != SyncFilter()

    @cached_property
    def _words(self) -> Sequence[str]:
        return self.text.casefold().split()

    def of(self, snapshot: Snapshot) -> tuple[SyncView, ...]:
        """Return the syncs of `snapshot` that fulfil this, in the same order."""
        if not self.is_set:
            return snapshot.syncs
        return tuple(view for view in snapshot.syncs if self._fits(view, snapshot))

    def parameters(self) -> list[tuple[str, str]]:
        """Return the parameters of a request that ask for this."""
        several = {"condition": self.conditions, "shard": self.shards, "site": self.sites}
        given = [(key, value) for key, values in several.items() for value in values]
        return [("q", self.text), *given] if self.text else given

    def _fits(self, view: SyncView, snapshot: Snapshot) -> bool:
        return (
            (not self.conditions or any(is_condition(word, view) for word in self.conditions))
            and (not self.shards or bool({*self.shards} & shard_words(view, snapshot)))
            and (not self.sites or bool(_folded(self.sites) & _folded(view.sites)))
            and all(word in _haystack(view) for word in self._words)
        )


def is_condition(word: str, view: SyncView) -> bool:
    """Tell whether `word` means the condition of a sync."""
    return word in _condition_words(view.verdict.condition) or LEVEL_WORDS.get(word) is view.verdict.level


def is_known_condition(word: str) -> bool:
    """Tell whether `word` means a condition or a level."""
    return word in LEVEL_WORDS or any(word in _condition_words(condition) for condition in Condition)


def known_conditions() -> list[str]:
    """Return the words that mean a condition or a level."""
    return [*LEVEL_WORDS, *map(str, Condition)]


def shard_words(view: SyncView, snapshot: Snapshot) -> set[str]:
    """Return the words that mean the shard of a sync; none where there is no fleet."""
    shard = snapshot.shard_of(view)
    return {str(shard), str(shard.number)} if shard else set()


def _condition_words(condition: Condition) -> Collection[str]:
    label = LABELS.get(condition, condition)
    return {str(condition), condition.replace(" ", "-"), label, label.replace(" ", "-")}


def _folded(texts: Iterable[str]) -> set[str]:
    return {text.casefold() for text in texts}


def _haystack(view: SyncView) -> str:
    keys = (view.sync.user_project_key, view.sync.dev_project_key) if view.sync else ()
    return "\n".join((view.name, view.file, *keys, *view.sites)).casefold()


def parse_filter(parameters: Parameters) -> SyncFilter:
    """Return what the parameters of a request ask for. Nothing that they hold is an error."""

    def values(key: str) -> tuple[str, ...]:
        given = (value.strip() for value in parameters.getall(key, ())[:MOST_VALUES])
        return tuple(dict.fromkeys(value for value in given if value))

    conditions = tuple(word.casefold() for word in values("condition"))
    return SyncFilter(" ".join(values("q")), conditions, values("shard"), values("site"))


@dataclass(frozen=True)
class Part:
    """One page of the syncs that somebody wants to see: `views`, of `matching`, of `total`. Pages begin with 1."""

    asked: SyncFilter
    views: tuple[SyncView, ...]
    matching: int
    total: int
    number: int = 1
    pages: int = 1
    shows_all: bool = False

    @property
    def first(self) -> int:
        """The number of the first of `views` among those that match, from 1."""
        return (self.number - 1) * ROWS + 1

    def query(self, number: int | None = None, *, rows: str = "") -> str:
        """Return the query for the same syncs, from page `number` or with so many `rows`."""
        more = [("page", str(number))] if number and number > 1 else []
        more += [("rows", rows)] if rows else []
        return f"?{urlencode([*self.asked.parameters(), *more])}" if self.asked.is_set or more else ""


def part_of(snapshot: Snapshot, parameters: Parameters, rows: str = str(ROWS)) -> Part:
    """Return the part of the syncs that the parameters of a request ask for. Without `rows` there, `rows` counts."""
    asked = parse_filter(parameters)
    matching = asked.of(snapshot)
    known = (len(matching), len(snapshot.syncs))
    if next(iter(parameters.getall("rows", (rows,))), rows) == ALL_ROWS:
        return Part(asked, matching, *known, shows_all=True)
    pages = max(1, -(-len(matching) // ROWS))
    number = min(_number(parameters), pages)
    return Part(asked, matching[(number - 1) * ROWS : number * ROWS], *known, number, pages)


def _number(parameters: Parameters) -> int:
    text = next(iter(parameters.getall("page", ())), "")
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < len(str(10**9)) else 1


@dataclass(frozen=True)
class Choice:
    """One value that a person can choose, and how many syncs have it."""

    value: str
    label: str
    count: int


@dataclass(frozen=True)
class Choices:
    """What there is to choose from: words of levels and conditions, shards and sites, each by how many syncs have it.

    There are no shards to choose where there is one, and no sites where all syncs have the same.
    """

    levels: Sequence[Choice]
    conditions: Sequence[Choice]
    shards: Sequence[Choice]
    sites: Sequence[Choice]


LEVEL_LABELS = {"error": "needs you", "attention": "needs a look", "well": "is well", "off": "is switched off"}


def choices(snapshot: Snapshot, asked: SyncFilter) -> Choices:
    """Return what there is to choose from. What is `asked` for is among it, also if no sync has it."""
    conditions = Counter(view.verdict.condition for view in snapshot.syncs)
    levels = Counter(view.verdict.level for view in snapshot.syncs)
    words = {str(condition): LABELS.get(condition, str(condition)) for condition in Condition}
    known = {str(condition): conditions[condition] for condition in Condition if conditions[condition]}
    unknown = [word for word in asked.conditions if word not in LEVEL_WORDS]
    sites = Counter(chain.from_iterable({*view.sites} for view in snapshot.syncs))
    shards = Counter(str(shard) for view in snapshot.syncs if (shard := snapshot.shard_of(view)))
    total = snapshot.fleet.shard.total if snapshot.fleet else 0
    all_shards = [f"{number}/{total}" for number in range(1, total + 1)] if total > 1 else []
    return Choices(
        [Choice(word, LEVEL_LABELS[word], levels[level]) for word, level in LEVEL_WORDS.items()],
        _choices(known, unknown, words),
        _choices({shard: shards[shard] for shard in all_shards}, asked.shards),
        _choices(dict(sorted(sites.items())) if len(sites) > 1 else {}, asked.sites),
    )


def _choices(counts: Mapping[str, int], asked: Iterable[str], labels: Mapping[str, str] | None = None) -> list[Choice]:
    values = dict.fromkeys((*counts, *asked))
    return [Choice(value, (labels or {}).get(value, value), counts.get(value, 0)) for value in values]
