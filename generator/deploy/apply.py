"""Makes a running group follow its plan, and says what became of each program."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from generator.deploy.install import install
from generator.deploy.prepare import Prepared
from generator.deploy.programs import START_TIMEOUT, STOP_TIMEOUT
from generator.deploy.snapshots import drop_snapshots
from generator.running.state.intention import (
    Intention,
    carry_out,
    read_intention,
    signals_blocked,
    stopped_by_a_person,
    without_this_process,
    write_intention,
)
from generator.running.supervision.descriptors import raise_limit
from generator.running.supervision.log_files import missing_logs, reopen_logs
from generator.running.supervision.outdated import outdated_workers, with_outdated
from generator.running.supervision.supervisor_rpc import DOWN, SETTLED, Changes, ProgramState, Supervisor
from generator.running.terminal import note_if_possible

SIGNS = {"started": "+", "restarted": "~", "stopped": "-"}


@dataclass(frozen=True)
class ProgramChange:
    """What became of one program: it was `started`, `restarted` or `stopped`, or it is `kept` as it was.

    `edited`: it will run something new, but stays stopped, because a person has stopped it.

    `why` is in words. `state` is how supervisord sees the program now, where it runs.
    """

    name: str
    what: str
    why: str = ""
    state: ProgramState | None = None

    def __str__(self) -> str:
        if self.what == "kept":
            return f"! {self.name} keeps running as it was: {self.why}"
        if self.what == "edited":
            why = f" ({self.why})" if self.why else ""
            return f"~ {self.name} stays stopped{why}; to run it as it is now: jira-sync start {self.name}"
        failed = self.state is not None and self.state.state != "RUNNING"
        now = f", but is {self.state.state}: {self.state.description}" if self.state and failed else ""
        why = f" ({self.why})" if self.why else ""
        return f"{SIGNS[self.what]} {self.name} {self.what}{now}{why}"


@dataclass(frozen=True)
class Applied:
    """What `apply` did. `unchanged` counts the syncs that kept their processes."""

    changes: tuple[ProgramChange, ...]
    unchanged: int
    all_run: bool

    def lines(self) -> list[str]:
        return [*map(str, self.changes), *([f"= {self.unchanged} unchanged"] if self.unchanged > 0 else [])]


def apply_plan(prepared: Prepared) -> Applied:
    """Install the plan and have supervisord follow it. Raises Unusable, NotRunning or NoAnswer."""
    run_dir, supervisor = prepared.settings.run_dir, Supervisor(prepared.settings.socket)
    before = supervisor.states()
    unfinished = read_intention(run_dir)
    stopped = _with_new_names(stopped_by_a_person(before, unfinished), prepared)
    _mend(supervisor, prepared, before)
    with signals_blocked():
        write_intention(run_dir, replace(unfinished or Intention(stopped), stopped=stopped))
        install(prepared)
        wanted = {program.name: program.digest for program in prepared.plan.syncs if program.digest}
        outdated = outdated_workers(run_dir, before, wanted)
        changes = without_this_process(before, with_outdated(supervisor.reread(), outdated))
        changes = _narrowed(changes, prepared, unfinished)

        def follow(changes: Changes, stopped: Collection[str]) -> None:
            supervisor.follow(changes, STOP_TIMEOUT, _may_start(prepared, outdated), stopped, note_if_possible)

        left = carry_out(supervisor, run_dir, changes, stopped, follow)
    drop_snapshots(prepared.plan, prepared.settings)
    touched = {*changes.added, *changes.changed, *left}
    after = supervisor.wait(touched - stopped, lambda state: state.state in SETTLED, START_TIMEOUT, note_if_possible)
    described = _describe(prepared, Before(before, stopped, outdated, left), changes, after)
    kept = kept_syncs(prepared, but=touched)
    still_kept = {name for name in prepared.plan.kept if not _is_other(name, prepared)}
    unchanged = {program.name for program in prepared.plan.syncs} - touched - still_kept
    all_run = all(state.state == "RUNNING" for state in after.values())
    return Applied((*described, *kept), len(unchanged), all_run)


def _is_other(name: str, prepared: Prepared) -> bool:
    """Tell whether this is one of the programs that stay as they are, because others were named."""
    return prepared.only is not None and name not in prepared.only


def _narrowed(changes: Changes, prepared: Prepared, unfinished: Intention | None) -> Changes:
    """Leave out what was not named. What an earlier apply was about to replace is finished all the same."""
    begun = unfinished.replaced if unfinished else frozenset[str]()
    return changes.only(lambda name: not _is_other(name, prepared) or name in begun)


def _mend(supervisor: Supervisor, prepared: Prepared, states: Mapping[str, ProgramState]) -> None:
    """Give supervisord what it needs for the plan: enough open files, and log files that are there."""
    raise_limit(supervisor, len(prepared.plan.programs))
    if missing := missing_logs(prepared.settings, states):
        reopen_logs(supervisor)
        note_if_possible(
            f"{prepared.settings.log_dir} lacked the logs of {', '.join(missing)}; they are written there again"
        )


def _with_new_names(stopped: frozenset[str], prepared: Prepared) -> frozenset[str]:
    """Add the names that stopped syncs have now. A sync that a person has stopped is not started by renaming it."""
    files = {applied.file for name, applied in prepared.manifest.items() if name in stopped}
    renamed = (name for name, file in prepared.plan.fresh.items() if file.path.name in files)
    return stopped | {name for name in renamed if name not in prepared.manifest}


def kept_syncs(prepared: Prepared, but: Collection[str] = ()) -> Iterator[ProgramChange]:
    """Yield each sync that runs as it was because its file is broken, except the syncs named in `but`."""
    for name, applied in sorted(prepared.plan.kept.items()):
        if name not in but and not _is_other(name, prepared):
            count = sum(problem.file == applied.file for problem in prepared.loaded.problems)
            what = f"has {count} problem{'s' * (count != 1)}" if count else "is not a file any more"
            yield ProgramChange(name, "kept", f"{applied.file} {what}")


def _may_start(prepared: Prepared, outdated: Collection[str]) -> Callable[[str, Collection[str]], bool]:
    """Return the rule that a sync waits for the end of those that still have its database or its projects.

    What an outdated worker has is not known.
    """

    def may_start(name: str, leaving: Collection[str]) -> bool:
        if not set(leaving).isdisjoint(outdated):
            return False
        manifest, kept = prepared.manifest, prepared.plan.kept
        claimed = {claim for other in leaving if other in manifest for claim in manifest[other].claims.items()}
        wanted = kept[name].claims if name in kept else prepared.claims.get(name, {})
        return claimed.isdisjoint(wanted.items())

    return may_start


@dataclass(frozen=True)
class Before:
    """The group before the change: its states, the programs that a person had stopped, the outdated workers, and the
    programs that an apply had stopped which ended early.
    """

    states: Mapping[str, ProgramState]
    stopped: frozenset[str]
    outdated: frozenset[str]
    left: frozenset[str]


def _describe(
    prepared: Prepared, before: Before, changes: Changes, after: Mapping[str, ProgramState]
) -> Iterator[ProgramChange]:
    for name in sorted(changes.added):
        yield ProgramChange(name, "edited" if name in before.stopped else "started", state=after.get(name))
    for name in sorted(before.left):
        yield ProgramChange(name, "started", "an earlier apply had stopped it", after.get(name))
    for name in sorted(changes.changed):
        if name in before.stopped:
            yield ProgramChange(name, "edited", _why_changed(name, prepared, before))
            continue
        earlier_state = before.states[name].state if name in before.states else "RUNNING"
        aside = f"; it was {earlier_state.lower()}" if earlier_state in DOWN - {"STOPPED"} else ""
        yield ProgramChange(name, "restarted", f"{_why_changed(name, prepared, before)}{aside}", after.get(name))
    for name in sorted(changes.removed):
        yield ProgramChange(name, "stopped", _why_stopped(name, prepared))


def _why_changed(name: str, prepared: Prepared, before: Before) -> str:
    applied, fresh = prepared.manifest.get(name), prepared.plan.fresh.get(name)
    if fresh is not None and (applied is None or applied.digest != fresh.digest):
        return "config changed"
    return "it ran an older version of its file" if name in before.outdated else "its program changed"


def _why_stopped(name: str, prepared: Prepared) -> str:
    if name not in prepared.manifest:
        return "no longer part of the group"
    return f"{_why_not_wanted(name, prepared)}; its database is untouched"


def _why_not_wanted(name: str, prepared: Prepared) -> str:
    if any(file.sync.name == name for file in prepared.loaded.files):
        return "disabled"
    source = prepared.manifest[name].file
    names_now = [file.sync.name for file in prepared.loaded.files if file.path.name == source]
    return f"{source} says {names_now[0]} now" if names_now else "file removed"
