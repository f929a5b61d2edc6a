"""`shunt serve`: the socket, the start screen, the server."""

import asyncio
import ipaddress
import socket
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import uvicorn

from router import policy
from router.app import build
from router.config import Config
from router.errors import ConfigError
from router.keys.ring import Ring
from router.runtime import Runtime
from router.screen import show
from router.telemetry import log
from router.telemetry.levels import levels_of

SETTLE_S = 2.0


def run(path: Path | None, *, host: str | None, port: int | None, levels: str = "") -> None:
    """Serve until a signal stops it; `levels` say how much is logged.

    Raises:
        ConfigError: the file or a level is wrong, the port is taken, or the address would be open to strangers.
    """
    run_config(_with_address(policy.load(path), host, port), levels)


def run_config(config: Config, levels: str = "") -> None:
    """Serve `config` until a signal stops it; `levels` say how much is logged.

    Raises:
        ConfigError: a level is wrong, the port is taken, or the address would be open to strangers.
    """
    config = _with_address(config, None, None)
    log.configure(levels_of(levels))
    with _listen(config.server.host, config.server.port) as listener:
        config = _with_address(config, None, listener.getsockname()[1])
        app = build(config, on_start=_announce)
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                loop="uvloop",
                http="httptools",
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,  # nothing here reads the client's address
                timeout_graceful_shutdown=int(config.server.drain_s),
            )
        )
        server.run(sockets=[listener])


def _with_address(config: Config, host: str | None, port: int | None) -> Config:
    server = config.server
    server = replace(server, host=host or server.host, port=server.port if port is None else port)
    if not is_loopback(server.host) and Ring.of(config).is_open:
        raise ConfigError(
            f"{server.host} can be reached from other machines and there is no key: make one with "
            "`shunt keys create NAME`, set `server: {keys: [env:SHUNT_API_KEY]}`, or listen on 127.0.0.1"
        )
    return replace(config, server=server)


def is_loopback(host: str) -> bool:
    """True when only this machine can reach `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise ConfigError(f"cannot listen on {host}:{port}: {error.strerror}; choose another with --port") from None
    listener.listen(2048)
    listener.setblocking(False)
    return listener


async def _announce(runtime: Runtime) -> None:
    """Show the start screen once every target has settled; a slow one is shown as loading."""
    with suppress(TimeoutError):
        async with asyncio.timeout(SETTLE_S):
            await runtime.settled()
    show(runtime)
