"""What a group of N syncs costs, by every design: start, memory, an edit, a crash, the end while all are busy.

    .venv/bin/python -m benchmarks.group_scale [--syncs N,…] [--designs NAME,…] [--detail N] [--keep FILE]
                                               [--report FILE] [--picture FILE]

EXPLANATION says how the figures are measured.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.pictures import chart
from benchmarks.rig import command
from benchmarks.rig.output import machine, publish, table
from benchmarks.scenario import scaling
from benchmarks.scenario.designs import DESIGNS, Design
from benchmarks.verdict.scale_report import TITLES, GroupFigures, ServerComparison, panels, targets

T = TypeVar("T")
USUAL_SERVERS = 50
EXPLANATION = """\
Each group is a real one, over one simulated site and one real mongod that are not counted. A worker works when it
stands on its database. Starts, edits and crashes are seen in a group with a cycle every five minutes. Memory is that
after twenty cycles with hardly a pause: proportional set size, which counts once what is shared. While the group is
ended, every request to the site takes a second, and every worker is in the middle of its issues. Lost track of are
issues that the site has got from a worker and that no database knows."""


class MeasurementFile:
    """What has been measured, kept in a file if there is one, so that an interrupted run goes on where it was."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._values: dict[str, Any] = json.loads(path.read_text()) if path and path.exists() else {}

    def get(self, name: str, measure: Callable[[], T]) -> T:
        if name not in self._values:
            self._values[name] = measure()
            if self._path:
                self._path.write_text(json.dumps(self._values, indent=1))
        value: T = self._values[name]
        return value


def compare(options: argparse.Namespace, kept: MeasurementFile) -> list[GroupFigures]:
    """Run every group that was asked for, one after the other; print each row as it is measured."""
    figures = []
    for design in DESIGNS:
        if design.name not in options.designs.split(","):
            continue
        if why_not := design.why_not():
            print(f"{design.title}: left out, {why_not}", file=sys.stderr)
            continue
        for sync_count in _sizes(options, design.name):

            def run(design: Design = design, sync_count: int = sync_count) -> dict[str, Any]:
                return vars(scaling.measure(design, sync_count, in_detail=sync_count == options.detail))

            values = kept.get(f"{design.name} {sync_count}", run)
            figures.append(GroupFigures(**{**values, "title": design.title}))
            print("  ".join(figures[-1].row()), file=sys.stderr)
    return figures


def _sizes(options: argparse.Namespace, design: str) -> list[int]:
    """Return the sizes of the groups of one design that are to be measured."""
    if design not in options.designs.split(","):
        return []
    left_out = options.without.split(",")
    return [size for size in map(int, options.syncs.split(",")) if f"{design}:{size}" not in left_out]


def page(options: argparse.Namespace, figures: Sequence[GroupFigures], kept: MeasurementFile) -> str:
    """Return what was found, as a page for people."""
    given = f"python -m benchmarks.group_scale --syncs {options.syncs} --designs {options.designs}"
    given += f" --without {options.without}" if options.without else ""
    parts = [EXPLANATION, f"`{given}` on {machine()}:", table(TITLES, [group.row() for group in figures])]
    detailed = [group for group in figures if group.syncs == options.detail]
    if any(group.design == "fork" for group in detailed):
        servers = _servers(options.servers, figures, kept) if options.servers else None
        idle = kept.get(f"idle {options.detail}", lambda: scaling.idle_share(options.detail))
        parts.append(targets(detailed, idle, servers))
    if options.picture:
        chart.draw(options.picture, panels(figures))
        path = (
            options.picture.name if options.report is None else os.path.relpath(options.picture, options.report.parent)
        )
        parts.append(f"![Memory and start against the number of syncs, by every design]({path})")
    return "\n\n".join(parts)


def _servers(count: int, figures: Sequence[GroupFigures], kept: MeasurementFile) -> ServerComparison:
    group = next(group for group in figures if group.design == "fork" and group.syncs == count)
    many = kept.get(f"{count} servers", lambda: scaling.memory_of_servers(count))
    return ServerComparison(count, many, group.mongod)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the options. Ends the program when they do not go together."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.group_scale", description=(__doc__ or "").splitlines()[0]
    )
    names = ",".join(design.name for design in DESIGNS)
    parser.add_argument("--syncs", default="1,10,50,100,200", metavar="N,…", help="how many (1,10,50,100,200)")
    parser.add_argument("--designs", default=names, metavar="NAME,…", help=f"which ({names})")
    parser.add_argument("--without", default="", metavar="NAME:N,…", help="groups to leave out: some take very long")
    parser.add_argument("--detail", type=int, default=100, metavar="N", help="with how many there is an edit, a crash")
    parser.add_argument("--servers", type=int, metavar="N", help="MongoDB servers to compare one with")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="remember there what was measured, and go on")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the tables there, too")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw memory and start against N there")
    options = parser.parse_args(arguments)
    if options.picture and not find_spec("matplotlib"):
        parser.error("--picture needs matplotlib, which is not part of what is installed: pip install matplotlib")
    sizes = _sizes(options, "fork" if "fork" in options.designs.split(",") else options.designs.split(",")[0])
    if options.servers is None:
        options.servers = USUAL_SERVERS if USUAL_SERVERS in sizes else 0
    elif options.servers not in sizes:
        parser.error(
            f"argument --servers: {options.servers} servers are compared with the one server of a group of "
            f"{options.servers} syncs, and no such group is measured; add {options.servers} to --syncs, or choose one "
            f"of the sizes that are measured: {', '.join(map(str, sizes)) or 'none'}"
        )
    return options


def main() -> None:
    options = parse()
    kept = MeasurementFile(options.keep)
    publish("A hundred syncs in one container", page(options, compare(options, kept), kept), options.report)


if __name__ == "__main__":
    sys.exit(command.run(main))
