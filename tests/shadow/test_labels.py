"""Labels on disk: what they say, what they do not, and for how long."""

import stat
from pathlib import Path

from router.shadow.label import DAY_S, FOLDER, Label, Labels
from tests.ledger.examples import NOON

LABEL = Label("r1", NOON, "auto", "all", "small", "large", 0.25, "exact", served_score=1.0, shadow_score=1.0)


def test_a_file_for_each_day_that_only_its_owner_reads(tmp_path: Path):
    """What was spent is told by policy and day; nothing is in a line that was not said."""
    labels = Labels(tmp_path)
    labels.append(LABEL)
    labels.append(Label("r2", NOON, "other", "all", "small", "large", 0.5, "exact"))
    labels.append(Label("r3", NOON + DAY_S, "auto", "all", "small", "large", 1.0, "exact", served_score=0.0))
    files = sorted((tmp_path / FOLDER).iterdir())
    assert ["2026-11-22.jsonl", "2026-11-23.jsonl"] == [path.name for path in files]
    assert [0o600] * 2 == [stat.S_IMODE(path.stat().st_mode) for path in files]
    assert {"auto": 0.25, "other": 0.5} == labels.spent_usd("2026-11-22")
    assert {} == labels.spent_usd("2026-11-21")
    assert ["r1", "r3"] == [label.request_id for label in labels.all()]
    assert "prompt" not in files[0].read_text()


def test_old_days_are_forgotten_and_nothing_else_is(tmp_path: Path):
    """A file that is not a day's is not ours to remove; a line that was cut is passed over."""
    labels = Labels(tmp_path)
    labels.append(LABEL)
    labels.append(Label("r3", NOON + 3 * DAY_S, "auto", "all", "small", "large", 1.0, "exact", served_score=0.0))
    (tmp_path / FOLDER / "notes.jsonl").write_text("mine\n")
    with (tmp_path / FOLDER / "2026-11-25.jsonl").open("a") as file:
        file.write('{"request_id": "cut')
    labels.forget(NOON + 3 * DAY_S, keep_days=2)
    assert ["2026-11-25.jsonl", "notes.jsonl"] == sorted(path.name for path in (tmp_path / FOLDER).iterdir())
    assert ["r3"] == [label.request_id for label in labels.all()]
