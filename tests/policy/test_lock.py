"""The lock: what calibration found is used where it fits, and refused by name where it does not."""

import json
import shutil
from pathlib import Path

import pytest

from classifiers.artifact import COMPILED, MANIFEST, SHIPPED, manifest_digest, read_manifest
from classifiers.drift import BINS
from router.config import Abstain, Config, Rule
from router.errors import ConfigError
from router.policy import decide, load
from router.policy.artifact import usual_scores
from router.policy.decision import Facts
from router.policy.lock import LockFile, lock_text, read_lock
from tests.policy.files import MODELS, Judged

RULE = "{id: learned, score: complexity, calibration: auto, objective: {max_large_pct: 25}, %s}"
ABSTAIN = "abstain: {band: 0.05, target: large}"
FILE = (
    MODELS
    + """\
policies:
  auto:
    select:
      - RULE
      - {id: default, target: large}
"""
)
FIGURE = {"value": 24.9, "low": 21.0, "high": 28.1}


def locked(**changes: object) -> dict[str, object]:
    manifest = read_manifest(SHIPPED)
    return {
        "threshold": 0.41,
        "abstain": {"start": 0.37, "stop": 0.44},
        "artifact": {"name": manifest["artifact"], "sha256": manifest["files"][COMPILED]},
        "calibration": {"method": "platt", "slope": 1.1, "intercept": -0.2, "error": 0.02, "error_before": 0.09},
        "data": {"rows": 400, "sha256": "0" * 64, "source": "file"},
        "expected": {"large_pct": FIGURE, "quality": FIGURE},
        "objective": {"max_large_pct": 25},
        "scores": {"0.00": 0.75, "0.05": 0.25},
        "terms": {"above": "large", "below": "small", "abstain_band": 0.05, "abstain_target": "large"},
    } | changes


def write(folder: Path, rules: dict[str, object] | None, *, rule: str = RULE % ABSTAIN, policy: str = "auto") -> Path:
    path = folder / "shunt.yaml"
    path.write_text(FILE.replace("RULE", rule))
    if rules is not None:
        lock = LockFile.model_validate({"version": 1, "policies": {policy: rules}})
        (folder / "shunt.lock").write_text(lock_text(lock))
    return path


def learned(config: Config) -> Rule:
    return config.policies["auto"].select[0]


def refused(path: Path, environ: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        load(path, environ or {})
    return "\n".join(caught.value.problems)


def test_a_lock_that_fits_gives_threshold_band_and_usual_scores(tmp_path: Path):
    """What was calibrated is what decides, and drift is measured against the prompts it was calibrated on."""
    config = load(write(tmp_path, {"learned": locked()}), {})
    assert (learned(config).threshold, learned(config).abstain) == (0.41, Abstain(0.37, 0.44, "large"))
    assert (learned(config).is_locked, config.usual_scores) == (True, (0.75, 0.25, *[0.0] * 18))


def test_without_a_lock_the_files_threshold_holds_and_then_the_artifacts(tmp_path: Path):
    """A rule that leaves its threshold to a calibration works before the first one."""
    written = load(write(tmp_path, None, rule=RULE % f"threshold: 0.6, {ABSTAIN}"), {})
    assert (learned(written).threshold, learned(written).is_locked) == (0.6, False)
    assert learned(written).abstain == Abstain(0.6 - 0.05, 0.6 + 0.05, "large")
    recommended = load(write(tmp_path, None), {})
    assert learned(recommended).threshold == read_manifest(SHIPPED)["threshold"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"artifact": {"name": "difficulty-other", "sha256": "1" * 64}}, "made for artifact 'difficulty-other'"),
        ({"artifact": {"name": read_manifest(SHIPPED)["artifact"], "sha256": "1" * 64}}, "made for artifact"),
        ({"objective": {"max_large_pct": 30}}, "made for max_large_pct=30, and the rule says max_large_pct=25"),
        ({"objective": {"min_quality": 0.9}}, "made for min_quality=0.9"),
        ({"terms": {"above": "other", "below": "small", "abstain_band": 0.05, "abstain_target": "large"}},
         "above 'other', and the rule says 'large'"),
        ({"terms": {"above": "large", "below": "small"}}, "abstain_band 'None', and the rule says '0.05'"),
    ],
)  # fmt: skip
def test_a_lock_of_something_else_is_refused_by_name(tmp_path: Path, changes: dict[str, object], words: str):
    """Another artifact, another objective, other targets: the file is refused, saying what differs and what to run."""
    message = refused(write(tmp_path, {"learned": locked(**changes)}))
    assert words in message
    assert "shunt.yaml:9: the lock does not fit rule 'learned'" in message
    assert "run `shunt calibrate --policy auto`" in message


