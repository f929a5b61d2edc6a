"""The sums of the ledger, and the three forms in which a person or a program reads them."""

import csv
import io
import json
from pathlib import Path

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from router.ledger import reports, views
from router.ledger.commands import instant, usage
from router.ledger.grouping import By
from router.ledger.journal import JOURNAL_FOLDER, Journal
from router.ledger.reports import Report
from tests.ledger.examples import NOON, record

DAY_S = 86_400
RECORDS = [
    record("a", at=NOON, model="small", cost_usd=0.0, baseline_usd=0.5),
    record("b", at=NOON, model="big", cost_usd=2.0, baseline_usd=2.0),
    record("c", at=NOON + DAY_S, model="big", cost_usd=3.0, baseline_usd=2.5, prompt_tokens=1),
    record("d", at=NOON + DAY_S, model="new", cost_usd=None, baseline_usd=9.0, task=None),
]


@pytest.fixture
def books(tmp_path: Path) -> Path:
    journal = Journal(tmp_path / JOURNAL_FOLDER)
    journal.open()
    for each in RECORDS:
        journal.append(each)
    journal.close()
    return tmp_path


def shown(report: Report) -> str:
    console = Console(file=io.StringIO(), width=80)
    views.show(report, console)
    return console.file.getvalue()


def test_sums_by_day_and_model(books: Path):
    """What waits in the journal is in the report, group by group, in order."""
    report = reports.up_to_date(books, [By.DAY, By.MODEL])
    assert [(line.group, line.requests, line.cost_usd, line.saved_usd) for line in report.lines] == [
        (("2026-11-22", "big"), 1, 2.0, 0.0),
        (("2026-11-22", "small"), 1, 0.0, 0.5),
        (("2026-11-23", "big"), 1, 3.0, -0.5),
        (("2026-11-23", "new"), 1, None, None),
    ]
    assert report.total.prompt_tokens == 361


def test_unknown_costs_are_counted_apart(books: Path):
    """The known ones add up, the baseline covers only those, and the rest is a number of its own."""
    total = reports.up_to_date(books, []).total
    assert (total.requests, total.cost_usd, total.unknown_costs) == (4, 5.0, 1)
    assert (total.baseline_usd, total.saved_usd, total.unknown_savings) == (5.0, 0.0, 1)


def test_since_leaves_out_what_is_older(books: Path):
    """Only records from that moment on are added up."""
    assert reports.up_to_date(books, [By.MODEL], NOON + 1).total.requests == 2


def test_an_empty_ledger_says_so(tmp_path: Path):
    """Nothing spent is zero, not unknown."""
    report = reports.up_to_date(tmp_path / "new", [By.DAY])
    assert (report.total.requests, report.total.cost_usd) == (0, 0.0)
    assert shown(report) == "No requests.\n"


def test_json_is_complete(books: Path):
    """Rows and the total are objects; null is unknown."""
    said = json.loads(views.as_json(reports.up_to_date(books, [By.MODEL])))
    assert said["by"] == ["model"]
    assert said["total"]["requests"] == 4
    assert said["total"]["cost_usd"] == 5.0
    unknown = next(row for row in said["rows"] if row["model"] == "new")
    assert (unknown["cost_usd"], unknown["unknown_costs"]) == (None, 1)


def test_csv_has_one_line_for_each_group(books: Path):
    """A spreadsheet can add the columns up; an unknown cost is an empty field."""
    rows = list(csv.DictReader(io.StringIO(views.as_csv(reports.up_to_date(books, [By.MODEL])))))
    assert {row["model"]: row["cost_usd"] for row in rows} == {"big": "5.0", "new": "", "small": "0.0"}


def test_the_table_never_shows_unknown_as_zero(books: Path):
    """Plain text when it is not a terminal, however narrow, with the unknown said in words."""
    text = shown(reports.up_to_date(books, [By.DAY, By.MODEL]))
    assert "\x1b" not in text
    new = next(line for line in text.splitlines() if " new " in line)
    assert new.split() == ["2026-11-23", "new", "1", "120", "40", "unknown", "unknown", "unknown"]
    assert "$5.00 + 1 unknown" in text
    assert "-$0.500000" in text


@pytest.mark.parametrize(
    ("usd", "text"),
    [(0.0, "$0.000000"), (0.0012345, "$0.001234"), (1234.5, "$1,234.50"), (-2.0, "-$2.00"), (-1e-12, "$0.000000")],
)
def test_dollars(usd: float, text: str):
    """Small amounts keep their digits, a loss has its sign."""
    assert views.dollars(usd) == text


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("all", None),
        ("1d", NOON - DAY_S),
        ("90m", NOON - 5400),
        ("2026-11-22", NOON - 12 * 3600),
        ("2026-11-22T12:00", NOON),
        ("2026-11-22T13:00+01:00", NOON),
    ],
)
def test_since_is_a_date_an_age_or_all(text: str, moment: float | None):
    """Dates are UTC unless they say otherwise."""
    assert instant(text, NOON) == moment


@pytest.mark.parametrize("text", ["", "yesterday", "-1d", "2026-13-01"])
def test_an_odd_since_is_refused(text: str):
    """The message says what it may be."""
    with pytest.raises(typer.BadParameter, match="age"):
        instant(text, NOON)


def test_the_command_reads_the_ledger_of_the_file(books: Path):
    """`shunt usage` finds the state folder through the policy file and prints what is asked for."""
    (books / "shunt.yaml").write_text(f"""
version: 1
models:
  small: {{backend: llama.cpp, source: {books / "none.gguf"}}}
tiers: [small]
policies:
  auto: {{select: [{{id: default, target: small}}]}}
state_dir: {books}
""")
    app = typer.Typer()
    app.command()(usage)
    command = ["--config", str(books / "shunt.yaml"), "--since", "all"]
    done = CliRunner().invoke(app, [*command, "--json", "--by", "model", "--by", "outcome"])
    assert json.loads(done.stdout)["total"]["requests"] == 4
    assert json.loads(done.stdout)["by"] == ["model", "outcome"]
    assert CliRunner().invoke(app, [*command, "--csv"]).stdout.startswith("day,model,requests,")
    assert "2026-11-23" in CliRunner().invoke(app, command).stdout
    assert CliRunner().invoke(app, [*command, "--by", "nonsense"]).exit_code == 2


def test_help_is_light():
    """The start of every command does not pay for the database library."""
    import subprocess
    import sys

    code = "import sys; import router.ledger.commands; print('sqlalchemy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_sums_by_key_and_tag(tmp_path: Path):
    """A key with two tags counts for both; the total counts it once, and who has no key has none."""
    journal = Journal(tmp_path / JOURNAL_FOLDER)
    journal.open()
    for each in (
        record("a", key="app", tags=("prod", "team-a"), cost_usd=1.0),
        record("b", key="job", tags=("team-a",), cost_usd=None),
        record("c", cost_usd=4.0),
    ):
        journal.append(each)
    journal.close()
    tags = reports.up_to_date(tmp_path, [By.TAG])
    assert [(line.group, line.requests, line.cost_usd, line.unknown_costs) for line in tags.lines] == [
        ((None,), 1, 4.0, 0),
        (("prod",), 1, 1.0, 0),
        (("team-a",), 2, 1.0, 1),
    ]
    assert (tags.total.requests, tags.total.cost_usd) == (3, 5.0)
    keys = reports.up_to_date(tmp_path, [By.KEY])
    assert [line.group for line in keys.lines] == [(None,), ("app",), ("job",)]
