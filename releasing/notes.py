"""The notes of a release, and what a person does next. Pure."""

from __future__ import annotations

from releasing.artifacts import SUMS, Release

NAME = "RELEASE_NOTES.md"


def release_notes(release: Release, changes: str) -> str:
    """Return the notes. `changes` is the changelog's section."""
    files = "\n".join(f"- `{name}`: {what}" for name, what in sorted(release.made.items()))
    parts = [f"# jira-sync {release.version}", changes, "## Files", f"Made of commit `{release.revision}`.", files]
    if release.image:
        name, platform, number = (release.image[field] for field in ("name", "platform", "id"))
        parts.append(f"The image `{name}` ({platform}) has the id `{number}`.")
    parts += [f"Not in this release: {what}." for what in release.left_out]
    parts.append(
        f"`sha256sum -c {SUMS}` checks the files. docs/upgrading.md says how to go to another version, and back."
    )
    return "\n\n".join(parts) + "\n"


def what_next(release: Release, folder: str) -> str:
    """Return what is left for a person to do, as lines."""
    version = release.version
    lines = [f"{folder}/ has version {version} of commit {release.revision[:12]}:"]
    lines += [f"  {name}" for name in sorted([*release.made, NAME, SUMS])]
    lines += [f"Left out: {what}: {why}" for what, why in release.left_out.items()]
    lines += [
        "Nothing was published. What comes next:",
        "  make test test-chart test-container               # where they have not run for this commit",
        f"  git tag -s v{version} -m 'jira-sync {version}' && git push origin v{version}",
    ]
    if release.image:
        name = f"jira-sync:{version}"
        lines.append(f"  docker tag {name} REGISTRY/{name} && docker push REGISTRY/{name}")
    if f"jira-sync-{version}.tgz" in release.made:
        lines.append(f"  helm push {folder}/jira-sync-{version}.tgz oci://REGISTRY/charts")
    lines.append(f"  the files of {folder}/ go where people get them, with {NAME} as the text of the release")
    return "\n".join(lines)
