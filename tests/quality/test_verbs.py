"""`shunt calibrate`, `train` and `evaluate` from the terminal: what they write, what they print, what they refuse."""

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from classifiers import load as load_artifact
from classifiers.adapting import Comparison
from classifiers.bootstrap import Interval
from classifiers.confidence import load_stage
from classifiers.held_out import is_held_out
from router.cli import app
from router.errors import ConfigError
from router.policy import load
from router.policy.lock import read_lock
from tests.classifiers.traffic import traffic, write
from tests.policy.files import MODELS

FILE = (
    MODELS.replace("context: 8192}", "context: 8192, price: {input_usd_per_million: 2, output_usd_per_million: 8}}")
    + """\
policies:
  auto:
    select:
      - {id: asked, when: {header: {x-ask: small}}, target: small}
      - {id: learned, score: complexity, calibration: auto, threshold: 0.34}
      - {id: default, target: large}
  plain:
    select: [{id: all, target: small}]
"""
)
runner = CliRunner()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a policy file and labelled rows, as the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SHUNT_ARTIFACT", raising=False)
    (tmp_path / "shunt.yaml").write_text(FILE + f"state_dir: {tmp_path / 'state'}\n")
    write(tmp_path / "rows.jsonl", traffic(400), language="en")
    return tmp_path


def shunt(*arguments: str) -> str:
    """Standard output of a verb that succeeds."""
    done = runner.invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def refused(*arguments: str) -> str:
    """The message of a verb that refuses."""
    with pytest.raises((ConfigError, ValueError)) as caught:
        runner.invoke(app, arguments, catch_exceptions=False)
    return str(caught.value)


def test_a_calibration_is_used_from_then_on(folder: Path):
    """The lock holds what was asked for, says what to expect, and the next start reads it."""
    printed = shunt("calibrate", "--data", "rows.jsonl", "--objective", "max_large_pct=25")
    rule = read_lock(folder / "shunt.lock").policies["auto"]["learned"]
    assert (rule.objective.max_large_pct, rule.data.rows, rule.data.source) == (25, 400, "file")
    assert rule.expected.large_pct.low <= rule.expected.large_pct.value <= 25
    assert rule.expected.saving_pct.value > 70
    assert rule.expected.usd_per_1k is not None
    assert rule.calibration.error <= 0.1
    assert load(folder / "shunt.yaml", {}).policies["auto"].select[1].threshold == rule.threshold
    assert f"threshold {rule.threshold:g} on 400 prompts" in printed
    assert "from the lock" in shunt("policy", "check")


def test_the_same_rows_give_the_same_lock(folder: Path):
    """A calibration that is repeated changes nothing, so that every diff means something."""
    shunt("calibrate", "--data", "rows.jsonl", "--objective", "min_quality=0.8")
    first = (folder / "shunt.lock").read_text()
    shunt("calibrate", "--data", "rows.jsonl", "--objective", "min_quality=0.8")
    assert (folder / "shunt.lock").read_text() == first


def test_a_dry_run_writes_nothing(folder: Path):
    """What would be locked is shown, and the folder is as it was."""
    assert "nothing was written" in shunt(
        "calibrate", "--data", "rows.jsonl", "--objective", "max_large_pct=25", "--dry-run"
    )
    assert not (folder / "shunt.lock").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--objective", "max_large_pct=25"], "give --data FILE"),
        (["--data", "rows.jsonl"], "give --objective"),
        (["--data", "rows.jsonl", "--objective", "speed=1"], "an objective is one of"),
        (["--data", "rows.jsonl", "--objective", "max_large_pct=25", "--policy", "aut"], "no policy 'aut'"),
        (["--data", "rows.jsonl", "--objective", "max_large_pct=25", "--policy", "plain"], "says calibration: auto"),
        (["--data", "bad.jsonl", "--objective", "max_large_pct=25"], "bad.jsonl, line 2: large must be"),
        (["--data", "few.jsonl", "--objective", "max_large_pct=25"], "10 of 10 rows reach rule 'learned'"),
        (["--data", "rows.jsonl", "--objective", "max_usd_per_1k=0"], None),
        (["--from-ledger", "--objective", "max_large_pct=25"], "the ledger has no prompts"),
        (["--from-ledger", "--prompts", "bad.jsonl", "--objective", "max_large_pct=25"], "needs a text request_id"),
    ],
)
def test_what_cannot_be_calibrated_leaves_the_lock_alone(folder: Path, arguments: list[str], words: str | None):
    """Every refusal says why, and the lock that was there is there still."""
    write(folder / "few.jsonl", traffic(10))
    (folder / "bad.jsonl").write_text(
        '{"prompt": "a", "small": 1, "large": 1}\n{"prompt": "b", "small": 1, "large": 3}\n'
    )
    (folder / "shunt.lock").write_text("version: 1\npolicies: {}\n")
    if words is None:
        shunt("calibrate", *arguments)
        return
    assert words in refused("calibrate", *arguments)
    assert (folder / "shunt.lock").read_text() == "version: 1\npolicies: {}\n"


