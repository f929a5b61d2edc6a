"""`/livez`, `/readyz`, `/metrics`: for the machine that watches, not for the client."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from router.generations import generations_of, runtime_of
from router.runtime import Runtime

MAX_PROBLEMS = 20


async def livez(_request: Request) -> JSONResponse:
    """200 while the event loop turns."""
    return JSONResponse({"status": "alive"})


async def readyz(request: Request) -> JSONResponse:
    """200 when some target takes requests, none is loading that does not yet, and the process is not draining."""
    runtime = runtime_of(request)
    states = {name: target.state() for name, target in runtime.targets.items()}
    can_answer = any(state.is_ready for state in states.values())
    is_starting = any(state.status == "loading" and not state.is_ready for state in states.values())
    is_ready = can_answer and not is_starting and not runtime.is_draining
    targets = {name: {"status": state.status, "reason": state.reason} for name, state in states.items()}
    status = "ready" if is_ready else "draining" if runtime.is_draining else "not ready"
    loaded = generations_of(request).status
    told = {"loaded_at": loaded.loaded_at, "rejected": loaded.rejected[:MAX_PROBLEMS], "kept": loaded.kept}
    found = {"status": status, "targets": targets, "policy": told, **_limits(runtime)}
    return JSONResponse(found, 200 if is_ready else 503)


def _limits(runtime: Runtime) -> dict[str, str]:
    """Whether the limits are those of all replicas or this one's share; nothing where it is the only one."""
    shared, count = runtime.quotas.shared(), runtime.config.replicas.count
    if shared is None and count == 1:
        return {}
    return {"limits": "shared" if shared is not None and shared[0] else f"one of {count} shares"}


async def metrics(request: Request) -> Response:
    """The registry in the form that the scraper asks for."""
    runtime = runtime_of(request)
    runtime.observe()
    body, media_type = runtime.metrics.render(request.headers.get("accept", ""))
    return Response(body, media_type=media_type)


async def head(_request: Request) -> Response:
    """`HEAD /`: some clients knock before they speak."""
    return Response(status_code=200)