@pytest.mark.parametrize(
    ("rules", "policy", "rule"),
    [
        ({"other": locked()}, "auto", RULE % ABSTAIN),
        ({"learned": locked()}, "nightly", RULE % ABSTAIN),
        ({"learned": locked()}, "auto", "{id: learned, score: complexity, threshold: 0.5}"),
    ],
    ids=["another rule", "another policy", "a fixed threshold"],
)
def test_a_lock_for_what_is_not_there_is_refused(tmp_path: Path, rules: dict[str, object], policy: str, rule: str):
    """A lock that calibrates nothing of this file is not silently without effect."""
    assert "takes no calibration" in refused(write(tmp_path, rules, policy=policy, rule=rule))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("version: 2\npolicies: {}\n", "shunt.lock:1: not a lock that this version reads (version"),
        ("version: 1\npolicies: {auto: {learned: {threshold: 7}}}\n", "not a lock that this version reads"),
        ("nonsense", "shunt.lock:1"),
        ("version: 1\npolicies: {}\nother: 1\n", "shunt.lock:3: not a lock"),
    ],
)
def test_a_broken_lock_stops_the_start(tmp_path: Path, text: str, words: str):
    """A lock that cannot be read is never taken for none."""
    path = write(tmp_path, None)
    (tmp_path / "shunt.lock").write_text(text)
    assert words in refused(path)


def test_who_makes_the_lock_anew_is_not_stopped_by_the_old_one(tmp_path: Path):
    """Calibration loads the file without its lock."""
    path = write(tmp_path, {"learned": locked(objective={"max_large_pct": 30})})
    assert learned(load(path, {}, locked=False)).is_locked is False


def test_a_lock_reads_as_it_was_written_and_line_by_line(tmp_path: Path):
    """One value a line, keys sorted, so that a diff shows what moved and nothing else."""
    path = write(tmp_path, {"learned": locked()})
    lock = read_lock(path.with_suffix(".lock"))
    text = (tmp_path / "shunt.lock").read_text()
    assert lock_text(lock) == text
    moved = LockFile.model_validate({"version": 1, "policies": {"auto": {"learned": locked(threshold=0.42)}}})
    changed = [line for line in lock_text(moved).splitlines() if line not in text.splitlines()]
    assert changed == ["      threshold: 0.42"]


def test_another_artifact_is_used_where_the_file_or_the_environment_names_it(tmp_path: Path):
    """`artifact:` comes before SHUNT_ARTIFACT, which comes before the one that ships; one that is not there is named."""
    own = Path(shutil.copytree(SHIPPED, tmp_path / "own"))
    manifest = json.loads((own / MANIFEST).read_text()) | {"threshold": 0.77}
    (own / MANIFEST).write_text(json.dumps(manifest | {"sha256": manifest_digest(manifest)}))
    path = write(tmp_path, None)
    assert learned(load(path, {"SHUNT_ARTIFACT": str(own)})).threshold == 0.77
    path.write_text(path.read_text() + "artifact: own\n")
    config = load(path, {"SHUNT_ARTIFACT": str(tmp_path / "missing")})
    assert (config.artifact, learned(config).threshold) == (own, 0.77)
    assert "missing/manifest.json: missing" in refused(
        write(tmp_path, None), {"SHUNT_ARTIFACT": str(tmp_path / "missing")}
    )


@pytest.mark.parametrize(
    ("score", "target", "reason"),
    [(0.36, "small", "rule"), (0.37, "large", "abstained"), (0.43, "large", "abstained"), (0.44, "large", "rule")],
)
def test_scores_in_the_band_go_to_the_abstain_target(tmp_path: Path, score: float, target: str, reason: str):
    """The band takes its scores, from its start and up to its stop, and the answer says so."""
    config = load(write(tmp_path, {"learned": locked()}), {})
    facts = Facts(headers={}, needs=frozenset(), prompt_tokens=10)
    decision = decide(config, "auto", facts, Judged(score), dict.fromkeys(config.models, "ready"))
    assert (decision.target, decision.rule, decision.reason) == (target, "learned", reason)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("{id: learned, score: complexity}", "needs a threshold, a number from 0 to 1, or calibration: auto"),
        ("{id: learned, target: small, calibration: auto}", "has calibration but no score"),
        ("{id: learned, score: complexity, objective: {}}", "name one objective"),
        ("{id: learned, score: complexity, objective: {min_quality: 0.9, max_large_pct: 2}}", "name one objective"),
        (
            "{id: learned, score: complexity, threshold: 0.5, abstain: {band: 0.1, target: lrge}}",
            "did you mean 'large'?",
        ),
        ("{id: learned, score: complexity, threshold: 0.5, abstain: {band: 0, target: large}}", "band"),
        ("{id: learned, score: complexity, calibration: manual}", "calibration"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, rule: str, words: str):
    """The new keys are checked like every other."""
    assert words in refused(write(tmp_path, None, rule=rule))


def test_drift_is_measured_against_the_lock_then_the_artifact_then_nothing(tmp_path: Path):
    """The prompts of the calibration are the usual ones; without a lock, those that the artifact was fitted to."""
    config = load(write(tmp_path, {"learned": locked()}), {})
    assert usual_scores(config)[:2] == (0.75, 0.25)
    own = Path(shutil.copytree(SHIPPED, tmp_path / "own"))
    manifest = json.loads((own / MANIFEST).read_text()) | {"score_histogram": [0.05] * BINS}
    for found, expected in ((manifest, (0.05,) * BINS), (manifest | {"score_histogram": "x"}, ())):
        (own / MANIFEST).write_text(json.dumps(found | {"sha256": manifest_digest(found)}))
        assert usual_scores(load(write(tmp_path / "own", None), {"SHUNT_ARTIFACT": str(own)})) == expected
