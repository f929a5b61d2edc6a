"""The two servers under load: the mock by itself, and the router with the mock behind it."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

from benchmarks.native import program

START_S = 30.0
STOP_S = 30.0
POLL_S = 0.05
CONFIG = "shunt.yaml"
CONNECT_ERRORS = (ConnectionError, TimeoutError)

POLICY = """\
version: 1
models:
  small: {{backend: openai, base_url: "http://127.0.0.1:{port}/v1", model: mock-1, zone: local,
          price: {{input_usd_per_million: 0.05, output_usd_per_million: 0.1}}}}
  large: {{backend: openai, base_url: "http://127.0.0.1:{port}/v1", model: mock-1, zone: cloud,
          price: {{input_usd_per_million: 3, output_usd_per_million: 15}}}}
tiers: [small, large]
guards:
  - {{id: fits, when: always, require: [context, tools, modality, json]}}
policies:
  auto:
    select:
      - {{id: asked-large, when: {{header: {{x-shunt-route: large}}}}, target: large}}
      - {{id: learned, score: complexity, threshold: 0.5}}
    on_failure: [large, small]
state_dir: "{state}"
"""


@dataclass(frozen=True, slots=True)
class Server:
    """A process that answers HTTP on 127.0.0.1:`port`."""

    port: int
    pid: int

    def get(self, path: str) -> str:
        """The body of `GET path`.

        Raises:
            RuntimeError: the status is not 200.
        """
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read().decode()
        finally:
            connection.close()
        if response.status != 200:
            raise RuntimeError(f"GET {path} answered {response.status}")
        return body


@dataclass(frozen=True, slots=True)
class Counts:
    """What the mock has answered since it began."""

    requests: int
    events: int


def counts(mock: Server) -> Counts:
    """The mock's own count."""
    return Counts(**json.loads(mock.get("/counts")))


@contextmanager
def serve_mock(*, chunks: int, gap_ms: float) -> Iterator[Server]:
    """The mock of `mock.c`: streams have `chunks` words, `gap_ms` apart."""
    command = [str(program("mock")), "0", str(chunks), str(int(gap_ms * 1000))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield Server(int(process.stdout.readline()), process.pid)
        finally:
            process.terminate()


@contextmanager
def serve_router(mock: Server, folder: Path) -> Iterator[Server]:
    """`shunt serve` with two targets, both the mock, and a policy that asks the classifier; its state is in `folder`.

    Raises:
        RuntimeError: it did not become ready; the message holds the end of its log.
    """
    config, log = folder / CONFIG, folder / "router.log"
    config.write_text(POLICY.format(port=mock.port, state=folder / "state"), encoding="utf-8")
    port = _free_port()
    command = [sys.executable, "-m", "router", "serve", "--config", str(config), "--port", str(port)]
    with log.open("w", encoding="utf-8") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
        try:
            server = Server(port, process.pid)
            _wait_until_ready(server, process, log)
            yield server
        finally:
            process.terminate()
            _reap(process)


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _wait_until_ready(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            server.get("/readyz")
        except (*CONNECT_ERRORS, RuntimeError):
            time.sleep(POLL_S)
        else:
            return
    raise RuntimeError(f"the router did not become ready:\n{log.read_text(encoding='utf-8')[-2000:]}")


def _reap(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
