"""The calibrated line of `verify`: found on the user's own answers, kept in the lock, and used from then on."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from classifiers.confidence import PRIOR, load_stage
from classifiers.held_out import is_held_out
from router.cli import app
from router.errors import ConfigError
from router.policy import load, needs_score
from router.policy.decision import Facts
from router.policy.lock import lock_text, read_lock
from router.policy.plan import decide
from tests.classifiers.traffic import traffic
from tests.policy.files import MODELS, Judged

FILE = (
    MODELS
    + """\
policies:
  auto:
    select:
      - {id: learned, score: complexity, threshold: 0.99}
      - {id: default, target: large}
    on_failure: [large, small]
    verify: {target: small, escalate_to: large, calibration: auto%s}
"""
)
runner = CliRunner()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a policy file and labelled answers, as the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SHUNT_ARTIFACT", raising=False)
    write_answers(tmp_path, 120)
    write(tmp_path)
    return tmp_path


def write_answers(folder: Path, size: int) -> None:
    rows = [
        {"prompt": row.prompt, "small": row.small, "large": 1, "first": -0.1 - 2 * row.gain, "tokens": 20}
        for row in traffic(size, noise=0.02)
    ]
    (folder / "answers.jsonl").write_text("\n".join(map(json.dumps, rows)))


def write(folder: Path, more: str = "") -> Path:
    path = folder / "shunt.yaml"
    path.write_text(FILE % more + f"state_dir: {folder / 'state'}\n")
    return path


def calibrated(*arguments: str) -> str:
    done = runner.invoke(app, ["calibrate", "--second-stage", *arguments], catch_exceptions=False)
    assert 0 == done.exit_code, done.output
    return done.stdout


def test_a_calibrated_line_is_used_from_then_on(folder: Path):
    """The lock holds line and stage, the policy takes both, and a decision needs the prompt's score for it."""
    path = folder / "shunt.yaml"
    said = calibrated("--data", "answers.jsonl", "--objective", "max_large_pct=30")
    lock = read_lock(folder / "shunt.lock")
    locked = lock.verify["auto"]
    assert ("prior", PRIOR) == (locked.stage.name, locked.stage.stage)
    assert "of the checked answers move" in said
    assert 30 >= locked.expected.large_pct.value
    assert lock_text(lock) == (folder / "shunt.lock").read_text()
    config = load(path, {})
    line = config.policies["auto"].verify.line
    assert (locked.at_least, True) == (line.at_least, line.is_locked)
    assert needs_score(config, "auto")
    decision = decide(config, "auto", Facts({}, frozenset({"chat"}), 10), Judged(0.2), {})
    terms = decision.verification
    assert (None, line, 0.2) == (terms.floor, terms.line, terms.score)
    assert decision.shown.verification.line is None


def test_a_stage_that_was_taught_goes_into_the_lock_whole(folder: Path):
    """The lock alone, without the state folder, serves the very stage that was taught, its words included."""
    write_answers(folder, 400)
    done = runner.invoke(app, ["train", "--second-stage", "--data", "answers.jsonl"], catch_exceptions=False)
    assert 0 == done.exit_code, done.output
    taught = load_stage(folder / "state" / "confidence.json")
    calibrated("--data", "answers.jsonl", "--objective", "max_large_pct=30")
    held = sum(is_held_out(row.prompt) for row in traffic(400, noise=0.02))
    assert held == read_lock(folder / "shunt.lock").verify["auto"].data.rows, (
        "it was judged by what it had learned from"
    )
    (folder / "state" / "confidence.json").unlink()
    assert taught.words
    assert taught == load(folder / "shunt.yaml", {}).policies["auto"].verify.line.likelihood


def test_a_lock_whose_words_are_no_table_is_refused(folder: Path):
    """Half of a table would be noticed on the first request otherwise."""
    calibrated("--data", "answers.jsonl", "--objective", "max_large_pct=30")
    lock = folder / "shunt.lock"
    lock.write_text(lock.read_text().replace("words: ''", "words: 'AAAA'"))
    with pytest.raises(ConfigError, match=r"not a lock that this version reads \(verify\.auto\.stage"):
        load(folder / "shunt.yaml", {})


def test_without_a_lock_below_holds_or_else_even_odds(folder: Path):
    """A file with `calibration: auto` serves before anybody has calibrated."""
    assert -1.5 == load(write(folder, ", below: -1.5"), {}).policies["auto"].verify.floor
    verify = load(write(folder), {}).policies["auto"].verify
    assert (None, PRIOR, 0.5, False) == (
        verify.floor,
        verify.line.likelihood,
        verify.line.at_least,
        verify.line.is_locked,
    )


def test_a_lock_of_other_terms_is_refused_with_the_cure(folder: Path):
    """Held tokens, targets, objective and the artifact bind the lock; what it does not fit is named with its line."""
    calibrated("--data", "answers.jsonl", "--objective", "max_large_pct=30")
    for more, words in (
        (", hold_tokens: 12", "it was made for hold_tokens '24', and the file says '12'"),
        (", objective: {min_quality: 0.9}", "it was made for max_large_pct=30"),
    ):
        with pytest.raises(ConfigError) as caught:
            load(write(folder, more), {})
        assert words in str(caught.value)
        assert "run `shunt calibrate --second-stage --policy auto`" in str(caught.value)
        assert "shunt.yaml:" in str(caught.value)
    lock = (folder / "shunt.lock").read_text()
    write(folder)
    artifact = read_lock(folder / "shunt.lock").verify["auto"].artifact
    (folder / "shunt.lock").write_text(lock.replace(artifact.sha256, "a" * 64))
    with pytest.raises(ConfigError, match="it was made for artifact"):
        load(folder / "shunt.yaml", {})


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "give --data FILE"),
        (["--data", "answers.jsonl"], "give --objective"),
        (["--data", "answers.jsonl", "--policy", "nobody"], "does not say calibration: auto"),
        (["--data", "answers.jsonl", "--objective", "max_large_pct=x"], "needs a number"),
    ],
)
def test_what_cannot_be_calibrated_says_why(folder: Path, arguments: list[str], words: str):
    """Nothing is written when anything is missing."""
    with pytest.raises((ConfigError, ValueError), match=words):
        runner.invoke(app, ["calibrate", "--second-stage", *arguments], catch_exceptions=False)
    assert not (folder / "shunt.lock").exists()


def test_a_line_needs_a_cure_when_it_says_nothing(folder: Path):
    """Without `below` and without a calibration there is no line."""
    path = folder / "shunt.yaml"
    path.write_text(path.read_text().replace(", calibration: auto", ""))
    with pytest.raises(ConfigError, match="verify needs a line: write below"):
        load(path, {})
