"""`POST /v1/route`: explain a decision without executing it."""

from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import JSONResponse

from router.api.body import read_json
from router.api.chat import read_chat
from router.explanation import explain
from router.generations import runtime_of


async def route(request: Request) -> JSONResponse:
    """The same body as for chat; the answer is the decision, the features that moved it, and the expected cost.

    Raises:
        RouterError: the request is wrong or nothing may answer it.
    """
    runtime = runtime_of(request)
    chat = read_chat(request, runtime, await read_json(request, runtime.config.server.max_body_bytes))
    verdict = await runtime.decide(chat, dict(request.headers), request.scope["state"]["ticket"])
    return JSONResponse(asdict(explain(runtime, chat, verdict)))
