"""The servers of the engine benchmark: ours with a local model, and llama-cpp-python's packaged one."""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from socket import socket

from platformdirs import user_cache_path

from benchmarks.servers import Server

START_S, STOP_S, POLL_S = 120.0, 30.0, 0.1
PEER = "llama-cpp-python[server]==0.3.36"
INSTALL_S = 1800.0
POLICY = """\
version: 1
models:
  small: {{backend: llama.cpp, source: "{model}", context: 4096, parallel: 32, threads: 1,
          clocks: {{first_token_s: 300, idle_s: 300}}}}
tiers: [small]
policies: {{auto: {{select: [{{id: only, when: always, target: small}}]}}}}
state_dir: "{folder}/state"
"""


@contextmanager
def serve_engine(model: Path, folder: Path) -> Iterator[Server]:
    """`shunt serve` with `model` on one engine thread; its files are in `folder`.

    Raises:
        RuntimeError: it did not become ready.
    """
    policy = folder / "shunt.yaml"
    policy.write_text(POLICY.format(model=model, folder=folder), encoding="utf-8")
    command = [sys.executable, "-m", "router", "serve", "--config", str(policy)]
    with _serve(command, "/readyz", folder / "router.log") as server:
        yield server


@contextmanager
def serve_peer(model: Path, folder: Path) -> Iterator[Server]:
    """llama-cpp-python's own server with `model` on one thread, from a virtual environment of its own.

    Raises:
        RuntimeError: it cannot be installed or did not become ready.
    """
    # By default a new request breaks a running stream off; without that it waits its turn.
    threads = ["--n_threads", "1", "--n_threads_batch", "1", "--n_ctx", "4096", "--interrupt_requests", "false"]
    command = [str(peer_python()), "-m", "llama_cpp.server", "--model", str(model), *threads]
    with _serve(command, "/v1/models", folder / "peer.log") as server:
        yield server


def peer_python() -> Path:
    """The interpreter of the peer's environment in the user's cache, made when it is missing.

    Raises:
        RuntimeError: it could not be made.
    """
    folder = user_cache_path("shunt") / "peer"
    python = folder / "bin" / "python"
    steps: Sequence[Sequence[str]] = (
        (sys.executable, "-m", "venv", str(folder)),
        ("env", "CMAKE_ARGS=-DLLAVA_BUILD=off", str(python), "-m", "pip", "install", "-q", PEER),
    )
    if (folder / "ready").exists():
        return python
    try:
        for step in steps:
            subprocess.run(step, capture_output=True, check=True, timeout=INSTALL_S)
    except (subprocess.SubprocessError, OSError) as error:
        raise RuntimeError(f"{PEER} could not be installed: {type(error).__name__}") from error
    (folder / "ready").touch()
    return python


@contextmanager
def _serve(command: list[str], ready: str, log: Path) -> Iterator[Server]:
    with socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = int(taken.getsockname()[1])
    with log.open("wb") as output, subprocess.Popen([*command, "--port", str(port)], stdout=output, stderr=output) as p:
        try:
            server = Server(port, p.pid)
            _wait(server, p, ready, log)
            yield server
        finally:
            p.terminate()
            try:
                p.wait(STOP_S)
            except subprocess.TimeoutExpired:
                p.kill()


def _wait(server: Server, process: subprocess.Popen[bytes], ready: str, log: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            server.get(ready)
        except (OSError, HTTPException, RuntimeError):
            time.sleep(POLL_S)
        else:
            return
    raise RuntimeError(f"a server did not become ready:\n{log.read_text(encoding='utf-8')[-1500:]}")
