"""Labels from the shadow: a threshold from scores alone, and words only from where the policy or a file has them."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from classifiers.outcomes import DataError
from router.cli import app
from router.policy.calibrated import ArtifactId
from router.policy.lock import read_lock
from router.quality.shadowed import read_shadow
from router.shadow.label import Label, Labels
from tests.ledger.examples import NOON
from tests.policy.files import MODELS

FILE = (
    MODELS
    + """\
policies:
  auto:
    select:
      - {id: learned, score: complexity, calibration: auto, threshold: 0.34}
      - {id: default, target: large}
    shadow: {target: [large, small], sample: 0.1, max_usd_per_day: 1}
"""
)
BOTH = ("small", "large")


def label(number: int, score: float, small: float, **more: object) -> Label:
    """A comparison at `score`: the small model is as good as `small`, the large one right; who answered, the line says."""
    served, shadow = BOTH if score < 0.34 else BOTH[::-1]
    scores = {"small": small, "large": 1.0}
    fields = {
        "request_id": f"r{number}", "at": NOON, "policy": "auto", "rule": "learned", "served": served, "shadow": shadow,
        "usd": 0.001, "compare": "exact", "score": score, "served_score": scores[served], "shadow_score": scores[shadow],
        "served_usd": 0.001 if served == "large" else 0.0, "shadow_usd": 0.001 if shadow == "large" else 0.0,
        "artifact": ArtifactId.of(None).sha256,
    }  # fmt: skip
    return Label(**{**fields, **more})


def kept(folder: Path, *labels: Label) -> Path:
    for one in labels:
        Labels(folder).append(one)
    return folder


def calibrate(folder: Path, monkeypatch: pytest.MonkeyPatch, *labels: Label) -> str:
    """Run the verb in a folder that has these labels; its output, or the words of its refusal."""
    (folder / "shunt.yaml").write_text(FILE + f"state_dir: {folder / 'state'}\n")
    monkeypatch.chdir(folder)
    monkeypatch.delenv("SHUNT_ARTIFACT", raising=False)
    kept(folder / "state", *labels)
    done = CliRunner().invoke(app, ["calibrate", "--from-shadow", "--objective", "max_large_pct=25"])
    return done.stdout if done.exit_code == 0 else str(done.exception)


MIXED = [label(number, number / 100, float(number < 60)) for number in range(100)]


def test_a_threshold_needs_no_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The scores that requests had are enough; the lock says where its rows are from."""
    assert "threshold" in calibrate(tmp_path, monkeypatch, *MIXED)
    rule = read_lock(tmp_path / "shunt.lock").policies["auto"]["learned"]
    assert (100, "shadow") == (rule.data.rows, rule.data.source)
    assert rule.expected.large_pct.value <= 25
    assert 0.7 < rule.threshold <= 0.8


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ([], "there are no labels"),
        (MIXED[:30], "every label is of a request that the same model answered"),
        (MIXED[20:50], "30 labels from the shadow for rule 'learned': at least 50"),
        ([label(one, 0.5, 1.0, artifact="another") for one in range(60)], "there are no labels"),
        ([label(one, 0.5, 1.0, rule="default") for one in range(60)], "there are no labels"),
    ],
)
def test_labels_that_would_mislead_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, labels: list[Label], words: str
):
    """One side alone, too few, and scores of another artifact or another rule set no threshold."""
    assert words in calibrate(tmp_path, monkeypatch, *labels)
    assert not (tmp_path / "shunt.lock").exists()


def test_words_come_from_the_label_or_from_a_file(tmp_path: Path):
    """To train, a label without words is joined by its request's id; one that nobody has words for is counted."""
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text(json.dumps({"request_id": "r2", "prompt": "from the file"}) + "\n")
    state = kept(
        tmp_path / "state",
        label(1, 0.1, 0.25, prompt="kept"),
        label(2, 0.9, 0.5),
        label(3, 0.9, 0.5),
        label(4, 0.1, 1.0, shadow="other"),
    )
    found = read_shadow(state, prompts, BOTH)
    assert [("kept", 0.25, 1.0), ("from the file", 0.5, 1.0)] == [
        (row.prompt, row.small, row.large) for row in found.rows
    ]
    assert [(0.0, 0.001)] * 2 == [(row.small_usd, row.large_usd) for row in found.rows]
    assert (1, 1) == (found.unknown, found.silent)
    with pytest.raises(DataError, match="give --prompts FILE"):
        read_shadow(kept(tmp_path / "dark", label(1, 0.1, 1.0)), None, BOTH)
