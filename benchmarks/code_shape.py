"""The shape of the code base in numbers, of one tree or of several side by side.

    .venv/bin/python -m benchmarks.code_shape [--tree PATH]…

It counts what is below each top folder but `tests`: modules per folder, lines, layers and contracts, import cycles, the
length of functions, and class names that mean more than one thing. The files are only parsed, so that a tree may be an
older checkout, which this interpreter could not import.
"""

from __future__ import annotations

import argparse
import ast
import os
import re
import subprocess
import sys
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import median, quantiles

from benchmarks.rig import command
from benchmarks.rig.output import table

REPO = Path(__file__).parents[1]
NOT_COUNTED = ("tests", "node_modules", "__pycache__")


@dataclass(frozen=True)
class CodeTree:
    """The modules of a checkout by their dotted names; a package goes by the name of its folder."""

    root: Path
    files: Mapping[str, Path]

    @classmethod
    def read(cls, root: Path) -> CodeTree:
        paths = (path.relative_to(root) for path in sorted(root.glob("*/**/*.py")))
        counted = [path for path in paths if not any(_is_left_out(part) for part in path.parts)]
        return cls(root, {_module_name(path): path for path in counted})

    @cached_property
    def parsed(self) -> dict[str, ast.Module]:
        return {name: ast.parse((self.root / path).read_text(encoding="utf-8")) for name, path in self.files.items()}

    def lines(self) -> dict[str, int]:
        return {
            name: len((self.root / path).read_text(encoding="utf-8").splitlines()) for name, path in self.files.items()
        }

    def modules_per_folder(self) -> Counter[str]:
        return Counter(str(path.parent) for path in self.files.values() if path.name != "__init__.py")

    def imports(self) -> dict[str, set[str]]:
        """Return which modules of the tree each module imports, at its top, in a function or for its types."""
        return {name: set(self._imported(name)) - {name} for name in self.files}

    def _imported(self, name: str) -> Iterator[str]:
        is_package = self.files[name].name == "__init__.py"
        package = name if is_package else name.rpartition(".")[0]
        for node in ast.walk(self.parsed[name]):
            if isinstance(node, ast.Import):
                wanted = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                base = _absolute(node, package)
                # What is imported from a package is a module of it, or a name that its __init__ defines.
                wanted = [
                    f"{base}.{alias.name}" if f"{base}.{alias.name}" in self.files else base for alias in node.names
                ]
            else:
                continue
            yield from (module for module in wanted if module in self.files)

    def import_cycles(self) -> list[list[str]]:
        """Return the largest groups of modules in which each module imports, by way of others, each other one."""
        imports = self.imports()
        reachable = {name: _reachable(name, imports) for name in imports}
        groups = {
            frozenset(other for other in reachable[name] if name in reachable[other])
            for name in imports
            if name in reachable[name]
        }
        return sorted(sorted(group) for group in groups)

    def function_lengths(self) -> dict[str, int]:
        """Return the lines of each function, from its `def` to its end, by module and line."""
        return {
            f"{name}:{node.lineno} {node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
            for name, module in self.parsed.items()
            for node in ast.walk(module)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }

    def homonyms(self) -> dict[str, list[str]]:
        """Return each class name that several modules define, and those modules."""
        modules = defaultdict(list)
        for name, module in self.parsed.items():
            for node in module.body:
                if isinstance(node, ast.ClassDef):
                    modules[node.name].append(name)
        return {name: defining for name, defining in sorted(modules.items()) if len(defining) > 1}

    def most_layers(self) -> int:
        """Return how many layers the import contract with the most of them has."""
        configuration = tomllib.loads((self.root / "pyproject.toml").read_text(encoding="utf-8"))
        contracts = configuration.get("tool", {}).get("importlinter", {}).get("contracts", [])
        return max((len(contract.get("layers", ())) for contract in contracts), default=0)

    def contracts(self) -> str:
        """Return how many import contracts are kept and broken, by import-linter; a dash if it cannot read the tree."""
        linter = Path(sys.executable).with_name("lint-imports")
        if not linter.exists():
            return "–"
        environ = {**os.environ, "PYTHONPATH": str(self.root)}
        done = subprocess.run(
            [linter, "--no-cache"], cwd=self.root, env=environ, capture_output=True, text=True, check=False
        )
        found = re.search(r"Contracts: (\d+ kept, \d+ broken)", done.stdout)
        return found[1] if found else "–"

    def column(self) -> dict[str, str]:
        """Return every figure by its name."""
        lines, folders, functions = self.lines(), self.modules_per_folder(), self.function_lengths()
        return {
            "modules": f"{folders.total():,}",
            "lines": f"{sum(lines.values()):,}",
            "modules in a folder, most": _largest(folders),
            "modules in a folder, median": f"{median(folders.values()):g}",
            "longest module, lines": _largest(lines),
            "import contracts": self.contracts(),
            "layers in one contract, most": str(self.most_layers()),
            "import cycles": str(len(self.import_cycles())),
            "functions": f"{len(functions):,}",
            "lines of a function, median": f"{median(functions.values()):g}",
            "lines of a function, 90th percentile": f"{quantiles(functions.values(), n=10)[8]:.0f}",
            "lines of a function, longest": _largest(functions),
            "class names of several classes": str(len(self.homonyms())),
        }

    def details(self) -> Iterator[str]:
        """Say in lines which modules import each other, and which class names have several meanings."""
        for cycle in self.import_cycles():
            yield f"- import cycle: {', '.join(cycle)}"
        for name, modules in self.homonyms().items():
            yield f"- class {name}: {', '.join(modules)}"


def _is_left_out(part: str) -> bool:
    return part.startswith(".") or part in NOT_COUNTED


def _module_name(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _absolute(node: ast.ImportFrom, package: str) -> str:
    """Return the full name of the module that something is imported from."""
    if not node.level:
        return node.module or ""
    parts = package.split(".")
    base = parts[: len(parts) - node.level + 1]
    return ".".join([*base, node.module] if node.module else base)


def _reachable(name: str, imports: Mapping[str, set[str]]) -> set[str]:
    """Return the modules that `name` imports, by way of others too. It is among them only if it is in a cycle."""
    found: set[str] = set()
    waiting = list(imports[name])
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting += imports[module]
    return found


def _largest(sizes: Mapping[str, int]) -> str:
    name, size = max(sizes.items(), key=lambda item: item[1])
    return f"{size:,} ({name})"


def report(trees: Sequence[CodeTree]) -> str:
    """Return the table of all trees, and the details of each."""
    names = [tree.root.name for tree in trees]
    columns = [tree.column() for tree in trees]
    rows = [[figure, *(column[figure] for column in columns)] for figure in columns[0]]
    details = ["\n".join([f"{tree.root.name}:", *lines]) for tree in trees if (lines := list(tree.details()))]
    return "\n\n".join([table(["", *names], rows), *details])


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.code_shape", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument(
        "--tree", type=Path, action="append", metavar="PATH", help="a checkout (this one); may be given several times"
    )
    options = parser.parse_args()
    print(report([CodeTree.read(path.resolve()) for path in options.tree or [REPO]]))


if __name__ == "__main__":
    sys.exit(command.run(main))
