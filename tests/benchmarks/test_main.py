"""`python -m benchmarks` finds benchmarks by name and keeps what they measured."""

import argparse
import json
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from benchmarks import __main__ as command

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A benchmark without options, in the table under the name `plain`."""
    module = ModuleType("plain", "A plain one.")
    module.run = lambda: {"figure": 1.0}
    monkeypatch.setitem(command.TABLE, "plain", ("plain", "for the test"))
    monkeypatch.setitem(__import__("sys").modules, "plain", module)
    return module


def test_a_result_is_kept_with_its_machine(plain: ModuleType, tmp_path: Path):
    """The file holds the figures, the machine and the command."""
    path = tmp_path / "plain.json"
    assert 0 == command.main(["plain", "--json", str(path)])
    record = json.loads(path.read_text())
    assert ("plain", {"figure": 1.0}) == (record["benchmark"], record["result"])
    assert record["machine"]["cores"] >= 1
    assert f"python -m benchmarks plain --json {path}" == record["command"]


def test_a_benchmark_may_have_options(plain: ModuleType, tmp_path: Path):
    """Its own options reach it, and their values in force are kept."""
    path = tmp_path / "plain.json"
    plain.add_options = lambda parser: parser.add_argument("--size", type=int, default=3)
    plain.run = lambda options: {"twice": 2 * options.size}
    command.main(["plain", "--json", str(path)])
    record = json.loads(path.read_text())
    assert ({"size": 3}, {"twice": 6}) == (record["options"], record["result"])


def test_a_benchmark_may_draw(plain: ModuleType, tmp_path: Path):
    """The picture goes beside the figures under the same name."""
    drawn: list[Path] = []
    plain.plot = lambda _record, path: drawn.append(path)
    command.main(["plain", "--json", str(tmp_path / "a.json")])
    assert [tmp_path / "a.png"] == drawn


def test_a_failed_benchmark_keeps_nothing(plain: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """One clear line and status 1; no file that looks like a result."""

    def run() -> dict[str, object]:
        raise RuntimeError("3 of 5 requests failed")

    plain.run = run
    assert 1 == command.main(["plain", "--json", str(tmp_path / "a.json")])
    assert "plain: 3 of 5 requests failed\n" == capsys.readouterr().err
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("arguments", [[], ["no-such-benchmark"]], ids=["none", "unknown"])
def test_a_wrong_name_is_answered_with_the_right_ones(arguments: list[str], capsys: pytest.CaptureFixture[str]):
    """Status 2 and a word on what can be asked for."""
    with pytest.raises(SystemExit, match="2"):
        command.main(arguments)
    assert "NAME" in capsys.readouterr().err


@pytest.mark.parametrize("name", command.TABLE)
def test_every_benchmark_of_the_table_can_run(name: str):
    """Each name leads to a module with `run`, whose options can be added to a parser."""
    module = import_module(command.TABLE[name][0])
    assert callable(module.run)
    getattr(module, "add_options", lambda _parser: None)(argparse.ArgumentParser())


@pytest.mark.parametrize("name", command.TABLE)
def test_every_benchmark_is_documented(name: str):
    """docs/benchmarks.md has a section for each name in the table."""
    assert f"## `{name}`" in (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
