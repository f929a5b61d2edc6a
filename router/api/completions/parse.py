"""From the body of `/v1/completions` to one `ChatRequest` for each prompt, or to the 400 that names the field."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from router.api.completions.schema import MAX_PROMPTS, PARAM_FIELDS, CompletionBody
from router.api.parse import checked, with_options
from router.chat import ChatRequest
from router.errors import BadRequest

USUAL_TOKENS = 16
"""The longest continuation where the client does not say: OpenAI's own default for this endpoint."""

Prompt: TypeAlias = str | tuple[int, ...]


def parse_completion(given: Mapping[str, object], *, strict_fields: bool) -> tuple[CompletionBody, str]:
    """Validate `given`; also return the value of `x-shunt-ignored`.

    Raises:
        BadRequest: a wrong value, or something that no model behind Shunt can do; `param` is its path.
    """
    body, ignored = checked(CompletionBody, given, strict_fields=strict_fields)
    _refuse_impossible(body)
    return body, with_options(ignored, body.stream_options)


def prompts_of(body: CompletionBody) -> list[Prompt]:
    """The prompts; one text, or one list of token ids, is a list of one."""
    if isinstance(body.prompt, str):
        return [body.prompt]
    given: Sequence[int | str | list[int]] = body.prompt
    tokens = tuple(one for one in given if isinstance(one, int))
    return [tokens] if tokens else [tuple(one) if isinstance(one, list) else str(one) for one in given]


def request_of(body: CompletionBody, prompt: Prompt, text: str, request_id: str) -> ChatRequest:
    """The request for one prompt that says `text`."""
    params = {name: value for name in PARAM_FIELDS if (value := getattr(body, name)) is not None}
    if body.logprobs is not None:
        params |= {"logprobs": True, "top_logprobs": body.logprobs}
    return ChatRequest(
        model=body.model,
        messages=({"role": "user", "content": text},),
        max_tokens=body.max_tokens or USUAL_TOKENS,
        stream=bool(body.stream),
        include_usage=body.stream_options is not None and body.stream_options.include_usage,
        params=params,
        request_id=request_id,
        prompt=prompt,
    )


def _refuse_impossible(body: CompletionBody) -> None:
    if body.suffix:
        raise BadRequest("`suffix` is not served: no model here fills in the middle.", param="suffix")
    if body.echo and body.logprobs is not None:
        raise BadRequest("`echo` is not served with `logprobs`: nobody tells those of the prompt.", param="echo")
    if body.best_of is not None and body.best_of != (body.n or 1):
        raise BadRequest("`best_of` is not served unless it is `n`: every answer is sent.", param="best_of")
    if len(prompts_of(body)) * (body.n or 1) > MAX_PROMPTS:
        raise BadRequest(f"At most {MAX_PROMPTS} answers in all, for every prompt `n` of them.", param="n")
