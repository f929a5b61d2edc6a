"""The page on replay: every command in it prints what stands under it."""

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from router.cli import app

DOCS = Path(__file__).resolve().parents[2] / "docs" / "policy"
SHOWN = re.findall(r"```console\n\$ shunt ([^\n]*)\n(.*?)```", (DOCS / "replay.md").read_text(), re.DOTALL)


@pytest.mark.parametrize(("command", "output"), SHOWN, ids=[command.split(" --")[0] for command, _ in SHOWN])
def test_each_command_prints_what_is_shown(command: str, output: str, monkeypatch: pytest.MonkeyPatch):
    """The page is run as it is written, beside the files that it names; a score is the artifact's business."""
    monkeypatch.chdir(DOCS)
    monkeypatch.setenv("LARGE_KEY", "k")
    monkeypatch.delenv("SHUNT_ARTIFACT", raising=False)
    done = CliRunner().invoke(app, shlex.split(command), catch_exceptions=False)
    printed = "".join(f"{line.rstrip()}\n" for line in done.stdout.splitlines())
    assert (0, _unscored(output)) == (done.exit_code, _unscored(printed))


def _unscored(text: str) -> str:
    return re.sub(r"(?m)^(score +)[01]\.\d{3}", r"\1…", text)


def test_there_is_something_to_run():
    """Explain, diff and replay are all there."""
    assert ["policy explain", "policy diff", "replay"] == [
        re.match(r"(policy )?\w+", command)[0] for command, _ in SHOWN
    ]
