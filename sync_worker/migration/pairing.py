"""Who is whose counterpart, as the replaced service left it. Pure.

Several claims may be laid to one issue. The first one stands. What our own database says comes first. Then comes the
service's mapping, oldest entry first. Then come the lines that the service wrote into descriptions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from sync_model.definition.sync import Side
from sync_worker.core.issues.pairs import Pair
from sync_worker.migration.legacy import LegacyPair


class PairOutcome(StrEnum):
    """What becomes of two issues that the replaced service made, or names, each other's counterpart."""

    TAKEN = "taken over"  # they are a pair from now on
    LINKED = "taken over by a line"  # the mapping does not know them; a description does
    KNOWN = "already known"
    GONE = "gone or not visible"  # one of them; the other one gets no counterpart again
    CONFLICT = "conflicting"  # one of them has another counterpart, which stands
    FOREIGN = "of other projects"


@dataclass(frozen=True)
class PairFinding:
    """What becomes of two issues, by the keys that they had, and why."""

    kind: PairOutcome
    user_key: str
    dev_key: str
    text: str = ""


@dataclass(frozen=True)
class ListedIssue:
    """An issue of one of the two projects, as search shows it. `names`: the counterparts that its description names."""

    id: str
    key: str
    status: str
    updated: datetime
    names: tuple[str, ...] = ()


class Listing:
    """All issues of one project, as search shows them."""

    def __init__(self, issues: Iterable[ListedIssue], project_key: str) -> None:
        self.issues = list(issues)
        self._by_number = {_number(issue.key): issue for issue in self.issues}
        # A project may have another key by now; the numbers of its issues stay.
        self._prefixes = {project_key.upper(), *(_prefix(issue.key) for issue in self.issues[:1])}

    def find(self, key: str) -> ListedIssue | None:
        """Return the issue that has this key, or had it before its project got another one."""
        return self._by_number.get(_number(key)) if _prefix(key) in self._prefixes else None


@dataclass(frozen=True)
class Location:
    """Where an issue is now. If we cannot see it anywhere, its key stands for its id."""

    id: str
    key: str
    in_project: bool = True
    is_visible: bool = True

    @classmethod
    def nowhere(cls, key: str) -> Location:
        return cls(key, key, in_project=False, is_visible=False)


