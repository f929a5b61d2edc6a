"""From a client's JSON to a `ChatRequest`, or to the 400 that names the field."""

from collections.abc import Mapping, Sequence
from typing import TypeVar, cast

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from router.api.fields import ignored_header, printable, refuse_dangerous
from router.api.legacy import modern_messages, modern_params
from router.api.schema import PARAM_FIELDS, ChatBody, StreamOptions
from router.chat import ChatRequest, Json
from router.errors import BadRequest, UnknownField

BodyT = TypeVar("BodyT", bound=BaseModel)


def parse_chat(body: Mapping[str, object], *, request_id: str, strict_fields: bool) -> tuple[ChatRequest, str]:
    """Validate `body`; also return the value of `x-shunt-ignored` (empty when nothing was dropped).

    Raises:
        UnknownField: a dangerous field, or any unknown one under `strict_fields`.
        BadRequest: a known field with a wrong value; `param` is its path and the message never repeats the value.
    """
    chat, ignored = checked(ChatBody, body, strict_fields=strict_fields)
    params = {name: body[name] for name in PARAM_FIELDS & body.keys() if body[name] is not None}
    request = ChatRequest(
        model=chat.model,
        messages=tuple(modern_messages(cast("list[Json]", body["messages"]))),
        max_tokens=chat.max_completion_tokens or chat.max_tokens,
        stream=bool(chat.stream),
        include_usage=chat.stream_options is not None and chat.stream_options.include_usage,
        params=modern_params(params),
        request_id=request_id,
    )
    return request, with_options(ignored, chat.stream_options)


def with_options(ignored: str, options: StreamOptions | None) -> str:
    """`x-shunt-ignored` with the keys of `stream_options` that are dropped."""
    unknown = (options.model_extra if options is not None else None) or {}
    return ", ".join(filter(None, (ignored, ignored_header(f"stream_options.{name}" for name in unknown))))


def checked(schema: type[BodyT], body: Mapping[str, object], *, strict_fields: bool) -> tuple[BodyT, str]:
    """`body` as `schema` has it, and the value of `x-shunt-ignored`.

    Raises:
        BadRequest: as `parse_chat` says.
    """
    refuse_dangerous(body)
    try:
        read = schema.model_validate(body)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False, include_context=False)
        raise _bad_request(details) from None
    unknown = read.model_extra or {}
    if unknown and strict_fields:
        raise UnknownField("Unknown field.", param=printable(min(unknown)))
    return read, ignored_header(unknown)


def _bad_request(details: Sequence[ErrorDetails]) -> BadRequest:
    # Of a union's branches the one that got furthest into the value is the one that was meant; or any of them.
    furthest = max(details, key=lambda detail: len(detail["loc"]))
    path = _path(furthest["loc"])
    alike = (one for one in details if len(one["loc"]) == len(furthest["loc"]) and _path(one["loc"]) == path)
    first, *others = dict.fromkeys(_words(one) for one in alike)
    words = " or ".join((first, *(other.removeprefix("Input should be ") for other in others)))
    return BadRequest(f"Invalid value for `{path}`: {words}.", param=path)


def _words(detail: ErrorDetails) -> str:
    return {"missing": "is required"}.get(detail["type"], detail["msg"].removeprefix("Value error, "))


def _path(location: tuple[int | str, ...]) -> str:
    """`messages[2].content`: Pydantic's location without the names of union branches."""
    path = ""
    for step in location:
        if isinstance(step, int):
            path += f"[{step}]"
        elif step.isidentifier() and not step[0].isupper() and step not in {"str", "list", "int", "float", "dict"}:
            path += f".{step}" if path else step
    return printable(path) or "body"
