"""`shunt models`: what an operator sees, and which files it may touch."""

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from router.engine import catalogue
from router.engine.commands import app
from router.errors import ConfigError
from tests.fakes.gguf_model import write_tiny_adapter, write_tiny_gguf

POLICY = """\
version: 1
models:
  small: {{backend: llama.cpp, source: "{small}", context: 256}}
  other: {{backend: llama.cpp, source: "hf:org/repo/tiny.gguf@abc"}}
  large: {{backend: openai, base_url: "http://127.0.0.1:9/v1", model: big}}
tiers: [small, other, large]
policies:
  auto:
    select: [{{id: default, target: small}}]
    on_failure: [other, large]
cache_dir: {cache}
state_dir: {cache}
"""


@pytest.fixture
def config(tiny: Path, tmp_path: Path) -> Path:
    """A policy file with a local model that is here, one that is not, and a remote one."""
    path = tmp_path / "shunt.yaml"
    path.write_text(POLICY.format(small=tiny, cache=tmp_path / "cache"))
    return path


def _run(config: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--config", str(config)])


def test_list_shows_every_model(config: Path) -> None:
    """Each model is one line, with what is known of it and no escape codes."""
    result = _run(config, "list")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["model", "small", "other", "large"]
    assert " yes " in lines[1]
    assert "256" in lines[1]
    assert lines[2].split()[-1] == "no"
    assert "\x1b" not in result.stdout


def test_adapters_are_shown_and_checked(config: Path, tmp_path: Path) -> None:
    """A model's adapters are listed and checked with it; a bad one is named, and fails the command."""
    adapter = write_tiny_adapter(tmp_path / "finance.gguf")
    config.write_text(config.read_text().replace("context: 256", f'adapters: {{finance: "{adapter}"}}'))
    for command in ("show", "pull"):
        assert _run(config, command, "small").exit_code == 0
    assert "finance" in _run(config, "show", "small").stdout
    adapter.write_bytes(b"<!doctype html>")
    for command in ("show", "pull"):
        result = _run(config, command, "small")
        assert (result.exit_code, "adapter finance: " in result.output) == (1, True)


def test_show_tells_whether_it_fits(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it is loaded, a file is told to fit or not; the exit status says it to a script."""
    result = _run(config, "show", "small")
    assert result.exit_code == 0
    rows = dict(line.split(maxsplit=1) for line in result.stdout.splitlines() if len(line.split()) > 1)
    assert rows["architecture"].strip() == "llama"
    assert rows["fits"].strip() == "yes"
    monkeypatch.setattr(catalogue, "available_bytes", lambda: 1000)
    result = _run(config, "show", "small")
    assert result.exit_code == 1
    assert "fits" in result.stdout
    assert "no: choose a smaller context" in result.stdout


def test_show_takes_a_path(config: Path, tiny: Path) -> None:
    """A GGUF file that the policy file does not name can be looked at before it is put there."""
    result = _run(config, "show", str(tiny))
    assert result.exit_code == 0
    assert "8,192 tokens" in result.stdout


def test_show_refuses_a_bad_file(config: Path, tmp_path: Path) -> None:
    """A file that is no model is told so, by name."""
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(b"GGUF")
    result = _run(config, "show", str(bad))
    assert result.exit_code == 1
    assert "bad.gguf: it is truncated" in result.stderr


@pytest.mark.parametrize("verb", ["show", "pull", "rm"])
def test_unknown_model_is_named(config: Path, verb: str) -> None:
    """A name that is not in the file is refused with those that are."""
    result = _run(config, verb, "smal")
    assert isinstance(result.exception, ConfigError)
    assert str(result.exception) == "smal is not a local model of the policy file; there are: small, other"


def test_remove_spares_the_users_own_file(config: Path, tiny: Path) -> None:
    """A file that was named by its path is never removed."""
    result = _run(config, "rm", "small", "--yes")
    assert isinstance(result.exception, ConfigError)
    assert tiny.exists()


def test_remove_frees_a_fetched_file(config: Path, tmp_path: Path) -> None:
    """What was fetched goes, with what was left of its transfers, and nothing beside it."""
    folder = tmp_path / "cache" / "models" / "org" / "repo" / "abc"
    folder.mkdir(parents=True)
    for name in ("tiny.gguf", "tiny.gguf.lock", "tiny.gguf.0123.part", "other.gguf"):
        (folder / name).write_bytes(b"12345")
    refused = CliRunner().invoke(app, ["rm", "other", "--config", str(config)], input="n\n")
    assert refused.exit_code == 1
    assert (folder / "tiny.gguf").exists()
    result = _run(config, "rm", "other", "--yes")
    assert result.exit_code == 0
    assert "15 bytes freed" in result.stdout
    assert [path.name for path in folder.iterdir()] == ["other.gguf"]
    assert "nothing to remove" in _run(config, "rm", "other", "--yes").stdout


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[bytes]:
    """A hub that serves one tiny model; the bytes of its file."""
    data = write_tiny_gguf(tmp_path / "remote.gguf").read_bytes()

    class Handler(BaseHTTPRequestHandler):
        def _headers(self) -> None:
            self.send_response(200)
            self.send_header("X-Repo-Commit", "abc")
            self.send_header("X-Linked-Etag", f'"{hashlib.sha256(data).hexdigest()}"')
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()

        def do_HEAD(self) -> None:
            self._headers()

        def do_GET(self) -> None:
            self._headers()
            self.wfile.write(data)

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    yield data
    server.shutdown()
    server.server_close()
    thread.join()


def test_pull_fetches_what_is_missing(config: Path, tmp_path: Path, hub: bytes) -> None:
    """Every local model is here afterwards; progress is plain lines where there is no terminal."""
    result = _run(config, "pull")
    assert result.exit_code == 0, result.output
    path = tmp_path / "cache" / "models" / "org" / "repo" / "abc" / "tiny.gguf"
    assert path.read_bytes() == hub
    assert f"other: {path}" in result.stdout
    assert "(100 %)" in result.stderr
    assert "\x1b" not in result.output
    assert "yes" in _run(config, "list").stdout.splitlines()[2]


def test_pull_that_fails_says_why(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a hub the exit status is 1 and the reason one line; the other models are still looked at."""
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    result = _run(config, "pull")
    assert result.exit_code == 1
    assert "cannot be reached" in result.stderr
    assert "small: " in result.stdout