class PairClaims:
    """The claims so far. `new` are the pairs that came of them, `replaced` the pairs that these take the place of.

    `excluded` are the issues whose claim failed. Their present status is no reason to create a counterpart.
    """

    def __init__(self, known: Iterable[Pair], now: datetime) -> None:
        self.findings: list[PairFinding] = []
        self.new: list[Pair] = []
        self.replaced: list[Pair] = []
        self.excluded: set[tuple[Side, str]] = set()
        self._now = now
        self._pair_of: dict[tuple[Side, str], Pair] = {}
        self._legacy_keys: dict[tuple[Side, str], str] = {}
        for pair in known:
            self._add(pair)

    def pair_of(self, side: Side, issue_id: str) -> Pair | None:
        return self._pair_of.get((side, issue_id))

    def legacy_key(self, side: Side, pair: Pair) -> str:
        """Return the key by which the replaced service knew a pair's issue."""
        return self._legacy_keys.get((side, pair.id(side)), pair.key(side))

    def pairs(self) -> list[Pair]:
        return list({id(pair): pair for pair in self._pair_of.values()}.values())

    def settle(
        self,
        mapping: Iterable[LegacyPair],
        locations: Mapping[Side, Mapping[str, Location]],
        listings: Mapping[Side, Listing],
    ) -> None:
        """Decide about all claims, in the order in which they count."""
        incomplete = []
        for legacy in mapping:
            user, dev = (locations[side][legacy.key(side)] for side in Side)
            if user.is_visible and dev.is_visible:
                self._claim(PairOutcome.TAKEN, legacy, user, dev)
            else:
                incomplete.append((legacy, user, dev))
        self._claim_by_descriptions(listings)
        for legacy, user, dev in incomplete:
            self._settle_incomplete(legacy, user, dev)

    def _claim(self, kind: PairOutcome, legacy: LegacyPair, user: Location, dev: Location) -> None:
        locations = {Side.USER: user, Side.DEV: dev}
        self._legacy_keys |= {(side, location.id): legacy.key(side) for side, location in locations.items()}
        before = {side: self._standing_pair(side, location.id, legacy) for side, location in locations.items()}
        if before[Side.USER] and before[Side.USER] == before[Side.DEV]:
            self._report(PairOutcome.KNOWN, legacy)
        elif any(before.values()):
            obstacles = [_describe(side, pair) for side, pair in before.items() if pair]
            self._report(PairOutcome.CONFLICT, legacy, " and ".join(obstacles))
            self.excluded |= {(side, locations[side].id) for side, pair in before.items() if pair is None}
        else:
            now = [location.key for side, location in locations.items() if location.key != legacy.key(side)]
            self._report(kind, legacy, f"now {' and '.join(now)}" if now else "")
            self._pair(legacy, user, dev)

    def _standing_pair(self, side: Side, issue_id: str, legacy: LegacyPair) -> Pair | None:
        """Return the pair of an issue.

        If its counterpart was not visible when they were paired and is now, that pair gives way: it is replaced.
        """
        pair = self._pair_of.get((side, issue_id))
        if pair is None or pair.id(side.other) != legacy.key(side.other):
            return pair
        self.replaced.append(pair)
        for either in Side:
            del self._pair_of[either, pair.id(either)]
        return None

    def _claim_by_descriptions(self, listings: Mapping[Side, Listing]) -> None:
        """Decide about what descriptions say.

        Two issues that name each other count before one that names another. An older issue counts before its clones,
        which have its lines in their descriptions, too.
        """
        claims: dict[tuple[ListedIssue, ListedIssue], list[Side]] = {}
        for side in Side:
            for issue in listings[side].issues:
                for other in filter(None, map(listings[side.other].find, issue.names)):
                    pair = (issue, other) if side is Side.USER else (other, issue)
                    claims.setdefault(pair, []).append(side)
        for (user, dev), claimed_by in sorted(claims.items(), key=_rank):
            self._claim_by_description(user, dev, claimed_by)

    def _claim_by_description(self, user: ListedIssue, dev: ListedIssue, claimed_by: Sequence[Side]) -> None:
        legacy = LegacyPair(user.key, dev.key)
        issues = {Side.USER: user, Side.DEV: dev}
        before = {side: self._pair_of.get((side, issue.id)) for side, issue in issues.items()}
        if not any(before.values()):
            self._claim(PairOutcome.LINKED, legacy, Location(user.id, user.key), Location(dev.id, dev.key))
            return
        for side in claimed_by:
            if before[side] is None and (standing := before[side.other]):
                self._report(PairOutcome.CONFLICT, legacy, _describe(side.other, standing))
                # This issue was created for one that has another counterpart. So it is itself given none.
                self.excluded |= {(Side.DEV, dev.id)} if side is Side.DEV else set()

    def _settle_incomplete(self, legacy: LegacyPair, user: Location, dev: Location) -> None:
        """Take note that one of two issues is gone, or both. The one that is left gets no other counterpart."""
        missing = [location.key for location in (user, dev) if not location.is_visible]
        gone = f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not there"
        side, left = (Side.USER, user) if user.is_visible else (Side.DEV, dev)
        standing = self._pair_of.get((side, left.id))
        if standing is None and left.is_visible:
            self._legacy_keys[side, left.id] = legacy.key(side)
            self._pair(legacy, user, dev)
        if standing and standing.key(side.other) == legacy.key(side.other):
            self._report(PairOutcome.KNOWN, legacy)
        else:
            self._report(PairOutcome.GONE, legacy, f"{gone}; {_describe(side, standing)}" if standing else gone)

    def _pair(self, legacy: LegacyPair, user: Location, dev: Location) -> None:
        pair = Pair(user.id, dev.id, user.key, dev.key, created=legacy.created or self._now)
        for side, location in ((Side.USER, user), (Side.DEV, dev)):
            if location.is_visible:
                pair = pair.found(side, location.key, in_project=location.in_project)
            else:
                pair = replace(pair, gone={**pair.gone, side: self._now})
        self.new.append(pair)
        self._add(pair)

    def _add(self, pair: Pair) -> None:
        for side in Side:
            self._pair_of[side, pair.id(side)] = pair

    def _report(self, kind: PairOutcome, legacy: LegacyPair, text: str = "") -> None:
        self.findings.append(PairFinding(kind, legacy.user_key, legacy.dev_key, text))


def _describe(side: Side, pair: Pair) -> str:
    return f"{pair.key(side)} has {pair.key(side.other)}"


def _rank(claim: tuple[tuple[ListedIssue, ListedIssue], list[Side]]) -> tuple[int, int, int]:
    (user, dev), claimed_by = claim
    return -len(claimed_by), int(dev.id), int(user.id)


def _number(key: str) -> str:
    return key.rpartition("-")[2]


def _prefix(key: str) -> str:
    return key.rpartition("-")[0].upper()
