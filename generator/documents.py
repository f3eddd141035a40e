"""`python -m generator.documents`, or `make docs`: writes what is generated in the documents of this repository.

The schema of a sync's file comes from the model, and README's table of variables from the list of variables. The Helm
chart has copies of the alerts and the dashboard: a chart holds no file from outside of its folder.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from generator.running.settings.variables import markdown_table
from generator.running.terminal import print_line
from sync_model.definition.schema import FILE, json_schema

TABLE_BEGINS = "<!-- `make docs` writes this table from generator/running/settings/variables.py -->"
TABLE_ENDS = "<!-- end of the table -->"
FILES_OF_THE_CHART = Path("deploy", "chart", "files")
IN_THE_CHART = ("alerts.yml", "grafana-dashboard.json")
"""Documents that the chart has copies of."""


def documents(root: Path) -> dict[Path, str]:
    """Return the text that each document with a generated part should have. `root` is the folder of the repository."""
    readme = root / "README.md"
    return {
        root / "configs" / FILE: json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n",
        readme: with_table(readme.read_text(encoding="utf-8"), markdown_table()),
        **{
            root / FILES_OF_THE_CHART / name: (root / "docs" / name).read_text(encoding="utf-8")
            for name in IN_THE_CHART
        },
    }


def with_table(text: str, table: str) -> str:
    """Return `text` with `table` between the two marks. Raises ValueError when `text` lacks a mark."""
    before, begins, rest = text.partition(TABLE_BEGINS)
    _, ends, after = rest.partition(TABLE_ENDS)
    if not (begins and ends):
        raise ValueError(f"README.md lacks one of the marks {TABLE_BEGINS!r} and {TABLE_ENDS!r}")
    return f"{before}{begins}\n\n{table}\n\n{ends}{after}"


def main(root: Path | None = None) -> int:
    for path, text in documents(root or Path.cwd()).items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print_line(f"{path} written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