def test_a_broken_lock_can_be_made_anew(folder: Path):
    """What stops the start does not stop the command that mends it."""
    (folder / "shunt.lock").write_text("nonsense: [")
    assert "shunt.lock" in refused("policy", "check")
    assert "APGR" in shunt("evaluate", "--data", "rows.jsonl")
    shunt("calibrate", "--data", "rows.jsonl", "--objective", "max_large_pct=25")
    assert "from the lock" in shunt("policy", "check")


def test_what_the_lock_says_of_other_policies_stays(folder: Path):
    """Calibrating one policy leaves the other's threshold as it is."""
    path = folder / "shunt.yaml"
    path.write_text(path.read_text().replace("select: [{id: all, target: small}]", "select: [{id: all, score: complexity, "
                                             "calibration: auto}, {id: rest, target: large}]"))  # fmt: skip
    shunt("calibrate", "--data", "rows.jsonl", "--objective", "max_large_pct=25")
    shunt("calibrate", "--data", "rows.jsonl", "--objective", "max_large_pct=60", "--policy", "plain")
    found = read_lock(folder / "shunt.lock").policies
    assert found["auto"]["learned"].threshold > found["plain"]["all"].threshold


def test_the_rules_own_objective_counts(folder: Path):
    """An objective in the file need not be repeated, and cannot be contradicted."""
    path = folder / "shunt.yaml"
    path.write_text(path.read_text().replace("threshold: 0.34", "objective: {max_large_pct: 30}"))
    assert "max_large_pct=30" in shunt("calibrate", "--data", "rows.jsonl")
    message = refused("calibrate", "--data", "rows.jsonl", "--objective", "max_large_pct=20")
    assert "the file says max_large_pct=30: change it there" in message


def test_training_replaces_only_what_is_worse(folder: Path, monkeypatch: pytest.MonkeyPatch):
    """A better artifact takes the place, ready to be named in the file; a worse one, or a bad file, leaves it there."""
    printed = shunt("train", "--data", "rows.jsonl")
    place = folder / "state" / "artifact"
    assert "SHUNT_ARTIFACT" in printed
    taught = load_artifact(place).version
    with (folder / "shunt.yaml").open("a") as file:
        file.write(f"artifact: {place}\n")
    (folder / "bad.jsonl").write_text('{"prompt": "a"}\n')
    assert "bad.jsonl, line 1" in refused("train", "--data", "bad.jsonl")
    better, worse = Interval(0.7, 0.65, 0.75), Interval(0.5, 0.45, 0.55)
    comparison = Comparison(100, (better, worse), (worse, better), Interval(-0.2, -0.3, -0.1), Interval(0.2, 0.1, 0.3))
    monkeypatch.setattr("classifiers.adapting.compare", lambda *_: comparison)
    assert "not replaced: it ranks the held-out prompts worse" in refused("train", "--data", "rows.jsonl")
    assert load_artifact(place).version == taught
    assert len(list((folder / "state" / "artifact.versions").iterdir())) == 1


