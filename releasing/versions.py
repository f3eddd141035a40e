"""Where the version stands. `sync_model` is the source; the others must say the same.

The image has its version as a build argument, and the wheel from `sync_model`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from releasing.problems import NotReady

VERSION = r"[0-9]+\.[0-9]+\.[0-9]+"


@dataclass(frozen=True)
class Place:
    """A file that names the version. `pattern` has what comes before it and after it as groups."""

    path: str
    pattern: str

    def versions_in(self, text: str) -> list[str]:
        return [found[2] for found in re.finditer(self.pattern, text, re.MULTILINE)]

    def with_version(self, text: str, version: str) -> str:
        return re.sub(self.pattern, rf"\g<1>{version}\g<3>", text, flags=re.MULTILINE)


SOURCE = Place("sync_model/__init__.py", rf'^(VERSION = ")({VERSION})(")$')
PLACES = (
    SOURCE,
    Place("deploy/chart/Chart.yaml", rf"^(version: )({VERSION})()$"),
    Place("deploy/chart/Chart.yaml", rf'^(appVersion: ")({VERSION})(")$'),
    Place("README.md", rf"(jira_sync-)({VERSION})(-py3-none-any\.whl)"),
)


def version_of(folder: Path) -> str:
    """Return the version of the project in `folder`. Raises NotReady."""
    found = SOURCE.versions_in((folder / SOURCE.path).read_text(encoding="utf-8"))
    if len(found) != 1:
        raise NotReady(f'{SOURCE.path}: there must be one line VERSION = "1.2.3"')
    return found[0]


def differences(folder: Path, version: str) -> list[str]:
    """Return what says another version than `version`, as sentences."""
    problems: list[str] = []
    for place in PLACES:
        found = place.versions_in((folder / place.path).read_text(encoding="utf-8"))
        others = sorted(set(found) - {version})
        if others or not found:
            problems.append(f"{place.path} says {' and '.join(others) or 'no version'}, not {version}")
    return problems


def set_version(folder: Path, version: str) -> list[str]:
    """Write `version` to all places; return the files that changed."""
    changed: list[str] = []
    for place in PLACES:
        path = folder / place.path
        text = path.read_text(encoding="utf-8")
        if (new := place.with_version(text, version)) != text:
            path.write_text(new, encoding="utf-8")
            changed.append(place.path)
    return list(dict.fromkeys(changed))
