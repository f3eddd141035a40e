"""Who is whose counterpart, as the replaced service left it: of several claims on one issue, the first stands. Pure.

What our own database says comes first, then its mapping, oldest first, then the lines that it wrote into descriptions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from sync_model.definition import Side
from sync_worker.core.pairs import Pair
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
class Listed:
    """An issue in a project of ours, as search shows it. `names`: the counterparts that its description names."""

    id: str
    key: str
    status: str
    updated: datetime
    names: tuple[str, ...] = ()


class Listing:
    """All issues of one project, as search shows them."""

    def __init__(self, issues: Iterable[Listed], project_key: str) -> None:
        self.issues = list(issues)
        self._by_number = {_number(each.key): each for each in self.issues}
        # A project may have another key by now; the numbers of its issues stay.
        self._prefixes = {project_key.upper(), *(_prefix(each.key) for each in self.issues[:1])}

    def find(self, key: str) -> Listed | None:
        """Return the issue that has this key, or had it before its project got another one."""
        return self._by_number.get(_number(key)) if _prefix(key) in self._prefixes else None


@dataclass(frozen=True)
class Location:
    """Where an issue is now. Of one that is nowhere, as far as we can see, the key stands for its id."""

    id: str
    key: str
    in_project: bool = True
    is_there: bool = True

    @classmethod
    def nowhere(cls, key: str) -> Location:
        return cls(key, key, in_project=False, is_there=False)


class Pairing:
    """The claims so far. `new` are the pairs that came of them, `replaced` those that these take the place of.

    `quiet` are the issues that lost: what they are in is no reason to give them a counterpart.
    """

    def __init__(self, known: Iterable[Pair], now: datetime) -> None:
        self.findings: list[PairFinding] = []
        self.new: list[Pair] = []
        self.replaced: list[Pair] = []
        self.quiet: set[tuple[Side, str]] = set()
        self._now = now
        self._of: dict[tuple[Side, str], Pair] = {}
        self._legacy_keys: dict[tuple[Side, str], str] = {}
        for pair in known:
            self._enter(pair)

    def pair_of(self, side: Side, issue_id: str) -> Pair | None:
        return self._of.get((side, issue_id))

    def legacy_key(self, side: Side, pair: Pair) -> str:
        """Return the key that the replaced service knew a pair's issue by."""
        return self._legacy_keys.get((side, pair.id(side)), pair.key(side))

    def pairs(self) -> list[Pair]:
        return list({id(pair): pair for pair in self._of.values()}.values())

    def settle(
        self,
        mapping: Iterable[LegacyPair],
        locations: Mapping[Side, Mapping[str, Location]],
        listings: Mapping[Side, Listing],
    ) -> None:
        """Enter all claims, in the order in which they count."""
        halves = []
        for legacy in mapping:
            user, dev = (locations[side][legacy.key(side)] for side in Side)
            if user.is_there and dev.is_there:
                self._claim(PairOutcome.TAKEN, legacy, user, dev)
            else:
                halves.append((legacy, user, dev))
        self._claim_by_lines(listings)
        for legacy, user, dev in halves:
            self._half(legacy, user, dev)

    def _claim(self, kind: PairOutcome, legacy: LegacyPair, user: Location, dev: Location) -> None:
        locations = {Side.USER: user, Side.DEV: dev}
        self._legacy_keys |= {(side, location.id): legacy.key(side) for side, location in locations.items()}
        before = {side: self._standing(side, location.id, legacy) for side, location in locations.items()}
        if before[Side.USER] and before[Side.USER] == before[Side.DEV]:
            self._find(PairOutcome.KNOWN, legacy)
        elif any(before.values()):
            obstacles = [_standing(side, each) for side, each in before.items() if each]
            self._find(PairOutcome.CONFLICT, legacy, " and ".join(obstacles))
            self.quiet |= {(side, locations[side].id) for side, each in before.items() if each is None}
        else:
            now = [location.key for side, location in locations.items() if location.key != legacy.key(side)]
            self._find(kind, legacy, f"now {' and '.join(now)}" if now else "")
            self._pair(legacy, user, dev)

    def _standing(self, side: Side, issue_id: str, legacy: LegacyPair) -> Pair | None:
        """Return the pair that an issue is in already; not one whose other half, now found, was nowhere to be seen."""
        pair = self._of.get((side, issue_id))
        if pair is None or pair.id(side.other) != legacy.key(side.other):
            return pair
        self.replaced.append(pair)
        for each in Side:
            del self._of[each, pair.id(each)]
        return None

    def _claim_by_lines(self, listings: Mapping[Side, Listing]) -> None:
        """Enter what descriptions say. What both say counts before what one says, and the oldest issue before its
        clones, which carry its lines.
        """
        claims: dict[tuple[Listed, Listed], list[Side]] = {}
        for side in Side:
            for issue in listings[side].issues:
                for other in filter(None, map(listings[side.other].find, issue.names)):
                    pair = (issue, other) if side is Side.USER else (other, issue)
                    claims.setdefault(pair, []).append(side)
        for (user, dev), by in sorted(claims.items(), key=_rank):
            self._claim_by_line(user, dev, by)

    def _claim_by_line(self, user: Listed, dev: Listed, by: Sequence[Side]) -> None:
        legacy = LegacyPair(user.key, dev.key)
        issues = {Side.USER: user, Side.DEV: dev}
        before = {side: self._of.get((side, issue.id)) for side, issue in issues.items()}
        if not any(before.values()):
            self._claim(PairOutcome.LINKED, legacy, Location(user.id, user.key), Location(dev.id, dev.key))
            return
        for side in by:
            if before[side] is None and (standing := before[side.other]):
                self._find(PairOutcome.CONFLICT, legacy, _standing(side.other, standing))
                # An issue that was created for one that has another counterpart is none to be given one itself.
                self.quiet |= {(Side.DEV, dev.id)} if side is Side.DEV else set()

    def _half(self, legacy: LegacyPair, user: Location, dev: Location) -> None:
        """Take note that one of two issues is gone, or both; the one that is left gets no other counterpart."""
        missing = [location.key for location in (user, dev) if not location.is_there]
        gone = f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not there"
        side, left = (Side.USER, user) if user.is_there else (Side.DEV, dev)
        standing = self._of.get((side, left.id))
        if standing is None and left.is_there:
            self._legacy_keys[side, left.id] = legacy.key(side)
            self._pair(legacy, user, dev)
        if standing and standing.key(side.other) == legacy.key(side.other):
            self._find(PairOutcome.KNOWN, legacy)
        else:
            self._find(PairOutcome.GONE, legacy, f"{gone}; {_standing(side, standing)}" if standing else gone)

    def _pair(self, legacy: LegacyPair, user: Location, dev: Location) -> None:
        pair = Pair(user.id, dev.id, user.key, dev.key, created=legacy.created or self._now)
        for side, location in ((Side.USER, user), (Side.DEV, dev)):
            if location.is_there:
                pair = pair.found(side, location.key, in_project=location.in_project)
            else:
                pair = replace(pair, gone={**pair.gone, side: self._now})
        self.new.append(pair)
        self._enter(pair)

    def _enter(self, pair: Pair) -> None:
        for side in Side:
            self._of[side, pair.id(side)] = pair

    def _find(self, kind: PairOutcome, legacy: LegacyPair, text: str = "") -> None:
        self.findings.append(PairFinding(kind, legacy.user_key, legacy.dev_key, text))


def _standing(side: Side, pair: Pair) -> str:
    return f"{pair.key(side)} has {pair.key(side.other)}"


def _rank(claim: tuple[tuple[Listed, Listed], list[Side]]) -> tuple[int, int, int]:
    (user, dev), by = claim
    return -len(by), int(dev.id), int(user.id)


def _number(key: str) -> str:
    return key.rpartition("-")[2]


def _prefix(key: str) -> str:
    return key.rpartition("-")[0].upper()
