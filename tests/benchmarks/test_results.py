"""A kept result says what was measured, how, where and when."""

import json
from datetime import datetime
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from benchmarks import machine, results


def test_a_report_can_be_repeated_from_what_it_says():
    """The command is the one that was typed, quoted for a shell; the date has its zone."""
    record = results.report(["overhead", "--json", "my file.json"], machine.describe(), {"rounds": 7}, {"x": 1.0})
    assert "python -m benchmarks overhead --json 'my file.json'" == record["command"]
    assert ("overhead", {"rounds": 7}, {"x": 1.0}) == (record["benchmark"], record["options"], record["result"])
    assert datetime.fromisoformat(record["date"]).tzinfo is not None


def test_the_machine_is_described():
    """CPU model, cores, memory, Python and the versions that matter are there."""
    found = machine.describe()
    assert found.cpu
    assert found.cores >= 1
    assert found.memory_mb > 100
    assert {"fastapi", "uvicorn", "scikit-learn"} <= found.versions.keys()


def test_a_saved_result_is_read_back(tmp_path: Path):
    """What is saved is the same JSON, in a folder that need not exist yet."""
    path = tmp_path / "new" / "x.json"
    results.save({"a": [1, 2.5, None, "é"]}, path)
    assert {"a": [1, 2.5, None, "é"]} == json.loads(path.read_text(encoding="utf-8"))


def test_only_floats_are_cut():
    """Counts, names and flags stay; a duration keeps four digits."""
    assert {"n": 123456, "s": "x", "t": True, "l": [1234.0, 0.0001235]} == results.rounded(
        {"n": 123456, "s": "x", "t": True, "l": (1234.4, 0.00012349)}
    )


@given(st.floats(min_value=-1e300, max_value=1e300))
def test_cutting_changes_little(number: float):
    """No float moves by more than a tenth of a percent."""
    cut = results.rounded(number)
    assert isinstance(cut, float)
    assert abs(cut - number) <= max(abs(number) * 1e-3, 5e-324)
