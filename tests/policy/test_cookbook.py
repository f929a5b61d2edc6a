"""The cookbook: every recipe loads, its own tests pass with the classifier that ships, and it is listed."""

from pathlib import Path

import pytest

import classifiers
from router.policy import load, run_tests

DOCS = Path(__file__).resolve().parents[2] / "docs" / "policy"
RECIPES = sorted((DOCS / "cookbook").glob("*.yaml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_each_recipe_works(path: Path):
    """A recipe is taken as it is: it must be sound, and do what its tests say."""
    results = run_tests(load(path, {"LARGE_KEY": "k"}), classifiers.load())
    assert [(result.test.line, result.failures) for result in results if not result.passed] == []
    assert len(results) >= 4


def test_each_recipe_is_listed():
    """The page names every file, and there are at least ten."""
    page = (DOCS / "cookbook.md").read_text()
    assert [path.name for path in RECIPES if f"(cookbook/{path.name})" not in page] == []
    assert len(RECIPES) >= 10
