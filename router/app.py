"""Builds the ASGI application from a Config: routes, lifespan, drain."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp

from router import __version__
from router.api import chat, embeddings, models, ops, route, usage
from router.api.completions.endpoint import create_completion
from router.api.feedback import give_feedback
from router.api.messages.count import count_tokens
from router.api.messages.endpoint import create_message
from router.api.responses import stored
from router.api.responses.endpoint import create_response
from router.api.tokenize import detokenize, tokenize
from router.config import Config
from router.errors import BadRequest, InternalError, MethodNotAllowed, NotFound, RouterError
from router.gate.auth import Auth
from router.gate.boundary import Boundary
from router.gate.cors import for_pages
from router.gate.inflight import Inflight
from router.gate.quota import Quota
from router.gate.refusal import refusal
from router.generations import Generations, Pinned
from router.keys.ring import Ring
from router.reload import Reloader
from router.runtime import Runtime

logger = logging.getLogger("shunt.app")

Endpoint = Callable[[Request], Awaitable[Response]]

# The whole surface on one screen. Bare paths work too: many clients forget the /v1.
ROUTES: tuple[tuple[str, str, Endpoint], ...] = (
    ("POST", "/chat/completions", chat.chat_completions),
    ("POST", "/completions", create_completion),
    ("POST", "/embeddings", embeddings.create_embeddings),
    ("POST", "/messages", create_message),
    ("POST", "/messages/count_tokens", count_tokens),
    ("POST", "/responses", create_response),
    ("GET", "/responses/{name}", stored.show_response),
    ("DELETE", "/responses/{name}", stored.delete_response),
    ("POST", "/responses/{name}/cancel", stored.cancel_response),
    ("GET", "/responses/{name}/input_items", stored.list_input_items),
    ("GET", "/models", models.list_models),
    ("GET", "/models/{name:path}", models.show_model),
    ("POST", "/tokenize", tokenize),
    ("POST", "/detokenize", detokenize),
    ("POST", "/route", route.route),
    ("GET", "/usage", usage.show_usage),
    ("POST", "/feedback", give_feedback),
)
OPS: tuple[tuple[str, str, Endpoint], ...] = (
    ("GET", "/livez", ops.livez),
    ("GET", "/readyz", ops.readyz),
    ("GET", "/metrics", ops.metrics),
    ("HEAD", "/", ops.head),
)


class DirectRoute(APIRoute):
    """A documented route whose endpoint is called as it is.

    Our endpoints read the request themselves, so FastAPI's dependency solving would cost 100 microseconds for nothing.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The endpoint itself."""
        endpoint: Callable[[Request], Coroutine[Any, Any, Response]] = self.endpoint
        return endpoint


def build(config: Config, *, on_start: Callable[[Runtime], Awaitable[None]] | None = None) -> ASGIApp:
    """The application, gate included. `on_start` runs beside the server once everything has been started.

    Raises:
        ConfigError: something that the configuration names cannot be used, or the keys cannot be read.
    """
    runtime = Runtime(config)
    generations = Generations(runtime)
    ring = Ring.of(config)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await runtime.start()
        beside = [asyncio.ensure_future(ring.watch())]
        if on_start is not None:
            beside.append(asyncio.ensure_future(on_start(runtime)))
        if config.path is not None:
            beside.append(asyncio.ensure_future(Reloader(generations, config.path).run()))
        try:
            yield
        finally:
            generations.current.is_draining = True
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            await generations.close()

    app = FastAPI(
        title="Shunt",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        # Ours are in telemetry/; FastAPI's own asks for its providers on every request, and the environment alone could
        # make it export.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
        exception_handlers={
            RouterError: _on_router_error,
            HTTPException: _on_http_exception,
            Exception: _on_defect,
        },
    )
    app.state.generations = generations
    app.openapi = _described  # type: ignore[method-assign]  # FastAPI's own way
    _add_routes(app)
    gated = Auth(Inflight(Pinned(Quota(app), generations), most=config.server.max_inflight), ring=ring)
    whole = Boundary(gated, max_header_bytes=config.server.max_header_bytes, on_refused=runtime.refused)
    # Outermost, so that a page can read errors of the gate, too.
    return for_pages(whole, config.server.cors_origins) if config.server.cors_origins else whole


def _add_routes(app: FastAPI) -> None:
    app.router.route_class = DirectRoute
    for method, path, endpoint in ROUTES:
        app.add_api_route(f"/v1{path}", endpoint, methods=[method], response_model=None)
        app.add_api_route(path, endpoint, methods=[method], response_model=None, include_in_schema=False)
    for method, path, endpoint in OPS:
        app.add_api_route(path, endpoint, methods=[method], response_model=None)
    for known in [one for one in app.routes if isinstance(one, APIRoute) and "GET" in (one.methods or ())]:
        app.add_api_route(known.path, known.endpoint, methods=["HEAD"], response_model=None, include_in_schema=False)


def _described() -> dict[str, Any]:
    from router.api.openapi.document import document  # noqa: PLC0415 - the schemas are for those who ask for them

    return document()


async def _on_router_error(request: Request, error: RouterError) -> Response:
    state = request.scope["state"]
    if not state.get("is_accepted"):
        request.app.state.generations.current.refused(error, state["request_id"])
    return refusal(error, request.scope)


async def _on_http_exception(request: Request, error: HTTPException) -> Response:
    """Starlette's own 404 and 405, in our envelope; OPTIONS has its answer on every path that exists."""
    if error.status_code == MethodNotAllowed.status and request.method == "OPTIONS":
        return Response(status_code=204, headers={"allow": _allowed(request)})
    known: dict[int, RouterError] = {
        404: NotFound("No such path; the API lives under /v1."),
        405: MethodNotAllowed(f"{request.method} is not allowed on this path."),
    }
    translated = known.get(error.status_code, BadRequest("The request could not be read."))
    response = await _on_router_error(request, translated)
    response.headers.update(error.headers or {})
    if error.status_code == MethodNotAllowed.status:
        response.headers["allow"] = _allowed(request)
    return response


def _allowed(request: Request) -> str:
    """Every method of the path: Starlette names those of one route."""
    routes = [one for one in request.app.routes if isinstance(one, APIRoute)]
    found = [one.methods or set() for one in routes if one.matches(request.scope)[0] != Match.NONE]
    return ", ".join(sorted({"OPTIONS"}.union(*found)))


async def _on_defect(request: Request, _error: Exception) -> Response:
    return refusal(InternalError("Internal error."), request.scope)
