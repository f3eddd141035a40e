"""What the commands do: how far each walks down from definitions to a running group."""

from __future__ import annotations

import difflib
import fcntl
import os
import signal
import stat
import subprocess
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass, replace
from pathlib import Path

from generator.deploy.programs import DATABASE, MONITOR, SIMULATOR, STOP_SECONDS, AppliedSync, Plan, plan_for
from generator.deploy.render import render, verify
from generator.running import files, mongod, processes
from generator.running.settings import LOOPBACK, Settings, Unusable
from generator.running.supervisor_rpc import DOWN, Changes, NoAnswer, NotRunning, ProgramState, Supervisor
from sync_model.checks import claims_of
from sync_model.loading import Loaded, load_folder
from sync_model.problems import Problem

SETTLED = frozenset({"RUNNING", "STOPPED", "FATAL", "EXITED", "BACKOFF"})
SIGNS = {"started": "+", "restarted": "~", "stopped": "-"}
SECONDS_TO_START = 20.0
SECONDS_TO_STOP = STOP_SECONDS + 10.0
SECONDS_TO_END = 70.0
LEAN = {"MALLOC_ARENA_MAX": "1", "MALLOC_TRIM_THRESHOLD_": "65536"}
"""Else the C library gives each thread of each worker a pool of its own, and keeps what was freed for the next time."""


@dataclass(frozen=True)
class Prepared:
    """A plan with the text of its conf, both checked."""

    settings: Settings
    loaded: Loaded
    claims: Mapping[str, Mapping[str, str]]
    manifest: Mapping[str, AppliedSync]
    plan: Plan
    text: str

    @property
    def problems(self) -> tuple[Problem, ...]:
        return (*self.loaded.problems, *self.plan.problems)


def load(settings: Settings, environ: Mapping[str, str]) -> Loaded:
    """Raises Unusable when there is no such folder."""
    try:
        return load_folder(settings.config_dir, environ)
    except OSError as error:
        raise Unusable(f"CONFIG_DIR: {error}") from None


def prepare(settings: Settings, environ: Mapping[str, str]) -> Prepared:
    """Load, plan, render and verify. Raises Unusable."""
    loaded = load(settings, environ)
    files.prepare(settings)
    claims = {file.sync.name: claims_of(file.sync, environ) for file in loaded.files}
    manifest = files.read_manifest(settings)
    if settings.embedded and settings.mongod is None:
        settings = replace(settings, mongod=str(mongod.find()))
    server = Path(settings.mongod) if settings.mongod else None
    plan = plan_for(loaded, claims, settings, manifest, server)
    text = render(plan, settings)
    verify(text, plan, settings)
    return Prepared(settings, loaded, claims, manifest, plan, text)


def install(prepared: Prepared) -> bool:
    """Put the conf, and what the syncs are to run, where supervisord finds it; tell whether the conf changed."""
    files.write_snapshots(prepared.plan, prepared.claims, prepared.settings)
    return files.write_if_changed(prepared.settings.conf, prepared.text)


def difference(prepared: Prepared) -> str:
    """Return what would change in the conf, as a unified diff."""
    conf = prepared.settings.conf
    before = conf.read_text(encoding="utf-8") if conf.exists() else ""
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), prepared.text.splitlines(keepends=True), str(conf), f"{conf} (new)"
    )
    return "".join(lines)


# Apply


@dataclass(frozen=True)
class ProgramChange:
    """What became of one program: it `started`, was `restarted` or `stopped`, or is `kept` as it was.

    `why` is in words; `state` is how supervisord sees it now, where it runs.
    """

    name: str
    what: str
    why: str = ""
    state: ProgramState | None = None

    def __str__(self) -> str:
        if self.what == "kept":
            return f"! {self.name} keeps running as it was: {self.why}"
        failed = self.state is not None and self.state.state != "RUNNING"
        now = f", but is {self.state.state}: {self.state.description}" if self.state and failed else ""
        why = f" ({self.why})" if self.why else ""
        return f"{SIGNS[self.what]} {self.name} {self.what}{now}{why}"


@dataclass(frozen=True)
class Applied:
    """What `apply` did; `unchanged` counts the syncs that did not notice."""

    changes: tuple[ProgramChange, ...]
    unchanged: int
    all_run: bool

    def lines(self) -> list[str]:
        return [*map(str, self.changes), *([f"= {self.unchanged} unchanged"] if self.unchanged > 0 else [])]


