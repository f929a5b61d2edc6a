"""Where a running router tells its metrics."""

from router.config import Config

PATH = "/metrics"


def metrics_at(url: str) -> str:
    """The address of the metrics of the router at `url`, which may be theirs already."""
    return url.rstrip("/").removesuffix(PATH) + PATH


def place(config: Config, key: str | None) -> tuple[str, str | None]:
    """Where the metrics of the policy file's server are, and a key for them if there is one."""
    server = config.server
    host = f"[{server.host}]" if ":" in server.host else server.host
    return metrics_at(f"http://{host}:{server.port}"), key or (server.keys[0].value if server.keys else None)
