"""`POST /v1/messages/count_tokens`: exact where a local model would answer, an estimate from the bytes otherwise."""

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import JSONResponse

from router.api.body import read_json
from router.api.chat import caller_of
from router.api.messages.parse import parse_count
from router.chat import ChatRequest
from router.errors import ContextLengthExceeded
from router.generations import runtime_of
from router.policy.facts import facts_of
from router.policy.routes import resolve_model
from router.runtime import Runtime


async def count_tokens(request: Request) -> JSONResponse:
    """How long the prompt is for the model that would answer; `x-shunt-count` says whether that is exact.

    Raises:
        RouterError: the request is wrong or nothing may answer it.
    """
    runtime = runtime_of(request)
    server, state = runtime.config.server, request.scope["state"]
    given = await read_json(request, server.max_body_bytes)
    chat, ignored = parse_count(given, request_id=state["request_id"], strict_fields=server.strict_fields)
    headers = state["answer_headers"]
    if ignored:
        headers["x-shunt-ignored"] = ignored
    target = await _target(request, runtime, replace(chat, caller=caller_of(state, chat)))
    exact = await runtime.targets[target].count_tokens(chat) if target in runtime.targets else None
    headers["x-shunt-model"] = target
    headers["x-shunt-count"] = "estimate" if exact is None else "exact"
    return JSONResponse({"input_tokens": facts_of(chat, {}).prompt_tokens if exact is None else exact})


async def _target(request: Request, runtime: Runtime, chat: ChatRequest) -> str:
    """Who would answer; for a prompt that is too long the model that was asked for, since its length is the question."""
    try:
        verdict = await runtime.decide(chat, dict(request.headers), request.scope["state"]["ticket"])
    except ContextLengthExceeded:
        return resolve_model(runtime.config, chat.model).name
    return verdict.decision.target
