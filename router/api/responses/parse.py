"""From the body of `/v1/responses` to a `ChatRequest`, or to the 400 that names the field."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import TypeAdapter

from router.api.fields import ignored_header
from router.api.parse import checked
from router.api.responses.items import Items
from router.api.responses.schema import Item, MessageItem, ResponsesBody
from router.api.responses.tools import Toolbox
from router.chat import ChatRequest, Json

LOGPROBS = "message.output_text.logprobs"
_items = TypeAdapter(list[Item])


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came: its validated body, and that body as JSON, which the response repeats in part."""

    body: ResponsesBody
    given: Json

    @property
    def items(self) -> list[Json]:
        """The input as items, whichever way it was written."""
        written = self.given["input"]
        if isinstance(written, list):
            return [item for item in written if isinstance(item, Mapping)]
        return [{"type": "message", "role": "user", "content": written}]


def read(given: Mapping[str, object], *, strict_fields: bool) -> tuple[Asked, str]:
    """Validate `given`; also return the unknown fields as `x-shunt-ignored` has them.

    Raises:
        UnknownField: a dangerous field, or any unknown one under `strict_fields`.
        BadRequest: a known field with a wrong value; the message never repeats the value.
    """
    body, ignored = checked(ResponsesBody, given, strict_fields=strict_fields)
    return Asked(body, given), ignored


def translated(asked: Asked, items: Sequence[Json], toolbox: Toolbox, *, request_id: str) -> tuple[ChatRequest, str]:
    """The request over all of `items`, the conversation so far included; and the value of `x-shunt-ignored`.

    Raises:
        BadRequest: an item, or `tool_choice`, leads nowhere.
    """
    body = asked.body
    found = Items(_items.validate_python(list(items)))
    system = [MessageItem(role="system", content=body.instructions)] if body.instructions else []
    request = ChatRequest(
        model=body.model,
        messages=(*Items(system).messages, *found.messages),
        max_tokens=body.max_output_tokens,
        stream=bool(body.stream),
        include_usage=True,
        params={**dict(_params(body)), **dict(toolbox.params())},
        request_id=request_id,
    )
    return request, ignored_header({*found.dropped, *toolbox.dropped, *_dropped(body)})


def wants_logprobs(body: ResponsesBody) -> bool:
    """True when the client reads the tokens' probabilities."""
    return bool(body.top_logprobs) or LOGPROBS in (body.include or ())


def _params(body: ResponsesBody) -> Iterator[tuple[str, object]]:
    names = ("temperature", "top_p", "user", "safety_identifier", "prompt_cache_key", "service_tier")
    yield from ((name, value) for name in names if (value := getattr(body, name)) is not None)
    if body.reasoning is not None and body.reasoning.effort is not None:
        yield "reasoning_effort", body.reasoning.effort
    if body.text is not None and body.text.verbosity is not None:
        yield "verbosity", body.text.verbosity
    if wants_logprobs(body):
        yield "logprobs", True
        yield "top_logprobs", body.top_logprobs or 0
    yield from _format(body)


def _format(body: ResponsesBody) -> Iterator[tuple[str, object]]:
    form = None if body.text is None else body.text.format
    if form is None or form.type == "text":
        return
    if form.type == "json_object":
        yield "response_format", {"type": "json_object"}
        return
    optional = {"description": form.description, "strict": form.strict}
    said = {name: value for name, value in optional.items() if value is not None}
    schema = {"name": form.name or "answer", "schema": form.schema_, **said}
    yield "response_format", {"type": "json_schema", "json_schema": schema}


def _dropped(body: ResponsesBody) -> Iterator[str]:
    """What is accepted and has no counterpart: a client is told, whichever target answers."""
    yield from body.model_extra or ()
    if body.reasoning is not None:
        yield from (
            f"reasoning.{name}" for name, value in (body.reasoning.model_extra or {}).items() if value is not None
        )
    if body.text is not None:
        yield from (f"text.{name}" for name in body.text.model_extra or ())
    if body.truncation == "auto":
        yield "truncation"
    yield from (f"include.{name}" for name in body.include or () if name != LOGPROBS)
