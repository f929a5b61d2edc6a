"""The HTTP border of chat completions: what is accepted, in which range, under OpenAI's names."""

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints, model_validator

MAX_MESSAGES = 4096
MAX_TOKENS = 4_194_304
MAX_STOP_CHARS = 1024
MAX_INPUT_TOKENS = 1_048_576

ShortText: TypeAlias = Annotated[str, StringConstraints(max_length=512)]
StopText: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=MAX_STOP_CHARS)]
Text: TypeAlias = Annotated[str, StringConstraints(min_length=1)]
TokenId: TypeAlias = Annotated[int, Field(ge=0, le=2**31 - 1)]
Tokens: TypeAlias = Annotated[list[TokenId], Field(min_length=1, max_length=MAX_INPUT_TOKENS)]
Count: TypeAlias = Annotated[int, Field(ge=1, le=MAX_TOKENS)]
Bias: TypeAlias = Annotated[float, Field(ge=-100, le=100)]
Penalty: TypeAlias = Annotated[float, Field(ge=-2, le=2)]
JsonObject: TypeAlias = dict[str, JsonValue]

_OPEN = ConfigDict(strict=True, extra="allow")


class Part(BaseModel):
    """One part of a message's content; its own fields travel unchanged."""

    model_config = _OPEN

    type: Annotated[str, StringConstraints(min_length=1, max_length=64)]

    @model_validator(mode="after")
    def _has_its_field(self) -> "Part":
        extra = self.model_extra or {}
        if self.type == "text" and not isinstance(extra.get("text"), str):
            raise ValueError("a text part needs `text`")
        if self.type == "image_url":
            _check_image(extra.get("image_url"))
        return self


def _check_image(image: object) -> None:
    url = image.get("url") if isinstance(image, dict) else None
    if not isinstance(url, str) or not url.startswith(("https://", "http://", "data:")):
        raise ValueError("an image_url part needs `image_url.url` with an http, https or data URL")


class Message(BaseModel):
    """One turn of the conversation."""

    model_config = _OPEN

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | Annotated[list[Part], Field(max_length=MAX_MESSAGES)] | None = None
    tool_calls: Annotated[list[JsonObject], Field(max_length=512)] | None = None
    tool_call_id: ShortText | None = None
    function_call: JsonObject | None = None

    @model_validator(mode="after")
    def _is_complete(self) -> "Message":
        if self.content is None and self.role != "assistant":
            raise ValueError("content must not be null")
        if self.role == "tool" and self.tool_call_id is None:
            raise ValueError("a tool message needs `tool_call_id`")
        _check_call(self.function_call)
        return self


def _check_call(call: JsonObject | None) -> None:
    if call is not None and not (isinstance(call.get("name"), str) and isinstance(call.get("arguments"), str)):
        raise ValueError("function_call needs `name` and `arguments`, both strings")


class StreamOptions(BaseModel):
    """`stream_options`; what else is in it is named in `x-shunt-ignored`."""

    model_config = _OPEN

    include_usage: bool = False


class ResponseFormat(BaseModel):
    """`response_format`; the schema inside is checked by whoever compiles it."""

    model_config = _OPEN

    type: Literal["text", "json_object", "json_schema"]


class Function(BaseModel):
    """One of `functions`, which tools have replaced."""

    model_config = _OPEN

    name: Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_.-]{1,64}$")]
    parameters: JsonObject | None = None


class ChatBody(BaseModel):
    """The body of `POST /v1/chat/completions`. Unknown fields are collected in `model_extra`, never forwarded."""

    model_config = _OPEN

    model: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    messages: Annotated[list[Message], Field(min_length=1, max_length=MAX_MESSAGES)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Count | None = None
    max_completion_tokens: Count | None = None

    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    top_k: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    min_p: Annotated[float, Field(ge=0, le=1)] | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    repeat_penalty: Annotated[float, Field(gt=0, le=10)] | None = None
    logit_bias: Annotated[dict[str, Bias], Field(max_length=1024)] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    n: Annotated[int, Field(ge=1, le=128)] | None = None
    seed: Annotated[int, Field(ge=-(2**63), le=2**63 - 1)] | None = None
    stop: StopText | Annotated[list[StopText], Field(max_length=16)] | None = None
    ignore_eos: bool | None = None

    response_format: ResponseFormat | None = None
    tools: Annotated[list[JsonObject], Field(max_length=512)] | None = None
    tool_choice: Literal["none", "auto", "required"] | JsonObject | None = None
    parallel_tool_calls: bool | None = None
    functions: Annotated[list[Function], Field(max_length=512)] | None = None
    function_call: Literal["none", "auto"] | JsonObject | None = None

    audio: JsonObject | None = None
    metadata: Annotated[JsonObject, Field(max_length=64)] | None = None
    modalities: list[Literal["text", "audio"]] | None = None
    prediction: JsonObject | None = None
    prompt_cache_key: ShortText | None = None
    reasoning_effort: ShortText | None = None
    safety_identifier: ShortText | None = None
    service_tier: ShortText | None = None
    store: bool | None = None
    user: ShortText | None = None
    verbosity: ShortText | None = None
    web_search_options: JsonObject | None = None


# Read by Shunt itself; everything else that is known travels to the target as `ChatRequest.params`.
OWN_FIELDS = frozenset({"model", "messages", "stream", "stream_options", "max_tokens", "max_completion_tokens"})
PARAM_FIELDS = frozenset(ChatBody.model_fields) - OWN_FIELDS