def apply(prepared: Prepared) -> Applied:
    """Make the running group follow."""
    supervisor = Supervisor(prepared.settings.socket)
    before = supervisor.states()
    install(prepared)
    ours = {name for name, state in before.items() if state.pid == os.getpid()}
    changes = _without(ours, supervisor.reread())
    with _in_one_piece():
        supervisor.apply(changes, SECONDS_TO_STOP, _may_start(prepared))
    files.drop_snapshots(prepared.plan, prepared.settings)
    touched = {*changes.added, *changes.changed}
    after = supervisor.wait(touched, lambda state: state.state in SETTLED, SECONDS_TO_START)
    told = (*_told(prepared, changes, before, after), *kept(prepared, but=touched))
    unchanged = {program.name for program in prepared.plan.syncs} - touched - set(prepared.plan.kept)
    return Applied(told, len(unchanged), all(state.state == "RUNNING" for state in after.values()))


def is_emptied(prepared: Prepared) -> bool:
    """Tell whether the folder holds nothing at all any more, which is more often a volume that is not mounted than
    the wish to stop several syncs.
    """
    return len(prepared.manifest) > 1 and not (prepared.loaded.files or prepared.problems)


def _without(ours: Collection[str], changes: Changes) -> Changes:
    """Leave out the program that this very process is: it would stop itself halfway."""
    return Changes(*(tuple(name for name in names if name not in ours) for names in astuple(changes)))


@contextmanager
def _in_one_piece() -> Iterator[None]:
    """Have signals to end wait: between taking a program away and adding it again, a sync is missing."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _may_start(prepared: Prepared) -> Callable[[str, Collection[str]], bool]:
    """A sync waits for those that still hold its database or its projects."""

    def may_start(name: str, leaving: Collection[str]) -> bool:
        known = prepared.manifest
        held = {claim for other in leaving if other in known for claim in known[other].claims.items()}
        wanted = prepared.plan.kept[name].claims if name in prepared.plan.kept else prepared.claims.get(name, {})
        return held.isdisjoint(wanted.items())

    return may_start


def _told(
    prepared: Prepared, changes: Changes, before: Mapping[str, ProgramState], after: Mapping[str, ProgramState]
) -> Iterator[ProgramChange]:
    for name in sorted(changes.added):
        yield ProgramChange(name, "started", state=after.get(name))
    for name in sorted(changes.changed):
        known, fresh = prepared.manifest.get(name), prepared.plan.fresh.get(name)
        is_edit = fresh is not None and (known is None or known.digest != fresh.digest)
        reason = "config changed" if is_edit else "its program changed"
        was = before[name].state if name in before else "RUNNING"
        aside = f"; it was {was.lower()}" if was in DOWN else ""
        yield ProgramChange(name, "restarted", f"{reason}{aside}", after.get(name))
    for name in sorted(changes.removed):
        yield ProgramChange(name, "stopped", _why_gone(name, prepared))


def _why_gone(name: str, prepared: Prepared) -> str:
    if name not in prepared.manifest:
        return "no longer part of the group"
    return f"{_why_not_wanted(name, prepared)}; its database is untouched"


def _why_not_wanted(name: str, prepared: Prepared) -> str:
    if any(file.sync.name == name for file in prepared.loaded.files):
        return "disabled"
    source = prepared.manifest[name].file
    now = [file.sync.name for file in prepared.loaded.files if file.path.name == source]
    return f"{source} says {now[0]} now" if now else "file removed"


def kept(prepared: Prepared, but: Collection[str] = ()) -> Iterator[ProgramChange]:
    """Say of each sync whose file is broken that it runs as it was, `but` for those that did change."""
    for name, known in sorted(prepared.plan.kept.items()):
        if name not in but:
            count = sum(problem.file == known.file for problem in prepared.loaded.problems)
            yield ProgramChange(name, "kept", f"{known.file} has {count} problem{'s' * (count != 1)}")


# Start and stop


def check_free(settings: Settings) -> None:
    """Raises Unusable when a group is there already, or a port that we need is taken."""
    if Supervisor(settings.socket).is_running():
        raise Unusable(f"the group in {settings.run_dir} runs already; `apply` makes it follow an edit, `stop` ends it")
    if orphans := processes.members(settings.run_dir):
        pids = ", ".join(map(str, orphans))
        raise Unusable(f"processes of an earlier group in {settings.run_dir} are left ({pids}); `stop` ends them")
    wanted = [("PORT", settings.port, settings.bind)]
    if settings.embedded:
        wanted.append(("MONGODB_PORT", settings.mongodb_port, LOOPBACK))
    if settings.simulator_port:
        wanted.append(("JIRA_SIMULATOR_PORT", settings.simulator_port, LOOPBACK))
    taken = [(name, port) for name, port, address in wanted if not processes.port_is_free(port, address)]
    if taken:
        raise Unusable(
            *(f"port {port} is taken{processes.holder(port)}; set {name} to a free one" for name, port in taken)
        )


def become_supervisord(prepared: Prepared, environ: Mapping[str, str]) -> None:
    """Turn this very process into supervisord, in the foreground, so that it gets the container's signals."""
    if prepared.settings.log_dir is None:
        _prepare_standard_output()
    command = [*_supervisord(prepared.settings), "--nodaemon"]
    os.execve(command[0], command, _environment(prepared.settings, environ))  # noqa: S606 - it is to replace us


