"""The documentation says what is so."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("router/**/*.md")]

_spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
generate = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(generate)


@pytest.mark.parametrize("name", generate.GENERATED)
def test_generated_pages_are_current(name: str):
    """A generated page is what `python docs/generate.py` would write now."""
    assert (ROOT / "docs" / name).read_text() == generate.GENERATED[name]()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path):
    """Every relative link of a page names a file that exists."""
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_paths_in_pages_exist(page: Path):
    """A file of ours that a page names in code marks is there."""
    named = re.findall(r"`((?:router|classifiers|tests|docs|benchmarks|deploy)/[\w./-]+\.\w+)`", page.read_text())
    assert [name for name in named if "NAME" not in name and not (ROOT / name).exists()] == []
