"""`POST /v1/embeddings`."""

import base64
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from router.api.presence import while_present
from router.api.reading import read_body
from router.api.schema import ShortText, Text, Tokens
from router.chat import EmbeddingRequest
from router.embedding import EmbeddingExchange, decide_embedding
from router.errors import ClientGone
from router.generations import runtime_of

MAX_INPUTS = 2048


class EmbeddingBody(BaseModel):
    """The body of `POST /v1/embeddings`. Unknown fields are collected in `model_extra`, never forwarded."""

    model_config = ConfigDict(strict=True, extra="allow")

    model: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    input: Text | Tokens | Annotated[list[Text | Tokens], Field(min_length=1, max_length=MAX_INPUTS)]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, Field(ge=1, le=65_536)] | None = None
    user: ShortText | None = None


async def create_embeddings(request: Request) -> Response:
    """Decide, embed, record.

    Raises:
        RouterError: the request is wrong or nothing may answer it.
    """
    runtime = runtime_of(request)
    body, state = await read_body(request, EmbeddingBody), request.scope["state"]
    asked = EmbeddingRequest(body.model, _inputs(body), body.dimensions, state["request_id"])
    verdict = decide_embedding(runtime, asked, dict(request.headers), state["ticket"])
    state["is_accepted"] = True
    exchange = EmbeddingExchange(runtime, asked, verdict, state["answer_headers"])
    return EmbeddingAnswer(exchange, is_base64=body.encoding_format == "base64")


def _inputs(body: EmbeddingBody) -> tuple[str | tuple[int, ...], ...]:
    """The texts; one text, or one list of token ids, is a batch of one."""
    if isinstance(body.input, str):
        return (body.input,)
    given: Sequence[int | str | list[int]] = body.input
    tokens = tuple(one for one in given if isinstance(one, int))
    texts = (tuple(one) if isinstance(one, list) else one for one in given if not isinstance(one, int))
    return (tokens,) if tokens else tuple(texts)


class EmbeddingAnswer(Response):
    """An exchange on its way to the client, where the client's presence is at hand."""

    def __init__(self, exchange: EmbeddingExchange, *, is_base64: bool) -> None:
        self.exchange = exchange
        self.is_base64 = is_base64

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Carry the exchange out.

        Raises:
            RouterError: the model could not answer; nothing was sent yet.
        """
        exchange = self.exchange
        try:
            async with exchange.accounted(), while_present(receive):
                answer = self._answer(await exchange.vectors())
                exchange.settle("ok")
                await JSONResponse(answer)(scope, receive, send)
        except ClientGone:
            return

    def _answer(self, vectors: list[bytes]) -> Mapping[str, object]:
        encode = _base64 if self.is_base64 else _floats
        data = [{"object": "embedding", "index": at, "embedding": encode(one)} for at, one in enumerate(vectors)]
        tokens = self.exchange.usage.prompt_tokens
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return {"object": "list", "data": data, "model": self.exchange.target, "usage": usage}


def _base64(vector: bytes) -> str:
    return base64.b64encode(vector).decode()


def _floats(vector: bytes) -> list[float]:
    return [float(number) for number in np.frombuffer(vector, "<f4")]
