"""The list of what clients need names tests that exist."""

import ast
from functools import cache
from pathlib import Path

import pytest

from tests.clients.checklist import CHECKLIST, Row

ROOT = Path(__file__).resolve().parents[2]
ROWS = [row for rows in CHECKLIST.values() for row in rows]


@cache
def functions(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.number)
def test_each_row_has_its_tests(row: Row):
    """A behaviour is held by tests that exist, or the page says that it is not."""
    assert [test for test in row.tests if test.split("::")[1] not in functions(test.split("::")[0])] == []
    assert row.tests or row.gap


def test_no_row_is_left_out():
    """All forty behaviours are there, in their order."""
    assert [row.number for row in ROWS if row.number.isdigit()] == [str(number) for number in range(1, 41)]