def _prepare_standard_output() -> None:
    """Each program opens standard output for itself. Not every kind can be opened, and in a file that is not
    appended to, supervisord and its programs write over each other.
    """
    try:
        Path("/dev/fd/1").open("ab").close()
    except OSError as error:
        raise Unusable(f"standard output cannot be shared by all programs ({error.strerror}); set LOG_DIR") from None
    if stat.S_ISREG(os.fstat(1).st_mode):
        fcntl.fcntl(1, fcntl.F_SETFL, fcntl.fcntl(1, fcntl.F_GETFL) | os.O_APPEND)


def start(prepared: Prepared, environ: Mapping[str, str]) -> dict[str, ProgramState]:
    """Start supervisord in the background; return how its programs are once they run or have failed."""
    settings = prepared.settings
    files.write_if_changed(settings.record, settings.recorded())
    command = _supervisord(settings)
    started = subprocess.run(
        command,
        env=_environment(settings, environ),
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if started.returncode:
        said = (started.stderr or started.stdout).strip().splitlines()[-1:]
        raise Unusable(f"supervisord does not start: {' '.join(said) or 'it says nothing'}")
    supervisor = Supervisor(settings.socket)
    deadline = time.monotonic() + SECONDS_TO_START
    while not supervisor.is_running():
        if time.monotonic() > deadline:
            raise Unusable(f"supervisord does not answer; its log is in {settings.log_dir}")
        time.sleep(0.05)
    names = {program.name for program in prepared.plan.programs}
    return supervisor.wait(names, lambda state: state.state in SETTLED - {"STOPPED"}, SECONDS_TO_START)


def stop(run_dir: Path) -> list[str]:
    """End the group and whatever is left of it; return what there is to say. Its data stays."""
    supervisor = Supervisor(run_dir / "supervisor.sock")
    said = []
    try:
        names = set(supervisor.states())
        supervisor.stop_all(names - {DATABASE, SIMULATOR, MONITOR}, SECONDS_TO_STOP)
        supervisor.stop_all(names & {MONITOR}, SECONDS_TO_STOP)
        supervisor.shutdown()
        said.append(f"stopped {len(names)} programs")
        _wait_for_end(run_dir, SECONDS_TO_END)
    except NotRunning:
        if orphans := processes.members(run_dir):
            said.append(f"supervisord was gone; ended {len(orphans)} processes that it had left behind")
    except NoAnswer:
        said.append("supervisord did not answer; ended it and all that it had started")
    _end_all(run_dir)
    files.unlink_conf(run_dir)
    for name in ("supervisor.sock", "supervisord.pid", "settings.json"):
        (run_dir / name).unlink(missing_ok=True)
    return said or ["nothing was running"]


def _end_all(run_dir: Path) -> None:
    """End what did not end by supervisord's word: the workers, then the database that they stand on."""
    _signal(run_dir, signal.SIGTERM, but=processes.is_mongod)
    _wait_for_end(run_dir, SECONDS_TO_STOP, but=lambda pid: processes.is_mongod(pid) or processes.is_supervisord(pid))
    _signal(run_dir, signal.SIGTERM)
    _wait_for_end(run_dir, SECONDS_TO_END, but=processes.is_supervisord)
    _signal(run_dir, signal.SIGKILL)
    if not _wait_for_end(run_dir, SECONDS_TO_STOP):
        raise Unusable(f"these cannot be ended: {', '.join(map(str, processes.members(run_dir)))}")


def _nobody(_pid: int) -> bool:
    return False


def _signal(run_dir: Path, number: signal.Signals, but: Callable[[int], bool] = _nobody) -> None:
    for pid in processes.members(run_dir):
        if not but(pid):
            with suppress(ProcessLookupError):
                os.kill(pid, number)


def _wait_for_end(run_dir: Path, patience: float, but: Callable[[int], bool] = _nobody) -> bool:
    deadline = time.monotonic() + patience
    while any(not but(pid) for pid in processes.members(run_dir)):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _supervisord(settings: Settings) -> list[str]:
    return [settings.python, "-m", "supervisor.supervisord", "-c", str(settings.conf)]


def _environment(settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    own = {processes.GROUP_VARIABLE: str(settings.run_dir), "RUN_DIR": str(settings.run_dir)}
    return {**LEAN, **environ, **own}
