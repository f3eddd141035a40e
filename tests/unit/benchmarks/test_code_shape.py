"""The shape of a code base: of a small one, file by file, and of this one."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.code_shape import REPO, CodeTree, report

FILES = {
    "shop/__init__.py": "",
    "shop/cart.py": "from shop import stock\n\n\nclass Item:\n    def price(self):\n        return 1\n",
    "shop/stock.py": "def load():\n    from .store import disk\n\n    return disk\n\n\nclass Item:\n    pass\n",
    "shop/store/__init__.py": "",
    "shop/store/disk.py": "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from shop.cart import Item\n",
    "scripts/run.py": "import shop.cart\n",
    "tests/test_shop.py": "import scripts.run\n",
}
CONTRACTS = """
[[tool.importlinter.contracts]]
type = "layers"
layers = ["shop", "scripts"]
"""


@pytest.fixture
def tree(tmp_path: Path) -> CodeTree:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "pyproject.toml").write_text(CONTRACTS)
    return CodeTree.read(tmp_path)


def test_every_module_outside_the_tests_is_counted_in_its_folder(tree):
    assert tree.modules_per_folder() == {"shop": 2, "shop/store": 1, "scripts": 1}


def test_modules_that_import_each_other_are_a_cycle_also_in_functions_and_for_types(tree):
    assert tree.imports()["shop.stock"] == {"shop.store.disk"}
    assert tree.import_cycles() == [["shop.cart", "shop.stock", "shop.store.disk"]]


def test_a_class_name_of_two_modules_is_a_homonym(tree):
    assert tree.homonyms() == {"Item": ["shop.cart", "shop.stock"]}


def test_a_function_is_as_long_as_its_lines(tree):
    assert tree.function_lengths() == {"shop.cart:5 price": 2, "shop.stock:1 load": 4}


def test_each_tree_is_a_column_of_the_table(tree):
    table = report([tree, tree]).splitlines()
    assert table[0] == f"|  | {tree.root.name} | {tree.root.name} |"
    assert "| modules in a folder, most | 2 (shop) | 2 (shop) |" in table
    assert "| layers in one contract, most | 2 | 2 |" in table
    assert "| import contracts | – | – |" in table


def test_this_code_base_has_no_import_cycle():
    assert CodeTree.read(REPO).import_cycles() == []
