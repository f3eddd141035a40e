"""What `make docs` writes is what the repository holds."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from generator.documents import TABLE_BEGINS, TABLE_ENDS, documents, main, with_table

REPO = Path(__file__).parents[3]


CHART_FILES = "deploy/chart/files"


@pytest.mark.parametrize(
    "document",
    ["README.md", "configs/sync.schema.json", f"{CHART_FILES}/alerts.yml", f"{CHART_FILES}/grafana-dashboard.json"],
)
def test_make_docs_would_change_nothing(document):
    assert documents(REPO)[REPO / document] == (REPO / document).read_text()


def test_make_docs_writes_only_the_documents_that_are_out_of_date(tmp_path, capsys):
    for folder in ("configs", CHART_FILES):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copytree(REPO / "docs", tmp_path / "docs", ignore=shutil.ignore_patterns("images"))
    shutil.copy(REPO / CHART_FILES / "alerts.yml", tmp_path / CHART_FILES)
    readme, schema = tmp_path / "README.md", tmp_path / "configs" / "sync.schema.json"
    readme.write_text((REPO / "README.md").read_text().replace("| `RUN_DIR` |", "| `RUN_FOLDER` |"))
    assert main(tmp_path) == 0
    assert readme.read_text() == (REPO / "README.md").read_text()
    assert "syncIntervalMinutes" in json.loads(schema.read_text())["properties"]
    assert capsys.readouterr().out.splitlines() == [
        f"{path} written" for path in (schema, readme, tmp_path / CHART_FILES / "grafana-dashboard.json")
    ]
    assert main(tmp_path) == 0
    assert capsys.readouterr().out == ""


def test_the_table_takes_the_place_of_what_is_between_the_marks():
    text = f"before\n{TABLE_BEGINS}\nold\n{TABLE_ENDS}\nafter\n"
    assert with_table(text, "new") == f"before\n{TABLE_BEGINS}\n\nnew\n\n{TABLE_ENDS}\nafter\n"


@pytest.mark.parametrize("text", ["", TABLE_BEGINS, TABLE_ENDS])
def test_a_readme_without_marks_is_refused(text):
    with pytest.raises(ValueError, match="lacks one of the marks"):
        with_table(text, "new")
