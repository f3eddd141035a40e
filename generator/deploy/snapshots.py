"""The snapshots: copies of the files as they were applied, one per sync, and the manifest of them."""

from __future__ import annotations

from collections.abc import Mapping

from generator.deploy.programs import Plan, applied_as
from generator.running.files import write_if_changed
from generator.running.settings.group import Settings
from generator.running.state.manifest import manifest_text


def write_snapshots(plan: Plan, claims: Mapping[str, Mapping[str, str]], settings: Settings) -> None:
    """Write what each sync is to run, and the manifest.

    A worker reads its snapshot, not the file that a person may be editing: a worker that is started again after a
    crash runs what was applied.
    """
    for name, file in plan.fresh.items():
        user = plan.users.get(name)
        write_if_changed(settings.snapshots / f"{name}.json", file.content, user.uid if user else None)
    fresh = {name: applied_as(file, claims[name]) for name, file in plan.fresh.items()}
    write_if_changed(settings.manifest, manifest_text({**fresh, **plan.kept}))
    if settings.shard:
        write_if_changed(settings.elsewhere, manifest_text(plan.elsewhere))


def drop_snapshots(plan: Plan, settings: Settings) -> None:
    """Remove the snapshots of syncs that are not part of the plan."""
    wanted = {program.name for program in plan.syncs}
    for path in settings.snapshots.glob("*.json"):
        if path.stem not in wanted and path not in (settings.manifest, settings.elsewhere):
            path.unlink()
