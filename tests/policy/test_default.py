"""The file that a newcomer gets, with the classifier that ships."""

import subprocess
import sys
from pathlib import Path
from typing import get_args

import classifiers
from classifiers.conversation import side_call
from router.policy import DEFAULT_FILE, load, run_tests
from router.policy.schema_parts import SideCall, Task


def test_its_tests_pass_with_the_shipped_classifier():
    """`shunt policy test` on the default file is green without a key or a model."""
    results = run_tests(load(DEFAULT_FILE, {}), classifiers.load())
    assert [(result.test.line, result.failures) for result in results if not result.passed] == []


def test_its_threshold_is_the_classifiers_own():
    """The number in the file is the one that the classifier was measured at."""
    rules = load(DEFAULT_FILE, {}).policies["auto"].select
    assert [rule.threshold for rule in rules if rule.threshold is not None] == [classifiers.load().threshold]


def test_the_vocabularies_are_those_of_the_classifier():
    """A policy can name every task and side call that exists, and no other."""
    assert get_args(Task) == classifiers.TASKS
    starts = ("Generate a concise", "Generate 1-3 broad tags", "Suggest 3-5 relevant follow-up")
    found = [side_call([{"role": "user", "content": f"### Task:\n{start} x"}]) for start in starts]
    assert tuple(found) == get_args(SideCall)


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "router", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_init_check_and_test_work_in_a_folder_of_ones_own(tmp_path: Path):
    """The three commands that a newcomer types end with status 0, and plain text."""
    for arguments in (["init"], ["policy", "check"], ["policy", "test"]):
        done = run(tmp_path, *arguments)
        assert (0, "") == (done.returncode, done.stderr)
        assert "\x1b" not in done.stdout


def test_a_wrong_file_ends_with_status_2(tmp_path: Path):
    """Every problem goes to standard error with file and line, and nothing to standard output."""
    text = (
        DEFAULT_FILE.read_text()
        .replace("target: large}", "target: larg}")
        .replace("policies:", "budgets: [{id: b}]\npolicies:")
    )
    (tmp_path / "shunt.yaml").write_text(text)
    done = run(tmp_path, "policy", "check")
    assert (2, "") == (done.returncode, done.stdout)
    assert done.stderr.count("shunt.yaml:") == 5
    assert "(did you mean 'large'?)" in done.stderr


def test_failing_tests_end_with_status_1(tmp_path: Path):
    """A pipeline stops at a file whose tests fail."""
    text = DEFAULT_FILE.read_text().replace("rule: asked-large}", "rule: learned}")
    (tmp_path / "shunt.yaml").write_text(text)
    done = run(tmp_path, "policy", "test")
    assert done.returncode == 1
    assert "rule: expected learned, got asked-large" in done.stdout
