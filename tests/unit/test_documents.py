"""The documents fail here when they lie."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from generator.running.settings.group import from_environ
from generator.running.settings.variables import FIXED_AT_START
from sync_model import VERSION
from sync_model.accounts.lookup import DEFAULTS
from sync_model.definition.sync import Sync
from sync_worker.database.documents.formats import readable

REPO = Path(__file__).parents[2]
REFERENCE = (REPO / "configs" / "README.md").read_text()
DOCUMENTS = [*REPO.glob("*.md"), *REPO.glob("docs/*.md"), *REPO.glob("configs/*.md"), *REPO.glob("deploy/**/*.md")]


def fields_of_the_model() -> Iterator[str]:
    schema = Sync.model_json_schema(by_alias=True)
    for model in [schema, *schema["$defs"].values()]:
        yield from model.get("properties", {})


@pytest.mark.parametrize("field", sorted(set(fields_of_the_model())))
def test_the_field_reference_names_every_field(field):
    assert re.search(rf"`(?:\w+\.)?{re.escape(field)}`", REFERENCE)


def test_the_field_reference_names_no_field_that_is_not_there():
    rows = re.findall(
        r"^\| ((?:`[^`]+`(?:, )?)+) \|", REFERENCE.partition("## From the service before")[0], re.MULTILINE
    )
    named = {name.rpartition(".")[2] for row in rows for name in re.findall(r"`([^`]+)`", row)}
    assert named <= set(fields_of_the_model())


def marked(path: Path) -> Iterator[tuple[str, int]]:
    """Yield each test in `path` that carries the number of a defect, with that number."""
    for node in ast.walk(ast.parse(path.read_text())):
        for mark in node.decorator_list if isinstance(node, ast.FunctionDef) else ():
            if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.defect":
                yield from ((node.name, ast.literal_eval(number)) for number in mark.args)


def test_the_table_of_defects_and_the_marks_of_the_tests_say_the_same_of_all_25():
    text = (REPO / "docs" / "defects.md").read_text()
    rows = {int(row[1]): row[0] for row in re.finditer(r"^\| (\d+) \|.*$", text, re.MULTILINE)}
    assert list(rows) == list(range(1, 26))
    tests_in = re.compile(r"`([\w/]+\.py)::(\w+)`")
    named = {(file, name, number) for number, row in rows.items() for file, name in tests_in.findall(row)}
    tests = REPO / "tests"
    carried = {
        (str(path.relative_to(tests)), name, number)
        for path in tests.rglob("test_*.py")
        for name, number in marked(path)
    }
    assert carried == named
    assert {number for _, _, number in named} == set(rows)


@pytest.mark.defect(15)
def test_no_health_check_needs_a_program_that_the_image_lacks():
    """Our image holds Python and no curl, that of MongoDB holds bash."""
    texts = [(REPO / name).read_text() for name in ("Dockerfile", "docker-compose.yml")]
    checks = re.findall(r"^\s*(?:HEALTHCHECK.*CMD|test:)\s+(.+)$", "\n".join(texts), re.MULTILINE)
    programs = {re.sub(r"^\[?\W*(?:CMD(?:-SHELL)?\W+)?", "", check).split()[0].strip('",[]') for check in checks}
    assert programs == {"python", "bash"}


def test_the_image_is_labelled_with_the_version_that_a_release_gives_it():
    dockerfile = (REPO / "Dockerfile").read_text()
    assert re.findall(r'image\.version="([^"]+)"', dockerfile) == ["${VERSION}"]
    assert "ARG VERSION=unreleased\n" in dockerfile


def test_the_example_of_settings_names_every_one_with_what_holds_without_it(plain_environment):
    shown = dict(re.findall(r"^#([A-Z_]+)=(.*)$", (REPO / ".env.example").read_text(), re.MULTILINE))
    of_compose = dict(re.findall(r"\$\{([A-Z_]+):?-([^}]*)\}", (REPO / "docker-compose.yml").read_text()))
    assert of_compose.items() <= shown.items()
    given_by_the_image = {"MONGODB_PORT", "LOG_DIR", "JIRA_SIMULATOR_PORT", "BIND", "WORKER_USERS"}
    secret = {"ADMIN_TOKEN", "VIEW_TOKEN", "JIRA_API_TOKEN", "JIRA_CLIENT_SECRET", "NOTIFY_URL", "SMTP_URL"}
    assert {*FIXED_AT_START, *DEFAULTS.values()} - given_by_the_image - secret <= set(shown)
    said = {name: value for name, value in shown.items() if value and name != "DATABASE_URL_FILE"}
    assert from_environ(said) == from_environ({"DATABASE_URL": said["DATABASE_URL"]})


@pytest.mark.parametrize("name", ["assumptions.md", "security.md"])
def test_a_table_of_tests_names_only_modules_that_are_there(name):
    rows = [line for line in (REPO / "docs" / name).read_text().splitlines() if line.endswith("` |")]
    named = [module for row in rows for module in re.findall(r"`([\w/]+\.py)`", row.rpartition(" | ")[2])]
    assert len(named) > len(rows) > 0
    assert [module for module in named if not (REPO / "tests" / module).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(REPO)))
def test_every_file_that_a_document_links_to_exists(document):
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", document.read_text())
    assert [link for link in links if not (document.parent / link).exists()] == []


def test_every_path_that_the_guide_for_contributors_names_exists():
    text = (REPO / "CONTRIBUTING.md").read_text()
    paths = {path for path in re.findall(r"`([\w.-]+/[\w./-]*)`", text) if not path.endswith(".lock")}
    assert paths
    # The picture and what is said of the rooms name modules of the worker by their rooms.
    missing = {path for path in paths if not any((REPO / root / path).exists() for root in ("", "sync_worker"))}
    assert missing == set()


def test_every_make_target_that_a_document_names_exists():
    targets = set(re.findall(r"^([a-z-]+):", (REPO / "Makefile").read_text(), re.MULTILINE))
    texts = [document.read_text() for document in DOCUMENTS]
    named = {name for text in texts for name in re.findall(r"(?:^|`)make ([a-z-]+)", text, re.MULTILINE)}
    assert named <= targets


def test_every_dependency_is_justified():
    project: dict[str, Any] = tomllib.loads((REPO / "pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"].values()
    groups = project["dependency-groups"].values()
    wanted = [*project["project"]["dependencies"], *(each for part in [*extras, *groups] for each in part)]
    table = (REPO / "CONTRIBUTING.md").read_text().partition("## Dependencies")[2]
    assert [each for each in wanted if re.match(r"[\w-]+", each)[0] not in table] == []


def test_the_locks_name_no_registry_and_pin_everything():
    for lock in (REPO / "requirements").glob("*.lock"):
        text = lock.read_text()
        assert "://" not in text
        assert "index-url" not in text
        pins = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
        assert all(re.match(r"[\w.-]+==[^ ]+ (;.+)?\\$", line) for line in pins)
        assert "--hash=sha256:" in text


def test_the_example_promises_no_secret_in_the_file():
    example = json.loads((REPO / "configs" / "sync.example.json").read_text())
    assert example["jira"]["apiToken"].startswith("${")


def test_the_version_is_in_the_changelog_or_unreleased():
    assert "## Unreleased" in (REPO / "CHANGELOG.md").read_text()


def test_the_guide_to_upgrading_says_which_formats_this_version_writes_and_reads():
    rows = re.findall(r"^\| ([\d.]+) \| (\d+) \| (.+) \|$", (REPO / "docs" / "upgrading.md").read_text(), re.MULTILINE)
    oldest, newest = readable()
    assert rows[-1][1:] == (str(newest), str(oldest) if oldest == newest else f"{oldest} to {newest}")
    numbers = [tuple(map(int, version.split("."))) for version, *_ in rows]
    assert numbers == sorted(numbers)
    assert numbers[-1] <= tuple(map(int, VERSION.split(".")))
