"""`shunt policy`: output for people and for pipelines, exit status for scripts."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from router.errors import ConfigError
from router.policy import json_schema
from router.policy.commands import app
from tests.policy.files import GUARDED, SIMPLE, Judged

runner = CliRunner()


class Scripted:
    """Everything is easy."""

    def judge(self, text: str) -> Judged:
        """One score for all."""
        return Judged(0.1)


@pytest.fixture
def easy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A classifier that finds everything easy."""
    monkeypatch.setattr("router.policy.commands.load_classifier", lambda _config: Scripted())


def write(folder: Path, text: str) -> str:
    path = folder / "shunt.yaml"
    path.write_text(text)
    return str(path)


def test_schema_prints_the_schema():
    """The output is the JSON Schema and nothing else."""
    assert json.loads(runner.invoke(app, ["schema"]).stdout) == json_schema()


def test_check_shows_what_the_file_means(tmp_path: Path):
    """Models, rules and guards in one line each, plain when the output is no terminal."""
    result = runner.invoke(app, ["check", "--config", write(tmp_path, GUARDED)])
    assert result.exit_code == 0
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["model", "small", "llama.cpp,", "local,", "2048", "tokens,", "can", "chat", "json"] in lines
    assert "learned (score < 0.5) → small, else large" in result.stdout
    assert "\x1b" not in result.stdout


def test_check_names_what_is_not_configured(tmp_path: Path):
    """A model that the environment does not describe is shown with what to set."""
    text = SIMPLE.replace('backend: openai, base_url: "http://127.0.0.1:9/v1", model: big', "backend: auto")
    names = ("SHUNT_LARGE_URL", "OPENAI_API_KEY", "ANTHROPIC_API_KEY")
    result = runner.invoke(app, ["check", "-c", write(tmp_path, text)], env=dict.fromkeys(names))
    assert "not configured: set OPENAI_API_KEY, ANTHROPIC_API_KEY or SHUNT_LARGE_URL" in result.stdout


def test_check_raises_every_problem(tmp_path: Path):
    """The problems reach the command's edge, which prints them and ends with status 2."""
    result = runner.invoke(app, ["check", "--config", write(tmp_path, SIMPLE.replace("target: large", "target: larg"))])
    assert isinstance(result.exception, ConfigError)
    assert len(result.exception.problems) == 1


def test_passing_tests_end_with_status_0(tmp_path: Path, easy: None):
    """One line for each test, and the count."""
    text = SIMPLE + 'tests:\n  - {prompt: "what is 2+2?", expect: {target: small}}\n'
    result = runner.invoke(app, ["test", "--config", write(tmp_path, text)])
    assert result.exit_code == 0
    assert "ok        line 13      small by learned 0.100  'what is 2+2?'" in result.stdout
    assert "1 passed" in result.stdout


def test_failing_tests_end_with_status_1(tmp_path: Path, easy: None):
    """A failure says what was expected and what came out."""
    text = SIMPLE + "tests:\n  - {prompt: a proof, expect: {target: large}}\n"
    result = runner.invoke(app, ["test", "--config", write(tmp_path, text)])
    assert result.exit_code == 1
    assert "FAILED    line 13" in result.stdout
    assert "target: expected large, got small" in result.stdout
    assert "1 failed" in result.stdout