def test_a_lock_of_the_old_artifact_is_refused_after_training(folder: Path):
    """A threshold means nothing for other scores: the start is refused until the calibration is repeated."""
    shunt("calibrate", "--data", "rows.jsonl", "--objective", "max_large_pct=25")
    shunt("train", "--data", "rows.jsonl", "--out", "own")
    with (folder / "shunt.yaml").open("a") as file:
        file.write("artifact: own\n")
    assert "made for artifact" in refused("policy", "check")
    shunt("calibrate", "--data", "rows.jsonl", "--objective", "max_large_pct=25")
    assert "from the lock" in shunt("policy", "check")


def test_evaluation_says_everything_about_a_file(folder: Path):
    """APGR, CPT and the curve with intervals, length beside them, cost, and the picture; JSON has the same."""
    printed = shunt("evaluate", "--data", "rows.jsonl", "--plot", "curve.png")
    for words in ("APGR", "CPT50", "CPT80", "prompt length", "share of large calls", "USD for 1,000 prompts"):
        assert words in printed
    assert (folder / "curve.png").read_bytes().startswith(b"\x89PNG")
    report = json.loads(shunt("evaluate", "--data", "rows.jsonl", "--json"))
    assert report["router"]["apgr"]["low"] <= report["router"]["apgr"]["value"] <= report["router"]["apgr"]["high"]
    assert [step["share"] for step in report["curve"]][-1] == 1.0
    assert set(report["by_language"]) == {"en"}


def test_a_picture_without_matplotlib_is_one_line(folder: Path, monkeypatch: pytest.MonkeyPatch):
    """matplotlib is no dependency: without it everything else works, and the message says what to install."""
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert "pip install matplotlib" in refused("evaluate", "--data", "rows.jsonl", "--plot", "curve.png")


def test_a_taught_artifact_is_judged_by_what_it_never_saw(folder: Path, monkeypatch: pytest.MonkeyPatch):
    """The file that taught it calibrates and evaluates it by the held-out prompts alone, and the others are counted."""
    shunt("train", "--data", "rows.jsonl")
    monkeypatch.setenv("SHUNT_ARTIFACT", str(folder / "state" / "artifact"))
    held = [row for row in traffic(400) if is_held_out(row.prompt)]
    note = f"{400 - len(held)} rows are left out"
    done = runner.invoke(app, ["calibrate", "--data", "rows.jsonl", "--objective", "max_large_pct=25"])
    assert (0, True) == (done.exit_code, note in done.stderr)
    assert len(held) == read_lock(folder / "shunt.lock").policies["auto"]["learned"].data.rows
    done = runner.invoke(app, ["evaluate", "--data", "rows.jsonl"])
    assert (True, True) == (f"{len(held)} prompts; small alone" in done.stdout, note in done.stderr)
    write(folder / "known.jsonl", [row for row in traffic(400) if not is_held_out(row.prompt)])
    assert "no row is left to judge by" in refused("evaluate", "--data", "known.jsonl")
    assert "more may have taught" in refused("calibrate", "--data", "known.jsonl", "--objective", "max_large_pct=25")


def test_a_second_stage_is_taught_from_answers(folder: Path):
    """Rows with the confidence of the small model's answers teach a second stage; a bad file or a worse one leaves it."""
    rows = [
        {"prompt": row.prompt, "small": row.small, "large": 1, "first": -0.1 - 2 * row.gain, "tokens": 20}
        for row in traffic(400, noise=0.02)
    ]
    (folder / "answers.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert "confidence-" in shunt("train", "--second-stage", "--data", "answers.jsonl")
    place = folder / "state" / "confidence.json"
    taught = load_stage(place)
    assert taught.probability("Say hello", 0.3, -0.1) > taught.probability("Say hello", 0.3, -2.1)
    assert "line 1: first must be" in refused("train", "--second-stage", "--data", "rows.jsonl")
    assert "give --data FILE" in refused("train", "--second-stage")
    assert load_stage(place) == taught
    place.write_text("{}")
    assert "confidence.json" in refused("train", "--second-stage", "--data", "answers.jsonl")
