"""`python -m releasing version|check|build [VERSION]`: what `make version` and `make release` run.

Exit code 1: a person must act first, and lines say what is wrong.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from releasing import artifacts, changelog, versions
from releasing.notes import NAME, release_notes, what_next
from releasing.problems import NotReady
from releasing.tree import Tree

FOLDER = "dist"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m releasing", description="Make one version of everything.")
    parser.add_argument("step", choices=STEPS)
    parser.add_argument("version", nargs="?", default="", help="such as 0.2.0")
    options = parser.parse_args(argv)
    try:
        STEPS[options.step](Path.cwd(), options.version)
    except NotReady as error:
        for line in error.args:
            print(f"error: {line}", file=sys.stderr)
        return 1
    return 0


def set_version(folder: Path, version: str) -> None:
    """Have all places say `version`, and make what is unreleased its section of the changelog."""
    if not re.fullmatch(versions.VERSION, version):
        raise NotReady(f"VERSION is {version!r}; it must be like 0.2.0: make version VERSION=0.2.0")
    changed = versions.set_version(folder, version)
    path = folder / changelog.PATH
    text = path.read_text(encoding="utf-8")
    if (new := changelog.with_version(text, version, datetime.now(UTC).date())) != text:
        path.write_text(new, encoding="utf-8")
        changed.append(changelog.PATH)
    print(f"{', '.join(changed)}: look at it, and commit it" if changed else f"all says {version} already")


def check(folder: Path, version: str) -> None:
    """Raise NotReady with all that keeps the checkout in `folder` from being released. `version` may be empty."""
    found = versions.version_of(folder)
    wanted = version or found
    problems = versions.differences(folder, wanted)
    if problems:
        problems.append(f"make version VERSION={wanted} has all say {wanted}")
    text = (folder / changelog.PATH).read_text(encoding="utf-8")
    problems += changelog.problems(text, wanted) + Tree(folder).problems(wanted)
    if problems:
        raise NotReady(*problems)


def build(folder: Path, version: str) -> None:
    """Make all parts of the release; they are in dist/ when all of them are made, in place of what was there."""
    check(folder, version)
    tree, target = Tree(folder), folder / FOLDER
    with TemporaryDirectory(dir=folder, prefix=".dist-") as place:
        source, made = Path(place) / "source", Path(place) / FOLDER
        source.mkdir()
        made.mkdir(mode=0o755)
        tree.export(source)
        release = artifacts.Release(versions.version_of(source), tree.revision(), tree.time(), source, made)
        artifacts.make_packages(release)
        artifacts.make_sbom(release)
        artifacts.make_chart(release, os.environ.get("HELM"))
        base = os.environ.get("PYTHON_IMAGE")
        artifacts.make_image(release, base, is_saved=os.environ.get("SAVE_IMAGE") == "1")
        changes = changelog.text_of((source / changelog.PATH).read_text(encoding="utf-8"), release.version)
        (made / NAME).write_text(release_notes(release, changes), encoding="utf-8")
        artifacts.write_sums(made)
        shutil.rmtree(target, ignore_errors=True)
        made.rename(target)
    print(what_next(release, FOLDER))


STEPS = {"version": set_version, "check": check, "build": build}

if __name__ == "__main__":
    sys.exit(main())
