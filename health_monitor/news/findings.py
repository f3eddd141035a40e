"""What a snapshot says of each sync, as far as news are made of it. Pure.

A message leaves the machine. So it repeats nothing of what sites say, unless that is asked for: an error of Jira may
quote the text of an issue.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from health_monitor.news.records import THE_GROUP, Finding
from health_monitor.observation.snapshot import Snapshot, SyncView
from sync_model.health.judgement import Condition, Level, format_duration
from sync_model.secrecy.redaction import redacted

LONGEST_WHY = 300
QUIET_CONDITIONS = frozenset({Condition.STARTING, Condition.BACKING_OFF, Condition.STOPPED, Condition.PAUSED})
"""They are no news, and the end of none: a process that an apply replaces, a pause in which Jira is tried again (which
becomes `unreachable` if it lasts), and what a person has asked for."""
OWN_WORDS = {
    Condition.REFUSED: "Jira or the database refuses what it asks for, and goes on doing so",
    Condition.UNREACHABLE: "Jira or MongoDB has not answered for long",
}
"""Said in place of what a site has said."""


def findings(
    snapshot: Snapshot, channels: Mapping[str, tuple[str, ...]], group: tuple[str, ...], *, tells_details: bool
) -> Iterator[Finding]:
    """Yield what `snapshot` says of the group and of each sync.

    `channels` are those of each sync, by name, and `group` those of the group itself.
    """
    is_well = snapshot.trouble_to_tell is None
    why = _one_line(snapshot.trouble_to_tell or "")
    level, condition = (Level.OK, Condition.OK) if is_well else (Level.ERROR, "in trouble")
    advice = "" if is_well else "jira-sync status"
    yield Finding(THE_GROUP, level, condition, why, snapshot.taken, advice, group)
    for view in snapshot.here:
        found = _finding(view, snapshot.taken, channels.get(view.name, group), tells_details=tells_details)
        # Without supervisord, nothing is known of any sync. The group is told of once.
        yield Finding(found.name, None, channels=found.channels) if snapshot.supervisor_error else found


def _finding(view: SyncView, now: datetime, channels: tuple[str, ...], *, tells_details: bool) -> Finding:
    verdict = view.verdict
    is_news = verdict.condition not in QUIET_CONDITIONS and verdict.level is not Level.OFF
    why = verdict.why if tells_details else _in_own_words(view)
    return Finding(
        view.name,
        verdict.level if is_news else None,
        str(verdict.condition),
        _one_line(why),
        verdict.since or now,
        _one_line(verdict.advice),
        channels,
    )


def _in_own_words(view: SyncView) -> str:
    """Return why a sync is as it is, without what a site has said and without the keys of issues."""
    condition, heartbeat = view.verdict.condition, view.facts.heartbeat
    if condition is Condition.BEHIND and view.verdict.lag is not None:
        failing = ", and has failed" if heartbeat and heartbeat.trouble else ""
        return f"a change waits for {format_duration(view.verdict.lag)}{failing}"
    if condition is Condition.NEEDS_A_LOOK:
        return _left_undone(view)
    return OWN_WORDS.get(condition, view.verdict.why)


def _left_undone(view: SyncView) -> str:
    heartbeat = view.facts.heartbeat
    if heartbeat is None:
        return view.verdict.why
    parts = []
    if number := heartbeat.dead_letters:
        parts.append(f"{number} change{'s were' if number > 1 else ' was'} given up")
    if number := max(heartbeat.unprocessable, len(heartbeat.unprocessable_issues)):
        parts.append(f"{number} issue{'s' * (number > 1)} cannot be handled")
    if not parts and heartbeat.census_trouble:
        parts.append("the census fails, so that no deletion is noticed")
    if not parts and heartbeat.expiring and not heartbeat.unknown_statuses:
        # Its name was given by somebody else.
        first = heartbeat.expiring[0]
        parts.append(f"{first.what} runs out on {first.at:%Y-%m-%d}")
    return "; ".join(parts) or view.verdict.why


def _one_line(text: str) -> str:
    """Return `text` as it may leave the machine: no secret, no line of its own, not long."""
    line = " ".join("".join(character if character.isprintable() else " " for character in redacted(text)).split())
    return line if len(line) <= LONGEST_WHY else f"{line[: LONGEST_WHY - 1]}…"
