"""Teaching the user's own traffic: better on what it was taught for, refused when it is not, and never half written."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from classifiers import load
from classifiers.adapting import Adapted, Comparison, adapt, split
from classifiers.artifact import PIPELINES, SHIPPED, read_manifest
from classifiers.bootstrap import Interval
from classifiers.drift import BINS
from classifiers.outcomes import DataError, Outcome
from classifiers.storing import StoreError, store, write_file
from classifiers.training import load_pipelines
from tests.classifiers.traffic import traffic


@pytest.fixture(scope="module")
def adapted() -> Adapted:
    return adapt(SHIPPED, traffic())


def test_a_word_of_the_users_own_is_learned(adapted: Adapted):
    """On traffic that turns on a word of its own the new artifact ranks far better, beyond doubt."""
    old, new = adapted.comparison.apgr
    assert adapted.comparison.fault is None
    assert new.value > old.value + 0.05
    assert adapted.comparison.apgr_difference.low > 0


def test_the_new_artifact_loads_like_any_other(adapted: Adapted, tmp_path: Path):
    """What is stored passes every check of loading, and its fast path gives the pipeline's numbers."""
    place = tmp_path / "artifact"
    store(place, adapted.contents, adapted.manifest)
    classifier = load(place)
    assert classifier.version == adapted.manifest["artifact"]
    difficulty, _ = load_pipelines(place / PIPELINES)
    prompts = [row.prompt for row in traffic(50, seed=9)]
    fast = [classifier.judge(prompt).score for prompt in prompts]
    assert np.abs(difficulty.predict(prompts) - fast).max() < 1e-6
    assert len(read_manifest(place)["score_histogram"]) == BINS


def test_noise_does_not_replace_anything():
    """Labels without any pattern teach nothing, and the comparison says so."""
    generator = np.random.default_rng(0)
    noise = [Outcome(row.prompt, float(generator.random() < 0.5), 1.0) for row in traffic(300)]
    comparison = adapt(SHIPPED, noise).comparison
    assert comparison.apgr_difference.low < 0.05
    assert comparison.apgr[1].value < 0.6


@pytest.mark.parametrize(
    ("apgr", "loss", "fault"),
    [
        ((0.05, 0.01, 0.09), (0.0, -0.1, 0.1), None),
        ((-0.01, -0.05, 0.03), (-0.2, -0.3, -0.1), None),
        ((-0.05, -0.09, -0.01), (-0.2, -0.3, -0.1), "ranks the held-out prompts worse"),
        ((0.05, 0.01, 0.09), (0.2, 0.1, 0.3), "fit the held-out prompts worse"),
        ((0.0, -0.05, 0.05), (0.0, -0.1, 0.1), "no better"),
    ],
)
def test_worse_and_no_better_are_refused(
    apgr: tuple[float, float, float], loss: tuple[float, float, float], fault: str | None
):
    """Worse beyond doubt in either respect is refused, and so is better in none."""
    any_ = Interval(0.5, 0.4, 0.6)
    found = Comparison(100, (any_, any_), (any_, any_), Interval(*apgr), Interval(*loss)).fault
    assert fault in found if fault else found is None


def test_a_repeated_prompt_is_never_on_both_sides():
    """What is judged was not taught, not even in another row."""
    taught, tested = split(traffic() * 2)
    assert {row.prompt for row in taught} & {row.prompt for row in tested} == set()
    assert len(tested) == pytest.approx(200, abs=60)


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (traffic(100), "100 rows are too few"),
        ([Outcome(row.prompt, 1.0, 1.0) for row in traffic()], "nothing to learn"),
    ],
    ids=["few", "no gain"],
)
def test_rows_that_teach_nothing_are_refused(rows: list[Outcome], reason: str):
    """Too few rows, or none that needed the large model, stop before anything is fitted."""
    with pytest.raises(DataError, match=reason):
        adapt(SHIPPED, rows)


def test_a_place_leads_to_the_newest_whole_artifact(tmp_path: Path):
    """A second artifact takes the place in one step; the one before stays, older ones go."""
    place = tmp_path / "artifact"
    for number in range(3):
        store(place, {"a": b"%d" % number}, {"artifact": f"difficulty-{number}"})
        assert (place / "a").read_bytes() == b"%d" % number
    assert len(list((tmp_path / "artifact.versions").iterdir())) == 2


def test_a_folder_of_somebody_elses_is_left_alone(tmp_path: Path):
    """Only a link that training made is ever replaced."""
    place = tmp_path / "artifact"
    place.mkdir()
    with pytest.raises(StoreError, match="in the way"):
        store(place, {"a": b""}, {"artifact": "x"})
    assert list(tmp_path.iterdir()) == [place]


def test_a_disk_that_refuses_leaves_the_old_artifact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """When the new files cannot be written, the place still leads to the old ones and nothing half-written stays."""
    place = tmp_path / "artifact"
    store(place, {"a": b"old"}, {"artifact": "old"})

    def full(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StoreError, match="No space left"):
        store(place, {"a": b"new"}, {"artifact": "new"})
    assert (place / "a").read_bytes() == b"old"
    assert len(list((tmp_path / "artifact.versions").iterdir())) == 1


def test_a_file_is_replaced_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A write that fails leaves the old content and nothing beside it."""
    path = tmp_path / "shunt.lock"
    write_file(path, b"old")
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(OSError, match="full"):
        write_file(path, b"new")
    assert (path.read_bytes(), list(tmp_path.iterdir())) == (b"old", [path])


def test_what_serves_does_not_import_what_trains():
    """Drift and calibration, which serving uses, bring neither scikit-learn nor scipy."""
    code = (
        "import sys, classifiers.drift, classifiers.calibration, classifiers.storing, classifiers.operating;"
        "print([m for m in ('sklearn', 'scipy', 'skops') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
