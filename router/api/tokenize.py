"""`POST /v1/tokenize` and `/v1/detokenize`: a local model's own vocabulary, in the words of vLLM and of llama-server."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from starlette.requests import Request
from starlette.responses import JSONResponse

from router.api.local_model import local_model
from router.api.reading import read_body
from router.api.schema import MAX_INPUT_TOKENS, TokenId
from router.generations import runtime_of

Name = Annotated[str, StringConstraints(min_length=1, max_length=256)]


class TokenizeBody(BaseModel):
    """The text is `prompt` (vLLM) or `content` (llama-server)."""

    model_config = ConfigDict(strict=True, extra="allow")

    model: Name
    prompt: str | None = None
    content: str | None = None
    add_special_tokens: bool | None = None
    add_special: bool | None = None

    @model_validator(mode="after")
    def _has_one_text(self) -> "TokenizeBody":
        if (self.prompt is None) == (self.content is None):
            raise ValueError("either `prompt` or `content` is needed")
        return self


class DetokenizeBody(BaseModel):
    """`tokens` are ids of `model`'s vocabulary."""

    model_config = ConfigDict(strict=True, extra="allow")

    model: Name
    tokens: Annotated[list[TokenId], Field(max_length=MAX_INPUT_TOKENS)]


async def tokenize(request: Request) -> JSONResponse:
    """The token ids of a text, by default with what the model puts around a prompt.

    Raises:
        RouterError: the request is wrong, or the model cannot tell.
    """
    body = await read_body(request, TokenizeBody)
    target = local_model(runtime_of(request), body.model, request.scope["state"]["ticket"], param="model")
    is_bare = False in {body.add_special_tokens, body.add_special}
    tokens = await target.tokenize(body.prompt or body.content or "", add_special=not is_bare)
    return JSONResponse({"tokens": tokens, "count": len(tokens), "max_model_len": target.config.context})


async def detokenize(request: Request) -> JSONResponse:
    """The text of token ids.

    Raises:
        RouterError: as `tokenize`.
    """
    body = await read_body(request, DetokenizeBody)
    target = local_model(runtime_of(request), body.model, request.scope["state"]["ticket"], param="model")
    text = await target.detokenize(body.tokens)
    return JSONResponse({"prompt": text, "content": text})
