"""Measured energy: what the processor's counters say, shared out among the requests under way."""

from pathlib import Path

import pytest

from router.backends.power import Power
from router.chat import Bill


def counter(root: Path, zone: str, name: str, microjoules: int, span: int = 10**9) -> Path:
    folder = root / zone
    folder.mkdir()
    (folder / "name").write_text(f"{name}\n")
    (folder / "max_energy_range_uj").write_text(f"{span - 1}\n")
    (folder / "energy_uj").write_text(f"{microjoules}\n")
    return folder / "energy_uj"


def test_what_is_used_meanwhile_is_shared_out(tmp_path: Path):
    """Alone a request has all of it, two have half each, and what is used while nobody is there is nobody's."""
    package = counter(tmp_path, "intel-rapl:0", "package-0", 0)
    power, first, second = Power.of_machine(tmp_path), Bill(), Bill()
    package.write_text("5000000")
    with power.counted(first):
        package.write_text("6000000")
        with power.counted(second):
            package.write_text("10000000")
    package.write_text("90000000")
    with power.counted(second):
        package.write_text("90500000")
    assert (first.joules, second.joules) == (pytest.approx(3.0), pytest.approx(2.5))


def test_packages_and_memory_are_added_and_nothing_twice(tmp_path: Path):
    """Cores are within their package and the platform holds all; a counter that begins anew goes on."""
    zones = {"intel-rapl:0": "package-0", "intel-rapl:0:0": "core", "intel-rapl:0:1": "dram", "intel-rapl:1": "psys"}
    files = {name: counter(tmp_path, zone, name, 999_000_000) for zone, name in zones.items()}
    power, bill = Power.of_machine(tmp_path), Bill()
    with power.counted(bill):
        for file in files.values():
            file.write_text("1000000")
    assert bill.joules == pytest.approx(4.0)


def test_without_counters_nothing_is_measured(tmp_path: Path):
    """No such folder, none in it, or one that cannot be read: there is no figure."""
    assert Power.of_machine(tmp_path / "none") is Power.of_machine(tmp_path) is None
    counter(tmp_path, "intel-rapl:0", "package-0", 0).unlink()
    assert Power.of_machine(tmp_path) is None
