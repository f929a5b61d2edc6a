"""The address: is it free, and may strangers reach it?"""

import socket
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection, HTTPException

from router.config import Config
from router.doctor.finding import Finding
from router.errors import ConfigError
from router.keys.ring import Ring
from router.serve import is_loopback

PATIENCE_S = 2.0


def findings(config: Config) -> Iterator[Finding]:
    """Port and keys."""
    yield _port(config.server.host, config.server.port)
    yield _keys(config)


def _port(host: str, port: int) -> Finding:
    with closing(socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return _taken(host, port, error)
    return Finding("ok", "port", f"{host}:{port} is free")


def _taken(host: str, port: int, error: OSError) -> Finding:
    name = f"{host}:{port}"
    connection = HTTPConnection(host, port, timeout=PATIENCE_S)
    try:
        connection.request("GET", "/livez")
        if connection.getresponse().getheader("x-shunt-schema"):
            return Finding("ok", "port", f"a Shunt answers on {name} already")
    except (OSError, HTTPException):
        pass
    finally:
        connection.close()
    return Finding("bad", "port", f"{name} cannot be opened: {error.strerror}", "Stop what has it, or use --port.")


def _keys(config: Config) -> Finding:
    host = config.server.host
    try:
        ring = Ring.of(config)
    except ConfigError as error:
        return Finding("bad", "keys", str(error), "Put a copy of the file back; without it no key that it held opens.")
    if not ring.is_open:
        return Finding("ok", "keys", "every request needs one")
    if is_loopback(host):
        return Finding("ok", "keys", "none, and only this machine can reach the router")
    cure = "Make one with `shunt keys create NAME`, or listen on 127.0.0.1."
    return Finding("bad", "keys", f"none, and {host} can be reached by others", cure)
